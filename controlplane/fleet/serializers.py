"""The JSON of agents."""

from typing import Any

from rest_framework import serializers

from controlplane.deployments.models import VersionState
from controlplane.fleet.health import AgentState
from controlplane.fleet.models import AgentLocation
from controlplane.fleet.selectors import AgentView


class FactSerializer(serializers.Serializer[Any]):
    """Something that was heard of an agent, and how long ago."""

    name = serializers.CharField()
    seconds_ago = serializers.FloatField(allow_null=True, help_text="Null when it was never heard.")


class BlockAgentSerializer(serializers.Serializer[Any]):
    """Why an agent is blocked."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class AgentLocationSerializer(serializers.Serializer[AgentLocation]):
    """A version of a code location on an agent."""

    version_id = serializers.UUIDField()
    state = serializers.ChoiceField(VersionState.choices)
    mode = serializers.CharField(allow_blank=True)
    rss_bytes = serializers.IntegerField(allow_null=True)
    reported_at = serializers.DateTimeField()


class AgentSerializer(serializers.Serializer[AgentView]):
    """An agent with its state, the cause of it, and every fact with its age."""

    id = serializers.UUIDField(source="agent.id")
    name = serializers.CharField(source="agent.name")
    state = serializers.ChoiceField([state.value for state in AgentState])
    cause = serializers.CharField()
    needs_attention = serializers.BooleanField(source="verdict.needs_attention")
    queues = serializers.ListField(source="agent.queues", child=serializers.CharField())
    agent_version = serializers.CharField(source="agent.agent_version")
    protocol_version = serializers.CharField(source="agent.protocol_version")
    host = serializers.JSONField(source="agent.host", help_text="Facts about its machine.")
    registered_at = serializers.DateTimeField(source="agent.registered_at")
    free_slots = serializers.IntegerField(source="agent.free_slots", help_text="How many more runs it would start.")
    spooled_events = serializers.IntegerField(source="agent.spooled_events", help_text="Events it has yet to deliver.")
    clock_skew_seconds = serializers.FloatField(source="agent.clock_skew_seconds")
    facts = FactSerializer(many=True)
    locations = AgentLocationSerializer(many=True)
