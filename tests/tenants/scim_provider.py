"""An identity provider that speaks SCIM, as tests play it."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.utils import timezone

from tenants.audit.models import AuditEvent
from tenants.ids import uuid7
from tenants.models import Membership, TeamMembership, TokenKind
from tenants.scoping import org_scope
from tenants.sso.models import SsoDomain
from tenants.token_services import issue_token

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass
class Provider:
    """The identity provider of one organization, which has verified the domain of its addresses."""

    cast: Any
    domain: str
    client: Client

    def call(self, method: str, path: str, document: Any = None, **query: str) -> tuple[int, Any]:
        answer = self.client.generic(
            method,
            f"/scim/v2/{path}",
            json.dumps(document) if document is not None else b"",
            content_type="application/scim+json",
            query_params=query,
        )
        return answer.status_code, json.loads(answer.content) if answer.content else None

    def email(self, name: str = "ann") -> str:
        return f"{name}-{uuid7().hex}@{self.domain}"

    def user(self, email: str | None = None, **fields: Any) -> Any:
        email = email or self.email()
        document = {
            "schemas": [USER],
            "userName": email,
            "name": {"givenName": "Ann", "familyName": "Lee"},
            "emails": [{"primary": True, "value": email, "type": "work"}],
            "active": True,
        }
        status, made = self.call("POST", "Users", {**document, **fields})
        assert status == 201, made
        return made

    def patch(self, path: str, *operations: dict[str, Any]) -> tuple[int, Any]:
        return self.call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def membership(self, resource: Any) -> Membership:
        with org_scope(self.cast.org_id):
            return Membership.objects.for_org(self.cast.org_id).select_related("user").get(id=resource["id"])

    def people(self, team: Any) -> set[str]:
        with org_scope(self.cast.org_id):
            rows = TeamMembership.objects.for_org(self.cast.org_id).filter(team_id=team["id"])
            return set(rows.values_list("user__email", flat=True))

    def actions(self) -> list[str]:
        with org_scope(self.cast.org_id):
            rows = AuditEvent.objects.for_org(self.cast.org_id).filter(actor_label="idp").order_by("id")
            return list(rows.values_list("action", flat=True))


def make_provider(cast: Any) -> Provider:
    domain = f"d{uuid7().hex}.example"
    with org_scope(cast.org_id):
        SsoDomain.objects.create_in(cast.org_id, name=domain, token="x", verified_at=timezone.now())
    token = issue_token(org_id=cast.org_id, kind=TokenKind.SCIM, name="idp").text
    return Provider(cast, domain, Client(headers={"Authorization": f"Bearer {token}"}))
