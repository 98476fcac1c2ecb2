"""Words that people type, read: tags, moments, and names that may be misspelled."""

import datetime
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.nearest import hint

_AGO = re.compile(r"(\d{1,6})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def tags(texts: Iterable[str]) -> dict[str, str] | None:
    """NAME=VALUE, each; None without any. CommandError about one that is not so."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise CommandError(f"A tag is NAME=VALUE; {text!r} is not.", exit_code=ExitCode.USAGE)
        found[name] = value
    return found or None


def content_of(file: Path) -> str:
    """The text of a file, or of standard input where it is called `-`; OSError or UnicodeDecodeError, which the caller puts in words."""
    return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")


def moment(text: str) -> str:
    """ISO 8601 with a time zone: of a date or time (UTC where it says no zone), or of so long ago, as in 90m, 12h, 7d, 2w."""
    if ago := _AGO.fullmatch(text.strip()):
        try:
            span = datetime.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return (datetime.datetime.now(datetime.UTC) - span).isoformat()
        except OverflowError as error:
            raise CommandError(f"{text} ago there were no computers.", exit_code=ExitCode.USAGE) from error
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"{text!r} is no moment: write a date or time, such as 2026-01-31 or 2026-01-31T06:00+01:00, or how long ago, such as 2h or 7d.",
            exit_code=ExitCode.USAGE,
        ) from error
    return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).isoformat()


def unknown(what: str, name: str, known: Iterable[str]) -> CommandError:
    """There is nothing of this name; the nearest are named."""
    there = list(known)
    more = hint(name, there, what=f"{what}s") if there else "There is none at all."
    return CommandError(f"There is no {what} {name} in this deployment. {more}", exit_code=ExitCode.NOT_FOUND)


@contextmanager
def known_assets(client: ApiClient, *keys: str) -> Iterator[None]:
    """What is refused in the block because there is no such asset names the nearest ones."""
    try:
        yield
    except CommandError as error:
        if error.exit_code not in {ExitCode.NOT_FOUND, ExitCode.FAILED} or not keys:
            raise
        there = {asset["key"] for asset in client.pages("assets/", limit=1000)}
        missing = next((key for key in keys if key not in there), None)
        if missing is None:
            raise
        raise unknown("asset", missing, there) from error
