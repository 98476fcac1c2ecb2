"""Who must come through single sign-on: people of a verified domain that enforces it. And the way in when it is broken."""

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest

from tenants.access import Actor, ActorKind
from tenants.addresses import client_address
from tenants.audit.services import AuditTarget, record
from tenants.errors import ForbiddenError
from tenants.grants import holdings_of_user
from tenants.models import Membership, User
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tenants.sso.selectors import DomainSignIn, sign_in_of
from tenants.sso.session_notes import forget_note


class SsoRequiredError(ForbiddenError):
    """Your organization requires single sign-on."""

    code = "sso_required"

    def __init__(self, found: DomainSignIn) -> None:
        self.found = found
        super().__init__(
            f"{found.org.name} requires single sign-on for your e-mail domain: passwords, codes and other accounts do not sign "
            "in there."
        )


def require_for_address(email: str) -> None:
    """SsoRequiredError when the domain of an address enforces single sign-on; asked before anybody is looked up."""
    found = sign_in_of(email)
    if found is not None and found.is_enforced:
        raise SsoRequiredError(found)


def require_for_person(request: HttpRequest, user: User) -> None:
    """The same once somebody has proved who they are, by whatever way; the last gate before a session opens."""
    method = _method(request, user)
    if method == "sso":
        return
    forget_note(request)
    found = sign_in_of(user.email)
    if found is None or not found.is_enforced:
        return
    if method == "link" and _break_glass(request, user, found):
        return
    raise SsoRequiredError(found)


def _break_glass(request: HttpRequest, user: User, found: DomainSignIn) -> bool:
    """Whether a link that the operator of this installation made may let this person in: Organization Admins, to repair it."""
    with org_scope(found.org.id):
        if not Membership.objects.for_org(found.org.id).filter(user=user, is_active=True).exists():
            return False
        may = Permission.SSO_WRITE in holdings_of_user(found.org.id, user.pk, user.email).in_organization()
    record(
        org_id=found.org.id,
        actor=Actor(ActorKind.USER, id=user.pk, label=user.email, address=client_address(request)),
        action="sso.break_glass",
        target=AuditTarget("user", user.pk, user.email),
        result="success" if may else "failure",
        reason="signed in by a link of the installation's operator although single sign-on is enforced",
    )
    return may


def _method(request: HttpRequest, user: User) -> str:
    """The way of this sign-in: the newest record that is not a second step."""
    records: list[dict[str, Any]] = get_authentication_records(request, user)
    first_steps = [known["method"] for known in records if known["method"] != "mfa" or known.get("passwordless")]
    return str(first_steps[-1]) if first_steps else ""
