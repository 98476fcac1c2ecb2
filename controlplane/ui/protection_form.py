"""Protection rules as a form: names one to a line, freeze windows one to a line, the rest as fields.

A window is `fri,sat 16:00-08:00 Europe/Berlin why`, or `2026-12-20T18:00 until 2027-01-02T08:00 Europe/Berlin why`.
"""

import re
from collections.abc import Mapping
from typing import Any

from controlplane.deployments.protection import FreezeWindow, Protection
from tenants.errors import InvalidError

_WEEKLY = re.compile(r"([a-z, ]+?)\s+(\d\d:\d\d)\s*-\s*(\d\d:\d\d)\s+(\S+)(?:\s+(.*))?", re.IGNORECASE)
_ONCE = re.compile(r"(\S+)\s+until\s+(\S+)\s+(\S+)(?:\s+(.*))?", re.IGNORECASE)
_LISTS = ("people", "teams", "service_accounts")
FIELDS = ("limited", *_LISTS, "git", "windows", "loaded_in", "smoke_location", "smoke_job", "rollback")


def typed_of(protection: Protection) -> dict[str, str]:
    """The rules as the fields of the form."""
    deployers, checks = protection.deployers, protection.checks
    lists = {name: "\n".join(getattr(deployers, name)) if deployers else "" for name in _LISTS}
    return lists | {
        "limited": "on" if deployers else "",
        "git": "on" if deployers and deployers.git else "",
        "windows": "\n".join(_line(window) for window in protection.freeze_windows),
        "loaded_in": checks.loaded_in,
        "smoke_location": checks.smoke_job.location if checks.smoke_job else "",
        "smoke_job": checks.smoke_job.job if checks.smoke_job else "",
        "rollback": "on" if checks.rollback == "automatic" else "",
    }


def document_of(typed: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the form as the document of the rules, without checking it; InvalidError for a line that is no window."""
    found: dict[str, Any] = {}
    if typed.get("limited"):
        found["deployers"] = {name: _lines(typed.get(name, "")) for name in _LISTS} | {"git": bool(typed.get("git"))}
    windows = [_window(line) for line in _lines(typed.get("windows", ""))]
    if windows:
        found["freeze_windows"] = windows
    smoke = {"location": typed.get("smoke_location", "").strip(), "job": typed.get("smoke_job", "").strip()}
    if any(smoke.values()) and not all(smoke.values()):
        raise InvalidError("A smoke job needs its code location and its name.", attr="smoke_job")
    checks = {
        "loaded_in": typed.get("loaded_in", ""),
        "smoke_job": smoke if all(smoke.values()) else None,
        "rollback": "automatic" if typed.get("rollback") else "manual",
    }
    return found | {"checks": checks}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _window(line: str) -> dict[str, Any]:
    if weekly := _WEEKLY.fullmatch(line):
        days, start, end, zone, reason = weekly.groups()
        named = [day.strip().lower() for day in re.split(r"[,\s]+", days) if day.strip()]
        return {"days": named, "start": start, "end": end, "time_zone": zone, "reason": reason or ""}
    if once := _ONCE.fullmatch(line):
        since, until, zone, reason = once.groups()
        return {"from": since, "until": until, "time_zone": zone, "reason": reason or ""}
    raise InvalidError(f"{line[:80]!r} is no freeze window: see the examples below the field.", attr="windows")


def _line(window: FreezeWindow) -> str:
    weekly = f"{','.join(window.days)} {window.start}-{window.end}"
    when = weekly if window.days else f"{window.since} until {window.until}"
    return f"{when} {window.time_zone} {window.reason}".strip()
