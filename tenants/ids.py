"""Identifiers: UUIDv7 made in Python (RFC 9562), so that rows of one table sort by the time they were made."""

import datetime
import uuid

from uuid_utils.compat import uuid7

__all__ = ["first_uuid7_at", "time_of", "uuid7"]


def first_uuid7_at(moment: datetime.datetime) -> uuid.UUID:
    """The smallest identifier that could have been made at `moment`; the bound of a partition by time."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def time_of(identifier: uuid.UUID) -> datetime.datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return datetime.datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=datetime.UTC)
