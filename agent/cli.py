"""The command line: run, status, doctor."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import log
from agent.agent import Agent
from agent.config import SETTINGS, Config, ConfigError, load_config
from agent.doctor import diagnose
from agent.home import Home, HomeError
from agent.retry import ControlPlaneError, describe
from agent.status import read_status
from agent.version import agent_version

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_BUG = 1, 2, 3, 70
# A secret on a command line is visible to everyone on the machine.
_NOT_A_FLAG = frozenset({"token"})
_ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Put a valid token in place and start again; the control plane's page Agents makes one.",
    HTTPStatus.UPGRADE_REQUIRED: "Upgrade daggerboard-agent and start again.",
    HTTPStatus.CONFLICT: "Another agent uses this name: stop one of them, or give this one another --name and --home.",
}
_NO_ADVICE = "The control plane does not accept this agent."
_EPILOG = """\
Settings come from flags, then from the environment (DAGGERBOARD_AGENT_<SETTING>), then from a TOML file (--config or
DAGGERBOARD_AGENT_CONFIG). HTTPS_PROXY and NO_PROXY are respected.

  daggerboard-agent run --url https://daggerboard.example.com --token-file /etc/daggerboard/token --home /var/lib/daggerboard
  daggerboard-agent doctor --url … --token-file …     says what stands in the way, one line per check
  daggerboard-agent status --json

The first SIGTERM or Ctrl-C drains: no new runs, those that run are finished. The second cancels them. After kill -9 or a crash, runs
go on; start the agent again with the same --home and it takes them over.

Exit codes: 0 stopped cleanly; 1 a check failed or no agent runs; 2 wrong usage or settings; 3 refused by the control plane (token,
version); 70 a bug in the agent; 75 stopped while runs or their events were still on this machine (start it again)."""


def main(arguments: list[str] | None = None) -> None:
    sys.exit(_main(arguments))


def _main(arguments: list[str] | None) -> int:
    options = vars(_parser().parse_args(arguments))
    command, file, as_json = options.pop("command"), options.pop("config"), options.pop("json")
    try:
        if command == "status":
            return _status(Path(options["home"] or "~/.daggerboard-agent").expanduser(), as_json=as_json)
        config = load_config(flags=options, file=file)
        return _doctor(config, as_json=as_json) if command == "doctor" else _run(config, as_json=as_json)
    except (ConfigError, HomeError) as error:
        print(f"daggerboard-agent: {error}", file=sys.stderr)
        return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="daggerboard-agent",
        description="Runs Dagster code on this machine for a Daggerboard control plane. It only makes outbound HTTPS requests.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=agent_version())
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("run", "connect to the control plane and work until stopped"),
        ("status", "say what the agent with this home folder is doing"),
        ("doctor", "check everything that a connection needs"),
    ):
        command = commands.add_parser(
            name, help=text, description=text, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
        command.add_argument("--json", action="store_true", help="machine-readable output (for run: JSON logs)")
        _add_settings(command, only={"home"} if name == "status" else None)
    return parser


def _add_settings(command: argparse.ArgumentParser, *, only: set[str] | None) -> None:
    for setting in SETTINGS:
        if setting.name in _NOT_A_FLAG or (only and setting.name not in only):
            continue
        default = f" (default: {setting.default})" if setting.default else ""
        command.add_argument(
            "--" + setting.name.replace("_", "-"),
            type=type(setting.default),
            metavar=setting.name.upper(),
            help=str(setting.metadata["help"]) + default,
        )


def _run(config: Config, *, as_json: bool) -> int:
    log.configure(as_json=as_json or config.log_format == "json", level=config.log_level)
    home = Home(config.home_folder)
    home.open()
    log.info("agent.starting", version=agent_version(), name=config.agent_name, home=home.folder, url=config.url)
    try:
        return asyncio.run(_agent(config, home))
    except BaseExceptionGroup as group:
        return _died_of(group)


def _died_of(group: BaseExceptionGroup[BaseException]) -> int:
    """A loop ended with an error, and with it the agent: say why."""
    for error in _leaves(group):
        if isinstance(error, ConfigError):
            raise error
        if isinstance(error, ControlPlaneError):
            return _refused(error)
    log.error("agent.crashed", exc_info=group, effect="runs go on; start the agent again")
    return EXIT_BUG


async def _agent(config: Config, home: Home) -> int:
    return await Agent(config, home).run()


def _refused(error: ControlPlaneError) -> int:
    log.error("agent.refused", error=describe(error), advice=_ADVICE.get(error.status, _NO_ADVICE))
    return EXIT_REFUSED


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


def _doctor(config: Config, *, as_json: bool) -> int:
    findings = asyncio.run(diagnose(config))
    if as_json:
        print(
            json.dumps(
                [{"check": finding.check, "ok": finding.ok, "message": finding.message} for finding in findings],
                indent=2,
            )
        )
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check:12} {finding.message}")
    return 0 if all(finding.ok for finding in findings) else EXIT_FAILED


def _status(folder: Path, *, as_json: bool) -> int:
    status = read_status(Home(folder))
    if status is None:
        print(f"No agent has run with the home folder {folder}.", file=sys.stderr)
        return EXIT_FAILED
    if as_json:
        print(json.dumps(status, indent=2))
    else:
        print(_as_text(status))
    return 0 if status["running"] else EXIT_FAILED


def _as_text(status: dict[str, Any]) -> str:
    age = time.time() - status["written_at"]
    state = (
        ("draining" if status["draining"] else "running")
        if status["running"]
        else f"not running (last seen {age:.0f} s ago)"
    )
    poll = "never" if status["seconds_since_poll"] is None else f"{status['seconds_since_poll']} s ago"
    lines = [f"{status['name']}: {state}, process {status['pid']}, last contact {poll}, {status['url']}"]
    lines += [
        f"  location {one['location']} ({one['deployment']}): {one['state']}, {one['mode'] or '-'}"
        for one in status["locations"]
    ]
    lines += [
        f"  run {one['id']} {one['job']}: {one['phase']}, {one['unsent_events']} events unsent"
        for one in status["attempts"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
