"""`daggerboard schedule|sensor tick-history|tick-log|test|apply`."""

import itertools
import json
from pathlib import Path
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.instigators import Place, path_of, say_instigator
from controlplane.cli.loads import traceback_text
from controlplane.cli.output import confirm, console, errors, say_entries, say_fields, say_json, second
from controlplane.cli.profile import load_profile
from controlplane.cli.words import content_of
from controlplane.definitions.asset_keys import to_text

_PAGE = 500


def history(kind: str, name: str, filters: dict[str, Any], place: Place, *, limit: int) -> None:
    """Its ticks, the newest first."""
    with ApiClient(load_profile(deployment=place.deployment)) as client:
        pages = client.pages(f"{path_of(client, kind, name, place)}ticks/", limit=min(limit, _PAGE), **filters)
        found = list(itertools.islice(pages, limit))
    if place.as_json:
        say_json(found)
        return
    say_entries(
        ((_cells(tick), _why(tick)) for tick in found),
        empty="It has no tick like that." if filters else "It never ticked.",
    )


def log(kind: str, tick_id: str, *, deployment: str | None, as_json: bool) -> None:
    """One tick: what it logged, its error, and the runs that it asked for."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        tick = client.get(f"ticks/{tick_id}/")
    if tick["kind"] != kind:
        raise CommandError(f"This is a tick of the {tick['kind']} {tick['name']}.", exit_code=ExitCode.NOT_FOUND)
    if as_json:
        say_json(tick)
        return
    say_instigator(tick)
    if tick["cursor_before"] != tick["cursor_after"]:
        say_fields({"cursor before": tick["cursor_before"] or "none", "cursor after": tick["cursor_after"] or "none"})
    for one in tick["requests"]:
        console.print(f"run {one['run_id'] or '-'}  {one['state']}  {one['refusal']}".rstrip(), markup=False)
    for backfill in tick["backfills"]:
        console.print(f"backfill {backfill}", markup=False)
    if tick["log"]:
        console.print(tick["log"], markup=False, soft_wrap=True)
    if tick["error"]:
        console.print(traceback_text(tick["error"]), markup=False, soft_wrap=True)


def test(kind: str, name: str, body: dict[str, Any], place: Place, *, apply: bool, yes: bool) -> ExitCode:
    """What it would do, and with `apply` then exactly that; 1 when its code failed."""
    with ApiClient(load_profile(deployment=place.deployment)) as client:
        path = path_of(client, kind, name, place)
        found = client.post(f"{path}test/", body)
        if not (place.as_json and apply):
            say_json(found) if place.as_json else _say_preview(found)
        if found["error"]:
            return ExitCode.FAILED
        if apply:
            confirm("Do exactly this?", yes=yes)
            _say_applied(client.post(f"{path}apply/", {"token": found["token"]}), as_json=place.as_json)
    return ExitCode.OK


def apply_test(kind: str, name: str, file: Path, place: Place) -> None:
    """Do what a kept test showed: a document of `test --json`, or its token alone."""
    try:
        text = content_of(file).strip()
        token = json.loads(text)["token"] if text.startswith("{") else text
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(
            f"{file} is no outcome of a test ({error}): write one with `daggerboard {kind} test {name} --json`.",
            exit_code=ExitCode.USAGE,
        ) from error
    if not token:
        raise CommandError("This test failed: there is nothing to apply.", exit_code=ExitCode.USAGE)
    with ApiClient(load_profile(deployment=place.deployment)) as client:
        answer = client.post(f"{path_of(client, kind, name, place)}apply/", {"token": token})
    _say_applied(answer, as_json=place.as_json)


def _say_applied(tick: dict[str, Any], *, as_json: bool) -> None:
    say_json(tick) if as_json else say_instigator(tick)


def _say_preview(found: dict[str, Any]) -> None:
    for _seconds, _level, text in found["log"]:
        errors.print(text, markup=False)
    if found["error"]:
        errors.print(traceback_text(found["error"]), markup=False)
        return
    fields = {
        "runs": sum(one["backfill"] is None for one in found["requests"]),
        "skips": found["skip"],
        "cursor before": found["cursor_before"],
        "cursor after": found["cursor"],
        "partitions": "; ".join(_partitions(one) for one in found["dynamic_partitions"]),
    }
    say_fields({name: value for name, value in fields.items() if value not in {None, ""}})
    for one in found["requests"]:
        if one["backfill"] is not None:
            parts = (f"{to_text(part['asset'])} ({len(part['partitions'] or [''])})" for part in one["backfill"])
            console.print(f"backfill of  {', '.join(parts)}", markup=False, soft_wrap=True)
            continue
        of = ", ".join(to_text(key) for key in one.get("assets") or ()) or one["job"]
        used = "its run key was used before: it is not launched again" if one["run_key_used"] else ""
        words = ("run of", of, one.get("partition"), one.get("run_key"), used)
        console.print("  ".join(word for word in words if word), markup=False, soft_wrap=True)


def _partitions(change: dict[str, Any]) -> str:
    return " ".join(str(value) if not isinstance(value, list) else ", ".join(value) for value in change.values())


def _cells(tick: dict[str, Any]) -> list[Any]:
    asked = f"{tick['requested']} runs" if tick["requested"] != 1 else "1 run"
    return [tick["id"], tick["status"], second(tick["due_at"]), asked if tick["requested"] else ""]


def _why(tick: dict[str, Any]) -> str:
    reason = tick["reason"]
    if tick["status"] == "FAILURE" and not reason:
        reason = f"Its code failed: daggerboard {tick['kind']} tick-log {tick['id']}"
    return " ".join(text for text in (tick["skip_reason"], reason, _by(tick)) if text)


def _by(tick: dict[str, Any]) -> str:
    return f"Asked for by {tick['asked_by']}." if tick["asked_by"] else ""
