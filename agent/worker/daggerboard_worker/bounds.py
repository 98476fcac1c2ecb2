"""Everything user code says is data: made valid, finite and bounded here before it leaves the process."""

import datetime
import enum
import json
import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

MESSAGE_BYTES = 64 * 1024
ERROR_BYTES = 500 * 1024
METADATA_VALUE_BYTES = 256 * 1024
EVENT_BYTES = 1024 * 1024
NAME_BYTES = 4 * 1024
NESTING_LEVELS = 64
# Beyond this a JavaScript reader would silently round.
SAFE_INTEGER = 2**53

UNWANTED = re.compile("[\x00\ud800-\udfff]")
# CPython refuses to print integers of more than 4300 digits (PEP 686); 2^13000 has 3914.
_PRINTABLE_BITS = 13_000


def clean_text(text: str, limit: int = MESSAGE_BYTES) -> str:
    """Valid UTF-8 without NUL, at most `limit` bytes."""
    if len(text) > limit:
        text = text[:limit]
    if not text.isascii() or "\x00" in text:
        text = UNWANTED.sub("\ufffd", text)
        encoded = text.encode()
        if len(encoded) > limit:
            return encoded[:limit].decode(errors="ignore")
    return text


def exceeds(text: str, limit: int) -> bool:
    return len(text) > limit or (not text.isascii() and len(text.encode(errors="replace")) > limit)


def text_of(value: object, limit: int = MESSAGE_BYTES) -> str:
    """`str(value)`, also when the user's `__str__` fails."""
    try:
        return clean_text(value if isinstance(value, str) else str(value), limit)
    except Exception as error:  # noqa: BLE001 - whatever user code raises
        return f"<{type(value).__name__} that cannot be printed: {type(error).__name__}>"


def integer_text(value: int) -> str:
    return str(value) if value.bit_length() < _PRINTABLE_BITS else f"<integer of {value.bit_length()} bits>"


def plain_json(value: object, levels: int = NESTING_LEVELS) -> Any:  # noqa: PLR0911 - one line for each type
    """A JSON value that every reader accepts: finite, valid text, at most `levels` deep."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain_json(value.value, levels)
    if isinstance(value, str):
        return clean_text(value, METADATA_VALUE_BYTES)
    if isinstance(value, int):
        return int(value) if abs(value) <= SAFE_INTEGER else integer_text(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(value)
    if isinstance(value, (Mapping, Sequence, AbstractSet)) and not isinstance(value, (bytes, bytearray)):
        return _plain_container(value, levels)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return text_of(value, METADATA_VALUE_BYTES)


def _plain_container(value: object, levels: int) -> Any:
    if levels == 0:
        return f"<nested deeper than {NESTING_LEVELS} levels>"
    if isinstance(value, Mapping):
        return {text_of(key, NAME_BYTES): plain_json(item, levels - 1) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return [plain_json(item, levels - 1) for item in sorted(value, key=text_of)]
    assert isinstance(value, Sequence)
    return [plain_json(item, levels - 1) for item in value]


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
