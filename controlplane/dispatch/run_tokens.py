"""Run tokens: signed, never stored. One writes to one attempt of one run, and is dead when the run has ended, or its time is over."""

import time
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing

_PREFIX = "dgb_run_"
# Neither in base64 nor special in a header.
_signer = signing.Signer(salt="daggerboard.run-token", sep="~")


@dataclass(frozen=True)
class RunClaims:
    """What a run token says."""

    org_id: UUID
    run_id: UUID
    attempt: int
    epoch: int


def issue_run_token(claims: RunClaims) -> str:
    """A token that begins to live now. A run that outlives it is still reported by its agent."""
    expires_at = int(time.time() + settings.RUN_TOKEN_SECONDS)
    body = [claims.org_id.hex, claims.run_id.hex, claims.attempt, claims.epoch, expires_at]
    return _PREFIX + _signer.sign_object(body)


def is_run_token(text: str) -> bool:
    """Whether it looks like one; whether it is one, `read_run_token` says."""
    return text.startswith(_PREFIX)


def read_run_token(text: str) -> RunClaims | None:
    """The claims, or None when we did not sign them or their time is over. Whether the run is alive is for the database."""
    try:
        org, run, attempt, epoch, expires_at = _signer.unsign_object(text.removeprefix(_PREFIX))
    except (signing.BadSignature, ValueError):
        return None
    if expires_at <= time.time():
        return None
    return RunClaims(org_id=UUID(org), run_id=UUID(run), attempt=attempt, epoch=epoch)
