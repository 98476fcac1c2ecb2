"""`daggerboard up`: everything on this machine, from nothing to a running sample project, and a clean stop."""

import json
import sys
import time
from pathlib import Path

from controlplane.cli.api_client import ApiClient
from controlplane.cli.bootstrap import DEPLOYMENT, ORGANIZATION, SIGN_IN_FILE
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.first_run import FirstRun, deploy_sample, first_materialization, wait_agent
from controlplane.cli.profile import Profile, home, save_profile
from controlplane.cli.stack import USUAL_PORT, Stack, sample_project, start_stores
from controlplane.embedded.errors import EmbeddedError
from controlplane.embedded.progress import Progress, progress_for
from controlplane.embedded.signals import StopRequested
from controlplane.embedded.state import StateFolder
from controlplane.embedded.supervisor import Supervisor

AGENT_NAME = "local"


def up(*, once: bool, port: int | None, sample: bool) -> ExitCode:
    """Start everything; return when asked to stop (or, with `once`, after the first run). Raises CommandError."""
    began = time.monotonic()
    progress = progress_for(sys.stderr if once else sys.stdout)
    try:
        with StateFolder(home()) as state, Supervisor(state=state, progress=progress) as supervisor:
            stack = _start(supervisor, state, port=port)
            run = _first_run(stack, progress) if sample else None
            if once:
                return _report(run, seconds=time.monotonic() - began)
            _greet(stack, progress, run, seconds=time.monotonic() - began)
            supervisor.watch()
            progress.line("Stopping.")
    except StopRequested:
        progress.line("Stopped.")
        return ExitCode.INTERRUPTED
    except EmbeddedError as error:
        raise CommandError(str(error)) from error
    progress.line("Stopped. The data is kept; `make up` brings it back.")
    return ExitCode.OK


def _start(supervisor: Supervisor, state: StateFolder, *, port: int | None) -> Stack:
    http_port = state.port("web", fixed=port, usual=USUAL_PORT)
    stack = start_stores(supervisor, state, port=http_port)
    supervisor.run(stack.one_shot("migrate", "controlplane.cli.migrate"), label="database schema")
    supervisor.run(stack.one_shot("bootstrap", "controlplane.cli.bootstrap", str(state.path)), label="organization")
    supervisor.start_together([*stack.control_plane(), stack.agent(name=AGENT_NAME)])
    token = (state.path / "cli.token").read_text().strip()
    save_profile(Profile(url=stack.url, token=token, organization=ORGANIZATION, deployment=DEPLOYMENT))
    return stack


def _client(stack: Stack) -> ApiClient:
    token = (stack.state.path / "cli.token").read_text().strip()
    return ApiClient(Profile(url=stack.url, token=token, organization=ORGANIZATION, deployment=DEPLOYMENT))


def _first_run(stack: Stack, progress: Progress) -> FirstRun | None:
    project = sample_project()
    if project is None:
        return None
    with _client(stack) as client:
        wait_agent(client, progress, name=AGENT_NAME)
        deploy_sample(client, project, progress)
        return first_materialization(client, progress)


def _report(run: FirstRun | None, *, seconds: float) -> ExitCode:
    if run is None:
        raise CommandError("There is no sample project here, so there is no first run. Start from a checkout.")
    if run.status != "SUCCESS":
        print(f"The first run ended as {run.status}: {run.reason}", file=sys.stderr)
    document = {
        "run": run.id,
        "status": run.status,
        "events": run.events,
        "assets": run.assets,
        "seconds": round(seconds, 1),
    }
    print(json.dumps(document))
    return ExitCode.OK if run.status == "SUCCESS" else ExitCode.FAILED


def _greet(stack: Stack, progress: Progress, run: FirstRun | None, *, seconds: float) -> None:
    if run is not None and run.status != "SUCCESS":
        progress.line(f"The first run ended as {run.status}: {run.reason}")
    link = (stack.state.path / SIGN_IN_FILE).read_text().strip()
    progress.line("")
    progress.line(f"Daggerboard is ready after {seconds:.1f} s.")
    progress.line(f"  Address       {stack.url}")
    progress.line(f"  Sign in once  {stack.url}/sign-in/link/{link}")
    progress.line("  Another link  daggerboard sign-in-link")
    progress.line(f"  State folder  {Path(stack.state.path)}")
    progress.line("Ctrl-C stops everything; the data is kept.")
