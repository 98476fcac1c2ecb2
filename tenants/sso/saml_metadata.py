"""Metadata: reading an identity provider's, writing our own."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from onelogin.saml2.errors import OneLogin_Saml2_Error
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from tenants.errors import InvalidError
from tenants.sso.models import SsoConnection
from tenants.sso.saml_settings import UNREADABLE, saml_settings

# Metadata of one provider has a few KB; federations' lists of thousands are not what is wanted here.
MAX_METADATA_BYTES = 256 * 1024
_MAX_CERTIFICATES = 10


@dataclass(frozen=True)
class ProviderMetadata:
    """What an identity provider's metadata says: entity id, address for sign-in by redirect, signing certificates (PEM)."""

    entity_id: str
    sso_url: str
    certificates: list[str]


def parse_metadata(xml: str) -> ProviderMetadata:
    """Read metadata that somebody uploaded; InvalidError says what is missing. Takes no DTD and no entity."""
    if len(xml.encode()) > MAX_METADATA_BYTES:
        raise InvalidError(
            f"Metadata of one identity provider has {MAX_METADATA_BYTES // 1024} KB at most.", attr="metadata"
        )
    # SECURITY: the library's parser forbids DTDs; said here too, so that no version of it decides.
    if "<!DOCTYPE" in xml.upper() or "<!ENTITY" in xml.upper():
        raise InvalidError("Metadata with a document type or entities in it is not read.", attr="metadata")
    try:
        found = OneLogin_Saml2_IdPMetadataParser.parse(xml.encode()).get("idp", {})
    except (*UNREADABLE, OneLogin_Saml2_Error) as error:
        raise InvalidError("This is not SAML metadata, or a part of it is empty.", attr="metadata") from error
    entity_id, url = found.get("entityId") or "", found.get("singleSignOnService", {}).get("url") or ""
    if not entity_id or not url:
        raise InvalidError(
            "There is no identity provider with sign-in by redirect (SingleSignOnService, HTTP-Redirect) in this metadata.",
            attr="metadata",
        )
    several = found.get("x509certMulti", {}).get("signing") or []
    texts = several or [text for text in [found.get("x509cert")] if text]
    return ProviderMetadata(entity_id, url, clean_certificates("\n".join(map(_framed, texts)), attr="metadata"))


def clean_certificates(text: str, *, attr: str = "certificates") -> list[str]:
    """Certificates as PEM, one or several in one text, with or without the BEGIN and END lines; InvalidError when one cannot be read."""
    framed = text if "-----BEGIN" in text or not text.strip() else _framed(text)
    try:
        found = x509.load_pem_x509_certificates(framed.encode()) if framed.strip() else []
    except ValueError as error:
        raise InvalidError(
            "A certificate cannot be read: it is Base64 between BEGIN and END CERTIFICATE.", attr=attr
        ) from error
    if not found or len(found) > _MAX_CERTIFICATES:
        raise InvalidError(
            f"1 to {_MAX_CERTIFICATES} certificates are needed, with which the provider signs.", attr=attr
        )
    return [_pem(certificate) for certificate in found]


def own_metadata(connection: SsoConnection) -> bytes:
    """Our metadata for one connection, as XML."""
    settings = OneLogin_Saml2_Settings(settings=saml_settings(connection), sp_validation_only=True)
    metadata = settings.get_sp_metadata()
    return metadata if isinstance(metadata, bytes) else metadata.encode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _framed(base64_text: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{''.join(base64_text.split())}\n-----END CERTIFICATE-----\n"
