"""`daggerboard schedule` and `daggerboard sensor`: what the commands do; their words are in instigator_commands.py."""

from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import say_fields, say_json, say_table
from controlplane.cli.profile import load_profile


def list_all(kind: str, *, location: str | None, running: bool | None, deployment: str | None, as_json: bool) -> None:
    """All of the deployment, by code location and name."""
    status = None if running is None else "RUNNING" if running else "STOPPED"
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = list(client.pages(_path(client, kind), location=location, status=status))
    if as_json:
        say_json(found)
        return
    columns = ("NAME", "LOCATION", "STATUS", "WHEN", "NEXT TICK", "LAST TICK", "NOTE")
    say_table(columns, (_row(one) for one in found), empty=f"There is no {kind} in this deployment.")


def act(
    kind: str, name: str, verb: str, *, location: str | None, deployment: str | None, body: Any = None, as_json: bool
) -> None:
    """start, stop, reset, tick: and what it is then."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        place = location or _location_of(client, kind, name)
        answer = client.post(f"{_path(client, kind)}{place}/{name}/{verb}/", body)
    if as_json:
        say_json(answer)
        return
    names = ("name", "location", "status", "next_tick_at", "runs_until", "ticks_left", "id", "due_at", "reason", "note")
    say_fields({field: answer[field] for field in names if answer.get(field) not in {None, ""}})


def _path(client: ApiClient, kind: str) -> str:
    return f"{client.profile.deployment_path}/{kind}s/"


def _location_of(client: ApiClient, kind: str, name: str) -> str:
    """The code location that has one of this name."""
    found = [one for one in client.pages(_path(client, kind), search=name) if one["name"] == name]
    if not found:
        raise CommandError(f"There is no {kind} {name} in this deployment.", exit_code=ExitCode.NOT_FOUND)
    # One that no code defines any more makes no name ambiguous.
    found = [one for one in found if one["is_defined"]] or found
    if len(found) > 1:
        places = " and ".join(one["location"] for one in found)
        raise CommandError(f"{places} both have a {kind} {name}. Say which with --location.", exit_code=ExitCode.USAGE)
    return str(found[0]["location"])


def _row(one: dict[str, Any]) -> list[Any]:
    when = " ".join(one["cron"]) if "cron" in one else f"{one['min_interval_seconds'] or 30:g} s"
    last = f"{_minute(one['last_tick_at'])} {one['last_tick_status']}" if one["last_tick_at"] else ""
    return [one["name"], one["location"], one["status"], when, _minute(one["next_tick_at"]), last, one["note"]]


def _minute(moment: str | None) -> str:
    return (moment or "")[:16].replace("T", " ")
