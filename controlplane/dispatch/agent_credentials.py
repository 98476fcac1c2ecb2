"""Credentials of agents: what an agent gets for its token when it registers, and uses for everything else. Signed, short-lived, never stored.

One is bound to the organization, the token, the agent and the agent's process: it dies with any of them, and by itself. So the token
need not travel with every request, and what leaks from a request is soon worth nothing.
"""

import time
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing

_PREFIX = "dgb_agentcred_"
# Neither in base64 nor special in a header.
_signer = signing.Signer(salt="daggerboard.agent-credential", sep="~")


@dataclass(frozen=True)
class CredentialClaims:
    """What a credential says. `expires_at` is in seconds since 1970."""

    org_id: UUID
    token_id: UUID
    agent_id: UUID
    boot_id: str
    expires_at: int

    @property
    def is_due(self) -> bool:
        """Whether half of its life is over: time for the next one."""
        return self.expires_at - time.time() < settings.AGENT_CREDENTIAL_SECONDS / 2


def issue_credential(*, org_id: UUID, token_id: UUID, agent_id: UUID, boot_id: str) -> str:
    """A credential that begins to live now."""
    expires_at = int(time.time() + settings.AGENT_CREDENTIAL_SECONDS)
    return _PREFIX + _signer.sign_object([org_id.hex, token_id.hex, agent_id.hex, boot_id, expires_at])


def renewed(claims: CredentialClaims) -> str:
    """The next credential of the same agent."""
    return issue_credential(
        org_id=claims.org_id, token_id=claims.token_id, agent_id=claims.agent_id, boot_id=claims.boot_id
    )


def is_credential(text: str) -> bool:
    """Whether it looks like one; whether it is one, `read_credential` says."""
    return text.startswith(_PREFIX)


def read_credential(text: str) -> CredentialClaims | None:
    """The claims, or None when we did not sign them or their time is over. Whether token and agent live is for the database."""
    try:
        org, token, agent, boot_id, expires_at = _signer.unsign_object(text.removeprefix(_PREFIX))
    except (signing.BadSignature, ValueError):
        return None
    if expires_at <= time.time():
        return None
    return CredentialClaims(UUID(org), UUID(token), UUID(agent), boot_id, expires_at)
