"""Limits on attempts (allauth counts them), and when one may try again."""

import math
import time
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

from tenants.models import User

_APP = "allauth.account"
# What is counted at an address, by the name of its route; the key is the e-mail address that was sent.
_ACTIONS = {
    "account_login": ("login", "login_failed"),
    "sign-in": ("login", "login_failed"),
    "account_signup": ("signup",),
    "account_request_login_code": ("request_login_code",),
    "account_confirm_login_code": ("login_failed",),
    "account_reset_password": ("reset_password",),
    "account_reset_password_from_key": ("reset_password_from_key",),
    "account_email": ("manage_email",),
    "account_change_password": ("change_password",),
    "account_set_password": ("change_password",),
    "account_reauthenticate": ("reauthenticate", "login_failed"),
    "mfa_reauthenticate": ("reauthenticate", "login_failed"),
    "mfa_reauthenticate_webauthn": ("reauthenticate", "login_failed"),
    "mfa_authenticate": ("login_failed",),
}
# When nothing tells: allauth's longest limit.
_LONGEST_SECONDS = 300


@dataclass(frozen=True)
class _Full:
    """A limit that is used up, in seconds until one attempt is free again."""

    seconds: float


def seconds_to_wait(request: HttpRequest) -> int:
    """How long until this request would be let through."""
    match = request.resolver_match
    actions = _ACTIONS.get(str(match.url_name), ()) if match else ()
    waits = [full.seconds for action in actions for full in _full(request, action)]
    return max(1, math.ceil(max(waits, default=_LONGEST_SECONDS)))


def _full(request: HttpRequest, action: str) -> list[_Full]:
    found = []
    now = time.time()
    for rate in ratelimit.get_rates(app=_APP, action=action):
        if rate.per == "user" and not isinstance(request.user, User):
            continue
        for key in _keys(request, action) if rate.per == "key" else [None]:
            cache_key = ratelimit.get_cache_key(request, app=_APP, action=action, rate=rate, key=key)
            # Newest first: the place of the oldest one that counts is the next to be free.
            history = [at for at in cache.get(cache_key, []) if at > now - rate.duration]
            if len(history) >= rate.amount:
                found.append(_Full(history[rate.amount - 1] + rate.duration - now))
    return found


def _keys(request: HttpRequest, action: str) -> list[str]:
    """Under which allauth may have counted the attempt: the address, or the person of a second step."""
    email = (request.POST.get("login") or request.POST.get("email") or _email_of(request)).lower()
    if action != "login_failed":
        return [email]
    keys = [get_adapter()._get_login_attempts_cache_key(request, email=email)]  # noqa: SLF001 - allauth has no other name for it
    person = _person(request)
    return [*keys, f"mfa-auth-user-{person}"] if person else keys


def _email_of(request: HttpRequest) -> str:
    return request.user.email if isinstance(request.user, User) else ""


def _person(request: HttpRequest) -> str:
    if isinstance(request.user, User):
        return str(request.user.pk)
    stage = getattr(request, "_login_stage", None)
    return str(stage.login.user.pk) if stage and stage.login.user else ""
