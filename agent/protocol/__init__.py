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

from agent.protocol.attempts import AttemptRef, ExitReason, Heartbeat, Leases
from agent.protocol.code_locations import (
    DefinitionsFile,
    DefinitionsHave,
    DefinitionsMissing,
    DeployPhase,
    DesiredLocation,
    LocationReport,
    LocationState,
    Source,
    Target,
)
from agent.protocol.commands import (
    MOST_RESULTS,
    Call,
    Cancel,
    Command,
    CommandResult,
    CommandResults,
    Launch,
    Reload,
    RunSpec,
)
from agent.protocol.environment import EnvironmentAsk, EnvironmentVariable, LocationEnvironment, SecretReference
from agent.protocol.errors import AGENT_RESTARTED, ErrorInfo
from agent.protocol.events import AttemptEvents, AttemptStored, Event, EventBatch, EventsStored, Usage
from agent.protocol.logs import LogBatch, LogChunk, LogsStored, LogStored, LogStream
from agent.protocol.message import MAX_BODY_BYTES, MAX_DECOMPRESSED_BYTES, PROTOCOL_VERSION, Message
from agent.protocol.polling import Desired, Poll, Work
from agent.protocol.reads import Read, ReadAnswer
from agent.protocol.registration import Goodbye, HostFacts, Register, Registered, Timing

__all__ = [
    "AGENT_RESTARTED",
    "MAX_BODY_BYTES",
    "MAX_DECOMPRESSED_BYTES",
    "MOST_RESULTS",
    "PROTOCOL_VERSION",
    "AttemptEvents",
    "AttemptRef",
    "AttemptStored",
    "Call",
    "Cancel",
    "Command",
    "CommandResult",
    "CommandResults",
    "DefinitionsFile",
    "DefinitionsHave",
    "DefinitionsMissing",
    "DeployPhase",
    "Desired",
    "DesiredLocation",
    "EnvironmentAsk",
    "EnvironmentVariable",
    "ErrorInfo",
    "Event",
    "EventBatch",
    "EventsStored",
    "ExitReason",
    "Goodbye",
    "Heartbeat",
    "HostFacts",
    "Launch",
    "Leases",
    "LocationEnvironment",
    "LocationReport",
    "LocationState",
    "LogBatch",
    "LogChunk",
    "LogStored",
    "LogStream",
    "LogsStored",
    "Message",
    "Poll",
    "Read",
    "ReadAnswer",
    "Register",
    "Registered",
    "Reload",
    "RunSpec",
    "SecretReference",
    "Source",
    "Target",
    "Timing",
    "Usage",
    "Work",
]
