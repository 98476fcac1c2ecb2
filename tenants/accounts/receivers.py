"""From allauth's signals to the audit log."""

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import (
    email_changed,
    login_code_rejected,
    password_changed,
    password_reset,
    password_set,
    user_logged_in,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.dispatch import receiver
from django.http import HttpRequest

from tenants.accounts.audit import record_of, sign_in_failed
from tenants.addresses import client_address
from tenants.models import User


@receiver(user_logged_in)
def _signed_in(request: HttpRequest, user: User, **_more: Any) -> None:
    methods = [_method(known) for known in get_authentication_records(request, user)]
    record_of(user, "sign_in", address=client_address(request), after={"methods": methods})


@receiver([password_changed, password_set])
def _password_changed(request: HttpRequest, user: User, **_more: Any) -> None:
    record_of(user, "password.change", address=client_address(request))


@receiver(password_reset)
def _password_reset(request: HttpRequest, user: User, **_more: Any) -> None:
    record_of(user, "password.change", address=client_address(request), reason="by a link in a mail")


@receiver(email_changed)
def _email_changed(request: HttpRequest, user: User, from_email_address: Any, to_email_address: Any, **_: Any) -> None:
    before = {"email": from_email_address.email} if from_email_address else None
    record_of(
        user, "email.change", address=client_address(request), before=before, after={"email": to_email_address.email}
    )


@receiver(authenticator_added)
def _authenticator_added(request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any) -> None:
    record_of(user, "mfa.enable", address=client_address(request), after={"type": str(authenticator.type)})


@receiver(authenticator_removed)
def _authenticator_removed(request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any) -> None:
    record_of(user, "mfa.disable", address=client_address(request), before={"type": str(authenticator.type)})


@receiver(authenticator_reset)
def _authenticator_reset(request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any) -> None:
    record_of(user, "mfa.reset", address=client_address(request), after={"type": str(authenticator.type)})


@receiver(social_account_added)
def _connected(request: HttpRequest, sociallogin: Any, **_more: Any) -> None:
    record_of(
        sociallogin.user,
        "account.connect",
        address=client_address(request),
        after={"provider": sociallogin.account.provider},
    )


@receiver(social_account_removed)
def _disconnected(request: HttpRequest, socialaccount: Any, **_more: Any) -> None:
    record_of(
        socialaccount.user,
        "account.disconnect",
        address=client_address(request),
        before={"provider": socialaccount.provider},
    )


@receiver(authentication_failed)
def _second_step_failed(request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any) -> None:
    sign_in_failed.send(
        sender=User, user_id=user.pk, address=client_address(request), how=f"second step: {authenticator.type}"
    )


@receiver(login_code_rejected)
def _code_rejected(request: HttpRequest, user: User, **_more: Any) -> None:
    sign_in_failed.send(sender=User, user_id=user.pk, address=client_address(request), how="code by e-mail")


def _method(known: dict[str, Any]) -> str:
    """Such as `password`, `mfa: totp`, `socialaccount: google`."""
    detail = known.get("type") or known.get("provider")
    return f"{known['method']}: {detail}" if detail else str(known["method"])
