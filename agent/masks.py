"""Taking known secret values out of text, events and streams of bytes. Pure: knows no files and no control plane."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

# A shorter value would be found everywhere, and is no secret.
LEAST_LENGTH = 6
# Names of things by which the control plane knows them: a masked one would be another thing.
_IDENTIFIERS = frozenset({"asset", "partition", "log_key", "steps", "name", "input", "output", "type"})
# Fields whose own fields people name.
_LABELLED = frozenset({"metadata", "tags"})
# Fields of a manifest that say something; the others name things.
_DESCRIBING = frozenset({"config", "default", "description", "metadata"})
_MASKED_FIELDS = ("message", "data", "error", "serdes")


class Masks:
    """The values of one code location, each with the name that is shown in its place."""

    def __init__(self, values: Iterable[tuple[str, str]] = ()) -> None:
        self._values = {value: name for name, value in values if len(value) >= LEAST_LENGTH}
        self._text = {form: name for value, name in self._values.items() for form in _forms(value)}
        self._bytes = {form.encode(errors="surrogatepass"): name for form, name in self._text.items()}
        # The longest first: a value that begins with another one is masked whole.
        self._in_text = re.compile("|".join(map(re.escape, sorted(self._text, key=len, reverse=True))))
        self._in_bytes = re.compile(b"|".join(map(re.escape, sorted(self._bytes, key=len, reverse=True))))

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"Masks({sorted(set(self._values.values()))})"

    def with_more(self, values: Iterable[tuple[str, str]]) -> Masks:
        """Answer these and others: processes started earlier still have the old ones."""
        return Masks([*((name, value) for value, name in self._values.items()), *values])

    def text(self, text: str) -> str:
        return self._in_text.sub(lambda found: _mask(self._text[found[0]]), text) if self else text

    def json(self, value: Any) -> Any:
        """Mask every string of a JSON value, names of fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(part) for part in value]
        if isinstance(value, dict):
            return {self.text(name): self.json(part) for name, part in value.items()}
        return value

    def names_in(self, value: Any) -> list[str]:
        """Answer which of them a JSON value has somewhere."""
        text = json.dumps(value, ensure_ascii=False)
        return sorted({self._text[found[0]] for found in self._in_text.finditer(text)}) if self else []

    def encoded(self, body: bytes) -> bytes:
        """Mask encoded JSON; untouched where nothing is found."""
        if not self._may_be_in(body):
            return body
        value = msgspec.json.decode(body)
        masked = self.json(value)
        return body if masked == value else msgspec.json.encode(masked)

    def manifest(self, body: bytes) -> bytes:
        """Mask an encoded manifest where values get into it: configuration, defaults, descriptions, metadata."""
        if not self._may_be_in(body):
            return body
        value = msgspec.json.decode(body)
        masked = self._described(value)
        return body if masked == value else msgspec.json.encode(masked)

    def event(self, body: bytes) -> bytes:
        """Mask one encoded event: what it says, not what it is about."""
        if not self._may_be_in(body):
            return body
        event = msgspec.json.decode(body)
        masked = {**event, **{name: self._part(event[name]) for name in _MASKED_FIELDS if event.get(name) is not None}}
        return body if masked == event else msgspec.json.encode(masked)

    def stream(self, data: bytes, *, at_end: bool) -> tuple[bytes, int]:
        """Mask the beginning of `data`; answer the masked bytes and how many of `data` they stand for.

        What is left might be the beginning of a value: give it again with what follows, until `at_end`.
        """
        if not self:
            return data, len(data)
        end = len(data) if at_end else len(data) - self._held_back(data)
        parts, done = [], 0
        for found in self._in_bytes.finditer(data):
            if found.start() >= end:
                break
            parts += [data[done : found.start()], _mask(self._bytes[found[0]]).encode()]
            done = found.end()
        parts.append(data[done : max(done, end)])
        return b"".join(parts), max(done, end)

    def _part(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._field(name, part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._part(part) for part in value]
        return self.json(value)

    def _field(self, name: str, value: Any) -> Any:
        if name in _IDENTIFIERS:
            return value
        if name in _LABELLED and isinstance(value, dict):
            return {self.text(label): self._part(part) for label, part in value.items()}
        return self._part(value)

    def _described(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: self.json(part) if name in _DESCRIBING else self._described(part) for name, part in value.items()
            }
        return [self._described(part) for part in value] if isinstance(value, list) else value

    def _may_be_in(self, body: bytes) -> bool:
        # An escaped letter could hide a value; looking properly costs little.
        return bool(self) and (b"\\" in body or self._in_bytes.search(body) is not None)

    def _held_back(self, data: bytes) -> int:
        """Answer the length of the longest end of `data` with which a value might begin."""
        longest = 0
        for form in self._bytes:
            tail = data[-(len(form) - 1) :]
            start = tail.find(form[:1])
            while start != -1 and len(tail) - start > longest:
                if form.startswith(tail[start:]):
                    longest = len(tail) - start
                    break
                start = tail.find(form[:1], start + 1)
        return longest


NO_MASKS = Masks()


def _mask(name: str) -> str:
    return f"[redacted:{name}]"


def _forms(value: str) -> set[str]:
    """Answer how a value may be written: as it is, and inside JSON, and inside JSON inside JSON."""
    once = {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    twice = {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in once for ascii_only in (True, False)}
    return {value, *once, *twice}
