"""What changes API tokens: made, changed, rotated, revoked. Who may do that to which token is another question: token_rules.py."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from tenants.access import SYSTEM, Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.limits.models import QuotaName
from tenants.limits.quotas import require_room
from tenants.models import ApiToken, ServiceAccount, TokenKind, User
from tenants.networks import parse_networks
from tenants.permissions import TOKEN_SCOPES, Permission
from tenants.reach import Reach
from tenants.scoping import org_scope
from tenants.token_changes import tokens_changed
from tenants.tokens import digest, new_secret, token_text

_MAX_NAME = 200


@dataclass(frozen=True)
class IssuedToken:
    """A new token with its text, which is shown once and stored nowhere."""

    token: ApiToken
    text: str


def issue_token(
    *,
    org_id: UUID,
    kind: TokenKind,
    name: str,
    actor: Actor = SYSTEM,
    user: User | None = None,
    service_account: ServiceAccount | None = None,
    scopes: Sequence[str] | None = None,
    reach: Reach | None = None,
    allowed_networks: Sequence[str] = (),
    expires_at: datetime.datetime | None = None,
) -> IssuedToken:
    """Make a token; a user token needs its person, a service token its account, and the others have neither.

    InvalidError for a name, scope, network or reach that makes no sense.
    """
    if (kind == TokenKind.USER) != (user is not None) or (kind == TokenKind.SERVICE) != (service_account is not None):
        raise InvalidError("A user token belongs to a person, a service token to a service account, others to nobody.")
    fields = {
        "kind": kind,
        "name": _checked_name(name),
        "user": user,
        "service_account": service_account,
        "scopes": checked_scopes(kind, scopes),
        "reach": _checked_reach(kind, reach),
        "allowed_networks": parse_networks(allowed_networks),
        "expires_at": expires_at,
    }
    with org_scope(org_id):
        require_room(org_id, QuotaName.TOKENS, used=live_tokens(org_id).count)
        issued = _store(org_id=org_id, actor=actor, fields=fields)
        _record(org_id, actor, "create", issued.token, after=token_facts(issued.token))
    return issued


def update_token(*, org_id: UUID, token_id: UUID, actor: Actor, changes: Mapping[str, Any]) -> ApiToken:
    """Change name, scopes, reach (a Reach), allowed_networks or expires_at of a live token.

    NotFoundError when there is none, ConflictError when it has expired: what is dead stays dead.
    """
    with org_scope(org_id):
        token = locked_token(org_id, token_id)
        if not _is_live(token):
            raise ConflictError(f"The token {token.name} has expired. Make a new one.")
        before = token_facts(token)
        for field, value in _checked(TokenKind(token.kind), changes).items():
            setattr(token, field, value)
        ApiToken.objects.for_org(org_id).filter(id=token.id).update(**{f: getattr(token, f) for f in changes})
        _record(org_id, actor, "update", token, before=before, after=token_facts(token))
        tokens_changed(org_id)
    return token


def rotate_token(
    *,
    org_id: UUID,
    token_id: UUID,
    actor: Actor,
    expires_at: datetime.datetime | None = None,
    old_expires_at: datetime.datetime | None = None,
) -> IssuedToken:
    """Make the token that replaces this one. Both live until the old one is revoked, or ends at `old_expires_at`.

    The new one is cut down as the old one is, and lives as long as the old one was meant to, unless `expires_at` says otherwise.
    ConflictError when two of the line live already, or this one does not.
    """
    with org_scope(org_id):
        old = locked_token(org_id, token_id)
        if not _is_live(old):
            raise ConflictError(f"The token {old.name} has expired. Make a new one.")
        if _live_relatives(old).exists():
            raise ConflictError(
                f"Two tokens of {old.name} live already. Revoke the one that is not used any more, then rotate again."
            )
        issued = _store(org_id=org_id, actor=actor, fields=_successor(old, expires_at))
        if old_expires_at is not None and (old.expires_at is None or old_expires_at < old.expires_at):
            ApiToken.objects.for_org(org_id).filter(id=old.id).update(expires_at=old_expires_at)
        facts = {**token_facts(issued.token), "replaces": str(old.id), "old_ends": _text(old_expires_at)}
        _record(org_id, actor, "rotate", issued.token, after=facts)
    return issued


def revoke_token(*, org_id: UUID, token_id: UUID, actor: Actor = SYSTEM, reason: str = "") -> None:
    """Kill a token; within five seconds every process, every held poll and every stream stops believing in it."""
    with org_scope(org_id):
        token = locked_token(org_id, token_id)
        ApiToken.objects.for_org(org_id).filter(id=token.id).update(revoked_at=timezone.now())
        _record(org_id, actor, "revoke", token, before=token_facts(token), reason=reason)
        tokens_changed(org_id)


def locked_token(org_id: UUID, token_id: UUID) -> ApiToken:
    """A token that is not revoked, locked until commit; NotFoundError when there is none. Call it inside org_scope."""
    rows = ApiToken.objects.for_org(org_id).filter(id=token_id, revoked_at=None)
    token = rows.select_for_update(no_key=True).first()
    if token is None:
        raise NotFoundError("There is no such token, or it is revoked already.")
    return token


def checked_scopes(kind: TokenKind, scopes: Sequence[str] | None) -> list[str] | None:
    """Scopes as they are stored; InvalidError for a name that is none, or that no token of this kind can have."""
    if scopes is None:
        return None
    if kind in {TokenKind.AGENT, TokenKind.SCIM}:
        raise InvalidError(f"A token of the kind {kind} has no scopes: it is good for one purpose only.", attr="scopes")
    known = TOKEN_SCOPES[kind]
    strange = sorted(set(scopes) - {str(permission) for permission in known})
    if strange:
        message = f"{strange[0][:60]!r} is no scope of a token of the kind {kind}. The scopes are names of permissions, such as run:launch."
        raise InvalidError(message, attr="scopes")
    if not scopes:
        raise InvalidError(
            "A token without any scope could do nothing. Leave the scopes out for all rights.", attr="scopes"
        )
    return sorted({str(Permission(name)) for name in scopes})


def token_facts(token: ApiToken) -> dict[str, Any]:
    """What the audit log keeps of a token."""
    return {
        "kind": token.kind,
        "name": token.name,
        "scopes": token.scopes,
        "reach": token.reach,
        "allowed_networks": token.allowed_networks,
        "expires_at": _text(token.expires_at),
    }


def _store(*, org_id: UUID, actor: Actor, fields: Mapping[str, Any]) -> IssuedToken:
    secret = new_secret()
    token = ApiToken.objects.create_in(org_id, **fields, secret_sha256=digest(secret), created_by=actor.label[:254])
    return IssuedToken(token=token, text=token_text(kind=token.kind, token_id=token.id, secret=secret))


def successor_expiry(old: ApiToken) -> datetime.datetime | None:
    """When the token that replaces this one ends: it lives as long as this one was meant to."""
    return None if old.expires_at is None else timezone.now() + (old.expires_at - old.created_at)


def _successor(old: ApiToken, expires_at: datetime.datetime | None) -> dict[str, Any]:
    kept = ("kind", "name", "user_id", "service_account_id", "scopes", "reach", "allowed_networks")
    return {
        **{field: getattr(old, field) for field in kept},
        "expires_at": expires_at or successor_expiry(old),
        "replaces_id": old.id,
    }


def live_tokens(org_id: UUID) -> QuerySet[ApiToken]:
    """Tokens that are neither revoked nor expired; read them inside org_scope."""
    live = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
    return ApiToken.objects.for_org(org_id).filter(live)


def _live_relatives(token: ApiToken) -> QuerySet[ApiToken]:
    """The token that this one replaces, and the one that replaces it, where they live."""
    return live_tokens(token.org_id).filter(Q(id=token.replaces_id) | Q(replaces_id=token.id))


def _is_live(token: ApiToken) -> bool:
    return token.expires_at is None or token.expires_at > timezone.now()


def _checked(kind: TokenKind, changes: Mapping[str, Any]) -> dict[str, Any]:
    checks: dict[str, Callable[[Any], Any]] = {
        "name": _checked_name,
        "scopes": partial(checked_scopes, kind),
        "reach": partial(_checked_reach, kind),
        "allowed_networks": parse_networks,
    }
    return {field: checks[field](value) if field in checks else value for field, value in changes.items()}


def _checked_name(name: str) -> str:
    found = name.strip()
    if not found or len(found) > _MAX_NAME or not found.isprintable():
        raise InvalidError(f"The name of a token is 1 to {_MAX_NAME} printable characters.", attr="name")
    return found


def _checked_reach(kind: TokenKind, reach: Reach | None) -> dict[str, Any] | None:
    document = reach.document() if reach is not None else None
    if document is not None and kind != TokenKind.AGENT:
        raise InvalidError("Only an agent token has a reach. Others have scopes.", attr="reach")
    return document


def _record(org_id: UUID, actor: Actor, verb: str, token: ApiToken, **facts: Any) -> None:
    target = AuditTarget("api_token", token.id, f"{token.name} ({TokenKind(token.kind).label})")
    record(org_id=org_id, actor=actor, action=f"token.{verb}", target=target, **facts)


def _text(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat() if moment else None
