"""`daggerboard backfill`: what the commands do."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import errors, minute, progress_bar, say_fields, say_json, say_table
from controlplane.cli.profile import load_profile

_LOOK_SECONDS = 1.0
_LISTED = 50
_NAMED = 3


def preview(body: dict[str, Any], *, deployment: str | None, as_json: bool) -> ExitCode:
    """Say what it would make."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = client.post("backfills/preview/", body)
    if as_json:
        say_json(found)
        return ExitCode.OK
    say_fields({"partitions": found["partitions"], "runs": f"about {found['runs']}", **found["by_asset"]})
    for warning in found["warnings"]:
        errors.print(warning, markup=False)
    return ExitCode.OK


def launch(body: dict[str, Any], *, wait: bool, deployment: str | None, as_json: bool) -> ExitCode:
    """Launch, and perhaps wait for the end."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        return _followed(client, client.post("backfills/", body), wait=wait, as_json=as_json)


def retry(backfill: str, *, wait: bool, deployment: str | None, as_json: bool) -> ExitCode:
    """A new one of what this one did not make."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        return _followed(client, client.post(f"{_path(backfill)}retry/"), wait=wait, as_json=as_json)


def show(backfill: str, *, wait: bool, deployment: str | None, as_json: bool) -> ExitCode:
    """One backfill; with `wait`, once it is over."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = client.get(_path(backfill))
        if wait:
            found = _ended(client, found)
    if as_json:
        say_json(found)
    else:
        _say(found)
        columns = ("ASSET", "COMPLETED", "QUEUED OR RUNNING", "FAILED", "CANCELED", "NOT MADE", "WAITING")
        states = ("materialized", "requested", "failed", "canceled", "skipped", "targeted")
        rows = [
            [one["asset_key"] or found["job_name"], *(one["counts"].get(state, 0) for state in states)]
            for one in found["progress"]
        ]
        say_table(columns, rows, empty="It has no partitions yet.")
    return _exit(found, wait=wait)


def show_all(*, status: Sequence[str], asset: str | None, deployment: str | None, as_json: bool) -> None:
    """The newest."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        params = {"status": status, "asset": asset, "limit": _LISTED}
        found = client.get("backfills/", **{name: value for name, value in params.items() if value})["results"]
    if as_json:
        say_json(found)
        return
    rows = [
        [one["id"], _status(one), f"{_done(one)}/{_total(one)}", minute(one["created_at"]), _name(one)] for one in found
    ]
    is_any = not status and asset is None
    empty = "No backfill was launched in this deployment." if is_any else "No backfill of this deployment is like that."
    say_table(("ID", "STATUS", "DONE", "LAUNCHED", "WHAT"), rows, empty=empty)


def act(backfill: str, verb: str, *, deployment: str | None, as_json: bool) -> None:
    """pause, resume, cancel: and what it is then."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = client.post(f"{_path(backfill)}{verb}/")
    say_json(found) if as_json else _say(found)


def _path(backfill: str) -> str:
    """Where it is; CommandError for what can be no id, for which there would be no address at all."""
    try:
        return f"backfills/{UUID(backfill)}/"
    except ValueError as error:
        raise CommandError(
            f"There is no backfill {backfill!r}: name it by its id, as `daggerboard backfill list` shows it.",
            exit_code=ExitCode.NOT_FOUND,
        ) from error


def _followed(client: ApiClient, made: dict[str, Any], *, wait: bool, as_json: bool) -> ExitCode:
    errors.print(f"Backfill {made['id']}: {client.profile.deployment_url}backfills/{made['id']}", markup=False)
    found = _ended(client, made) if wait else made
    say_json(found) if as_json else _say(found)
    return _exit(found, wait=wait)


def _ended(client: ApiClient, found: dict[str, Any]) -> dict[str, Any]:
    """Neither this nor Ctrl-C ends the backfill."""
    with progress_bar() as progress:
        bar = progress.add_task("Backfill", total=_total(found) or None)
        while True:
            found = client.get(f"backfills/{found['id']}/")
            failed = found["counts"].get("failed", 0)
            words = f"{_status(found)}, {failed} failed" if failed else _status(found)
            progress.update(bar, description=words, total=_total(found) or None, completed=_done(found))
            if found["ended_at"]:
                return found
            time.sleep(_LOOK_SECONDS)


def _exit(found: dict[str, Any], *, wait: bool) -> ExitCode:
    return ExitCode.OK if not wait or found["status"] == "COMPLETED_SUCCESS" else ExitCode.FAILED


def _say(found: dict[str, Any]) -> None:
    fields = {
        "backfill": found["id"],
        "what": _name(found),
        "partitions": found["partitions"],
        "status": _status(found),
        "done": f"{_done(found)} of {_total(found)}",
        "failed": found["counts"].get("failed", 0),
        "waiting": found["waiting"],
        "error": found["error"],
    }
    say_fields({name: value for name, value in fields.items() if value})


def _status(found: dict[str, Any]) -> str:
    return "PAUSED" if found["is_paused"] else str(found["status"])


def _done(found: dict[str, Any]) -> int:
    return int(found["counts"].get("materialized", 0))


def _total(found: dict[str, Any]) -> int:
    return sum(found["counts"].values())


def _name(found: dict[str, Any]) -> str:
    assets = found["assets"]
    more = f" and {len(assets) - _NAMED} more" if len(assets) > _NAMED else ""
    return str(found["title"] or found["job_name"] or ", ".join(assets[:_NAMED]) + more)
