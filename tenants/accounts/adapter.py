"""How allauth is told of our accounts: who may sign up, where requests come from, and where links lead."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from tenants.addresses import client_address

# What allauth keeps in the session of somebody whose address an invitation has proved.
_INVITED = "account_verified_email"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Our answers to what allauth asks of the installation."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether this browser may sign up: anybody, or those whom `invite` let in."""
        if settings.SIGN_UP == "invited":
            return invited_address(request) is not None
        return bool(settings.SIGN_UP == "open")

    def clean_email(self, email: str) -> str:
        """Refuse another address than the invited one, of somebody who signs up by invitation."""
        invited = invited_address(self.request)
        if settings.SIGN_UP == "invited" and not self.request.user.is_authenticated and email.lower() != invited:
            raise ValidationError(f"Your invitation is for {invited}. Use that address, or ask for another invitation.")
        return email

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address, by our rule of which proxies are believed."""
        return client_address(request) or "0.0.0.0"  # noqa: S104 - stands for "unknown", nothing binds to it

    def format_email_subject(self, subject: str) -> str:
        return subject

    def get_reset_password_from_key_url(self, key: str) -> str:
        uidb36, _, token = key.partition("-")
        return _public(reverse("account_reset_password_from_key", kwargs={"uidb36": uidb36, "key": token}))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _public(reverse("account_confirm_email", args=[emailconfirmation.key]))


def invite(request: HttpRequest, email: str) -> None:
    """Let this browser sign up with this address, which is proved: its owner followed a link that was mailed there."""
    request.session[_INVITED] = email.lower()


def invited_address(request: HttpRequest) -> str | None:
    """The address that `invite` let in."""
    return request.session.get(_INVITED) or None


def _public(path: str) -> str:
    # SECURITY: never the Host of the request, or a link in a mail could be made to lead elsewhere.
    return f"{settings.PUBLIC_URL}{path}"
