"""Who calls an agent endpoint: an agent with its token, or one run with the token it was launched with."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.dispatch.errors import SupersededError, UnauthenticatedError, UnknownAgentError
from controlplane.dispatch.run_tokens import RunClaims, is_run_token, read_run_token
from controlplane.fleet.models import Agent
from controlplane.runs.models import Run
from controlplane.runs.states import TERMINAL
from tenants.access import Org, Principal, access_agent
from tenants.authentication import bearer_text, verify_token
from tenants.errors import NotFoundError
from tenants.models import Organization

# As many agents as one process is meant to hold, and some.
_PROVEN_MAX = 20_000


@dataclass(frozen=True)
class Caller:
    """A proven identity inside one organization. `run` is set for a run token, `token_id` for an agent token."""

    org: Org
    token_id: UUID | None = None
    run: RunClaims | None = None


_proven: dict[str, Caller] = {}


def authenticate(authorization: str, *, run_tokens: bool) -> Caller:
    """Who sent this header. UnauthenticatedError without a valid token; run tokens are valid only where they are allowed."""
    text = bearer_text(authorization)
    if text is None:
        raise UnauthenticatedError("Send the agent's token: Authorization: Bearer <token>.")
    if is_run_token(text):
        return _run_caller(text, allowed=run_tokens)
    claims = verify_token(text)
    if claims is None:
        raise UnauthenticatedError
    access = access_agent(Principal(token=claims))
    return Caller(org=access.org, token_id=claims.id)


def authenticate_once(authorization: str) -> Caller:
    """As `authenticate`, for agent tokens only, and remembered: whose token it is never changes.

    Whether it is still alive does: who calls this asks the database for that (outlook.py does, at every look).
    """
    known = _proven.get(authorization)
    if known is None:
        known = authenticate(authorization, run_tokens=False)
        if len(_proven) >= _PROVEN_MAX:
            _proven.clear()
        _proven[authorization] = known
    return known


def _run_caller(text: str, *, allowed: bool) -> Caller:
    claims = read_run_token(text) if allowed else None
    if claims is None:
        raise UnauthenticatedError("A run token is good for the events, logs and reads of its own run only.")
    organization = Organization.objects.defer("logo").filter(id=claims.org_id).first()
    if organization is None:
        raise UnauthenticatedError
    org = Org.of(organization)
    return Caller(org=org, run=claims)


def calling_agent(caller: Caller, agent_id: str, *, boot_id: str | None = None) -> Agent:
    """The agent that speaks; call it inside org_scope.

    UnknownAgentError unless it registered in this organization with this token (or holds the run whose token this is);
    SupersededError when another process has taken its name.
    """
    agent = Agent.objects.for_org(caller.org.id).filter(id=parsed_id(agent_id)).first()
    if agent is None or not _speaks_for(caller, agent):
        raise UnknownAgentError
    if boot_id is not None and agent.boot_id != boot_id:
        raise SupersededError
    return agent


def _speaks_for(caller: Caller, agent: Agent) -> bool:
    if caller.run is None:
        return agent.token_id == caller.token_id
    return _live_run(caller.run).agent_id == agent.id


def _live_run(claims: RunClaims) -> Run:
    run = (
        Run.objects.for_org(claims.org_id)
        .filter(id=claims.run_id)
        .only("status", "attempt", "epoch", "agent_id")
        .first()
    )
    if run is None or run.status in TERMINAL or (run.attempt, run.epoch) != (claims.attempt, claims.epoch):
        raise UnauthenticatedError("The run of this token has ended, or goes on elsewhere.")
    return run


def check_attempts(caller: Caller, refs: set[tuple[str, int, int]]) -> None:
    """Refuse attempts (run, attempt, epoch) that a run token is not for; an agent's own are checked where they are stored."""
    if caller.run is None:
        return
    own = (caller.run.run_id, caller.run.attempt, caller.run.epoch)
    if any((parsed_id(run), attempt, epoch) != own for run, attempt, epoch in refs):
        raise NotFoundError("This token is for another run.")


def parsed_id(text: str) -> UUID:
    """An id of ours; what has not the form of one is simply not found."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFoundError from error
