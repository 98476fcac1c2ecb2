"""The protection rules of a full deployment: who may deploy, when nobody does, and what must have passed. Pure.

The document is what `PUT …/protection/` takes and what is stored:

    {"deployers": {"people": ["a@example.com"], "teams": ["data"], "service_accounts": ["ci"], "git": true},
     "freeze_windows": [{"days": ["fri"], "start": "16:00", "end": "08:00", "time_zone": "Europe/Berlin", "reason": "Weekend"},
                        {"from": "2026-12-20T18:00", "until": "2027-01-02T08:00", "time_zone": "Europe/Berlin"}],
     "checks": {"loaded_in": "staging", "smoke_job": {"location": "shop", "job": "smoke"}, "rollback": "automatic"}}

Everything may be left out: without deployers, whoever holds the right deploys.
"""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from controlplane.core.time_zones import time_zone
from controlplane.deployments.freeze_windows import DAYS, Once, Weekly, Window, moment
from tenants.errors import InvalidError

_MOST = 100
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


class Deployers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may deploy; `git` stands for pushes to the default branch of a connected repository."""

    people: list[str] = msgspec.field(default_factory=list)
    teams: list[str] = msgspec.field(default_factory=list)
    service_accounts: list[str] = msgspec.field(default_factory=list)
    git: bool = False

    @property
    def words(self) -> str:
        """For people."""
        parts = [*self.people, *(f"the team {name}" for name in self.teams)]
        parts += [f"the service account {name}" for name in self.service_accounts]
        return ", ".join(parts + (["pushes to the default branch"] if self.git else [])) or "nobody"


class FreezeWindow(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"since": "from"}
):
    """Weekly with `days`, `start` and `end`; once with `from` and `until`. All in local time of `time_zone`."""

    time_zone: str
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = msgspec.field(default_factory=list)
    start: str = ""
    end: str = ""
    since: str = ""
    until: str = ""
    reason: str = ""

    @property
    def words(self) -> str:
        """For people."""
        if self.days:
            when = f"{', '.join(day.capitalize() for day in DAYS if day in self.days)} {self.start} to {self.end}"
        else:
            when = f"{self.since.replace('T', ' ')} to {self.until.replace('T', ' ')}"
        return f"{when} ({self.time_zone})"


class SmokeJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job that must succeed after a promotion."""

    location: str
    job: str


class Checks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must have passed. `loaded_in` names the deployment in which the same code must have loaded before."""

    loaded_in: str = ""
    smoke_job: SmokeJob | None = None
    rollback: Literal["manual", "automatic"] = "manual"


class Protection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, dict=True):
    """All rules of one deployment."""

    deployers: Deployers | None = None
    freeze_windows: list[FreezeWindow] = msgspec.field(default_factory=list)
    checks: Checks = msgspec.field(default_factory=Checks)

    def document(self) -> dict[str, Any]:
        """The stored form: what is default is left out."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in found.items() if value or name == "deployers"}

    @cached_property
    def windows(self) -> list[Window]:
        """The freeze windows, ready to be asked."""
        return [_window(window, f"$.freeze_windows[{at}]") for at, window in enumerate(self.freeze_windows)]


def parse(document: Mapping[str, Any]) -> Protection:
    """Check a document strictly; InvalidError names every place in it that is wrong, such as `$.freeze_windows[0].start`."""
    found = read(document)
    refuse(mistakes(found))
    return found


def read(document: Mapping[str, Any]) -> Protection:
    """The document's shape only: InvalidError at the first place that is wrong."""
    try:
        return msgspec.convert(document, Protection)
    except msgspec.ValidationError as error:
        raise InvalidError(f"{error}.", attr="protection") from error


def refuse(wrong: Sequence[str]) -> None:
    """InvalidError with all that is wrong, if anything is."""
    if wrong:
        raise InvalidError(" ".join(wrong), attr="protection")


def mistakes(found: Protection) -> list[str]:
    """What is wrong in it, wherever it is stored."""
    if len(found.freeze_windows) > _MOST:
        return [f"`$.freeze_windows` has more than {_MOST} windows."]
    checks: list[Callable[[], object]] = [partial(_check_texts, path, texts) for path, texts in _lists(found)]
    checks += [partial(_window, window, f"$.freeze_windows[{at}]") for at, window in enumerate(found.freeze_windows)]
    checks += [partial(_check_line, path, text) for path, text in _texts(found)]
    wrong = []
    for check in checks:
        try:
            check()
        except InvalidError as error:
            wrong.append(error.message)
    return wrong


def stored(document: Mapping[str, Any]) -> Protection:
    """What was checked when it was stored."""
    return msgspec.convert(document, Protection)


def _lists(found: Protection) -> Iterator[tuple[str, Sequence[str]]]:
    deployers = found.deployers or Deployers()
    yield "$.deployers.people", deployers.people
    yield "$.deployers.teams", deployers.teams
    yield "$.deployers.service_accounts", deployers.service_accounts


def _texts(found: Protection) -> Iterator[tuple[str, str]]:
    for at, window in enumerate(found.freeze_windows):
        yield f"$.freeze_windows[{at}].reason", window.reason
    yield "$.checks.loaded_in", found.checks.loaded_in
    if found.checks.smoke_job is not None:
        yield "$.checks.smoke_job.location", found.checks.smoke_job.location
        yield "$.checks.smoke_job.job", found.checks.smoke_job.job


def _check_line(path: str, text: str) -> None:
    if len(text) > 300 or not text.isprintable():
        raise _wrong(path, "is one line of at most 300 characters.")


def _check_texts(path: str, texts: Sequence[str]) -> None:
    if len(texts) > _MOST:
        raise _wrong(path, f"has more than {_MOST} names.")
    for at, text in enumerate(texts):
        if not text.strip() or len(text) > 254 or not text.isprintable():
            raise _wrong(f"{path}[{at}]", "is not a name.")


def _window(window: FreezeWindow, path: str) -> Window:
    try:
        zone = time_zone(window.time_zone)
    except ValueError as error:
        raise _wrong(f"{path}.time_zone", "is no time zone of the IANA database, such as Europe/Berlin.") from error
    weekly, once = bool(window.days or window.start or window.end), bool(window.since or window.until)
    if weekly == once:
        raise _wrong(path, "has either days, start and end, or from and until.")
    return _once(window, path, zone) if once else _weekly(window, path, zone)


def _weekly(window: FreezeWindow, path: str, zone: ZoneInfo) -> Weekly:
    if not window.days:
        raise _wrong(f"{path}.days", f"names at least one of {', '.join(DAYS)}.")
    start, end = _minutes(window.start, f"{path}.start"), _minutes(window.end, f"{path}.end")
    if start == 24 * 60:
        raise _wrong(f"{path}.start", "is 00:00 of the next day: 24:00 can only end a window.")
    return Weekly(tuple(DAYS.index(day) for day in window.days), start, end, zone, window.reason)


def _once(window: FreezeWindow, path: str, zone: ZoneInfo) -> Once:
    start = _moment(window.since, f"{path}.from", zone, later=False)
    end = _moment(window.until, f"{path}.until", zone, later=True)
    if end <= start:
        raise _wrong(f"{path}.until", "is not after from.")
    return Once(start, end, window.reason)


def _minutes(text: str, path: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise _wrong(path, "is a time of the day, such as 16:00.")
    return int(text[:2]) * 60 + int(text[3:])


def _moment(text: str, path: str, zone: ZoneInfo, *, later: bool) -> datetime.datetime:
    try:
        local = datetime.datetime.fromisoformat(text) if _LOCAL.fullmatch(text) else None
        # Far ends of the calendar overflow when they are moved to UTC.
        if local is not None and 1970 <= local.year < 9999:
            return moment(local.date(), local.hour * 60 + local.minute, zone, later=later)
    except ValueError:
        pass
    raise _wrong(path, "is a local date and time, such as 2026-12-20T18:00.")


def _wrong(path: str, text: str) -> InvalidError:
    return InvalidError(f"`{path}` {text}", attr="protection")
