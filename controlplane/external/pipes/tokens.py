"""Tokens of Pipes sessions: signed, never stored. One writes to one session, and is dead when the run's attempt has ended."""

import time
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing

PREFIX = "dgb_pipes_"
# Neither in base64 nor special in a header.
_signer = signing.Signer(salt="daggerboard.pipes-session", sep="~")


@dataclass(frozen=True)
class SessionClaims:
    """What a token says."""

    org_id: UUID
    session_id: UUID


def issue_session_token(claims: SessionClaims) -> str:
    """A token that begins to live now; it lives no longer than the token of a run."""
    expires_at = int(time.time() + settings.RUN_TOKEN_SECONDS)
    return PREFIX + _signer.sign_object([claims.org_id.hex, claims.session_id.hex, expires_at])


def read_session_token(text: str) -> SessionClaims | None:
    """The claims, or None when we did not sign them or their time is over. Whether the session is alive is for the database."""
    try:
        org, session, expires_at = _signer.unsign_object(text.removeprefix(PREFIX))
    except (signing.BadSignature, ValueError):
        return None
    if not text.startswith(PREFIX) or expires_at <= time.time():
        return None
    return SessionClaims(org_id=UUID(org), session_id=UUID(session))
