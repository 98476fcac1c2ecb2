"""What an agent is asked to do, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.protocol.errors import ErrorInfo
from agent.protocol.message import Message


class RunSpec(Message, frozen=True):
    """One attempt at a run: what the code worker needs (docs/code-worker.md)."""

    run_id: str
    attempt: int
    epoch: int
    job: str
    asset_selection: list[list[str]] | None = None
    check_selection: list[tuple[list[str], str]] | None = None
    op_selection: list[str] | None = None
    step_keys: list[str] | None = None
    partition: str | None = None
    run_config: dict[str, Any] = {}
    tags: dict[str, str] = {}
    parent_run_id: str | None = None
    root_run_id: str | None = None
    input_records: list[dict[str, Any]] | None = None


class Launch(Message, frozen=True, tag="launch"):
    """Start this attempt, at most once. `run_token` can write to this run only and dies with it."""

    command_id: str
    version_id: str
    spec: RunSpec
    run_token: str
    start_timeout: float
    env: dict[str, str] = {}


class Cancel(Message, frozen=True, tag="cancel"):
    """SIGINT the attempt, SIGTERM after `grace` seconds, SIGKILL after twice that."""

    command_id: str
    run_id: str
    attempt: int
    epoch: int
    grace: float


class Call(Message, frozen=True, tag="call"):
    """Ask user code a short question (docs/code-worker.md, Calls); answered by a CommandResult."""

    command_id: str
    version_id: str
    op: str
    args: dict[str, Any]
    timeout: float


class Reload(Message, frozen=True, tag="reload"):
    """Load this version again in a new worker; running attempts are left alone."""

    command_id: str
    version_id: str


Command = Launch | Cancel | Call | Reload

# Of one CommandResults.
MOST_RESULTS = 50


class CommandResult(Message, frozen=True):
    """What came of a call or reload: a result, or an error, which may come with what led to it in `result` (the log of a tick)."""

    agent_id: str
    command_id: str
    result: Any = None
    error: ErrorInfo | None = None


class CommandResults(Message, frozen=True):
    """What came of several, at most MOST_RESULTS; their own `agent_id` is not read. All are kept, or none."""

    agent_id: str
    results: Annotated[list[CommandResult], msgspec.Meta(max_length=MOST_RESULTS)]
