"""Command line of the code worker; see docs/code-worker.md."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from daggerboard_worker.startup import prepare_process

STARTED_IN = os.getcwd()  # noqa: PTH109


def main() -> int:
    arguments = parser().parse_args()
    fields = json.loads(arguments.location)
    fields["working_directory"] = os.path.abspath(fields.get("working_directory") or STARTED_IN)  # noqa: PTH100
    if arguments.command == "serve":
        # Before anything else changes the process: `serve` remembers how it was started.
        import daggerboard_worker.serve as _  # noqa: F401
    prepare_process(working_directory=fields["working_directory"])
    from daggerboard_worker.locations import Location

    return COMMANDS[arguments.command](arguments, Location.from_json(fields))


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="daggerboard_worker", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        command = commands.add_parser(name)
        command.add_argument("--location", required=True, help="JSON: what to load, and from where")
        if name != "inspect":
            command.add_argument("--socket", required=True, help="the agent's data socket")
            command.add_argument(
                "--storage", help="folder for dagster's default IO manager, where $DAGSTER_HOME is not set"
            )
    serve, run, call = (commands.choices[name] for name in ("serve", "run", "call"))
    serve.add_argument("--control-fd", type=int, required=True)
    serve.add_argument("--mode", choices=["warm", "lukewarm"], default="warm")
    serve.add_argument("--mode-reason")
    serve.add_argument("--ready-file", help=argparse.SUPPRESS)
    for command in (serve, call):
        command.add_argument("--scratch", help="folder for manifests and snapshots")
    run.add_argument("--attempt-dir", required=True)
    call.add_argument("--call", required=True, help='JSON: {"id", "op", "args"}')
    return root


def run_serve(arguments: argparse.Namespace, location: Any) -> int:
    from daggerboard_worker.control import ControlChannel
    from daggerboard_worker.serve import serve

    return serve(
        control=ControlChannel(arguments.control_fd),
        location=location,
        socket_path=arguments.socket,
        storage_dir=storage_dir(arguments, location),
        scratch=scratch_dir(arguments),
        mode=arguments.mode,
        mode_reason=arguments.mode_reason,
        ready_file=arguments.ready_file,
    )


def run_cold(arguments: argparse.Namespace, location: Any) -> int:
    from daggerboard_worker.attempts import Workplace, run_attempt
    from daggerboard_worker.loading import load_location
    from daggerboard_worker.run_spec import RunSpec

    spec = json.loads(Path(arguments.attempt_dir, "spec.json").read_text(encoding="utf-8"))
    place = Workplace(
        socket_path=arguments.socket,
        attempt_dir=arguments.attempt_dir,
        storage_dir=storage_dir(arguments, location),
        mode="cold",
    )
    return run_attempt(lambda: load_location(location), RunSpec.from_json(spec), place)


def run_call(arguments: argparse.Namespace, location: Any) -> int:
    from daggerboard_worker.call_instance import CallPlace
    from daggerboard_worker.calls import answer_call
    from daggerboard_worker.loading import load_location

    call = json.loads(arguments.call)
    place = CallPlace(call["id"], arguments.socket, storage_dir(arguments, location), scratch_dir(arguments))
    return answer_call(lambda: load_location(location), place, op=call["op"], args=call.get("args") or {})


def run_inspect(_arguments: argparse.Namespace, location: Any) -> int:
    from daggerboard_worker.inspection import inspect_location

    return inspect_location(location)


def storage_dir(arguments: argparse.Namespace, location: Any) -> str:
    """Where dagster's default IO manager keeps outputs: it must be the same folder for every run of the location."""
    chosen = os.environ.get("DAGSTER_HOME") or arguments.storage
    return chosen or str(Path(tempfile.gettempdir(), f"daggerboard-{os.getuid()}", "storage", location.name))


def scratch_dir(arguments: argparse.Namespace) -> Path:
    return Path(arguments.scratch or Path(tempfile.gettempdir(), f"daggerboard-{os.getuid()}"))


COMMANDS = {"serve": run_serve, "run": run_cold, "call": run_call, "inspect": run_inspect}

if __name__ == "__main__":
    sys.exit(main())
