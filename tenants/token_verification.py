"""Is this token alive, whose is it, and may it be used from this address? Asked by every request of a program.

The networks of the token decide here, those of its organization at the door (tenants/access.py): an address must be inside both.
"""

import time
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants.access import Org, TokenClaims
from tenants.models import ApiToken, Membership, Organization, ServiceAccount, TokenKind
from tenants.networks import is_inside
from tenants.permissions import permissions_named
from tenants.reach import Reach
from tenants.scoping import announce, org_scope
from tenants.tokens import parse_token

# A revoked token is dead within 5 s everywhere; this is how long one process may still believe in it.
CACHE_SECONDS = 2.0
# How old `last_used_at` may be; another address is noted sooner.
_LAST_USED_SECONDS = 60.0
_LAST_ADDRESS_SECONDS = 10.0
# The secret's hash is part of what is kept: the id alone proves nothing.
_cache: dict[UUID, tuple[float, bytes, TokenClaims]] = {}


def verify_token(text: str, *, address: str) -> TokenClaims | None:
    """Look a token up; None when it is malformed, unknown, revoked or expired, or not to be used from this network address.

    Believed for two seconds per process.
    """
    parsed = parse_token(text)
    if parsed is None:
        return None
    found = _known(parsed.id, address)
    if found is None or found[1].kind != parsed.kind or not parsed.matches(found[0]):
        return None
    return found[1] if is_inside(address, found[1].allowed_networks) else None


def live_token(token_id: UUID, *, address: str) -> TokenClaims | None:
    """The token of this id, under the same conditions: for those who prove by other means that it is theirs (credentials of agents)."""
    found = _known(token_id, address)
    return found[1] if found is not None and is_inside(address, found[1].allowed_networks) else None


def _known(token_id: UUID, address: str) -> tuple[bytes, TokenClaims] | None:
    now = time.monotonic()
    cached = _cache.get(token_id)
    if cached is not None and now - cached[0] < CACHE_SECONDS:
        return (cached[1], cached[2]) if _is_unexpired(cached[2]) else None
    _cache.pop(token_id, None)
    found = _look_up(token_id, address)
    if found is not None:
        _forget_old(now)
        _cache[token_id] = (now, *found)
    return found


def _look_up(token_id: UUID, address: str) -> tuple[bytes, TokenClaims] | None:
    with transaction.atomic():
        # SECURITY: the policy `by_id` shows this one row, before its organization is known.
        announce(setting="app.token", value=str(token_id))
        token = ApiToken.unscoped.select_related("user").filter(id=token_id).first()
        announce(setting="app.token", value="")
    if token is None or not _is_live(token):
        return None
    if token.user_id is not None and not _is_active_member(token.org_id, token.user_id):
        return None
    organization = Organization.objects.defer("logo").get(id=token.org_id)
    _note_use(token, address)
    return bytes(token.secret_sha256), _claims(token, organization)


def _claims(token: ApiToken, organization: Organization) -> TokenClaims:
    return TokenClaims(
        id=token.id,
        kind=TokenKind(token.kind),
        name=token.name,
        org=Org.of(organization),
        user_id=token.user_id,
        user_email=token.user.email if token.user is not None else "",
        service_account_id=token.service_account_id,
        scopes=None if token.scopes is None else permissions_named(token.scopes),
        reach=Reach.parse(token.reach),
        expires_at=token.expires_at,
        allowed_networks=tuple(token.allowed_networks),
    )


def _is_live(token: ApiToken) -> bool:
    if token.revoked_at is not None or (token.user is not None and not token.user.is_active):
        return False
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return False
    return token.service_account_id is None or _is_active(token.org_id, token.service_account_id)


def _is_active(org_id: UUID, service_account_id: UUID) -> bool:
    with org_scope(org_id):
        return ServiceAccount.objects.for_org(org_id).filter(id=service_account_id, is_active=True).exists()


def _is_active_member(org_id: UUID, user_id: UUID) -> bool:
    """A user token lives no longer than the membership of its person."""
    with org_scope(org_id):
        return Membership.objects.for_org(org_id).filter(user_id=user_id, is_active=True).exists()


def _is_unexpired(claims: TokenClaims) -> bool:
    return claims.expires_at is None or claims.expires_at > timezone.now()


def _note_use(token: ApiToken, address: str) -> None:
    now = timezone.now()
    age = (now - token.last_used_at).total_seconds() if token.last_used_at else None
    patience = _LAST_USED_SECONDS if address == token.last_used_from else _LAST_ADDRESS_SECONDS
    if age is None or age > patience:
        with org_scope(token.org_id):
            rows = ApiToken.objects.for_org(token.org_id).filter(id=token.id)
            rows.update(last_used_at=now, last_used_from=address)


def _forget_old(now: float) -> None:
    # A copy in one step: other threads put tokens in meanwhile.
    for token_id, (seen, _sha256, _claims) in list(_cache.items()):
        if now - seen >= CACHE_SECONDS:
            _cache.pop(token_id, None)
