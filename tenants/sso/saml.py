"""SAML 2.0: the way to the identity provider, and an assertion that is verified whole.

python3-saml checks schema, signatures, issuer and times. Where it is lenient, what stands here is not: it takes assertions without
audience or recipient, believes the unsigned envelope which request is answered, and lets clocks be off by five minutes.
"""

import datetime
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Saml
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from tenants.scoping import org_scope
from tenants.sso.identity import Identity, SsoRefusedError, make_identity
from tenants.sso.models import SsoAssertion, SsoConnection
from tenants.sso.saml_settings import UNREADABLE, request_data, saml_settings

# A response has a few KB; what is longer is not looked at.
MAX_RESPONSE_CHARACTERS = 512 * 1024
# How far the provider's clock may be off.
_SKEW = datetime.timedelta(seconds=60)
# No assertion is good for longer, whatever it says: so long its id is remembered.
_LONGEST = datetime.timedelta(hours=1)
_CONFIRMATION = f"/saml:Subject/saml:SubjectConfirmation[@Method='{Saml.CM_BEARER}']/saml:SubjectConfirmationData"
# The names under which providers send them, unless the connection's mapping says another.
_USUAL = {
    "email": (
        "email",
        "Email",
        "mail",
        "emailaddress",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "urn:oid:0.9.2342.19200300.100.1.3",
    ),
    "name": (
        "name",
        "displayName",
        "http://schemas.microsoft.com/identity/claims/displayname",
        "urn:oid:2.16.840.1.113730.3.1.241",
    ),
    "first": ("FirstName", "firstName", "givenName", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"),
    "last": ("LastName", "lastName", "sn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"),
}


@dataclass(frozen=True)
class Start:
    """Where to send the browser, and the id of the request that the assertion has to answer."""

    url: str
    request_id: str


@dataclass(frozen=True)
class Assertion:
    """A verified assertion. `in_response_to` is the request it answers; empty when the provider began."""

    identity: Identity
    in_response_to: str
    id: str
    expires_at: datetime.datetime


def start(connection: SsoConnection) -> Start:
    """Begin a sign-in."""
    auth = OneLogin_Saml2_Auth(request_data(connection), saml_settings(connection))
    # Without a return address: where to go afterwards is in the browser's session.
    url = auth.login(return_to="")
    return Start(url, auth.get_last_request_id())


def verify(connection: SsoConnection, encoded: str) -> Assertion:
    """Check a SAMLResponse; SsoRefusedError says what is wrong. Does not yet use it up: see `use`."""
    if not encoded or len(encoded) > MAX_RESPONSE_CHARACTERS:
        raise SsoRefusedError("The identity provider sent no SAML response, or one that is too long.")
    try:
        response = OneLogin_Saml2_Response(OneLogin_Saml2_Settings(saml_settings(connection)), encoded)
        response.is_valid(request_data(connection, encoded), raise_exceptions=True)
        return _checked(connection, response)
    except (OneLogin_Saml2_ValidationError, OneLogin_Saml2_Error) as error:
        raise SsoRefusedError(f"The answer of the identity provider is not valid: {error}") from error
    except UNREADABLE as error:
        raise SsoRefusedError("The answer of the identity provider is not a SAML response.") from error


def use(connection: SsoConnection, assertion: Assertion) -> None:
    """Use an assertion up: SsoRefusedError when it was used before. Ids of those that have expired are forgotten."""
    digest = hashlib.sha256(assertion.id.encode()).digest()
    with org_scope(connection.org_id):
        used = SsoAssertion.objects.for_org(connection.org_id).filter(connection_id=connection.id)
        used.filter(expires_at__lt=timezone.now()).delete()
        try:
            with transaction.atomic():
                SsoAssertion.objects.create_in(
                    connection.org_id,
                    connection_id=connection.id,
                    assertion_sha256=digest,
                    expires_at=assertion.expires_at,
                )
        except IntegrityError as error:
            raise SsoRefusedError("This answer of the identity provider was used already. Begin again.") from error


def _checked(connection: SsoConnection, response: Any) -> Assertion:
    ours = saml_settings(connection)["sp"]
    if ours["entityId"] not in response.get_audiences():
        raise SsoRefusedError(f"The assertion is not meant for us: its audience has to be {ours['entityId']}.")
    destination = response.get_xml_document().get("Destination")
    if destination not in {None, ours["assertionConsumerService"]["url"]}:
        raise SsoRefusedError("The answer of the identity provider was meant for another address (Destination).")
    now = timezone.now()
    _check_times(response._query_assertion("/saml:Conditions"), now)  # noqa: SLF001 - within what is signed; no public way
    confirmation = _confirmation(response, ours["assertionConsumerService"]["url"], now)
    expires_at = _time(confirmation.get("NotOnOrAfter"))
    assert expires_at is not None  # _confirmation takes no other
    return Assertion(
        identity=_identity(connection, response),
        in_response_to=confirmation.get("InResponseTo") or "",
        id=str(response.get_assertion_id() or ""),
        expires_at=expires_at + _SKEW,
    )


def _confirmation(response: Any, acs: str, now: datetime.datetime) -> Any:
    """The bearer confirmation that names our address and an end (SAML profiles 4.1.4.2: it must)."""
    for data in response._query_assertion(_CONFIRMATION):  # noqa: SLF001 - as above
        end = _time(data.get("NotOnOrAfter"))
        if data.get("Recipient") == acs and end is not None and now < end + _SKEW and end < now + _LONGEST:
            return data
    raise SsoRefusedError(
        f"The assertion has no bearer confirmation for {acs} that ends within an hour (Recipient and NotOnOrAfter)."
    )


def _check_times(conditions: Iterable[Any], now: datetime.datetime) -> None:
    for condition in conditions:
        begin, end = _time(condition.get("NotBefore")), _time(condition.get("NotOnOrAfter"))
        if begin is not None and begin > now + _SKEW:
            raise SsoRefusedError("The assertion is not valid yet. Is the clock of the identity provider right?")
        if end is not None and end + _SKEW <= now:
            raise SsoRefusedError("The assertion has expired. Begin again; if it stays, check the clocks.")


def _time(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    return datetime.datetime.fromtimestamp(OneLogin_Saml2_Utils.parse_SAML_to_time(text), tz=datetime.UTC)


def _identity(connection: SsoConnection, response: Any) -> Identity:
    attributes: dict[str, list[str]] = response.get_attributes()
    name_id, name_format = str(response.get_nameid() or ""), response.get_nameid_format()
    mapping = connection.attribute_mapping
    subject = _first(attributes, [mapping["subject"]]) if mapping.get("subject") else name_id
    if name_format == Saml.NAMEID_TRANSIENT and not mapping.get("subject"):
        raise SsoRefusedError(
            "The NameID is transient: it changes at each sign-in. Let the provider send a persistent one."
        )
    email = _first(attributes, [mapping["email"]] if mapping.get("email") else _USUAL["email"])
    name = _first(attributes, [mapping["name"]] if mapping.get("name") else _USUAL["name"])
    parts = [_first(attributes, _USUAL["first"]), _first(attributes, _USUAL["last"])]
    return make_identity(
        subject=subject,
        # Many providers send the address as NameID only.
        email=email or (name_id if "@" in name_id and not mapping.get("email") else ""),
        name=name or " ".join(filter(None, parts)),
        email_verified=None,
        attributes={"NameID": [name_id], "NameID format": [str(name_format or "")], **attributes},
    )


def _first(attributes: dict[str, list[str]], names: Iterable[str]) -> str:
    return next((str(values[0]) for name in names if (values := attributes.get(name)) and values[0]), "")
