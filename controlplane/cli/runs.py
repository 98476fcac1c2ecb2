"""`daggerboard run` and `daggerboard logs`."""

import sys
import time
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.first_run import TERMINAL, wait_run
from controlplane.cli.output import say_fields, say_json
from controlplane.cli.profile import load_profile

_FOLLOW_SECONDS = 0.3
# Long enough for any run; Ctrl-C ends the waiting, not the run.
_WAIT_SECONDS = 7 * 24 * 3600.0


def launch(
    request: dict[str, Any], *, wait: bool, deployment: str | None, as_json: bool, interval: float | None = None
) -> ExitCode:
    """Launch, perhaps wait, and report; the exit code tells a success from the rest."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        run = client.post("runs/", request)
        if wait:
            run = wait_run(client, run["id"], seconds=_WAIT_SECONDS, interval=interval)
    if as_json:
        say_json(run)
    else:
        fields = {"run": run["id"], "status": run["status"], "reason": run["failure_message"]}
        say_fields({name: value for name, value in fields.items() if value})
    return ExitCode.OK if not wait or run["status"] == "SUCCESS" else ExitCode.FAILED


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
    after = 0
    while True:
        ended = client.get(f"runs/{run_id}/")["status"] in TERMINAL
        for event in client.pages(f"runs/{run_id}/events/", after=after, limit=500):
            after = event["seq"]
            if as_json:
                say_json(event)
            else:
                print(f"{event['at'][11:23]}  {event['type']:<28} {event['step_key'] or '-':<30} {event['message']}")
        if ended or not follow:
            return
        time.sleep(_FOLLOW_SECONDS)


def _print_captured(client: ApiClient, run_id: str, stream: str, *, follow: bool) -> None:
    printed: dict[str, int] = {}
    while True:
        ended = client.get(f"runs/{run_id}/")["status"] in TERMINAL
        for log in client.pages(f"runs/{run_id}/logs/"):
            if log["stream"] == stream and log["size"] > printed.get(log["log_key"], 0):
                start = printed.get(log["log_key"], 0)
                content = client.content(f"runs/{run_id}/logs/{stream}/", log_key=log["log_key"], start=start)
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
                printed[log["log_key"]] = start + len(content)
        if ended or not follow:
            return
        time.sleep(_FOLLOW_SECONDS)
