"""Bounds on what user code can make us store. An agent bounds its events too; the control plane trusts no agent."""

import datetime
import hashlib
import json
from typing import Any

import msgspec

from agent.protocol import Event, EventBatch

# The contract lets a child write 64 kB; what is above was not written by our code worker.
MESSAGE_CHARS = 64 * 1024
# Keys are parts of index rows, which Postgres bounds at 2,704 bytes; two of them must fit.
KEY_BYTES = 1000
TYPE_CHARS = 64
# One event is 1 MB at most by contract; the plan of a run of many thousand steps is the largest that is honest.
DETAIL_BYTES = 4 * 1024 * 1024
SERDES_CHARS = 1024 * 1024
INT4_MAX = 2**31 - 1
INT8_MAX = 2**63 - 1

_YEAR_1990 = datetime.datetime(1990, 1, 1, tzinfo=datetime.UTC).timestamp()
_YEAR_2200 = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC).timestamp()
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(EventBatch).decode


def decode_batch(body: bytes) -> EventBatch:
    """Read a batch as it came over the wire. What msgspec refuses (NaN, lone surrogates) is read leniently and cleaned;
    msgspec.DecodeError when it is no batch at all, or nested too deeply.
    """
    try:
        return _decode(body)
    except RecursionError as error:
        raise msgspec.DecodeError("The batch is nested too deeply.") from error
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _decode_leniently(body)


def _decode_leniently(body: bytes) -> EventBatch:
    try:
        loose = json.loads(body.decode("utf-8", "replace"), parse_constant=lambda _: None)
        return msgspec.convert(_without_surrogates(loose), EventBatch)
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(f"The batch cannot be read: {error}") from error


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    return value


def moment(ts: float, now: datetime.datetime) -> float:
    """The child's clock where it is a time at all, else ours."""
    return ts if _YEAR_1990 < ts < _YEAR_2200 else now.timestamp()


def key(text: str) -> str:
    """A name short enough to be indexed; a longer one keeps its beginning and the hash of the whole."""
    text = text.replace("\0", "\ufffd")
    if len(text) * 4 <= KEY_BYTES:
        return text
    raw = text.encode("utf-8", "replace")
    if len(raw) <= KEY_BYTES:
        return text
    digest = hashlib.sha256(raw).hexdigest()[:16]
    return f"{raw[: KEY_BYTES - 20].decode('utf-8', 'ignore')}…{digest}"


def message(text: str) -> str:
    """The text, or its beginning and how much was left out."""
    if len(text) <= MESSAGE_CHARS:
        return text
    return f"{text[:MESSAGE_CHARS]}… ({len(text) - MESSAGE_CHARS} more characters were not stored)"


def detail(value: dict[str, Any] | None) -> msgspec.Raw | None:
    """The JSON of an event's data or error, or a note of its size where it is too large."""
    if value is None:
        return None
    try:
        raw = _encode(value)
    except (ValueError, OverflowError, RecursionError):
        # A number of more digits than Python writes, a lone surrogate, a nesting without end.
        raw = _encode({"truncated": True})
    if len(raw) > DETAIL_BYTES:
        raw = _encode({"truncated": True, "bytes": len(raw)})
    return msgspec.Raw(raw)


def integer(value: Any, *, most: int = INT4_MAX) -> int | None:
    """A whole number that its column holds, or None."""
    if isinstance(value, int) and not isinstance(value, bool) and -most <= value <= most:
        return value
    return None


def amount(value: float) -> float:
    """A measured amount: finite and not negative."""
    return value if 0 <= value < 1e15 else 0.0


def text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def stripped(event: Event) -> Event:
    """The event without what could not be stored; its place in the sequence stays."""
    return Event(
        seq=event.seq,
        ts=0,
        type=event.type[:TYPE_CHARS] if event.type.isascii() and event.type.isprintable() else "LOG",
        level=40,
        message="This event held something that could not be stored, and was left out.",
    )
