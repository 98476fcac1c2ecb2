"""Who calls an agent endpoint: an agent with its credential or token, or one run with the token it was launched with."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

from controlplane.deployments.models import LocationVersion
from controlplane.dispatch.agent_credentials import CredentialClaims, is_credential, read_credential
from controlplane.dispatch.errors import (
    BootstrapOnlyError,
    SupersededError,
    UnauthenticatedError,
    UnknownAgentError,
)
from controlplane.dispatch.run_tokens import RunClaims, is_run_token, read_run_token
from controlplane.fleet.models import Agent
from controlplane.runs.models import Run
from controlplane.runs.states import TERMINAL
from tenants.access import Org, Principal, TokenClaims, access_agent, check_address
from tenants.addresses import client_address
from tenants.authentication import UNBELIEVED, bearer_text
from tenants.credentials.selectors import is_blocked
from tenants.errors import NotFoundError
from tenants.models import Organization, TokenKind
from tenants.reach import EVERYTHING, Reach
from tenants.token_verification import live_token, verify_token

# As many agents as one process is meant to hold, and some.
_PROVEN_MAX = 20_000


@dataclass(frozen=True)
class Caller:
    """A proven identity inside one organization. `run` is set for a run token, `token` for an agent's token or a credential made of it."""

    org: Org
    address: str
    token: TokenClaims | None = None
    credential: CredentialClaims | None = None
    run: RunClaims | None = None

    @property
    def reach(self) -> Reach:
        """How far the agent's token reaches; a run token is bound to its run instead."""
        return self.token.reach if self.token is not None else EVERYTHING


_proven: dict[str, Caller] = {}


def authenticate(request: HttpRequest, *, run_tokens: bool = False, registering: bool = False) -> Caller:
    """Who sent this request. UnauthenticatedError without a valid proof; run tokens are valid only where they are allowed.

    Registering takes the token itself, so that a credential that leaked cannot make others.
    """
    text = bearer_text(request.headers.get("Authorization", ""))
    address = client_address(request)
    if text is None:
        raise UnauthenticatedError("Send the agent's token: Authorization: Bearer <token>.")
    if is_run_token(text):
        return _run_caller(text, address, allowed=run_tokens)
    if is_credential(text):
        return _credential_caller(text, address, allowed=not registering)
    claims = verify_token(text, address=address)
    if claims is None:
        raise UnauthenticatedError(UNBELIEVED)
    return _agent_caller(claims, address, registering=registering)


def authenticate_once(request: HttpRequest) -> Caller:
    """As `authenticate`, for agents only, and remembered: whose proof it is never changes.

    Whether it is still good does: a credential's own time is looked at here, and who calls this asks the database for the rest
    (outlook.py does, at every look).
    """
    authorization, address = request.headers.get("Authorization", ""), client_address(request)
    key = f"{address} {authorization}"
    known = _proven.get(key)
    if known is None:
        known = authenticate(request)
        if len(_proven) >= _PROVEN_MAX:
            _proven.clear()
        _proven[key] = known
    elif known.credential is not None and read_credential(bearer_text(authorization) or "") is None:
        del _proven[key]
        raise UnauthenticatedError(_DEAD_CREDENTIAL)
    return known


BLOCKED = "This agent was blocked. Whoever may make agent tokens can let it in again, on its page."
_DEAD_CREDENTIAL = "This credential has expired or was revoked. Register again with the agent's token."


def _credential_caller(text: str, address: str, *, allowed: bool) -> Caller:
    if not allowed:
        raise UnauthenticatedError("A credential cannot register. Send the agent's token.")
    credential = read_credential(text)
    claims = live_token(credential.token_id, address=address) if credential is not None else None
    if claims is None or credential is None or claims.org.id != credential.org_id:
        raise UnauthenticatedError(_DEAD_CREDENTIAL)
    access = access_agent(Principal(token=claims, address=address))
    return Caller(org=access.org, address=address, token=claims, credential=credential)


def _agent_caller(claims: TokenClaims, address: str, *, registering: bool) -> Caller:
    access = access_agent(Principal(token=claims, address=address))
    if claims.reach.bootstrap_only and not registering:
        raise BootstrapOnlyError
    return Caller(org=access.org, address=address, token=claims)


def _run_caller(text: str, address: str, *, allowed: bool) -> Caller:
    claims = read_run_token(text) if allowed else None
    if claims is None:
        raise UnauthenticatedError(
            "A run token is good for the events, logs and reads of its own run only, for its time."
        )
    organization = Organization.objects.defer("logo").filter(id=claims.org_id).first()
    if organization is None:
        raise UnauthenticatedError
    org = Org.of(organization)
    check_address(org, address)
    return Caller(org=org, address=address, run=claims)


def calling_agent(caller: Caller, agent_id: str, *, boot_id: str | None = None) -> Agent:
    """The agent that speaks; call it inside org_scope.

    UnknownAgentError unless it registered in this organization with this token (or holds the run whose token this is);
    SupersededError when another process has taken its name; UnauthenticatedError when it was blocked, or the token behind it is dead.
    """
    agent = Agent.objects.for_org(caller.org.id).filter(id=parsed_id(agent_id)).first()
    if agent is None or not _speaks_for(caller, agent):
        raise UnknownAgentError
    if is_blocked(caller.org.id, agent.id):
        raise UnauthenticatedError(BLOCKED)
    boots = {boot_id, caller.credential.boot_id if caller.credential else None} - {None}
    if boots - {agent.boot_id}:
        raise SupersededError
    return agent


def _speaks_for(caller: Caller, agent: Agent) -> bool:
    if caller.run is not None:
        return _live_run(caller.run).agent_id == agent.id and _has_live_token(agent, caller.address)
    if caller.credential is not None and caller.credential.agent_id != agent.id:
        return False
    return caller.token is not None and agent.token_id == caller.token.id


def _has_live_token(agent: Agent, address: str) -> bool:
    """A run's token dies with the token of the agent that runs it, and is used from the same networks."""
    claims = live_token(agent.token_id, address=address)
    if claims is None or claims.kind != TokenKind.AGENT:
        raise UnauthenticatedError("The token of the agent that holds this run was revoked, or is used from elsewhere.")
    return True


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


def check_version(caller: Caller, version_id: UUID) -> None:
    """NotFoundError for a location version outside the reach of the agent's token. Call it inside org_scope."""
    found = LocationVersion.objects.for_org(caller.org.id).filter(id=version_id)
    version = found.select_related("location", "location__deployment").first()
    if version is None:
        raise NotFoundError("There is no such version of a code location; it was deleted.")
    location = version.location
    if not caller.reach.covers(location.deployment.place, location=location.name, queue=location.queue):
        raise NotFoundError("This code location is outside the reach of the agent's token.")


def check_process(caller: Caller) -> None:
    """For requests that name no agent: the credential's own agent must still be the one it was made for. Call it inside org_scope."""
    if caller.credential is not None:
        calling_agent(caller, str(caller.credential.agent_id))


def agent_of_credential(caller: Caller) -> Agent:
    """For requests that name no agent and are not for any: the agent that the credential was made for. Call it inside org_scope.

    UnauthenticatedError for a token that does not say which agent it is.
    """
    if caller.credential is None:
        raise UnauthenticatedError(
            "Send the credential that registering answered: the token does not say which agent it is."
        )
    return calling_agent(caller, str(caller.credential.agent_id))


def parsed_id(text: str) -> UUID:
    """An id of ours; what has not the form of one is simply not found."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFoundError from error
