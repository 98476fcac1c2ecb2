"""Time zones by their names, which people and user code write."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def time_zone(name: str) -> ZoneInfo:
    """The zone of the IANA database; ValueError for what is none, such as a folder of that database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"{name[:100]!r} is no time zone of the IANA database, such as Europe/Berlin.") from error
