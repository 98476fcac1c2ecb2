"""What an identity provider manages in an organization, for the page about it."""

from dataclasses import dataclass
from uuid import UUID

from tenants.models import ApiToken, Membership, Team, TokenKind


@dataclass(frozen=True)
class Overview:
    """The live SCIM tokens, newest first, and how much is managed. SCIM is on while there is a token."""

    tokens: list[ApiToken]
    members: int
    inactive: int
    teams: int

    @property
    def is_on(self) -> bool:
        return bool(self.tokens)


def overview(org_id: UUID) -> Overview:
    """Call it inside org_scope."""
    tokens = ApiToken.objects.for_org(org_id).filter(kind=TokenKind.SCIM, revoked_at=None).order_by("-id")
    synced = Membership.objects.for_org(org_id).filter(is_synced=True)
    return Overview(
        tokens=list(tokens),
        members=synced.count(),
        inactive=synced.filter(is_active=False).count(),
        teams=Team.objects.for_org(org_id).filter(is_synced=True).count(),
    )
