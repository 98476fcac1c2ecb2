"""`daggerboard run launch|list|show` and `daggerboard logs`."""

import contextlib
import itertools
import json
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.loads import traceback_text
from controlplane.cli.output import errors, minute, say_fields, say_json, say_table
from controlplane.cli.profile import load_profile
from controlplane.cli.run_filters import TERMINAL
from controlplane.cli.words import known_assets, unknown

_FOLLOW_SECONDS = 0.3
_PAGE, _NEAR = 500, 3


def launch(
    request: dict[str, Any],
    *,
    wait: bool,
    deployment: str | None,
    as_json: bool,
    interval: float | None = None,
    seconds: float | None = None,
) -> ExitCode:
    """Launch, perhaps wait at most so long, and report; the exit code tells a success from the rest."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        with _known_names(client, request):
            run = client.post("runs/", request)
        return followed(client, run, wait=wait, as_json=as_json, interval=interval, seconds=seconds)


def followed(
    client: ApiClient,
    run: dict[str, Any],
    *,
    wait: bool,
    as_json: bool,
    interval: float | None = None,
    seconds: float | None = None,
) -> ExitCode:
    """Say where a new run is; perhaps wait for its end, and report."""
    errors.print(f"Run {run['id']}: {client.profile.deployment_url}runs/{run['id']}", markup=False)
    if wait:
        run = _wait_end(client, run["id"], seconds=seconds, interval=interval)
    say_json(run) if as_json else say_run(run)
    return ExitCode.OK if not wait or run["status"] == "SUCCESS" else ExitCode.FAILED


def say_run(run: dict[str, Any], **more: Any) -> None:
    """What became of a run; `more` stands below."""
    fields = {
        "run": run["id"],
        "status": run["status"],
        "waiting": run.get("waiting_reason"),
        "reason": run["failure_message"],
        "retry": run.get("retry_message"),
        **more,
    }
    say_fields({name: value for name, value in fields.items() if value})


def show_run(text: str, *, deployment: str | None, as_json: bool) -> None:
    """One run, by its id or the beginning of it."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        run = client.get(f"runs/{find_run(client, text)}/")
        page = f"{client.profile.deployment_url}runs/{run['id']}"
    if as_json:
        say_json(run)
        return
    steps = f"{run['steps_succeeded']} of {run['steps_total']} done, {run['steps_failed']} failed"
    more = {
        "what": what_of(run),
        "code location": run["location_name"],
        "launched": f"{minute(run['created_at'])} by {run['actor_label']}",
        "started": minute(run["started_at"]),
        "ended": minute(run["ended_at"]),
        "steps": steps if run["steps_total"] else "",
        "tags": ", ".join(f"{name}={value}" for name, value in run["tags"].items()),
        "page": page,
    }
    say_run(run, **more)


def list_runs(filters: dict[str, Any], *, limit: int, deployment: str | None, as_json: bool) -> None:
    """The newest of those that pass."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        pages = client.pages("runs/", limit=min(limit + 1, _PAGE), **filters)
        found = list(itertools.islice(pages, limit + 1))
    found, more = found[:limit], len(found) > limit
    if as_json:
        say_json(found)
    else:
        rows = ([run["id"], run["status"], minute(run["created_at"]), what_of(run)] for run in found)
        none = (
            "No run is like that." if filters else "Nothing has run in this deployment: daggerboard run launch --help"
        )
        say_table(("ID", "STATUS", "LAUNCHED", "WHAT"), rows, empty=none)
    if more:
        errors.print(f"There are more than {limit}: say how many with --limit, or which with options.", markup=False)


def find_run(client: ApiClient, text: str) -> str:
    """The id that this is, or begins; CommandError when there is none, or several."""
    with contextlib.suppress(ValueError):
        return str(UUID(text))
    found = [run["id"] for run in client.get("runs/", id=text, limit=_NEAR)["results"]]
    if not found:
        raise CommandError(f"No run's id begins with {text}.", exit_code=ExitCode.NOT_FOUND)
    if len(found) > 1:
        ids = ", ".join(found)
        raise CommandError(f"Several ids begin with {text}, such as {ids}. Write more of it.", exit_code=ExitCode.USAGE)
    return str(found[0])


def what_of(run: dict[str, Any]) -> str:
    """What a run is of, in a few words: its job or assets, and its partition."""
    assets, job = run["asset_selection"] or run["target_assets"], run["job_name"]
    name = ", ".join([*assets[:_NEAR], *(["…"] if len(assets) > _NEAR else [])]) if job.startswith("__") else job
    return f"{name or job} {run['partition_key'] or ''}".strip()


@contextmanager
def _known_names(client: ApiClient, request: dict[str, Any]) -> Iterator[None]:
    """What is refused in the block names what there is, where a name of the request is none."""
    try:
        with known_assets(client, *request.get("assets") or ()):
            yield
    except CommandError as error:
        known = {
            "location": ("code location", "code-locations/", {}),
            "job": ("job", "jobs/", {"location": request.get("location")}),
        }
        for field, (what, path, query) in known.items():
            if wanted := request.get(field):
                there = {one["name"] for one in client.pages(path, limit=1000, **query)}
                if wanted not in there:
                    raise unknown(what, wanted, there) from error
        raise


class _Waiting:
    """Says why a run waits, whenever that changes."""

    def __init__(self) -> None:
        self._told: str | None = None

    def tell(self, run: dict[str, Any]) -> None:
        reason = run["waiting_reason"]
        if reason and reason != self._told:
            errors.print(f"The run is queued: {reason}", markup=False)
        self._told = reason


def _wait_end(client: ApiClient, run_id: str, *, seconds: float | None, interval: float | None) -> dict[str, Any]:
    """The run once it has ended; CommandError after so many seconds. Neither this nor Ctrl-C ends the run."""
    began, waiting = time.monotonic(), _Waiting()
    while True:
        run: dict[str, Any] = client.get(f"runs/{run_id}/")
        if run["status"] in TERMINAL:
            return run
        waiting.tell(run)
        spent = time.monotonic() - began
        if seconds is not None and spent >= seconds:
            why = f" {run['waiting_reason']}" if run["waiting_reason"] else ""
            raise CommandError(
                f"Run {run_id} is {run['status']} after {seconds:g} s and goes on by itself.{why} "
                f"Follow it: daggerboard logs {run_id} --follow"
            )
        # A short run is seen to end at once, a long one is not asked about many times a second.
        pause = interval or min(0.1 + spent / 30, _FOLLOW_SECONDS * 5)
        time.sleep(pause if seconds is None else min(pause, max(seconds - spent, 0.01)))


def print_logs(run_id: str, *, follow: bool, stream: str, deployment: str | None, as_json: bool) -> None:
    """Print events or captured bytes; with `follow`, until the run has ended."""
    if stream not in {"events", "stdout", "stderr"}:
        raise CommandError(f"There is no stream {stream!r}: use events, stdout or stderr.", exit_code=ExitCode.USAGE)
    with ApiClient(load_profile(deployment=deployment)) as client:
        if stream == "events":
            _print_events(client, run_id, follow=follow, as_json=as_json)
        else:
            _print_captured(client, run_id, stream, follow=follow)


def _print_events(client: ApiClient, run_id: str, *, follow: bool, as_json: bool) -> None:
    after, waiting = 0, _Waiting()
    while True:
        run = client.get(f"runs/{run_id}/")
        for event in client.pages(f"runs/{run_id}/events/", after=after, limit=500):
            after = event["seq"]
            if as_json:
                print(json.dumps(event))
            else:
                _print_event(event)
        waiting.tell(run)
        if run["status"] in TERMINAL or not follow:
            return
        time.sleep(_FOLLOW_SECONDS)


def _print_event(event: dict[str, Any]) -> None:
    print(f"{event['at'][11:23]}  {event['type']:<28} {event['step_key'] or '-':<30} {event['message']}")
    if event["error"]:
        print(textwrap.indent(traceback_text(event["error"]), "    "))


def _print_captured(client: ApiClient, run_id: str, stream: str, *, follow: bool) -> None:
    printed: dict[str, int] = {}
    waiting = _Waiting()
    while True:
        run = client.get(f"runs/{run_id}/")
        for log in client.pages(f"runs/{run_id}/logs/"):
            if log["stream"] == stream and log["size"] > printed.get(log["log_key"], 0):
                start = printed.get(log["log_key"], 0)
                content = client.content(f"runs/{run_id}/logs/{stream}/", log_key=log["log_key"], start=start)
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
                printed[log["log_key"]] = start + len(content)
        waiting.tell(run)
        if run["status"] in TERMINAL or not follow:
            return
        time.sleep(_FOLLOW_SECONDS)
