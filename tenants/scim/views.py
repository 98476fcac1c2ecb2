"""The endpoints of SCIM 2.0 (RFC 7644 §3)."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from scim2_models import Context, ListResponse, PatchOp, ResourceType, ResponseParameters, Schema, SearchRequest

from tenants.errors import NotFoundError
from tenants.scim import groups as group_services
from tenants.scim import listing, resources
from tenants.scim import users as user_services
from tenants.scim.http import ScimView, answer, body
from tenants.scim.requests import read_patch, read_user
from tenants.scim.schemas import CONFIG, PROVIDER, Group, Member


class ServiceProviderConfigView(ScimView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return answer(CONFIG, Context.RESOURCE_QUERY_RESPONSE)


class _DescriptionsView(ScimView):
    """What the service says of itself: all, or one by its id."""

    model: ClassVar[Any]

    def get(self, request: HttpRequest, resource_id: str | None = None) -> HttpResponse:
        if resource_id is None:
            found = list(self.all())
            message: Any = ListResponse[self.model]  # type: ignore[name-defined]  # a class made at run time
            whole = message(total_results=len(found), start_index=1, items_per_page=len(found), resources=found)
            return answer(whole, Context.RESOURCE_QUERY_RESPONSE)
        one = next((known for known in self.all() if str(known.id).lower() == resource_id.lower()), None)
        if one is None:
            raise NotFoundError("This service describes nothing by this name.")
        return answer(one, Context.RESOURCE_QUERY_RESPONSE)

    def all(self) -> Iterable[Any]:
        raise NotImplementedError


class SchemasView(_DescriptionsView):
    model = Schema

    def all(self) -> Iterable[Any]:
        return PROVIDER.schemas


class ResourceTypesView(_DescriptionsView):
    model = ResourceType

    def all(self) -> Iterable[Any]:
        return PROVIDER.resource_types


class UsersView(ScimView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.listed(_from_query(SearchRequest, Member, request))

    def listed(self, asked: Any) -> HttpResponse:
        found = listing.page([listing.user_kind(self.access.org.id, base=self.base)], asked)
        return answer(found, Context.RESOURCE_QUERY_RESPONSE, asked=asked)

    def post(self, request: HttpRequest) -> HttpResponse:
        asked = _from_query(ResponseParameters, Member, request)
        wanted = read_user(body(request), Context.RESOURCE_CREATION_REQUEST)
        row = user_services.create_user(org_id=self.access.org.id, user=wanted, actor=self.access.actor)
        user = resources.users([row], base=self.base)[0]
        return answer(user, Context.RESOURCE_CREATION_RESPONSE, status=201, asked=asked)


class UserView(ScimView):
    def get(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        asked = _from_query(ResponseParameters, Member, request)
        return answer(self._user(resource_id), Context.RESOURCE_QUERY_RESPONSE, asked=asked)

    def put(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        asked = _from_query(ResponseParameters, Member, request)
        wanted = read_user(body(request), Context.RESOURCE_REPLACEMENT_REQUEST)
        now = self._user(resource_id)
        wanted.replace(now)
        if wanted.active is None:
            wanted.active = now.active
        return self._changed(resource_id, wanted, Context.RESOURCE_REPLACEMENT_RESPONSE, asked)

    def patch(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        asked = _from_query(ResponseParameters, Member, request)
        user = self._user(resource_id)
        read_patch(PatchOp[Member], body(request)).patch(user)
        return self._changed(resource_id, user, Context.RESOURCE_PATCH_RESPONSE, asked)

    def delete(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        user_services.delete_user(org_id=self.access.org.id, resource_id=resource_id, actor=self.access.actor)
        return HttpResponse(status=204)

    def _changed(self, resource_id: str, user: Any, context: Context, asked: Any) -> HttpResponse:
        org_id, actor = self.access.org.id, self.access.actor
        user_services.change_user(org_id=org_id, resource_id=resource_id, user=user, actor=actor)
        return answer(self._user(resource_id), context, asked=asked)

    def _user(self, resource_id: str) -> Any:
        return resources.users([user_services.member(self.access.org.id, resource_id)], base=self.base)[0]


class GroupsView(ScimView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.listed(_from_query(SearchRequest, Group, request))

    def listed(self, asked: Any) -> HttpResponse:
        found = listing.page([listing.group_kind(self.access.org.id, base=self.base, asked=asked)], asked)
        return answer(found, Context.RESOURCE_QUERY_RESPONSE, asked=asked)

    def post(self, request: HttpRequest) -> HttpResponse:
        asked = _from_query(ResponseParameters, Group, request)
        wanted = Group.model_validate(body(request), scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        row = group_services.create_group(org_id=self.access.org.id, group=wanted, actor=self.access.actor)
        group = resources.groups([row], base=self.base)[0]
        return answer(group, Context.RESOURCE_CREATION_RESPONSE, status=201, asked=asked)


class GroupView(ScimView):
    def get(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        asked = _from_query(ResponseParameters, Group, request)
        return answer(self._group(resource_id), Context.RESOURCE_QUERY_RESPONSE, asked=asked)

    def put(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        asked = _from_query(ResponseParameters, Group, request)
        wanted = Group.model_validate(body(request), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
        wanted.replace(self._group(resource_id))
        return self._changed(resource_id, wanted, Context.RESOURCE_REPLACEMENT_RESPONSE, asked)

    def patch(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        asked = _from_query(ResponseParameters, Group, request)
        group = self._group(resource_id)
        read_patch(PatchOp[Group], body(request)).patch(group)
        return self._changed(resource_id, group, Context.RESOURCE_PATCH_RESPONSE, asked)

    def delete(self, request: HttpRequest, resource_id: str) -> HttpResponse:
        group_services.delete_group(org_id=self.access.org.id, resource_id=resource_id, actor=self.access.actor)
        return HttpResponse(status=204)

    def _changed(self, resource_id: str, group: Group, context: Context, asked: Any) -> HttpResponse:
        org_id, actor = self.access.org.id, self.access.actor
        group_services.change_group(org_id=org_id, resource_id=resource_id, group=group, actor=actor)
        return answer(self._group(resource_id), context, asked=asked)

    def _group(self, resource_id: str) -> Group:
        return resources.groups([group_services.team(self.access.org.id, resource_id)], base=self.base)[0]


class SearchUsersView(UsersView):
    only_reads = True
    # As a search alone: what it inherits beside is not for this address.
    get = None  # type: ignore[assignment]  # takes the method away

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.listed(_from_body(Member, request))


class SearchGroupsView(GroupsView):
    only_reads = True
    get = None  # type: ignore[assignment]  # takes the method away

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.listed(_from_body(Group, request))


class SearchView(ScimView):
    """Over users and groups at once."""

    only_reads = True

    def post(self, request: HttpRequest) -> HttpResponse:
        asked = _from_body(Member | Group, request)
        org_id = self.access.org.id
        kinds = [listing.user_kind(org_id, base=self.base), listing.group_kind(org_id, base=self.base, asked=asked)]
        return answer(listing.page(kinds, asked), Context.SEARCH_RESPONSE, asked=asked)


class MissingView(ScimView):
    """Every other address."""

    only_reads = True

    def get(self, request: HttpRequest) -> HttpResponse:
        raise NotFoundError("There is no such SCIM endpoint.")

    post = put = patch = delete = get


def _from_query(kind: Any, model: Any, request: HttpRequest) -> Any:
    """The parameters of an address: those of a search, or which attributes to answer."""
    given = {name: request.GET[name] for name in request.GET}
    return kind[model].model_validate(given, scim_ctx=None)


def _from_body(model: Any, request: HttpRequest) -> Any:
    message: Any = SearchRequest[model]
    return message.model_validate(body(request), scim_ctx=Context.SEARCH_REQUEST)
