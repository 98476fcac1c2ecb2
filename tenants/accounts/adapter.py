"""How allauth is told of our accounts: who may sign up, where requests come from, and where links lead."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from tenants.accounts.audit import sign_in_failed
from tenants.addresses import client_address
from tenants.ids import uuid7
from tenants.models import User
from tenants.sso.enforcement import require_for_person

# What allauth keeps in the session of somebody whose address an invitation has proved.
_INVITED = "account_verified_email"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Our answers to what allauth asks of the installation."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "That e-mail address and password do not go together. Check both, or reset the password.",
        "incorrect_code": "That is not the code. Look at the newest one.",
        "incorrect_password": "That is not your password.",
        "enter_current_password": "That is not your current password.",
        # Where it is said on the page of sign-in, after the last wrong code.
        "too_many_login_attempts": "There were too many wrong codes. Ask for a new one.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether this browser may sign up: anybody, or those whom `invite` let in."""
        if settings.SIGN_UP == "invited":
            return invited_address(request) is not None
        return bool(settings.SIGN_UP == "open")

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> Any:
        """The last gate before a session opens: SsoRequiredError when this person has to come through single sign-on."""
        require_for_person(request, user)
        return super().pre_login(request, user, **kwargs)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address, by our rule of which proxies are believed."""
        return client_address(request) or "0.0.0.0"  # noqa: S104 - stands for "unknown", nothing binds to it

    def validation_error(self, code: str, *args: Any) -> Any:
        """Used-up attempts are a refusal of their own (429), not a mistake in a form."""
        if code == "too_many_login_attempts":
            raise ImmediateHttpResponse(ratelimit.respond_429(self.request))
        return super().validation_error(code, *args)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Tell the audit log, in the same way whether or not there is such an account."""
        user = User.objects.filter(email=str(credentials.get("email", "")).lower()).first()
        user_id = user.pk if user is not None else uuid7()
        sign_in_failed.send(sender=User, user_id=user_id, address=client_address(request), how="password")

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
