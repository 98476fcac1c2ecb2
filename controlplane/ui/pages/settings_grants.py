"""Taking a grant back, from whichever page shows it."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from controlplane.ui.pages.settings_people_base import PeoplePage
from tenants.errors import NotFoundError
from tenants.people import grants
from tenants.people.grants import Holder, HolderKind
from tenants.permissions import Permission


class RevokeGrant(PeoplePage):
    """Takes a grant back, or lifts a denial."""

    # What it needs is what giving it would need, which the grant itself says.
    permissions: ClassVar = {"POST": Permission.MEMBER_READ}

    def post(self, request: HttpRequest, grant_id: UUID, **_kwargs: Any) -> HttpResponse:
        row = self.viewer.rows().filter(id=grant_id).first()
        if row is None:
            raise NotFoundError("There is no such grant. It may have been revoked already.")
        return self.changed(
            request,
            lambda: grants.revoke_grant(access=self.access, grant_id=grant_id),
            "Revoked. It holds no more from the next request on.",
            self._page_of(Holder.of(row)),
        )

    def _page_of(self, holder: Holder) -> str:
        match holder.kind:
            case HolderKind.USER:
                return self.address("settings-member", user_id=holder.id)
            case HolderKind.TEAM:
                return self.address("settings-team", team_id=holder.id)
            case HolderKind.SERVICE_ACCOUNT:
                return self.address("settings-members")
