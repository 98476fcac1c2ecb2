r"""Keys as text: parts joined by `/`. Inside a part `/` is written `\/` and `\` is written `\\`: text and parts match one to one."""

import re
from collections.abc import Sequence

_PART = re.compile(r"(?:[^/\\]|\\.)*", re.DOTALL)
_BEFORE_COLON = re.compile(r"(?:[^:\\]|\\.)*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def to_text(parts: Sequence[str]) -> str:
    """Write an asset key."""
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in parts)


def to_parts(text: str) -> list[str]:
    """Read an asset key; ValueError when the text is none (it ends in a lone backslash)."""
    parts, position = [], 0
    while True:
        found = _PART.match(text, position)
        assert found is not None  # the pattern matches the empty text
        parts.append(_ESCAPED.sub(r"\1", found.group()))
        position = found.end()
        if position == len(text):
            return parts
        if text[position] != "/":
            raise ValueError(f"{text!r} is not an asset key: it ends in a backslash.")
        position += 1


def check_text(parts: Sequence[str], name: str) -> str:
    """Write the key of an asset check; dagster allows no `:` in the name."""
    return f"{to_text(parts)}:{name}"


def entity_text(asset: str, check: str | None = None) -> str:
    """The name of an asset (its key as text), or of a check of it, among all that can have a condition: each `:` of the key has a
    backslash before it, so that no asset is taken for a check.
    """
    key = asset.replace(":", "\\:")
    return f"{key}:{check}" if check else key


def observed_text(asset: str) -> str:
    """Under which the observations of an asset by the clock are kept, beside conditions: no check's name has a space."""
    return f"{entity_text(asset)}: observed"


def entity_asset(entity: str) -> str:
    """The key as text of the asset that such a name is of, or whose check it is of."""
    found = _BEFORE_COLON.match(entity)
    assert found is not None  # the pattern matches the empty text
    return _ESCAPED.sub(lambda one: ":" if one.group(1) == ":" else one.group(), found.group())


def check_parts(text: str) -> tuple[list[str], str]:
    """Read the key of an asset check; ValueError when the text is none."""
    asset, colon, name = text.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} is not the key of an asset check: write <asset>:<name>.")
    return to_parts(asset), name
