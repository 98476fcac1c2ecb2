"""`daggerboard run` and `daggerboard logs`."""

import json
import sys
import textwrap
import time
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.first_run import TERMINAL
from controlplane.cli.loads import traceback_text
from controlplane.cli.output import errors, say_fields, say_json
from controlplane.cli.profile import load_profile

_FOLLOW_SECONDS = 0.3


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
        run = client.post("runs/", request)
        errors.print(f"Run {run['id']}: {client.profile.deployment_url}runs/{run['id']}", markup=False)
        if wait:
            run = _wait_end(client, run["id"], seconds=seconds, interval=interval)
    if as_json:
        say_json(run)
    else:
        fields = {
            "run": run["id"],
            "status": run["status"],
            "reason": run["failure_message"],
            "retry": run.get("retry_message"),
        }
        say_fields({name: value for name, value in fields.items() if value})
    return ExitCode.OK if not wait or run["status"] == "SUCCESS" else ExitCode.FAILED


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
