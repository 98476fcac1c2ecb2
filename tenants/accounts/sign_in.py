"""Signing a person in, once something has proved who they are: every way goes through allauth's stages, two-step sign-in among them."""

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.http import HttpRequest, HttpResponseBase

from tenants.models import User


def sign_in(request: HttpRequest, user: User, *, method: str, next_address: str | None = None) -> HttpResponseBase:
    """The answer that signs in, or that asks for the second step first.

    `method` (`link`, `sso`) is kept with the session and in the audit log. The caller has proved who this is, and that the
    address is theirs where that matters: no verification mail is asked for.
    """
    record_authentication(request, user, method=method)
    login = Login(user=user, email_verification="none", redirect_url=next_address)
    response: HttpResponseBase = perform_login(request, login)
    return response
