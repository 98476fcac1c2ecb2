"""The fixed cast. Tests commit for real, so every test gets a cast of its own: two organizations that must not see each other."""

import uuid
from dataclasses import dataclass, replace
from functools import cache

from django.contrib.auth.hashers import make_password
from django.test import Client

from controlplane.deployments.models import Deployment
from controlplane.deployments.selectors import deployment
from controlplane.deployments.services import create_deployment
from tenants.access import SYSTEM, Actor, Org, Principal
from tenants.models import ApiToken, Role, TokenKind, User
from tenants.reach import EVERYTHING
from tenants.services import add_member, create_organization, create_user
from tenants.token_services import IssuedToken, issue_token

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Cast:
    """One organization: its owner, an editor and a viewer of all of it, one deployment `prod`, and the owner's and an agent's token."""

    org: Org
    owner: User
    editor: User
    viewer: User
    deployment: Deployment
    agent_token: IssuedToken
    user_token: IssuedToken

    @property
    def actor(self) -> Actor:
        return Principal(user=self.owner).actor

    @property
    def org_id(self) -> uuid.UUID:
        return self.org.id

    @property
    def agent_token_row(self) -> ApiToken:
        return self.agent_token.token

    def at(self, name: str) -> "Cast":
        """The same organization, at another of its deployments."""
        return replace(self, deployment=deployment(self.org_id, name))

    def signed_in(self, user: User | None = None) -> Client:
        """A browser in which the owner, or this person, is signed in."""
        browser = Client()
        browser.force_login(user or self.owner)
        return browser

    def api(self, user: User | None = None) -> Client:
        """A client of the REST API with the owner's token, or a new one of this person."""
        text = self.user_token.text
        if user is not None:
            text = issue_token(org_id=self.org_id, kind=TokenKind.USER, name="test", user=user).text
        return Client(headers={"Authorization": f"Bearer {text}"})

    def api_path(self, path: str = "") -> str:
        return f"/api/v1/organizations/{self.org.slug}/deployments/{self.deployment.name}/{path}"


def make_cast(prefix: str = "acme") -> Cast:
    """A new organization with everything a test starts from. Alice owns `acme-…`; Mallory owns `outsider-…`."""
    unique = uuid.uuid4().hex[:8]
    owner = create_user(email=f"owner-{unique}@{prefix}.example", name=f"Owner of {prefix}", email_is_verified=True)
    owner.password = _hash_of_password()
    owner.save(update_fields=["password"])
    org = create_organization(slug=f"{prefix}-{unique}", name=f"{prefix.title()} {unique}", owner=owner)
    return Cast(
        org=org,
        owner=owner,
        editor=make_member(org, f"editor-{unique}@{prefix}.example", Role.EDITOR),
        viewer=make_member(org, f"viewer-{unique}@{prefix}.example", Role.VIEWER),
        deployment=create_deployment(org_id=org.id, name="prod", actor=SYSTEM),
        agent_token=issue_token(org_id=org.id, kind=TokenKind.AGENT, name="agent", reach=EVERYTHING),
        user_token=issue_token(org_id=org.id, kind=TokenKind.USER, name="cli", user=owner),
    )


@cache
def _hash_of_password() -> str:
    """Hashing takes as long as the rest of a cast: once a process is enough."""
    return make_password(PASSWORD)


def make_member(org: Org, email: str, role: Role | None = None) -> User:
    """A person of the organization, without a password; with this role everywhere, or with no grant at all."""
    user = create_user(email=email)
    add_member(org_id=org.id, user=user, role=role)
    return user
