"""`daggerboard asset …`: what the commands do; their words are in asset_commands.py."""

import time
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError
from controlplane.cli.output import console, errors, minute, say_fields, say_json, say_table
from controlplane.cli.profile import load_profile
from controlplane.cli.words import known_assets

_LOOK_SECONDS = 0.5


def list_assets(filters: dict[str, str | None], *, deployment: str | None, as_json: bool) -> None:
    """Those that pass, by key."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = list(client.pages("assets/", limit=1000, **filters))
    if as_json:
        say_json(found)
        return
    rows = (
        [one["key"], one["group"], one["status"], one["health"], _sync(one), minute(one["materialized_at"])]
        for one in found
    )
    is_any = not any(filters.values())
    empty = "This deployment has no assets: daggerboard deploy --help" if is_any else "No asset is like that."
    say_table(("KEY", "GROUP", "STATUS", "HEALTH", "SYNC", "MATERIALIZED"), rows, empty=empty)


def _sync(asset: dict[str, Any]) -> str:
    return "by partition" if asset["is_partitioned"] else asset["sync"] or ""


def show_health(key: str, *, deployment: str | None, as_json: bool) -> None:
    """The worst of three parts, and the causes."""
    with ApiClient(load_profile(deployment=deployment)) as client, known_assets(client, key):
        found = client.get("asset-health/", asset=key)
    say_json(found) if as_json else _say_health(key, found)


def acknowledge_health(key: str, reason: str | None, *, deployment: str | None, as_json: bool) -> None:
    """Somebody knows; None: nobody does any more."""
    with ApiClient(load_profile(deployment=deployment)) as client, known_assets(client, key):
        if reason is None:
            client.delete("asset-health/", {"asset": key})
            found = client.get("asset-health/", asset=key)
        else:
            found = client.post("asset-health/", {"asset": key, "reason": reason})
    say_json(found) if as_json else _say_health(key, found)


def _say_health(key: str, found: dict[str, Any]) -> None:
    known, fresh = found["acknowledged"], found["freshness"]
    fields = {
        "asset": key,
        "health": found["status"],
        "materialization": found["materialization"],
        "freshness": " ".join(text for text in (fresh["state"], fresh["policy"]) if text),
        "checks": found["checks"],
        "acknowledged": f"{known['reason']} ({known['by']}, {minute(known['at'])})" if known else "",
    }
    say_fields({name: value for name, value in fields.items() if value})
    if found["causes"]:
        console.print()
        rows = ([one["part"], one["status"], minute(one["at"]), _why(one)] for one in found["causes"])
        say_table(("PART", "HEALTH", "SINCE", "WHY"), rows, empty="")


def _why(cause: dict[str, Any]) -> str:
    return f"{cause['text']}: run {cause['run_id']}" if cause["run_id"] else str(cause["text"])


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
        with known_assets(client, body["asset"]):
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
