"""Routes below `/scim/v2/`."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponseBase]


def _view(name: str) -> View:
    """The view of this name, loaded when it is first asked for: to build the models of SCIM is half of a start of web."""

    @csrf_exempt
    def view(request: HttpRequest, **parts: Any) -> HttpResponseBase:
        return _loaded(name)(request, **parts)

    return view


@cache
def _loaded(name: str) -> View:
    from tenants.scim import views

    view: View = getattr(views, name).as_view()
    return view


urlpatterns: list[URLPattern | URLResolver] = [
    path("ServiceProviderConfig", _view("ServiceProviderConfigView"), name="config"),
    path("Schemas", _view("SchemasView"), name="schemas"),
    path("Schemas/<str:resource_id>", _view("SchemasView"), name="schema"),
    path("ResourceTypes", _view("ResourceTypesView"), name="resource-types"),
    path("ResourceTypes/<str:resource_id>", _view("ResourceTypesView"), name="resource-type"),
    path("Users", _view("UsersView"), name="users"),
    path("Users/.search", _view("SearchUsersView"), name="search-users"),
    path("Users/<str:resource_id>", _view("UserView"), name="user"),
    path("Groups", _view("GroupsView"), name="groups"),
    path("Groups/.search", _view("SearchGroupsView"), name="search-groups"),
    path("Groups/<str:resource_id>", _view("GroupView"), name="group"),
    path(".search", _view("SearchView"), name="search"),
    re_path("", _view("MissingView"), name="missing"),
]
