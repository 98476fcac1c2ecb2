"""One sign-in through a connection, from the redirect to the provider to the end: a sign-in, a test, or a link."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.socialaccount.internal import statekit
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from tenants.access import SYSTEM, Access, enter_organization
from tenants.accounts.sign_in import sign_in
from tenants.addresses import client_address
from tenants.audit.services import AuditTarget, record
from tenants.authentication import session_principal
from tenants.errors import AppError, NotFoundError
from tenants.models import User
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tenants.sso import oidc, saml, selectors
from tenants.sso.addresses import ConnectionKey
from tenants.sso.admission import admit, decide, link_identity
from tenants.sso.identity import Identity, SsoRefusedError
from tenants.sso.models import Protocol, SsoConnection
from tenants.sso.session_notes import SsoNote, write_note

# In the tester's own session, until the page has shown it.
TEST_RESULT = "sso_test"


class Purpose(StrEnum):
    """What a journey to the provider is for."""

    SIGN_IN = "sign_in"
    TEST = "test"
    LINK = "link"


def begin(
    request: HttpRequest, connection: SsoConnection, *, purpose: Purpose, next_address: str = "", login_hint: str = ""
) -> HttpResponseBase:
    """The redirect to the provider. SsoRefusedError or OutboundError when the connection cannot work."""
    if purpose != Purpose.TEST and not connection.is_enabled:
        raise SsoRefusedError("This single sign-on connection is switched off.")
    state = _state(request, purpose, next_address)
    if connection.protocol == Protocol.SAML:
        asked = saml.start(connection)
        _stash(request, connection, asked.request_id, state)
        return redirect(asked.url)
    state_id = secrets.token_urlsafe(24)
    begun = oidc.start(connection, state=state_id, login_hint=login_hint)
    _stash(request, connection, state_id, {**state, "nonce": begun.nonce, "verifier": begun.verifier})
    return redirect(begun.url)


def begin_test(request: HttpRequest, connection: SsoConnection, *, next_address: str) -> HttpResponseBase:
    """The same for a test; a provider that cannot even be asked is a test that failed."""
    state = _state(request, Purpose.TEST, next_address)
    access, _user = _still_signed_in(request, connection, state)
    access.require(Permission.SSO_WRITE)
    try:
        return begin(request, connection, purpose=Purpose.TEST, next_address=next_address)
    except AppError as error:
        return complete_test(request, connection, state=state, error=error.message)


def _state(request: HttpRequest, purpose: Purpose, next_address: str) -> dict[str, Any]:
    safe = next_address if next_address and get_adapter(request).is_safe_url(next_address) else ""
    return {"purpose": purpose.value, "next": safe, "user": str(getattr(request.user, "pk", None) or "")}


def take_state(request: HttpRequest, connection: SsoConnection, state_id: str) -> dict[str, Any]:
    """What `begin` remembered in this browser for this connection, once; SsoRefusedError when there is nothing."""
    key = str(ConnectionKey.of(connection))
    state: dict[str, Any] | None = statekit.unstash_state(request, state_id=state_id, provider_id=key)
    if state is None:
        raise SsoRefusedError(
            "This answer belongs to no sign-in that was begun in this browser within the last ten minutes. Begin again."
        )
    return state


def last_state(request: HttpRequest, connection: SsoConnection) -> dict[str, Any]:
    """The newest of what `begin` remembered for this connection, once: for an answer that says not which it answers; may be empty."""
    state: dict[str, Any] | None = statekit.unstash_last_state(request, provider_id=str(ConnectionKey.of(connection)))
    return state or {}


def complete(
    request: HttpRequest, connection: SsoConnection, *, state: Mapping[str, Any], identity: Identity
) -> HttpResponseBase:
    """The provider has said who it is."""
    match state["purpose"]:
        case Purpose.TEST:
            return complete_test(request, connection, state=state, identity=identity)
        case Purpose.LINK:
            return _complete_link(request, connection, state=state, identity=identity)
        case _:
            return _complete_sign_in(request, connection, state=state, identity=identity)


def complete_test(
    request: HttpRequest,
    connection: SsoConnection,
    *,
    state: Mapping[str, Any],
    identity: Identity | None = None,
    error: str = "",
) -> HttpResponseBase:
    """Keep whether a test worked; what was received only goes into the tester's session, for the page that shows it."""
    access, _user = _still_signed_in(request, connection, state)
    access.require(Permission.SSO_WRITE)
    with org_scope(connection.org_id):
        found = selectors.connections(connection.org_id).filter(id=connection.id)
        found.update(tested_at=timezone.now(), test_error=error[:1000])
        verdict = "" if identity is None else _verdict(connection, identity)
        record(
            org_id=connection.org_id,
            actor=access.actor,
            action="sso_connection.test",
            target=AuditTarget("sso_connection", connection.id, connection.name),
            result="failure" if error else "success",
            reason=error,
        )
    request.session[TEST_RESULT] = {
        "connection": str(connection.id),
        "error": error,
        "identity": asdict(identity) if identity else None,
        "verdict": verdict,
    }
    return redirect(state["next"] or "/")


def _verdict(connection: SsoConnection, identity: Identity) -> str:
    try:
        return decide(connection, identity).words(connection, identity)
    except SsoRefusedError as refusal:
        return f"Would be refused: {refusal.message}"


def _complete_link(
    request: HttpRequest, connection: SsoConnection, *, state: Mapping[str, Any], identity: Identity
) -> HttpResponseBase:
    access, user = _still_signed_in(request, connection, state)
    link_identity(access=access, connection=connection, identity=identity, user=user)
    return redirect(state["next"] or "/")


def _complete_sign_in(
    request: HttpRequest, connection: SsoConnection, *, state: Mapping[str, Any], identity: Identity
) -> HttpResponseBase:
    if not connection.is_enabled:
        raise SsoRefusedError("This single sign-on connection is switched off.")
    try:
        user = admit(connection, identity, address=client_address(request))
    except SsoRefusedError as refusal:
        _record_refusal(connection, identity, refusal)
        raise
    with org_scope(connection.org_id):
        confined = not selectors.has_verified(connection.org_id, user.email)
    if request.user.is_authenticated:
        # SECURITY: nothing of another sign-in in this browser goes on under the new one.
        logout(request)
    key = str(ConnectionKey.of(connection))
    write_note(request, SsoNote(key, str(connection.org_id), str(user.pk), confined))
    return sign_in(request, user, method="sso", next_address=state["next"] or None)


def _record_refusal(connection: SsoConnection, identity: Identity, refusal: AppError) -> None:
    record(
        org_id=connection.org_id,
        actor=SYSTEM,
        action="sso.sign_in",
        target=AuditTarget("sso_connection", connection.id, connection.name),
        after={"subject": identity.subject, "email": identity.email},
        result="failure",
        reason=refusal.message,
    )


def _still_signed_in(request: HttpRequest, connection: SsoConnection, state: Mapping[str, Any]) -> tuple[Access, User]:
    """The member who began; NotFoundError when the browser is somebody else's by now, or they are no member."""
    principal = session_principal(request)
    if principal is None or principal.user is None or str(principal.user.pk) != state["user"]:
        raise NotFoundError("You are not signed in any more as who you were when this began. Sign in and begin again.")
    return enter_organization(principal, selectors.organization(connection.org_id).slug), principal.user


def _stash(request: HttpRequest, connection: SsoConnection, state_id: str, state: Mapping[str, Any]) -> None:
    key = str(ConnectionKey.of(connection))
    statekit.stash_state(request, provider_id=key, state=dict(state), state_id=state_id)
