"""The JSON of single sign-on."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants.models import Role
from tenants.sso.addresses import ConnectionKey, addresses_of
from tenants.sso.connections import ConnectionValues, missing_values
from tenants.sso.domains import record_of
from tenants.sso.models import Protocol, SsoConnection, SsoDomain
from tenants.sso.saml_metadata import MAX_METADATA_BYTES

_JIT_ROLES = [role.value for role in Role if role != Role.ORGANIZATION_ADMIN]


class AddressesSerializer(serializers.Serializer[Any]):
    """What to copy into the identity provider; only what its protocol has is filled."""

    sign_in = serializers.CharField(help_text="Where people begin.")
    redirect_uri = serializers.CharField(help_text="OpenID Connect.")
    acs = serializers.CharField(help_text="SAML: the assertion consumer service.")
    entity_id = serializers.CharField(help_text="SAML: our entity id, and where our metadata is.")


class ConnectionSerializer(serializers.Serializer[SsoConnection]):
    """A connection without its secret."""

    id = serializers.UUIDField()
    protocol = serializers.ChoiceField(Protocol.choices)
    name = serializers.CharField()
    is_enabled = serializers.BooleanField()
    jit_role = serializers.CharField(help_text="What strangers of a verified domain become; empty: they are refused.")
    issuer = serializers.CharField()
    client_id = serializers.CharField()
    has_client_secret = serializers.SerializerMethodField()
    entity_id = serializers.CharField()
    sso_url = serializers.CharField()
    certificates = serializers.ListField(child=serializers.CharField(), help_text="PEM.")
    allow_idp_initiated = serializers.BooleanField()
    attribute_mapping = serializers.DictField(child=serializers.CharField())
    tested_at = serializers.DateTimeField(allow_null=True)
    test_error = serializers.CharField(help_text="Why the last test failed; empty when it worked.")
    missing = serializers.SerializerMethodField(help_text="What it needs before it can be switched on.")
    addresses = serializers.SerializerMethodField(help_text="What to copy into the identity provider.")

    def get_has_client_secret(self, connection: SsoConnection) -> bool:
        return connection.client_secret_sealed is not None

    @extend_schema_field(AddressesSerializer)
    def get_addresses(self, connection: SsoConnection) -> Any:
        return AddressesSerializer(addresses_of(connection.protocol, ConnectionKey.of(connection))).data

    def get_missing(self, connection: SsoConnection) -> list[str]:
        return missing_values(connection)


class ChangeConnectionSerializer(serializers.Serializer[Any]):
    """What to set; what is left out stays as it is."""

    name = serializers.CharField(required=False, max_length=100)
    is_enabled = serializers.BooleanField(required=False)
    jit_role = serializers.ChoiceField(_JIT_ROLES, required=False, allow_blank=True)
    issuer = serializers.CharField(required=False, allow_blank=True, max_length=500)
    client_id = serializers.CharField(required=False, allow_blank=True, max_length=500)
    client_secret = serializers.CharField(required=False, max_length=4000, help_text="Stored sealed, never answered.")
    metadata = serializers.CharField(
        required=False, max_length=MAX_METADATA_BYTES, help_text="SAML metadata of the provider, as XML."
    )
    entity_id = serializers.CharField(required=False, allow_blank=True, max_length=500)
    sso_url = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    certificates = serializers.CharField(required=False, max_length=100_000, help_text="PEM, one or several.")
    allow_idp_initiated = serializers.BooleanField(required=False)
    attribute_mapping = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False, help_text="`subject`, `email`, `name`."
    )

    def values(self) -> ConnectionValues:
        """All but whether it is on."""
        given = {name: value for name, value in self.validated_data.items() if name not in {"is_enabled", "protocol"}}
        return ConnectionValues(**given)


class NewConnectionSerializer(ChangeConnectionSerializer):
    """A connection to make."""

    protocol = serializers.ChoiceField(Protocol.choices)


class DomainSerializer(serializers.Serializer[SsoDomain]):
    """A domain, and the TXT record that proves it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    txt_record = serializers.SerializerMethodField()
    verified_at = serializers.DateTimeField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    check_error = serializers.CharField()
    connection_id = serializers.UUIDField(allow_null=True)
    is_enforced = serializers.BooleanField()

    def get_txt_record(self, domain: SsoDomain) -> str:
        return record_of(domain)


class NewDomainSerializer(serializers.Serializer[Any]):
    """A domain to add."""

    name = serializers.CharField(max_length=253)


class SetDomainSerializer(serializers.Serializer[Any]):
    """How people of a domain sign in."""

    connection_id = serializers.UUIDField(allow_null=True)
    is_enforced = serializers.BooleanField(default=False)
