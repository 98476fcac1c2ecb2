"""The addresses below `/account/sso/`: where people begin, and where identity providers send them back."""

from typing import Any

from allauth.core.internal import ratelimit
from allauth.socialaccount.sessions import LoginSession
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from tenants.access import enter_organization
from tenants.authentication import session_principal
from tenants.errors import AppError, NotFoundError, TooManyError
from tenants.sso import flow, oidc, saml, selectors
from tenants.sso.addresses import ConnectionKey
from tenants.sso.domain_names import domain_of
from tenants.sso.flow import Purpose
from tenants.sso.identity import SsoRefusedError
from tenants.sso.models import Protocol, SsoConnection
from tenants.sso.saml_metadata import own_metadata

_STORED = "saml_response"
# From one network address: a whole office arrives at nine, each person with three requests. Each may cost calls to the provider.
_RATE = "600/m/ip"


class ConnectionView(View):
    """Of one connection; what goes wrong becomes a page in words."""

    connection: SsoConnection

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            _hold_back(request)
            self.connection = selectors.connection_by_key(ConnectionKey.parse(kwargs.pop("key")))
            return super().dispatch(request, *args, **kwargs)
        except AppError as error:
            return refused(request, error)


class Ask(View):
    """`/account/sso`: which organization's single sign-on serves this address? Depends on its domain alone."""

    def get(self, request: HttpRequest) -> HttpResponse:
        email = request.GET.get("email", "").replace("\0", "").strip()
        found = selectors.sign_in_of(email) if email else None
        context = {"email": email, "domain": domain_of(email), "next": request.GET.get("next", ""), "found": found}
        return render(request, "account/sso.html", context)


class Login(ConnectionView):
    """Sends the browser to the provider."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        hint = request.GET.get("login_hint", "")[:254]
        return flow.begin(
            request,
            self.connection,
            purpose=Purpose.SIGN_IN,
            next_address=request.GET.get("next", ""),
            login_hint=hint if hint.isprintable() else "",
        )


class Test(ConnectionView):
    """A test sign-in, for those who may set single sign-on up. Outside of the organization's pages: no transaction waits for a provider."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return flow.begin_test(request, self.connection, next_address=request.GET.get("next", ""))


class Link(ConnectionView):
    """Links an identity to the member who is signed in. The button answers with a link: forms may not lead to other sites (CSP)."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        self._page(request)
        response = flow.begin(
            request, self.connection, purpose=Purpose.LINK, next_address=reverse("sso-link", args=[self._key])
        )
        return self._page(request, address=response.headers["Location"])

    @property
    def _key(self) -> str:
        return str(ConnectionKey.of(self.connection))

    def _page(self, request: HttpRequest, address: str = "") -> HttpResponse:
        principal = session_principal(request)
        if principal is None or principal.user is None:
            raise NotFoundError("Sign in first, in the way you do now. Then come back to link your identity.")
        access = enter_organization(principal, selectors.organization(self.connection.org_id).slug)
        linked = selectors.linked_to(self.connection, principal.user.pk)
        context = {"connection": self.connection, "org": access.org, "linked": linked, "address": address}
        return render(request, "account/sso_link.html", {**context, "key": self._key, "person": principal.user.email})


class Callback(ConnectionView):
    """Where an OpenID Connect provider sends people back."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if self.connection.protocol != Protocol.OIDC:
            raise NotFoundError("This connection does not speak OpenID Connect.")
        state = flow.take_state(request, self.connection, request.GET.get("state", "")[:100])
        try:
            identity = oidc.finish(
                self.connection, code=_code(request), nonce=state["nonce"], verifier=state["verifier"]
            )
        except AppError as error:
            return _failed(request, self.connection, state, error)
        return flow.complete(request, self.connection, state=state, identity=identity)


@method_decorator(csrf_exempt, name="dispatch")
class AssertionConsumer(ConnectionView):
    """Where a SAML provider's form arrives. From another site it comes without our session: kept, and picked up by `FinishSaml`."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if self.connection.protocol != Protocol.SAML:
            raise NotFoundError("This connection does not speak SAML.")
        if len(request.POST.get("SAMLResponse", "")) > saml.MAX_RESPONSE_CHARACTERS:
            raise SsoRefusedError("The answer of the identity provider is too long.")
        response = redirect("sso-acs-finish", key=str(ConnectionKey.of(self.connection)))
        kept = _kept(request)
        kept.store[_STORED] = request.POST.get("SAMLResponse", "")
        # As long as a sign-in may take.
        kept.store.set_expiry(600)
        kept.save(response)
        return response


class FinishSaml(ConnectionView):
    """Takes up what a SAML provider's form brought, with the session of the browser."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        encoded = self._take(request)
        state: dict[str, Any] = {}
        try:
            assertion = saml.verify(self.connection, encoded)
            if assertion.in_response_to:
                state = flow.take_state(request, self.connection, assertion.in_response_to)
            else:
                self._check_unasked()
                state = {"purpose": Purpose.SIGN_IN, "next": "", "user": ""}
            saml.use(self.connection, assertion)
        except AppError as error:
            return _failed(request, self.connection, state or flow.last_state(request, self.connection), error)
        return flow.complete(request, self.connection, state=state, identity=assertion.identity)

    def _take(self, request: HttpRequest) -> str:
        kept = _kept(request)
        stored = kept.store.get(_STORED)
        kept.delete()
        if not stored:
            raise SsoRefusedError("The answer of the identity provider is missing, or was used already. Begin again.")
        return str(stored)

    def _check_unasked(self) -> None:
        if not self.connection.allow_idp_initiated:
            raise SsoRefusedError(
                "This organization takes only sign-ins that begin here, and this one began at the identity provider. "
                f"Begin at {settings.PUBLIC_URL}{reverse('sso')}."
            )


class Metadata(ConnectionView):
    """Our SAML metadata of one connection, for its provider."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if self.connection.protocol != Protocol.SAML:
            raise NotFoundError("This connection does not speak SAML.")
        return HttpResponse(own_metadata(self.connection), content_type="application/samlmetadata+xml")


def _hold_back(request: HttpRequest) -> None:
    rate = {"app": "tenants.sso", "action": "sso", "config": {"sso": _RATE}}
    if not ratelimit.consume(request, limit_get=True, **rate):
        raise TooManyError("Too many sign-ins come from your network at once. Try again in a minute.")


def refused(request: HttpRequest, error: AppError) -> HttpResponse:
    """A refusal in words, with the way back to signing in."""
    return render(request, "account/sso_refused.html", {"error": error.message}, status=error.status)


def _code(request: HttpRequest) -> str:
    if error := request.GET.get("error"):
        said = f"{error}: {request.GET.get('error_description', '')}"[:300]
        raise SsoRefusedError(f"The identity provider did not sign you in ({said}).")
    code = request.GET.get("code", "")
    if not code or len(code) > 4000:
        raise SsoRefusedError("The identity provider sent no code.")
    return code


def _failed(
    request: HttpRequest, connection: SsoConnection, state: dict[str, Any], error: AppError
) -> HttpResponseBase:
    """A test that failed is shown where it was begun; everything else is refused."""
    if state.get("purpose") == Purpose.TEST:
        return flow.complete_test(request, connection, state=state, error=error.message)
    return refused(request, error)


def _kept(request: HttpRequest) -> LoginSession:
    return LoginSession(request, "sso_saml_session", "daggerboard_saml")
