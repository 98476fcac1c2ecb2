"""Errors as pages: one middleware turns an AppError into a page, and Django's own handlers look the same."""

import math
from collections.abc import Callable

import structlog
from allauth.socialaccount.models import SocialApp
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import RedisError

from tenants.accounts.limits import seconds_to_wait
from tenants.errors import AppError

log = structlog.get_logger(__name__)

_TITLES = {
    400: "This request does not make sense",
    403: "You may not do that",
    404: "There is nothing here",
    409: "That is not possible now",
    413: "That is too large",
    429: "Too many attempts",
    500: "Something went wrong on our side",
    503: "Something does not answer",
}
_ADVICE = {
    404: "The address may be mistyped, or the thing was deleted, or it belongs to an organization you are not a member of.",
    500: "The error is in the log of the control plane. Try again; if it stays, send what the button below copies to whoever runs it.",
}


class ErrorPages:
    """Middleware: an AppError raised by a page becomes an error page. API and agent endpoints have their own form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, RedisError):
            # SECURITY: attempts cannot be counted now, so none are let through.
            message = "Redis does not answer, and without it attempts cannot be counted. Try again in a minute."
            return error_page(request, status=503, code="unavailable", message=message)
        if isinstance(exception, SocialApp.DoesNotExist):
            message = "People cannot sign in here with an account at that service: this installation is not configured for it."
            return error_page(request, status=404, code="not_found", message=message)
        if not isinstance(exception, AppError) or request.path.startswith(("/api/", "/agent/")):
            return None
        return error_page(request, status=exception.status, code=exception.code, message=exception.message)


def error_page(request: HttpRequest, *, status: int, code: str, message: str) -> HttpResponse:
    """What happened, why, what to do; htmx gets the sentence alone, for its notice."""
    if request.headers.get("HX-Request") == "true" or "application/json" in request.headers.get("Accept", ""):
        return HttpResponse(message, status=status, content_type="text/plain; charset=utf-8")
    title = _TITLES.get(status, "That did not work")
    markdown = f"**{title}** ({status} `{code}`)\n\n{message}\n\n`{request.method} {request.path}`"
    context = {"title": title, "message": message, "advice": _ADVICE.get(status), "markdown": markdown}
    return render(request, "errors/error.html", {**context, "status": status, "code": code}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    return error_page(request, status=400, code="invalid", message="The control plane could not read this request.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    return error_page(request, status=403, code="permission_denied", message="You may not open this page.")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django names it
    message = "The form was too old or came from another site. Go back, reload the page and send it again."
    return error_page(request, status=403, code="form_too_old", message=message)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    return error_page(request, status=404, code="not_found", message="There is no page at this address.")


def too_many(request: HttpRequest) -> HttpResponse:
    """When to try again; also as the header Retry-After, in seconds."""
    seconds = seconds_to_wait(request)
    when = f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    message = f"There were too many attempts from your network, or for this account. Try again in {when}."
    response = error_page(request, status=429, code="too_many_attempts", message=message)
    response["Retry-After"] = str(seconds)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(request, status=500, code="error", message="The control plane failed while it made this page.")
