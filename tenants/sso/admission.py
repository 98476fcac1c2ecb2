"""Whom a connection may sign in, and as whom. An organization's provider speaks for its own verified domains, and for nobody else.

`decide` only reads, so that a test sign-in can say what would happen; `admit` does it.
"""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants.access import Access, Actor, ActorKind
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError
from tenants.models import Membership, OrganizationState, Role, User
from tenants.scoping import org_scope
from tenants.services import add_member, create_user
from tenants.sso import selectors
from tenants.sso.identity import Identity, SsoRefusedError
from tenants.sso.models import SsoConnection, SsoIdentity


@dataclass(frozen=True)
class Admission:
    """What a sign-in would do: `user` is None for somebody who gets an account, `joins` says that they become a member."""

    user: User | None
    joins: bool
    links: bool

    def words(self, connection: SsoConnection, identity: Identity) -> str:
        """The same for people."""
        who = self.user.email if self.user else f"a new account for {identity.email}"
        joined = f", who becomes a member as {Role(connection.jit_role).label}" if self.joins else ""
        return f"Would sign in as {who}{joined}."


def decide(connection: SsoConnection, identity: Identity) -> Admission:
    """Who this is here; SsoRefusedError, with what to do, when they may not come in. Call it inside the organization's scope."""
    link = selectors.identities(connection.org_id, connection.id).filter(subject=identity.subject).first()
    if link is not None:
        return _linked(connection, link.user)
    if not identity.email:
        raise SsoRefusedError(
            "The identity provider sent no e-mail address. Let it send one, or say in the attribute mapping where it is."
        )
    if identity.email_verified is False:
        raise SsoRefusedError(
            f"The identity provider says that {identity.email} is not verified. Verify it there first."
        )
    # SECURITY: without this, a provider could name anybody's address and become them.
    if not selectors.has_verified(connection.org_id, identity.email):
        raise SsoRefusedError(
            f"This organization has not verified the domain of {identity.email}, so its single sign-on cannot sign that "
            "address in. An Organization Admin can verify the domain; a member can also sign in as before and link this "
            "identity to their account."
        )
    user = User.objects.filter(email__iexact=identity.email).first()
    if user is None and EmailAddress.objects.filter(email__iexact=identity.email, verified=True).exists():
        # Its first address may be of a domain that nobody here has verified.
        raise SsoRefusedError(
            f"{identity.email} is a further address of another account. Sign in to that account and link this identity to it."
        )
    if user is not None:
        _check_active(user)
    return Admission(user=user, joins=_joins(connection, user), links=True)


def admit(connection: SsoConnection, identity: Identity, *, address: str) -> User:
    """The person who signs in, with account, membership and link as far as they were missing. SsoRefusedError as `decide`."""
    try:
        return _admit(connection, identity, address=address)
    except (IntegrityError, ConflictError):
        # The same person came in by another window at the same moment, and is known by now.
        return _admit(connection, identity, address=address)


def _admit(connection: SsoConnection, identity: Identity, *, address: str) -> User:
    with transaction.atomic(), org_scope(connection.org_id):
        admission = decide(connection, identity)
        user = admission.user or create_user(email=identity.email, name=identity.name)
        actor = Actor(ActorKind.USER, id=user.pk, label=user.email, address=address)
        if admission.links:
            _prove_address(user)
            _link(connection, identity, user=user, actor=actor)
        if admission.joins:
            _join(connection, user=user, actor=actor)
        used = selectors.identities(connection.org_id, connection.id).filter(subject=identity.subject)
        used.update(last_used_at=timezone.now(), email=identity.email)
    return user


def link_identity(*, access: Access, connection: SsoConnection, identity: Identity, user: User) -> None:
    """Link an identity to a member who asked for it while signed in; ConflictError when it is somebody else's already."""
    with org_scope(connection.org_id):
        known = selectors.identities(connection.org_id, connection.id).filter(subject=identity.subject).first()
        if known is not None and known.user_id != user.pk:
            raise ConflictError("This identity is linked to another person of this organization already.")
        if known is None:
            _link(connection, identity, user=user, actor=access.actor)


def _linked(connection: SsoConnection, user: User) -> Admission:
    _check_active(user)
    membership = Membership.objects.for_org(connection.org_id).filter(user=user).first()
    if membership is None and not selectors.has_verified(connection.org_id, user.email):
        raise SsoRefusedError(f"{user.email} is no member of this organization any more.")
    return Admission(user=user, joins=_joins(connection, user), links=False)


def _joins(connection: SsoConnection, user: User | None) -> bool:
    """Whether somebody has to become a member; SsoRefusedError when they may not."""
    found = Membership.objects.for_org(connection.org_id).filter(user=user).first() if user else None
    if found is not None and not found.is_active:
        raise SsoRefusedError("Your membership of this organization is deactivated. Ask an Organization Admin.")
    if found is None and not connection.jit_role:
        raise SsoRefusedError(
            "You are no member of this organization, and it lets nobody join by single sign-on. Ask an Organization Admin "
            "for an invitation."
        )
    if found is None and selectors.organization(connection.org_id).state != OrganizationState.ACTIVE:
        raise SsoRefusedError(
            "You are no member of this organization, and it takes nobody in while it is read-only, suspended or going to be "
            "deleted. Ask an Organization Admin."
        )
    return found is None


def _check_active(user: User) -> None:
    if not user.is_active:
        raise SsoRefusedError(f"The account of {user.email} is deactivated.")


def _prove_address(user: User) -> None:
    """The organization has proved the domain, so the address counts as proved.

    SECURITY: whoever made an account with it before, without proof, knows its password and must not keep it.
    """
    known = EmailAddress.objects.filter(user=user, email__iexact=user.email).first()
    if known is None:
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    elif not known.verified:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        known.verified = True
        known.save(update_fields=["verified"])


def _link(connection: SsoConnection, identity: Identity, *, user: User, actor: Actor) -> None:
    SsoIdentity.objects.create_in(
        connection.org_id, connection_id=connection.id, subject=identity.subject, user=user, email=identity.email
    )
    record(
        org_id=connection.org_id,
        actor=actor,
        action="sso_identity.create",
        target=AuditTarget("user", user.pk, user.email),
        after={"connection": connection.name, "subject": identity.subject},
    )


def _join(connection: SsoConnection, *, user: User, actor: Actor) -> None:
    add_member(org_id=connection.org_id, user=user, role=Role(connection.jit_role))
    record(
        org_id=connection.org_id,
        actor=actor,
        action="member.create",
        target=AuditTarget("user", user.pk, user.email),
        after={"role": connection.jit_role, "by": f"single sign-on through {connection.name}"},
    )
