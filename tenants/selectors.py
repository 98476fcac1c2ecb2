"""Reads of accounts."""

from uuid import UUID

from django.db.models import QuerySet

from tenants.errors import NotFoundError
from tenants.models import ApiToken, User


def tokens(org_id: UUID) -> QuerySet[ApiToken]:
    """Every token of an organization that is not revoked, with its person."""
    return ApiToken.objects.for_org(org_id).filter(revoked_at=None).select_related("user")


def person(user_id: UUID | None) -> User:
    """A person by id; NotFoundError when there is none, as for an agent."""
    user = User.objects.filter(id=user_id, is_active=True).first() if user_id else None
    if user is None:
        raise NotFoundError("This account does not exist any more.")
    return user
