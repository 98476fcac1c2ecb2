"""The JSON of one organization, and of what may be changed of it."""

from typing import Any

from rest_framework import serializers

from tenants.models import OrganizationState
from tenants.organizations import NAME_MAX, REASON_MAX
from tenants.serializers import OrganizationSerializer

OWN_STATES = [OrganizationState.ACTIVE, OrganizationState.READ_ONLY]


class OrganizationDetailSerializer(OrganizationSerializer):
    """An organization with its settings."""

    state = serializers.ChoiceField(OrganizationState.choices)
    state_reason = serializers.CharField()
    delete_after = serializers.DateTimeField(allow_null=True, help_text="When it will be deleted, if it will.")
    session_hours = serializers.IntegerField(
        allow_null=True, help_text="How long sessions live; null for the installation's."
    )
    allowed_networks = serializers.ListField(
        child=serializers.CharField(), help_text="Networks that people and programs may come from; none for any."
    )
    has_logo = serializers.BooleanField()


class ChangeOrganizationSerializer(serializers.Serializer[Any]):
    """What should be otherwise; what is left out stays."""

    name = serializers.CharField(required=False, max_length=NAME_MAX)
    slug = serializers.CharField(required=False)
    session_hours = serializers.IntegerField(required=False, allow_null=True)
    allowed_networks = serializers.ListField(child=serializers.CharField(), required=False)
    force = serializers.BooleanField(
        default=False, help_text="Take networks that shut out the address this request comes from."
    )
    state = serializers.ChoiceField([(s.value, s.label) for s in OWN_STATES], required=False)
    reason = serializers.CharField(default="", allow_blank=True, max_length=REASON_MAX, help_text="Why, for `state`.")


class DeleteOrganizationSerializer(serializers.Serializer[Any]):
    """A deletion, confirmed by the name."""

    name = serializers.CharField(help_text="The organization's name, exactly.")
    reason = serializers.CharField(default="", allow_blank=True, max_length=REASON_MAX)
