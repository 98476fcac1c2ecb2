"""What every agent endpoint is: protocol check, proof of identity, decoding, one handler, an answer or the error document."""

import math
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from controlplane.core.threads import in_pool
from controlplane.dispatch.callers import Caller, authenticate
from controlplane.dispatch.threads import DELIVERIES
from controlplane.dispatch.wire import answer, check_protocol, read_message, refusal
from tenants.errors import AppError, TooManyError, UnavailableError

log = structlog.get_logger(__name__)

M = TypeVar("M")
View = Callable[..., Coroutine[Any, Any, HttpResponse]]

# Seconds. A database that restarts is back soon; the agent adds its own jitter.
_RETRY_AFTER = 1


class _FaultError(AppError):
    """Something went wrong here, and it is our fault. It has been logged; the agent tries again."""

    code = "error"
    status = 500


def agent_view(method: str) -> Callable[[Callable[..., Awaitable[Any]]], View]:
    """A coroutine that answers a message (or None, or a whole response), as a view: refusals become the error document."""

    def decorate(serve: Callable[..., Awaitable[Any]]) -> View:
        @csrf_exempt
        @wraps(serve)
        async def view(request: HttpRequest, **parts: str) -> HttpResponse:
            if request.method != method:
                return HttpResponseNotAllowed([method])
            try:
                answered = await serve(request, **parts)
                return answered if isinstance(answered, HttpResponse) else answer(answered)
            except AppError as error:
                return refusal(error, retry_after=_retry_after(error))
            except (OperationalError, InterfaceError) as error:
                log.warning("agent.database_unavailable", path=request.path, error=str(error))
                return refusal(UnavailableError("The database does not answer now."), retry_after=_RETRY_AFTER)
            except Exception:
                log.exception("agent.request_failed", path=request.path)
                return refusal(_FaultError())

        return view

    return decorate


def _retry_after(error: AppError) -> int | None:
    if isinstance(error, TooManyError) and error.retry_after is not None:
        return math.ceil(error.retry_after)
    return _RETRY_AFTER if isinstance(error, UnavailableError) else None


def endpoint(message_type: type[M], *, run_tokens: bool = False) -> Callable[[Callable[[Caller, M], Any]], View]:
    """A plain function of caller and message, as a view; it runs in the pool for deliveries, from decoding to its end."""

    def decorate(handle: Callable[[Caller, M], Any]) -> View:
        def serve(request: HttpRequest) -> Any:
            check_protocol(request)
            caller = authenticate(request, run_tokens=run_tokens)
            return handle(caller, read_message(request, message_type))

        @agent_view("POST")
        @wraps(handle)
        async def view(request: HttpRequest) -> Any:
            return await in_pool(DELIVERIES, serve, request)

        return view

    return decorate
