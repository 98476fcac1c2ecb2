"""Every view says who may use it. What says nothing is refused when its class is created; what needs nobody is on a literal list."""

import pytest

from tenants.http import OrgAPIView, OrgPage, UndeclaredPermissionError
from tenants.permissions import ROLE_PERMISSIONS, TOKEN_SCOPES, Permission
from tests.isolation.routes import KIND_OF, Kind, routes

ORGANIZATIONS_KINDS = {Kind.API: OrgAPIView, Kind.PAGE: OrgPage, Kind.GRAPHQL: OrgAPIView}


@pytest.mark.parametrize("base", [OrgAPIView, OrgPage])
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_view_without_permission_is_refused_when_its_class_is_created(base, method):
    with pytest.raises(UndeclaredPermissionError, match=method.upper()):
        type("Undeclared", (base,), {method: lambda _self, _request: None})


def test_every_view_of_an_organization_goes_through_the_door():
    strangers = [
        route.pattern
        for route in routes()
        if (base := ORGANIZATIONS_KINDS.get(KIND_OF.get(route.pattern)))
        and not (isinstance(route.view, type) and issubclass(route.view, base))
    ]

    assert strangers == []


def test_every_permission_is_held_by_somebody():
    held = frozenset().union(*ROLE_PERMISSIONS.values(), *TOKEN_SCOPES.values())

    assert held == frozenset(Permission)


def test_agents_and_people_share_no_right():
    people = frozenset().union(*ROLE_PERMISSIONS.values())

    assert people & {Permission.AGENT_WORK} == frozenset()
    assert [scope & {Permission.AGENT_WORK} for kind, scope in TOKEN_SCOPES.items() if kind == "user"] == [frozenset()]
