"""The id of a tick: the same for the same instigator and the same due time, whoever makes the tick, however often."""

import datetime
import hashlib
from uuid import UUID

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
# The bits of a UUIDv7 that are not ours to choose: version and variant.
_VERSION, _VARIANT = 7 << 76, 2 << 62
_RANDOM_A, _RANDOM_B = (1 << 12) - 1, (1 << 62) - 1


def tick_id(instigator_id: UUID, due_at: datetime.datetime) -> UUID:
    """A UUIDv7 of the due time, so that it lies in the partition of its week; its other bits are a hash instead of chance."""
    microseconds = (due_at - _EPOCH) // _MICROSECOND
    digest = hashlib.sha256(instigator_id.bytes + microseconds.to_bytes(8, "big", signed=True)).digest()
    chance = int.from_bytes(digest[:10], "big")
    milliseconds = max(0, microseconds // 1000)
    return UUID(
        int=(milliseconds << 80) | _VERSION | (((chance >> 62) & _RANDOM_A) << 64) | _VARIANT | (chance & _RANDOM_B)
    )
