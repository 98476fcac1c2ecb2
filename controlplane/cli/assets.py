"""`daggerboard asset report|observe|check|wipe`."""

import time
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError
from controlplane.cli.output import errors, say_fields, say_json
from controlplane.cli.profile import load_profile

_LOOK_SECONDS = 0.5


def report_event(event: dict[str, Any], *, deployment: str | None, as_json: bool) -> None:
    """Store one event."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        [stored] = client.post("asset-events/", {"events": [event]})["events"]
    if as_json:
        say_json(stored)
        return
    say_fields({"event": stored["id"], **({"note": "stored before"} if stored["is_repeated"] else {})})


def wipe_asset(
    body: dict[str, Any], *, wait: bool, seconds: float | None, deployment: str | None, as_json: bool
) -> None:
    """Begin a wipe, and perhaps wait for its end; CommandError when that takes longer than so many seconds. It goes on meanwhile."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        wipe = client.post("asset-wipes/", body)
        if wait:
            wipe = _ended(client, wipe["id"], seconds)
    if as_json:
        say_json(wipe)
        return
    say_fields({"wipe": wipe["id"], "events": wipe["events_deleted"], "done": "yes" if wipe["ended_at"] else "not yet"})


def _ended(client: ApiClient, wipe_id: str, seconds: float | None) -> dict[str, Any]:
    began, told = time.monotonic(), -1
    while True:
        wipe: dict[str, Any] = client.get(f"asset-wipes/{wipe_id}/")
        if wipe["ended_at"]:
            return wipe
        if wipe["partitions_done"] != told and wipe["partition_count"]:
            told = wipe["partitions_done"]
            errors.print(f"{told} of {wipe['partition_count']} partitions", markup=False)
        if seconds is not None and time.monotonic() - began > seconds:
            raise CommandError(f"The wipe {wipe_id} took longer than {seconds:.0f} s; it goes on.")
        time.sleep(_LOOK_SECONDS)
