"""`daggerboard schedule` and `daggerboard sensor`: what the commands do; their words are in instigator_commands.py. Ticks: ticks.py."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json
from controlplane.cli.output import confirm, minute, say_fields, say_json, say_table, second
from controlplane.cli.profile import load_profile
from controlplane.cli.words import unknown

_TIMES = {"due": "due_at", "next tick": "next_tick_at", "runs until": "runs_until"}
_OTHERS = {
    "ticks left": "ticks_left",
    "cursor": "cursor",
    "runs": "requested",
    "skipped": "skip_reason",
    "reason": "reason",
    "note": "note",
}


@dataclass(frozen=True)
class Place:
    """Where a schedule or sensor is, and whether what is known of it is printed as JSON."""

    location: Annotated[
        str | None, typer.Option("--location", "-l", help="The code location, when several have one of this name.")
    ] = None
    deployment: Deployment = None
    as_json: Json = False


def list_all(kind: str, *, location: str | None, running: bool | None, deployment: str | None, as_json: bool) -> None:
    """All of the deployment, by code location and name."""
    status = None if running is None else "RUNNING" if running else "STOPPED"
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = list(client.pages(f"{kind}s/", location=location, status=status))
    if as_json:
        say_json(found)
        return
    columns = ("NAME", "LOCATION", "STATUS", "WHEN", "NEXT TICK", "LAST TICK", "NOTE")
    is_any = location is None and running is None
    empty = f"There is no {kind} in this deployment." if is_any else f"No {kind} of this deployment is like that."
    say_table(columns, (_row(one) for one in found), empty=empty)


def act(kind: str, name: str, verb: str, place: Place, body: Any = None) -> None:
    """start, stop, reset, tick: and what it is then."""
    with ApiClient(load_profile(deployment=place.deployment)) as client:
        answer = client.post(f"{path_of(client, kind, name, place)}{verb}/", body)
    say_json(answer) if place.as_json else say_instigator(answer)


def act_on_all(kind: str, verb: str, place: Place, *, yes: bool) -> None:
    """Start or stop, all of the deployment or of a code location."""
    with ApiClient(load_profile(deployment=place.deployment)) as client:
        where = f"of the code location {place.location}" if place.location else f"of {client.profile.deployment}"
        confirm(f"{verb.capitalize()} all {kind}s {where}?", yes=yes)
        answer = client.post(f"{kind}s/{verb}/", {"location": place.location} if place.location else {})
    if place.as_json:
        say_json(answer)
    else:
        print(f"{answer['changed']} {kind}s are {'on' if verb == 'start' else 'off'} now.")


def cursor(name: str, place: Place) -> None:
    """Where a sensor goes on: the bare text, for programs to keep."""
    with ApiClient(load_profile(deployment=place.deployment)) as client:
        found = client.get(path_of(client, "sensor", name, place))["cursor"]
    if place.as_json:
        say_json({"cursor": found})
    elif found is not None:
        print(found)


def set_cursor(name: str, text: str | None, place: Place) -> None:
    """Let a sensor go on from there; None: as if it had never run."""
    with ApiClient(load_profile(deployment=place.deployment)) as client:
        answer = client.put(f"{path_of(client, 'sensor', name, place)}cursor/", {"cursor": text})
    say_json(answer) if place.as_json else say_instigator(answer)


def path_of(client: ApiClient, kind: str, name: str, place: Place) -> str:
    """The address of the one of this name; CommandError names the nearest where there is none, or says that several are."""
    every = list(client.pages(f"{kind}s/", limit=1000, location=place.location))
    found = [one for one in every if one["name"] == name]
    if not found:
        raise unknown(kind, name, (one["name"] for one in every))
    # One that no code defines any more makes no name ambiguous.
    found = [one for one in found if one["is_defined"]] or found
    if len(found) > 1:
        places = " and ".join(one["location"] for one in found)
        raise CommandError(f"{places} both have a {kind} {name}. Say which with --location.", exit_code=ExitCode.USAGE)
    return f"{kind}s/{found[0]['location']}/{name}/"


def say_instigator(answer: dict[str, Any]) -> None:
    """A schedule, a sensor, or a tick, as far as there is something to say."""
    fields = {
        "tick": answer["id"] if "due_at" in answer else "",
        **{name: answer[name] for name in ("name", "location", "status")},
        **{word: second(answer.get(name)) for word, name in _TIMES.items()},
        **{word: answer.get(name) for word, name in _OTHERS.items()},
    }
    say_fields({name: value for name, value in fields.items() if value not in {None, ""}})


def _row(one: dict[str, Any]) -> list[Any]:
    when = " ".join(one["cron"]) if "cron" in one else f"{one['min_interval_seconds'] or 30:g} s"
    last = f"{minute(one['last_tick_at'])} {one['last_tick_status']}" if one["last_tick_at"] else ""
    return [one["name"], one["location"], one["status"], when, minute(one["next_tick_at"]), last, one["note"]]
