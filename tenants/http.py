"""Base views. A view declares its permission per method; it is refused when the class is created without one.

Handlers run inside `org_scope` with `self.access` already checked; anonymous gets 401 (API) or the sign-in page, outsiders 404,
insiders without the right 403. `enter` first takes what the address names out of the arguments: what one may not know of is a 404
before any right is asked for.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.views import View
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from tenants.access import Access, Principal, enter_organization
from tenants.authentication import session_principal
from tenants.errors import InvalidError, NotFoundError, SessionTooOldError
from tenants.organization_states import check_writable
from tenants.permissions import Permission
from tenants.scoping import org_scope

_METHODS = ("get", "post", "put", "patch", "delete")
# What changes nothing, and so is allowed in a read-only organization.
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class UndeclaredPermissionError(TypeError):
    """A view has a handler without a declared permission."""


def _check_declared(view: type, permissions: Mapping[str, Permission]) -> None:
    missing = [m.upper() for m in _METHODS if callable(getattr(view, m, None)) and m.upper() not in permissions]
    if missing:
        raise UndeclaredPermissionError(f"{view.__qualname__} declares no permission for {', '.join(missing)}.")


def principal_of(request: Request) -> Principal:
    """Who makes this API request."""
    principal: object = request.user
    assert isinstance(principal, Principal)  # our authentication classes make nothing else
    return principal


def valid_body(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body of an API request, as the serializer reads it; its ValidationError names every field that is wrong."""
    return _valid(serializer(data=request.data))


def valid_query(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The query of an API request; as `valid_body`."""
    return _valid(serializer(data=request.query_params))


def _valid(asked: Serializer[Any]) -> dict[str, Any]:
    asked.is_valid(raise_exception=True)
    found: dict[str, Any] = asked.validated_data
    return found


def _check_text(query: QueryDict, parts: Mapping[str, Any]) -> None:
    """Postgres has no text with NUL in it: nothing has such a name, and nothing can be looked for by it."""
    if any("\0" in part for part in parts.values() if isinstance(part, str)):
        raise NotFoundError
    for name, texts in query.lists():
        if any("\0" in str(text) for text in (name, *texts)):
            raise InvalidError("A NUL character is in no text of ours.", attr=name.replace("\0", ""))


def _opened(principal: Principal, slug: str, method: str, *, even_closed: bool, in_any_state: bool) -> Access:
    """The organization, when its state allows the method (tenants/organization_states.py)."""
    access = enter_organization(principal, slug, even_closed=even_closed)
    if method not in _READS and not in_any_state:
        check_writable(access.org)
    return access


class OrgAPIView(APIView):
    """An endpoint below `/api/v1/organizations/<org>/`."""

    permissions: ClassVar[Mapping[str, Permission]] = {}
    # True for what Organization Admins reach in a suspended organization too.
    even_closed: ClassVar[bool] = False
    # True for a change that is allowed in every state, such as one of the state; it checks more by itself.
    in_any_state: ClassVar[bool] = False
    # OPTIONS would answer before any organization was opened.
    http_method_names = [*_METHODS, "head"]
    # False for a handler that waits or streams: it must hold no transaction meanwhile, and opens scopes of its own.
    in_one_scope: ClassVar[bool] = True
    access: Access

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_declared(cls, cls.permissions)
        for method in _METHODS:
            if method in vars(cls):
                setattr(cls, method, _scoped(vars(cls)[method]))

    def enter(self, kwargs: dict[str, Any]) -> None:
        """Called inside the scope, before rights are checked: a subclass takes what the address names out of `kwargs`, or refuses."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        principal = principal_of(request)
        self.access = _opened(
            principal,
            kwargs["org"],
            str(request.method),
            even_closed=self.even_closed,
            in_any_state=self.in_any_state,
        )
        _check_text(request.query_params, kwargs)

    @property
    def permission(self) -> Permission:
        """The right that this request needs."""
        return self.permissions["GET" if self.request.method == "HEAD" else str(self.request.method)]


def _scoped(handler: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(handler)
    def scoped(self: OrgAPIView, request: Request, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("org", None)
        with org_scope(self.access.org.id):
            self.enter(kwargs)
            self.access.require(self.permission)
            if self.in_one_scope:
                return handler(self, request, *args, **kwargs)
        return handler(self, request, *args, **kwargs)

    return scoped


class OrgPage(View):
    """A page below `/<org>/`."""

    permissions: ClassVar[Mapping[str, Permission]] = {}
    # As OrgAPIView.
    even_closed: ClassVar[bool] = False
    in_any_state: ClassVar[bool] = False
    # False for a handler that asks others over the network, and answers with no template that reads.
    in_one_scope: ClassVar[bool] = True
    access: Access
    principal: Principal

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_declared(cls, cls.permissions)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        principal = session_principal(request)
        if principal is None:
            return redirect_to_login(request.get_full_path())
        method = "GET" if request.method in {"HEAD", "OPTIONS"} else str(request.method)
        if method not in self.permissions:
            return HttpResponse(status=405)
        self.principal = principal
        try:
            self.access = _opened(
                principal, kwargs.pop("org"), method, even_closed=self.even_closed, in_any_state=self.in_any_state
            )
        except SessionTooOldError:
            # Or the sign-in page would send the person straight back.
            logout(request)
            return redirect_to_login(request.get_full_path())
        _check_text(request.GET, kwargs)
        with org_scope(self.access.org.id):
            self.enter(kwargs)
            self.access.require(self.permission)
            if self.in_one_scope:
                response = super().dispatch(request, *args, **kwargs)
                # A template response renders lazily; its queries belong inside the scope.
                render = getattr(response, "render", None)
                if callable(render):
                    render()
                return response
        return super().dispatch(request, *args, **kwargs)

    def enter(self, kwargs: dict[str, Any]) -> None:
        """As OrgAPIView.enter."""

    @property
    def permission(self) -> Permission:
        """The right that this request needs."""
        return self.permissions["GET" if self.request.method in {"HEAD", "OPTIONS"} else str(self.request.method)]
