"""What the endpoints of people share: the caller's view of grants, and answers with grants in them."""

from uuid import UUID

from tenants.http import OrgAPIView, principal_of
from tenants.people.visible_grants import GrantViewer


class PeopleAPIView(OrgAPIView):
    """An endpoint about people; `viewer` is what the caller may know of grants."""

    @property
    def org_id(self) -> UUID:
        return self.access.org.id

    @property
    def viewer(self) -> GrantViewer:
        return GrantViewer(self.access)

    def person_id(self) -> UUID | None:
        """The person who asks, behind a token too."""
        return principal_of(self.request).user_id
