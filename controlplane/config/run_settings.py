"""Settings of agents, leases and runs. Part of settings.py, which takes all of them over."""

from controlplane.config import environment as env

# ---- agents and leases; seconds

AGENT_POLL_WAIT_SECONDS = env.number("DAGGERBOARD_AGENT_POLL_WAIT_SECONDS", 25.0, "how long a poll waits for work")
AGENT_HEARTBEAT_SECONDS = env.number(
    "DAGGERBOARD_AGENT_HEARTBEAT_SECONDS", 10.0, "how often a busy agent renews its leases"
)
# Three heartbeats and a half, so that a run of a lost agent ends within a minute.
LEASE_SECONDS = env.number("DAGGERBOARD_LEASE_SECONDS", 35.0, "how long an attempt or a command is leased")
LEASE_GRACE_SECONDS = env.number(
    "DAGGERBOARD_LEASE_GRACE_SECONDS", 10.0, "how long after its lease an attempt may still be killing itself"
)
AGENT_OUTAGE_SECONDS = env.number(
    "DAGGERBOARD_AGENT_OUTAGE_SECONDS", 86_400.0, "how long an agent lets a run go on that it cannot report"
)
AGENT_CREDENTIAL_SECONDS = env.number(
    "DAGGERBOARD_AGENT_CREDENTIAL_SECONDS", 3600.0, "how long the credential lives that an agent gets for its token"
)
RUN_TOKEN_SECONDS = env.number(
    "DAGGERBOARD_RUN_TOKEN_SECONDS", 7 * 86_400.0, "how long the token of a run lives when the run does not end before"
)
AGENT_EVENT_FLUSH_SECONDS = env.number(
    "DAGGERBOARD_AGENT_EVENT_FLUSH_SECONDS", 0.05, "how long an agent collects events"
)
AGENT_LOG_FLUSH_SECONDS = env.number(
    "DAGGERBOARD_AGENT_LOG_FLUSH_SECONDS", 0.15, "how long an agent collects log bytes"
)

# ---- runs; seconds and bytes

RUN_QUEUED_TIMEOUT_SECONDS = env.number(
    "DAGGERBOARD_RUN_QUEUED_TIMEOUT_SECONDS", 24 * 3600.0, "how long a run may wait in the queue; 0 for ever"
)
RUN_STARTING_TIMEOUT_SECONDS = env.number(
    "DAGGERBOARD_RUN_STARTING_TIMEOUT_SECONDS", 300.0, "how long a claimed run may take to start"
)
RUN_RUNNING_TIMEOUT_SECONDS = env.number(
    "DAGGERBOARD_RUN_RUNNING_TIMEOUT_SECONDS",
    0.0,
    "how long a run may run, unless the tag dagster/max_runtime says; 0 for ever",
)
RUN_CANCELING_TIMEOUT_SECONDS = env.number(
    "DAGGERBOARD_RUN_CANCELING_TIMEOUT_SECONDS", 180.0, "how long a cancelled run may take to end"
)
RUN_CANCEL_GRACE_SECONDS = env.number(
    "DAGGERBOARD_RUN_CANCEL_GRACE_SECONDS", 30.0, "time between SIGINT, SIGTERM and SIGKILL when a run is cancelled"
)
LOG_STREAM_MAX_BYTES = env.integer(
    "DAGGERBOARD_LOG_STREAM_MAX_BYTES", 1024**3, "how much of one step's stdout or stderr is stored"
)
