"""A connection as python3-saml takes it: strict, signed assertions, and nothing from the request's Host."""

from typing import Any
from urllib.parse import urlsplit

import xmlsec
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Saml

from tenants.sso.addresses import ConnectionKey, addresses_of
from tenants.sso.models import SsoConnection

# What python3-saml raises at XML that is not as it expects, besides its own errors.
UNREADABLE = (ValueError, SyntaxError, AttributeError, TypeError, LookupError, etree.LxmlError, xmlsec.Error)


def saml_settings(connection: SsoConnection) -> dict[str, Any]:
    """Settings for python3-saml."""
    ours = addresses_of(connection.protocol, ConnectionKey.of(connection))
    return {
        "strict": True,
        "sp": {
            "entityId": ours.entity_id,
            "assertionConsumerService": {"url": ours.acs, "binding": Saml.BINDING_HTTP_POST},
            "NameIDFormat": Saml.NAMEID_UNSPECIFIED,
        },
        "idp": {
            "entityId": connection.entity_id,
            "singleSignOnService": {"url": connection.sso_url, "binding": Saml.BINDING_HTTP_REDIRECT},
            "x509certMulti": {"signing": list(connection.certificates)},
        },
        "security": {
            "wantAssertionsSigned": True,
            "wantNameId": False,
            "wantAttributeStatement": False,
            "requestedAuthnContext": False,
            "rejectDeprecatedAlgorithm": True,
            "signatureAlgorithm": Saml.RSA_SHA256,
            "digestAlgorithm": Saml.SHA256,
            "allowSingleLabelDomains": True,
            "allowRepeatAttributeName": True,
        },
    }


def request_data(connection: SsoConnection, response: str = "") -> dict[str, Any]:
    """The request to our assertion consumer service as python3-saml takes it."""
    acs = urlsplit(addresses_of(connection.protocol, ConnectionKey.of(connection)).acs)
    return {
        "https": "on" if acs.scheme == "https" else "off",
        "http_host": acs.netloc,
        "script_name": acs.path,
        "get_data": {},
        "post_data": {"SAMLResponse": response} if response else {},
    }
