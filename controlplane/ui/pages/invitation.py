"""`/invite/<text>`: where the link of an invitation leads, for people who have an account and for those who do not yet."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views import View

from tenants.accounts.adapter import invite as let_sign_up
from tenants.authentication import session_principal
from tenants.errors import NotFoundError
from tenants.models import User
from tenants.people.acceptance import accept_invitation, find_invitation


class Invitation(View):
    """Shows what is offered. It is accepted by a button and not by opening it: mail scanners open links too."""

    def get(self, request: HttpRequest, text: str) -> HttpResponse:
        try:
            found, org = find_invitation(text)
        except NotFoundError as error:
            return render(request, "account/invitation.html", {"error": error.message}, status=error.status)
        principal = session_principal(request)
        context = {
            "invitation": found,
            "org": org,
            "person": principal.actor.label if principal else "",
            "is_for_person": principal is not None and principal.actor.label.lower() == found.email.lower(),
            "has_account": User.objects.filter(email__iexact=found.email).exists(),
            "may_sign_up": settings.SIGN_UP != "closed",
            "sign_in": f"{reverse('sign-in')}?{urlencode({'next': request.path})}",
        }
        return render(request, "account/invitation.html", context)

    def post(self, request: HttpRequest, text: str) -> HttpResponse:
        principal = session_principal(request)
        if principal is None:
            return self._sign_up(request, text)
        org = accept_invitation(principal=principal, text=text)
        messages.success(request, f"Welcome to {org.name}.")
        return redirect("pages:organization", org=org.slug)

    def _sign_up(self, request: HttpRequest, text: str) -> HttpResponse:
        """On to the page where an account is made; it comes back here."""
        found, _org = find_invitation(text)
        let_sign_up(request, found.email)
        return redirect(f"{reverse('account_signup')}?{urlencode({'next': request.path, 'email': found.email})}")
