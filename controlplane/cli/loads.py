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
# An agent that is there takes a version at once.
_PATIENCE_SECONDS = 5.0


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
    warned = False
    for load in loads:
        _tell(load)
    while waiting := [load for load in loads if not load.has_ended]:
        spent = time.monotonic() - began
        if spent > seconds:
            names = ", ".join(load.name for load in waiting)
            raise CommandError(f"Not loaded after {seconds:.0f} s: {names}. {_who_is_missing(client, waiting)}".strip())
        if spent > _PATIENCE_SECONDS and not warned:
            warned = True
            if missing := _who_is_missing(client, waiting):
                errors.print(f"[yellow]{escape(missing)}[/]")
        time.sleep(_POLL_SECONDS)
        for load in waiting:
            _refresh(client, load)
            _tell(load)


def refuse_failures(loads: list[Load]) -> None:
    """CommandError with the user's tracebacks when a version failed to load."""
    failed = [load for load in loads if load.state == "failed"]
    if failed:
        raise CommandError("\n".join(failure_text(load.name, load.version) for load in failed))


def failure_text(name: str, version: dict[str, Any]) -> str:
    """What went wrong, as Python tells it: causes first."""
    return f"The code location {name} failed to load.\n{_traceback(version['error'] or {})}".rstrip()


def _traceback(error: dict[str, Any]) -> str:
    cause = error.get("cause")
    before = f"{_traceback(cause)}\nThis caused:\n" if cause else ""
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
    """Why nobody takes those that still wait; empty when somebody will, or has begun."""
    pending = [load.name for load in waiting if load.state == "pending"]
    found = [_missing_for(client, name) for name in pending]
    return "\n".join(dict.fromkeys(reason for reason in found if reason))


def _missing_for(client: ApiClient, name: str) -> str:
    location = client.get(f"code-locations/{name}/")
    queue = location["queue"]
    agents = list(client.pages(f"{client.profile.organization_path}/agents/"))
    serving = [agent for agent in agents if queue in agent["queues"]]
    if any(agent["state"] == "connected" for agent in serving):
        return ""
    if serving:
        states = ", ".join(f"{agent['name']} is {agent['state']}" for agent in serving)
        return f"{name} waits: no agent of the queue {queue} is connected ({states})."
    return (
        f"{name} waits: no agent serves the queue {queue}. Start one with --queue {queue}, or deploy to another queue."
    )
