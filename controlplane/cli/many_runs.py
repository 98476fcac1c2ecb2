"""`daggerboard run cancel|re-execute|delete`: one run at once, many as a bulk action, whose progress is shown."""

import time
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import confirm, errors, progress_bar, say_fields, say_json
from controlplane.cli.profile import load_profile
from controlplane.cli.run_filters import ACTIVE, TERMINAL, Chosen, Status
from controlplane.cli.runs import find_run, followed, say_run

_LOOK_SECONDS = 0.3
# What each is done to where a filter names no status, and how it is said: doing, done.
_KINDS = {
    "cancel": (ACTIVE, "Cancel", "canceled"),
    "reexecute": (TERMINAL, "Run again", "launched again"),
    "reexecute_from_failure": ((Status.FAILURE, Status.CANCELED), "Run again from failure", "launched again"),
    "delete": (TERMINAL, "Delete for good", "deleted"),
}


def act(kind: str, chosen: Chosen, filters: dict[str, Any]) -> ExitCode:
    """Do it to the runs that are named, or to those of the filter; 1 when one of many was left as it was."""
    if sum([bool(chosen.runs), bool(filters), chosen.everything]) != 1:
        raise CommandError(
            "Say which runs: by their ids, by options such as --status, --job or --since, or with --all; one of these ways.",
            exit_code=ExitCode.USAGE,
        )
    with ApiClient(load_profile(deployment=chosen.deployment)) as client:
        ids = [find_run(client, run) for run in chosen.runs or ()]
        if len(ids) == 1 and kind != "delete":
            return _one(client, kind, ids[0], wait=chosen.wait, as_json=chosen.as_json)
        wanted = {"runs": ids} if ids else {"filter": {"status": list(_KINDS[kind][0])} | filters}
        # Runs that are named one by one are meant: only what cannot be undone is asked about.
        asks = not ids or kind == "delete"
        newest = _agreed(client, kind, wanted, yes=chosen.yes) if asks else None
        action = client.post("bulk-actions/", {"kind": kind, **wanted, "newest": newest})
        if chosen.wait:
            action = _ended(client, action)
    say_json(action) if chosen.as_json else _say(action)
    return ExitCode.FAILED if action["skipped"] else ExitCode.OK


def _one(client: ApiClient, kind: str, run_id: str, *, wait: bool, as_json: bool) -> ExitCode:
    if kind == "cancel":
        found = client.post(f"runs/{run_id}/cancel/")
        say_json(found) if as_json else say_run(found)
        return ExitCode.OK
    made = client.post(f"runs/{run_id}/re-execute/", {"from_failure": kind != "reexecute"})
    return followed(client, made, wait=wait, as_json=as_json)


def _agreed(client: ApiClient, kind: str, wanted: dict[str, Any], *, yes: bool) -> str | None:
    """The newest run of those that somebody agreed to; CommandError when there is none, or nobody did."""
    found = client.post("bulk-actions/preview/", {"kind": kind, **wanted})
    if not found["total"]:
        why = f" You may not do this to {found['refused']} that you see." if found["refused"] else ""
        raise CommandError(f"No run of this deployment is like that.{why}", exit_code=ExitCode.NOT_FOUND)
    if found["refused"]:
        errors.print(f"{found['refused']} more you may not do this to: they are left out.", markup=False)
    confirm(f"{_KINDS[kind][1]}: {_runs(found['total'])}?", yes=yes)
    return str(found["newest"])


def _ended(client: ApiClient, action: dict[str, Any]) -> dict[str, Any]:
    """Neither this nor Ctrl-C ends it."""
    with progress_bar() as progress:
        bar = progress.add_task(_KINDS[action["kind"]][1], total=action["total"])
        while True:
            action = client.get(f"bulk-actions/{action['id']}/")
            progress.update(bar, completed=action["done"] + action["skipped"])
            if action["ended_at"]:
                return action
            time.sleep(_LOOK_SECONDS)


def _say(action: dict[str, Any]) -> None:
    over = action["done"] + action["skipped"]
    fields = {
        "bulk action": action["id"],
        _KINDS[action["kind"]][2]: f"{action['done']} of {_runs(action['total'])}",
        "left as is": action["skipped"],
        "waiting": action["total"] - over,
    }
    say_fields({name: value for name, value in fields.items() if value})
    for one in action["skipped_why"]:
        errors.print(f"{one['run']}: {one['why']}", markup=False)
    if action["skipped"] > len(action["skipped_why"]):
        errors.print(f"… and {action['skipped'] - len(action['skipped_why'])} more.", markup=False)


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number:,} runs"
