"""The wire between agent and control plane: every message, its meaning and its version, and nothing else.

Transport: HTTPS requests from the agent only, JSON bodies (gzip allowed upward; log batches are MessagePack, because they carry
bytes). `Authorization: Bearer <agent token>` when registering; everything else carries the credential that registering answered, or
the token where there is none (control planes before 1.1). Every request carries `Daggerboard-Protocol: <PROTOCOL_VERSION>`; the control
plane accepts agents two minor versions old. Unknown fields are ignored by both sides, so a minor version only adds.

    POST /agent/v1/register                 Register            -> Registered
    POST /agent/v1/poll                     Poll                -> Work            (long-poll)
    POST /agent/v1/heartbeat                Heartbeat           -> Leases
    POST /agent/v1/events                   EventBatch (gzip)   -> EventsStored
    POST /agent/v1/logs                     LogBatch (msgpack)  -> LogsStored
    POST /agent/v1/results                  CommandResult       -> {}
    POST /agent/v1/results/many             CommandResults      -> {}              (since 1.3; refused as a whole: send each alone)
    POST /agent/v1/definitions/missing      DefinitionsHave     -> DefinitionsMissing
    PUT  /agent/v1/definitions/<sha256>     gzip bytes          -> {}
    POST /agent/v1/locations                LocationReport      -> {}
    POST /agent/v1/environment              EnvironmentAsk      -> LocationEnvironment   (since 1.1)
    GET  /agent/v1/sources/<sha256>         -                   -> tar.gz bytes          (since 1.2)
    POST /agent/v1/read                     Read                -> ReadAnswer
    POST /agent/v1/goodbye                  Goodbye             -> {}

Errors are `{"type", "errors": [{"code", "detail", "attr"}]}` with the HTTP status: 401 token unknown or revoked (the agent stops
with a message; sent with a credential, it registers again first), 404 not yours or gone, 409 fenced (drop that attempt), 413 too
large (halve the batch), 426 protocol too old, 429/503 with Retry-After (wait). Anything else, and an undecodable body, is retried
with backoff.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

PROTOCOL_VERSION = "1.3"

# A batch above this is refused with 413: 8 MiB on the wire, 64 MiB once decompressed.
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024
# Of one CommandResults.
MOST_RESULTS = 50


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every wire type."""


# ---- code locations


class LocationState(StrEnum):
    """What an agent knows about one location version."""

    LOADING = "loading"
    LOADED = "loaded"
    FAILED = "failed"
    UNLOADED = "unloaded"


class Target(Message, frozen=True):
    """What to load, as dagster's own CLI would: at most one of the four names; none means the project's pyproject.toml."""

    module_name: str | None = None
    package_name: str | None = None
    python_file: str | None = None
    autoload_defs_module_name: str | None = None
    attribute: str | None = None
    working_directory: str | None = None
    executable_path: str | None = None


class Source(Message, frozen=True):
    """The project's files, as an archive that the agent fetches and unpacks: a gzipped tar, named by the sha256 of its bytes.

    A working directory of the target is then relative to the unpacked folder, and its Python is a virtualenv that the agent builds
    from the lock or requirements file there, if there is one.
    """

    sha256: str
    bytes: int


class DeployPhase(StrEnum):
    """What happens to a version on an agent before it serves, in this order; a phase that is not needed is left out."""

    # Source archive or image fetched.
    PULLED = "pulled"
    # Virtualenv made from the lock or requirements file.
    BUILT = "built"
    # Code worker started; it imports the code.
    STARTED = "started"
    LOADED = "loaded"


class DesiredLocation(Message, frozen=True):
    """One location version that this agent should have loaded."""

    version_id: str
    deployment: str
    name: str
    target: Target
    env: dict[str, str] = {}
    # Changes with what EnvironmentAsk answers: ask again then, and load the version anew with it. None: do not ask (before 1.1).
    environment: str | None = None
    # Where the code is: in an archive or an image (since 1.2); neither means files of the agent's machine.
    source: Source | None = None
    image: str | None = None
    # SECURITY: code of strangers (a fork's): it gets nothing of the agent's own environment but what any program needs (since 1.2).
    isolated: bool = False
    # How platforms run the code, as in dagster_cloud.yaml: k8s, docker, ecs (since 1.2).
    container_context: dict[str, Any] = {}


class DefinitionsFile(Message, frozen=True):
    """A content-addressed file: sha256 and size of its uncompressed canonical bytes."""

    sha256: str
    bytes: int


# `ErrorInfo.cls` of a call that ended with the agent's process: nothing is known of user code, and it may be asked again.
AGENT_RESTARTED = "AgentRestartedError"


class ErrorInfo(Message, frozen=True):
    """A user's exception as data."""

    message: str
    cls: str | None = None
    stack: list[str] = []
    cause: ErrorInfo | None = None
    context: ErrorInfo | None = None


class LocationReport(Message, frozen=True):
    """Outcome of loading a location version; repeated after every restart of the agent."""

    agent_id: str
    version_id: str
    state: LocationState
    load_seconds: float | None = None
    dagster_version: str | None = None
    python_version: str | None = None
    worker_version: str | None = None
    mode: str | None = None
    mode_reason: str | None = None
    counts: dict[str, int] = {}
    manifest: DefinitionsFile | None = None
    snapshot: DefinitionsFile | None = None
    rss_bytes: int | None = None
    error: ErrorInfo | None = None
    # Seconds that each phase took which has ended (since 1.2); a report with state `loading` follows each.
    phases: dict[DeployPhase, float] = {}


class DefinitionsHave(Message, frozen=True):
    """Files the agent could upload."""

    sha256s: list[str]


class DefinitionsMissing(Message, frozen=True):
    """Files the control plane does not have yet."""

    sha256s: list[str]


# ---- registration and work


class HostFacts(Message, frozen=True):
    """Facts about the machine, for people to read."""

    hostname: str
    platform: str
    python_version: str
    cpus: int
    memory_bytes: int


class Register(Message, frozen=True):
    """First request of an agent process. `name` is stable across restarts, `boot_id` is new for each process."""

    name: str
    boot_id: str
    agent_version: str
    queues: list[str]
    host: HostFacts
    # The agent's X25519 key in Base64 and its id (agent/sealed_box.py), for values that only it can open (since 1.1).
    public_key: str | None = None
    key_id: str | None = None


class Timing(Message, frozen=True):
    """Seconds, decided by the control plane and changed without a release of the agent."""

    poll_wait: float
    heartbeat: float
    lease: float
    # An attempt whose lease was never renewed may be started elsewhere: after `lease + lease_grace` the agent kills it (promise R5).
    lease_grace: float
    event_flush: float
    log_flush: float
    # Once it was renewed, the control plane knows that it runs and starts no other by itself: it goes on for so long without contact.
    outage: float = 86_400.0


class Registered(Message, frozen=True):
    """The agent's identity and its timing. `credential` stands for the token in everything that this process sends from now on; it is
    short-lived, and the answers to polls and heartbeats bring the next one in time (since 1.1).
    """

    agent_id: str
    organization: str
    timing: Timing
    server_time: float
    credential: str | None = None


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


class Poll(Message, frozen=True):
    """Ask for work. `accepted` are command ids now durable on the agent: they are never delivered again.

    `free_slots` is how many more attempts this agent will start; 0 while draining. `desired_etag` is the etag of the last
    `Desired` this process received (null at first).
    """

    agent_id: str
    boot_id: str
    free_slots: int
    accepted: list[str] = []
    desired_etag: str | None = None
    draining: bool = False
    spooled_events: int = 0


class Desired(Message, frozen=True):
    """The whole set of location versions this agent should serve; what is not listed is unloaded after its attempts end."""

    etag: str
    locations: list[DesiredLocation]


class Work(Message, frozen=True):
    """Answer to a poll: commands leased to this agent, and the desired locations when they changed."""

    commands: list[Command] = []
    desired: Desired | None = None
    timing: Timing | None = None
    # The agent's next credential (since 1.1).
    credential: str | None = None


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


# ---- environment variables


class EnvironmentAsk(Message, frozen=True):
    """What is the environment of this location version? Answered for versions of this agent's queues only (else 404)."""

    agent_id: str
    version_id: str


class SecretReference(Message, frozen=True):
    """A secret that the agent looks up itself: `store` is aws_secrets_manager, vault or kubernetes."""

    store: str
    secret: str


class EnvironmentVariable(Message, frozen=True):
    """One variable: exactly one of `value`, `reference` and `box` (sealed to this agent's key) is set. None: sealed, but not to us."""

    name: str
    value: str | None = None
    reference: SecretReference | None = None
    box: str | None = None
    masked: bool = False

    def __repr__(self) -> str:
        return f"EnvironmentVariable(name={self.name!r})"


class LocationEnvironment(Message, frozen=True):
    """Every variable that processes of one location version get beside the agent's own environment. Kept in memory only."""

    fingerprint: str
    variables: list[EnvironmentVariable]


class Goodbye(Message, frozen=True):
    """The agent stops now, by itself; it holds no attempts any more unless `handing_over` lists them (they keep running)."""

    agent_id: str
    boot_id: str
    handing_over: list[str] = []


# ---- attempts


class AttemptRef(Message, frozen=True):
    """One attempt, fenced by its epoch."""

    run_id: str
    attempt: int
    epoch: int


class Heartbeat(Message, frozen=True):
    """Renews the leases of every attempt this agent holds; sent every `timing.heartbeat` seconds while it holds any."""

    agent_id: str
    boot_id: str
    attempts: list[AttemptRef] = []


class Leases(Message, frozen=True):
    """`lost`: not yours any more, kill it and drop its spool. `cancel`: being cancelled (backs up the Cancel command)."""

    lost: list[AttemptRef] = []
    cancel: list[AttemptRef] = []
    # The agent's next credential (since 1.1).
    credential: str | None = None


class Usage(Message, frozen=True):
    """What one step used, measured in the process that ran it. GiB-seconds are the integral of resident memory over time."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    gib_seconds: float


class Event(Message, frozen=True):
    """One event of an attempt. `seq` starts at 1 and has no gaps; `ts` is the child's clock, for display only.

    `type` is dagster's event type, or LOG, or one of the agent's own: AGENT_STARTED (data: pid, mode), AGENT_EXITED (data:
    exit_code, signal, cpu_seconds, max_rss_bytes, reason; always the last event of an attempt).
    """

    seq: int
    ts: float
    type: str
    level: int = 20
    step: str | None = None
    message: str = ""
    data: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    usage: Usage | None = None
    serdes: str | None = None


class AttemptEvents(Message, frozen=True):
    """A contiguous stretch of one attempt's events."""

    run_id: str
    attempt: int
    epoch: int
    events: list[Event]


class EventBatch(Message, frozen=True):
    """Events of several attempts in one request."""

    agent_id: str
    attempts: list[AttemptEvents]


class AttemptStored(Message, frozen=True):
    """`stored`: highest contiguous seq now stored. `fenced`: refused, the attempt is not this agent's any more."""

    run_id: str
    attempt: int
    stored: int
    fenced: bool = False


class EventsStored(Message, frozen=True):
    """Answer to an EventBatch, in the same order."""

    attempts: list[AttemptStored]


class ExitReason(StrEnum):
    """Why an attempt's process ended, as far as the agent can tell (data.reason of AGENT_EXITED)."""

    FINISHED = "finished"
    CRASHED = "crashed"
    KILLED_BY_SIGNAL = "killed_by_signal"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELED = "canceled"
    LEASE_LOST = "lease_lost"
    START_TIMEOUT = "start_timeout"
    CODE_NOT_LOADED = "code_not_loaded"


class LogStream(StrEnum):
    """The captured file descriptors."""

    STDOUT = "stdout"
    STDERR = "stderr"


class LogChunk(Message, frozen=True):
    """Bytes appended to one captured stream at `offset`. `final` closes the stream at its end."""

    run_id: str
    attempt: int
    epoch: int
    log_key: str
    stream: LogStream
    offset: int
    data: bytes
    final: bool = False


class LogBatch(Message, frozen=True):
    """Chunks of any attempts, at most MAX_BODY_BYTES together."""

    agent_id: str
    chunks: list[LogChunk]


class LogStored(Message, frozen=True):
    """`size` is the length now stored: continue from there (a repeated or overlapping chunk is not an error)."""

    run_id: str
    attempt: int
    log_key: str
    stream: LogStream
    size: int
    fenced: bool = False
    # The stream reached its cap; what follows is counted but not stored.
    full: bool = False


class LogsStored(Message, frozen=True):
    """Answer to a LogBatch, in the same order."""

    chunks: list[LogStored]


class Read(Message, frozen=True):
    """One call of the instance view made by user code (docs/code-worker.md, Reads), on behalf of an attempt or a location."""

    agent_id: str
    method: str
    args: dict[str, Any] = {}
    run: AttemptRef | None = None
    version_id: str | None = None


class ReadAnswer(Message, frozen=True):
    """The answer as plain JSON."""

    result: Any = None
