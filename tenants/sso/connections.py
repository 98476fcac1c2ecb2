"""What changes connections."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError
from tenants.ids import uuid7
from tenants.models import Role
from tenants.outbound import parsed_url
from tenants.outbound_rules import OutboundRefusedError
from tenants.scoping import org_scope
from tenants.sealing import seal
from tenants.sso import selectors
from tenants.sso.models import Protocol, SsoConnection
from tenants.sso.oidc import SECRET_PURPOSE
from tenants.sso.saml_metadata import clean_certificates, parse_metadata

MAX_CONNECTIONS = 10
# What may be mapped, and how long an attribute's name may be.
MAPPED = ("subject", "email", "name")
_MAX_ATTRIBUTE = 200
_LENGTHS = {"name": 100, "issuer": 500, "client_id": 500, "entity_id": 500, "sso_url": 1000}


@dataclass(frozen=True)
class ConnectionValues:
    """What somebody set; None leaves a value as it is. `certificates` is PEM; `metadata`, the provider's XML, fills the SAML values."""

    name: str | None = None
    jit_role: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    metadata: str | None = None
    entity_id: str | None = None
    sso_url: str | None = None
    certificates: str | None = None
    allow_idp_initiated: bool | None = None
    attribute_mapping: Mapping[str, str] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that were set."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


def create_connection(*, org_id: UUID, protocol: Protocol, values: ConnectionValues, actor: Actor) -> SsoConnection:
    """Add a connection, switched off; what is missing can follow later. InvalidError names the field that is wrong."""
    with org_scope(org_id):
        if selectors.connections(org_id).count() >= MAX_CONNECTIONS:
            raise ConflictError(f"An organization has {MAX_CONNECTIONS} connections at most. Delete one first.")
        number = selectors.next_number(org_id)
        connection = SsoConnection(id=uuid7(), org_id=org_id, number=number, protocol=protocol, name=protocol.label)
        _apply(connection, values)
        try:
            with transaction.atomic():
                connection.save(force_insert=True)
        except IntegrityError as error:
            raise ConflictError("Another connection was made at the same moment. Try again.") from error
        record(
            org_id=org_id,
            actor=actor,
            action="sso_connection.create",
            target=_target(connection),
            after=_state(connection),
        )
    return connection


def update_connection(*, org_id: UUID, connection_id: UUID, values: ConnectionValues, actor: Actor) -> SsoConnection:
    """Change what was given. A change of where the provider is asks for a new test before it can be enforced."""
    with org_scope(org_id):
        connection = _locked(org_id, connection_id)
        before, asked = _state(connection), _trust(connection)
        _apply(connection, values)
        if connection.is_enabled:
            _check_complete(connection)
        if _trust(connection) != asked:
            connection.tested_at, connection.test_error = None, ""
        connection.save()
        record(
            org_id=org_id,
            actor=actor,
            action="sso_connection.update",
            target=_target(connection),
            before=before,
            after={**_state(connection), "secret_set": "client_secret" in values.given},
        )
    return connection


def switch_connection(*, org_id: UUID, connection_id: UUID, on: bool, actor: Actor) -> SsoConnection:
    """Switch a connection on or off. Off ends the sessions it opened, at their next request."""
    with org_scope(org_id):
        connection = _locked(org_id, connection_id)
        if on:
            _check_complete(connection)
        elif selectors.domains(org_id).filter(connection_id=connection_id, is_enforced=True).exists():
            raise ConflictError(
                "A domain enforces this connection: nobody of it could sign in. Stop enforcing it there first."
            )
        before, connection.is_enabled = connection.is_enabled, on
        connection.save(update_fields=["is_enabled", "updated_at"])
        record(
            org_id=org_id,
            actor=actor,
            action="sso_connection.enable" if on else "sso_connection.disable",
            target=_target(connection),
            before={"enabled": before},
            after={"enabled": on},
        )
    return connection


def delete_connection(*, org_id: UUID, connection_id: UUID, actor: Actor) -> None:
    """Delete a connection with the identities that are linked through it; people and memberships stay."""
    with org_scope(org_id):
        connection = _locked(org_id, connection_id)
        if selectors.domains(org_id).filter(connection_id=connection_id, is_enforced=True).exists():
            raise ConflictError("A domain enforces this connection. Stop enforcing it there first.")
        record(
            org_id=org_id,
            actor=actor,
            action="sso_connection.delete",
            target=_target(connection),
            before=_state(connection),
        )
        connection.delete()


def missing_values(connection: SsoConnection) -> list[str]:
    """What a connection still needs before it can work, in words."""
    if connection.protocol == Protocol.OIDC:
        needed = {"the issuer": connection.issuer, "the client id": connection.client_id}
        return [name for name, value in needed.items() if not value] + (
            [] if connection.client_secret_sealed else ["the client secret"]
        )
    needed_saml = {
        "the entity id of the provider": connection.entity_id,
        "its sign-in address": connection.sso_url,
        "its certificate": connection.certificates,
    }
    return [name for name, value in needed_saml.items() if not value]


def _check_complete(connection: SsoConnection) -> None:
    missing = missing_values(connection)
    if missing:
        raise ConflictError(f"The connection needs {', '.join(missing)} first.")


def _apply(connection: SsoConnection, values: ConnectionValues) -> None:
    given = values.given
    for name in _LENGTHS.keys() & given.keys():
        setattr(connection, name, _text(name, given[name]))
    for name in {"issuer", "sso_url"} & given.keys():
        _check_url(name, getattr(connection, name))
    if not connection.name:
        raise InvalidError("A connection needs a name, such as Okta.", attr="name")
    if "jit_role" in given:
        connection.jit_role = _role(given["jit_role"])
    if "attribute_mapping" in given:
        connection.attribute_mapping = _mapping(given["attribute_mapping"])
    if "allow_idp_initiated" in given:
        connection.allow_idp_initiated = given["allow_idp_initiated"]
    if given.get("certificates", "").strip():
        connection.certificates = clean_certificates(given["certificates"])
    if given.get("metadata", "").strip():
        found = parse_metadata(given["metadata"])
        connection.entity_id, connection.certificates = found.entity_id, found.certificates
        connection.sso_url = _text("sso_url", found.sso_url)
        _check_url("sso_url", connection.sso_url)
    if given.get("client_secret"):
        secret = given["client_secret"].strip().encode()
        connection.client_secret_sealed = seal(connection.org_id, SECRET_PURPOSE, connection.id, secret)


def _text(name: str, value: str) -> str:
    text = value.strip()
    if len(text) > _LENGTHS[name] or not text.isprintable():
        raise InvalidError(f"At most {_LENGTHS[name]} printable characters.", attr=name)
    return text


def _check_url(name: str, address: str) -> None:
    if not address:
        return
    try:
        parsed_url(address)
    except OutboundRefusedError as error:
        raise InvalidError(error.message, attr=name) from error


def _role(value: str) -> str:
    # SECURITY: whoever can add people at the provider must not be able to make admins of the organization of them.
    if value == Role.ORGANIZATION_ADMIN or (value and value not in Role.values):
        raise InvalidError(
            "Choose a role up to Admin, or none: Organization Admins are named one by one.", attr="jit_role"
        )
    return value


def _mapping(value: Mapping[str, str]) -> dict[str, str]:
    unknown = set(value) - set(MAPPED)
    if unknown:
        raise InvalidError(f"Only {', '.join(MAPPED)} can be mapped.", attr="attribute_mapping")
    cleaned = {name: text.strip() for name, text in value.items() if text.strip()}
    if any(len(text) > _MAX_ATTRIBUTE or not text.isprintable() for text in cleaned.values()):
        raise InvalidError(f"An attribute's name has at most {_MAX_ATTRIBUTE} characters.", attr="attribute_mapping")
    return cleaned


def _locked(org_id: UUID, connection_id: UUID) -> SsoConnection:
    found = SsoConnection.objects.for_org(org_id).select_for_update().filter(id=connection_id).first()
    return found or selectors.connection(org_id, connection_id)


def _trust(connection: SsoConnection) -> tuple[Any, ...]:
    """Whom the connection believes: when this changes, what was tested is no longer what is used."""
    own = connection
    return (
        own.issuer,
        own.client_id,
        bytes(own.client_secret_sealed or b""),
        own.entity_id,
        own.sso_url,
        *own.certificates,
        str(own.attribute_mapping),
    )


def _state(connection: SsoConnection) -> dict[str, Any]:
    """What the audit log keeps; never the secret."""
    return {
        "name": connection.name,
        "protocol": connection.protocol,
        "issuer": connection.issuer,
        "client_id": connection.client_id,
        "entity_id": connection.entity_id,
        "sso_url": connection.sso_url,
        "certificates": len(connection.certificates),
        "jit_role": connection.jit_role,
        "idp_initiated": connection.allow_idp_initiated,
        "attribute_mapping": connection.attribute_mapping,
    }


def _target(connection: SsoConnection) -> AuditTarget:
    return AuditTarget("sso_connection", connection.id, connection.name)
