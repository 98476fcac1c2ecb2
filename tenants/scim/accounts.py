"""Whose account a SCIM user is. An organization decides about its own members and about addresses of domains that it has verified.

Never changed by SCIM: name, e-mail address, password and state of an account that exists. What the identity provider says of the person
is kept with the membership, and seen in this organization only.
"""

from uuid import UUID

from django.conf import settings

from tenants.errors import ConflictError, InvalidError
from tenants.models import Membership, User
from tenants.services import create_user
from tenants.sso.selectors import has_verified


class UniquenessError(ConflictError):
    """Somebody else has this already."""

    code = "uniqueness"


def account_for(org_id: UUID, *, email: str, name: str) -> User:
    """The account that becomes a member, made when there is none. Call it inside org_scope.

    UniquenessError when its person is a member already; InvalidError for an address whose domain the organization has not verified.
    """
    user = User.objects.filter(email__iexact=email).first()
    if user is not None and Membership.objects.for_org(org_id).filter(user=user).exists():
        raise UniquenessError(f"There is a member with the e-mail address {email} already.")
    verified = has_verified(org_id, email)
    if not verified and not settings.SCIM_ANY_DOMAIN:
        domain = email.rpartition("@")[2]
        raise InvalidError(
            f"SCIM adds people of verified domains only, and this organization has not verified {domain}. "
            "Verify it under Settings > Single sign-on, or invite this person by e-mail.",
            attr="emails",
        )
    return user if user is not None else create_user(email=email, name=name, email_is_verified=verified)
