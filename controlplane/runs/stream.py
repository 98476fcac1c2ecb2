"""Server-sent events over HTTP, for browsers (session) and programs (bearer token). Coroutines: served by the `stream` role.

The views prove who asks by themselves, so that they work without middleware, in the lean handler that holds thousands of streams.
"""

from collections.abc import AsyncIterator, Callable
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import (
    HttpRequest,
    HttpResponseBase,
    HttpResponseNotAllowed,
    JsonResponse,
    StreamingHttpResponse,
)

from controlplane.core.threads import in_pool
from controlplane.deployments import selectors as deployments
from controlplane.deployments.visibility import Visible, visible_to
from controlplane.runs import live, selectors
from controlplane.runs.event_selectors import Place
from tenants.access import Access, Principal, enter_organization
from tenants.addresses import client_address
from tenants.authentication import bearer_text, session_principal
from tenants.errors import AppError
from tenants.permissions import Permission
from tenants.sso.sessions import still_rests
from tenants.token_verification import verify_token


async def run_live(request: HttpRequest, org: str, deployment: str, run_id: UUID) -> HttpResponseBase:
    """`/<org>/<deployment>/runs/<id>/live`: one run, until it and its output have ended. `?events=full` sends the events themselves."""

    def open_stream(access: Access) -> AsyncIterator[bytes]:
        _check_run(access, deployment, run_id)
        last = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
        return live.run_stream(
            access.org.id,
            run_id,
            may_watch=lambda: _check_run(_access(request, org), deployment, run_id),
            after=Place.parse(last) if last else None,
            whole=request.GET.get("events") == "full",
        )

    return await _stream(request, org, open_stream)


async def runs_live(request: HttpRequest, org: str, deployment: str) -> HttpResponseBase:
    """`/<org>/<deployment>/live`: that something changed in the lists of runs."""

    def open_stream(access: Access) -> AsyncIterator[bytes]:
        _may_read(access, deployment)
        return live.runs_stream(access.org.id, may_watch=lambda: _may_read(_access(request, org), deployment))

    return await _stream(request, org, open_stream)


async def _stream(
    request: HttpRequest, org: str, open_stream: Callable[[Access], AsyncIterator[bytes]]
) -> HttpResponseBase:
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    try:
        parts = await in_pool(live.LOOKS, lambda: open_stream(_access(request, org)))
    except AppError as error:
        document = {
            "type": "client_error",
            "errors": [{"code": error.code, "detail": error.message, "attr": error.attr}],
        }
        headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, AnonymousError) else {}
        return JsonResponse(document, status=error.status, headers=headers)
    # Buffering proxies would hold the events back.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(parts, content_type="text/event-stream", headers=headers)


class AnonymousError(AppError):
    """Sign in, or send a token: nobody has said who asks."""

    code = "not_authenticated"
    status = 401


def _access(request: HttpRequest, org: str) -> Access:
    return enter_organization(_principal(request), org)


def _may_read(access: Access, deployment: str) -> Visible:
    """The deployment as the caller sees it, when they may see any of its runs."""
    found = deployments.deployment(access.org.id, deployment)
    access.at(found.place).require(Permission.RUN_READ)
    return visible_to(access, found)


def _principal(request: HttpRequest) -> Principal:
    token = bearer_text(request.headers.get("Authorization", ""))
    if token is not None:
        address = client_address(request)
        claims = verify_token(token, address=address)
        if claims is None:
            raise AnonymousError
        return Principal(token=claims, address=address)
    principal = session_principal(_with_session(request))
    if principal is None or not still_rests(request):
        raise AnonymousError
    return principal


def _with_session(request: HttpRequest) -> HttpRequest:
    """Read the session anew each time: one that ended meanwhile is nobody's."""
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return request


def _check_run(access: Access, deployment: str, run_id: UUID) -> None:
    selectors.run(_may_read(access, deployment), run_id)
