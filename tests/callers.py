"""Who calls the API, and with what."""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from django.test import Client
from rest_framework.test import APIClient

from tenants.models import User
from tests.cast import Cast, make_cast


@dataclass(frozen=True)
class Caller:
    """The owner of an organization as the REST API sees her; JSON goes in and out."""

    cast: Cast

    @property
    def owner(self) -> User:
        return self.cast.owner

    @property
    def org_id(self) -> UUID:
        return self.cast.org_id

    @property
    def path(self) -> str:
        return f"/api/v1/organizations/{self.cast.org.slug}/"

    @property
    def prod(self) -> str:
        return self.cast.api_path()

    @cached_property
    def api(self) -> APIClient:
        return bearer(self.cast.user_token.text)


def new_tenant() -> Caller:
    """Alice, in an organization of her own."""
    return Caller(make_cast())


def bearer(token: str) -> Any:
    """A client that sends this token."""
    return _quick(APIClient(raise_request_exception=False, HTTP_AUTHORIZATION=f"Bearer {token}"))


def anonymous() -> Any:
    """A client that sends nothing of who it is."""
    return _quick(APIClient(raise_request_exception=False))


def signed_in(user: User) -> Any:
    """A browser with a session."""
    client = _quick(Client(raise_request_exception=False))
    client.force_login(user)
    return client


def _quick(client: Any) -> Any:
    """Clients share the middleware, which takes longer to load than a request to answer. An error of ours is a 500, as in production."""
    client.default_format = "json"
    client.handler = _handler_of(type(client))
    return client


@cache
def _handler_of(kind: type[Client]) -> Any:
    handler = kind().handler
    handler.load_middleware()
    return handler
