"""Typed reading of environment variables, with `NAME_FILE` for secrets. Only settings.py uses it; every name read here is listed
in `DECLARED`, which the documentation test compares with docs/settings.md.
"""

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar, overload

T = TypeVar("T")

_KEY_BYTES = 32


class Declared(NamedTuple):
    """A setting that can be given; no default means that it must be, or that it may be left out (`optional`)."""

    about: str
    default: object = None


DECLARED: dict[str, Declared] = {}


class BadSettingError(SystemExit):
    """A setting is missing or malformed; the process must not start."""


def _raw(name: str) -> str | None:
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise BadSettingError(f"{name}_FILE={file} cannot be read: {error.strerror}") from error
    value = os.environ.get(name)
    return value if value not in (None, "") else None


def _parsed(name: str, default: T | None, about: str, parse: Callable[[str], T], wants: str) -> T:
    DECLARED[name] = Declared(about, default)
    raw = _raw(name)
    if raw is None:
        if default is None:
            raise BadSettingError(f"{name} is not set. It is {about}")
        return default
    try:
        return parse(raw)
    except ValueError as error:
        raise BadSettingError(f"{name}={raw!r} is not {wants}. It is {about}") from error


@overload
def text(name: str, default: str, about: str) -> str: ...
@overload
def text(name: str, default: None, about: str) -> str: ...
def text(name: str, default: str | None, about: str) -> str:
    """Text; a default of None makes the setting required."""
    return _parsed(name, default, about, str, "text")


def optional(name: str, about: str) -> str | None:
    """Text, or None when it is not set."""
    DECLARED[name] = Declared(about)
    return _raw(name)


def integer(name: str, default: int, about: str) -> int:
    """A whole number."""
    return _parsed(name, default, about, int, "a whole number")


def number(name: str, default: float, about: str) -> float:
    """A decimal number."""
    return _parsed(name, default, about, float, "a number")


def flag(name: str, default: bool, about: str) -> bool:
    """on/off, true/false, yes/no, 1/0."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

    def parse(raw: str) -> bool:
        try:
            return words[raw.strip().lower()]
        except KeyError as error:
            raise ValueError(raw) from error

    return _parsed(name, default, about, parse, "on or off")


def choice(name: str, default: str, allowed: tuple[str, ...], about: str) -> str:
    """One of a few words."""

    def parse(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(raw)
        return raw

    return _parsed(name, default, about, parse, f"one of {', '.join(allowed)}")


def words(name: str, default: list[str], about: str) -> list[str]:
    """A list, separated by commas."""
    return _parsed(name, default, about, lambda raw: [w.strip() for w in raw.split(",") if w.strip()], "a list")


def keys(name: str, about: str) -> list[bytes]:
    """Keys of 256 bits in Base64, separated by commas or lines; required. A bad one is not repeated in the message."""
    DECLARED[name] = Declared(about)
    written = (_raw(name) or "").replace(",", " ").split()
    if not written:
        raise BadSettingError(f"{name} is not set. It is {about}. `daggerboard new-master-key` prints one.")
    return [_key(name, word) for word in written]


def _key(name: str, word: str) -> bytes:
    try:
        key = base64.b64decode(word, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise BadSettingError(f"{name} holds something that is not {_KEY_BYTES} bytes in Base64.")
    return key
