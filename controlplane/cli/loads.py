"""Waiting for deployed versions: phases as they come, who is missing when nobody takes one, and the user's traceback."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError
from controlplane.cli.output import errors

PHASES = ("queued", "pulled", "built", "started", "loaded")
_POLL_SECONDS = 0.2


@dataclass
class Load:
    """One version on its way. `was_there`: nothing had changed, so that it is loaded already."""

    name: str
    version: dict[str, Any]
    was_there: bool = False
    location: dict[str, Any] | None = None
    told: set[str] = field(default_factory=set)

    @property
    def state(self) -> str:
        return str(self.version["state"])

    @property
    def has_ended(self) -> bool:
        return self.state in {"loaded", "failed"}


def loads_of(names: Iterable[str], versions: Iterable[dict[str, Any]]) -> list[Load]:
    """What a deploy answered, by name."""
    return [
        Load(name, version, was_there=version["state"] == "loaded")
        for name, version in zip(names, versions, strict=True)
    ]


def wait_loads(client: ApiClient, loads: list[Load], *, seconds: float) -> None:
    """Return when every version is loaded or failed to, telling of phases as they come; CommandError when it takes too long."""
    began = time.monotonic()
    for load in loads:
        _tell(load)
    while waiting := [load for load in loads if not load.has_ended]:
        spent = time.monotonic() - began
        if spent > seconds:
            names = ", ".join(load.name for load in waiting)
            raise CommandError(f"Not loaded after {seconds:.0f} s: {names}. {_who_is_missing(client, waiting)}".strip())
        time.sleep(_POLL_SECONDS)
        for load in waiting:
            _refresh(client, load)
            _tell(load)


def warn_unserved(client: ApiClient, loads: list[Load]) -> None:
    """Say at once what is missing when no agent will take one of them."""
    if missing := _who_is_missing(client, loads):
        errors.print(f"[yellow]{escape(missing)}[/]")


def refuse_failures(loads: list[Load]) -> None:
    """CommandError with the user's tracebacks when a version failed to load."""
    failed = [load for load in loads if load.state == "failed"]
    if failed:
        raise CommandError("\n".join(failure_text(load.name, load.version) for load in failed))


def failure_text(name: str, version: dict[str, Any]) -> str:
    """What went wrong, as Python tells it: causes first."""
    return f"The code location {name} failed to load.\n{traceback_text(version['error'] or {})}".rstrip()


def traceback_text(error: dict[str, Any]) -> str:
    """An error of user code as Python prints it: causes first."""
    cause = error.get("cause")
    before = f"{traceback_text(cause)}\nThis caused:\n" if cause else ""
    message = error.get("message", "")
    return f"{before}{''.join(error.get('stack') or [])}{message}".rstrip()


def _refresh(client: ApiClient, load: Load) -> None:
    location = client.get(f"code-locations/{load.name}/")
    newest = location["desired_version"]
    if newest is None or newest["id"] != load.version["id"]:
        raise CommandError(f"Somebody else deployed {load.name} in the meantime. See who: daggerboard status.")
    load.location, load.version = location, newest


def _tell(load: Load) -> None:
    if load.was_there:
        if "loaded" not in load.told:
            load.told.add("loaded")
            errors.print(f"{load.name}: nothing changed, version {load.version['number']} stays", markup=False)
        return
    for phase in PHASES:
        seconds = load.version["phases"].get(phase)
        if seconds is not None and phase not in load.told:
            load.told.add(phase)
            errors.print(f"{load.name}: {phase} {seconds:.1f} s", markup=False)


def _who_is_missing(client: ApiClient, waiting: list[Load]) -> str:
    """Which queue, label or reach is missing for those that wait; empty when agents will take them, or have begun."""
    pending = [load.name for load in waiting if load.state == "pending"]
    found = [client.get("serving/", location=name)["unserved"] for name in pending]
    return "\n".join(dict.fromkeys(reason for reason in found if reason))
