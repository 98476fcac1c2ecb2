"""Which partitions somebody means: keys, ranges, the latest or all, and of these perhaps only what is missing or failed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tenants.errors import InvalidError

# As dagster writes a range.
RANGE = "..."
TEXT_MAX = 200_000


class Only(StrEnum):
    """What of the chosen partitions is wanted."""

    MISSING = "missing"
    FAILED = "failed"
    MISSING_AND_FAILED = "missing_and_failed"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Without keys, ranges and `latest`, all partitions are meant. Both ends of a range are in it."""

    keys: Sequence[str] = ()
    ranges: Sequence[tuple[str, str]] = ()
    latest: bool = False
    only: Only | None = None

    def __post_init__(self) -> None:
        if self.latest and (self.keys or self.ranges):
            raise InvalidError("Say either which partitions, or the latest one.", attr="latest")

    @property
    def is_all(self) -> bool:
        return not self.keys and not self.ranges and not self.latest

    def document(self) -> dict[str, Any]:
        """As it is stored and shown."""
        stated: dict[str, Any] = {
            "keys": list(self.keys),
            "ranges": [list(pair) for pair in self.ranges],
            "latest": self.latest,
            "only": self.only.value if self.only else None,
        }
        return {name: value for name, value in stated.items() if value}

    @property
    def words(self) -> str:
        """For people, such as `failed ones of 2026-01-01...2026-02-01`."""
        return words_of(self.document())


def words_of(document: Mapping[str, Any]) -> str:
    """A stored choice in words."""
    if document.get("retry"):
        return "what did not succeed before"
    if document.get("evaluation") or document.get("tick"):
        return "what automation conditions requested"
    only = {"missing": "missing", "failed": "failed", "missing_and_failed": "missing and failed"}.get(
        document.get("only") or "", ""
    )
    texts = [*(RANGE.join(pair) for pair in document.get("ranges", [])), *document.get("keys", [])]
    shown = ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
    if document.get("latest"):
        shown = "the latest"
    if not shown:
        return f"all {only}" if only else "all"
    return f"{only} of {shown}" if only else shown


def parse(text: str, *, only: Only | None = None) -> Choice:
    """Keys and ranges as they are typed: `2026-01-01...2026-02-01, 2026-03-01`; commas or line breaks between them."""
    if len(text) > TEXT_MAX:
        raise InvalidError(f"This is too long: {TEXT_MAX} characters are accepted. Use ranges.", attr="partitions")
    keys: list[str] = []
    ranges: list[tuple[str, str]] = []
    for part in (piece.strip() for line in text.splitlines() for piece in line.split(",")):
        if RANGE not in part:
            keys += [part] if part else []
            continue
        first, _, last = (piece.strip() for piece in part.partition(RANGE))
        if not first or not last:
            raise InvalidError(f"{part!r} is no range: write first{RANGE}last.", attr="partitions")
        ranges.append((first, last))
    return Choice(keys=list(dict.fromkeys(keys)), ranges=ranges, only=only)
