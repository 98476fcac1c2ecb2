"""How allauth is told of accounts that people have elsewhere (Google, GitHub, an OpenID Connect provider of the installation)."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from tenants.accounts.adapter import invited_address
from tenants.models import User

# Those of the whole installation, from its settings; an organization's own providers have rules of their own.
OF_INSTALLATION = frozenset({"google", "github", "oidc"})


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """No take-over by e-mail: an address joins two accounts only when both sides have proved it."""

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Connect a first sign-in to the account with the same proved address; refuse one whose address is taken but not proved."""
        if sociallogin.account.provider not in OF_INSTALLATION or sociallogin.is_existing:
            return
        if sociallogin.state.get("process") != AuthProcess.LOGIN:
            return
        owner = _owner_by_proof(sociallogin)
        if owner is not None:
            with transaction.atomic():
                sociallogin.connect(request, owner)
        elif _is_taken(sociallogin):
            raise ImmediateHttpResponse(render(request, "socialaccount/address_taken.html", status=403))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """As for passwords; an invited person's address must be proved by the provider too."""
        if settings.SIGN_UP == "invited":
            return invited_address(request) in proved_addresses(sociallogin)
        return bool(settings.SIGN_UP == "open")


def proved_addresses(sociallogin: Any) -> set[str]:
    """Addresses that the provider says it has verified, in lower case."""
    return {known.email.lower() for known in sociallogin.email_addresses if known.verified}


def _owner_by_proof(sociallogin: Any) -> User | None:
    found = EmailAddress.objects.filter(email__in=proved_addresses(sociallogin), verified=True).select_related("user")
    owners = {address.user for address in found}
    # Two accounts for two proved addresses: which one is meant, nobody said.
    return owners.pop() if len(owners) == 1 else None


def _is_taken(sociallogin: Any) -> bool:
    said = {known.email.lower() for known in sociallogin.email_addresses} | {sociallogin.user.email.lower()}
    return User.objects.filter(email__in=said).exists() or EmailAddress.objects.filter(email__in=said).exists()
