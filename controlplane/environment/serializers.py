"""Variables as the REST API writes and reads them. A value is only ever in the answers of reveal and export."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.deployments.models import Deployment
from controlplane.environment import names
from controlplane.environment.drafts import Content, Draft, Scopes, value_of
from controlplane.environment.effective import EffectiveVariable
from controlplane.environment.imports import Outcome, PlannedLine
from controlplane.environment.models import EnvironmentVariable, SecretStore, VariableKind
from controlplane.environment.visible import VariableRights
from controlplane.environment.words import scope_words
from tenants.errors import InvalidError


class ScopesSerializer(serializers.Serializer[Any]):
    """Where a variable holds: one branch deployment alone, or any of the other three."""

    full_deployment = serializers.BooleanField(default=False)
    all_branch_deployments = serializers.BooleanField(default=False)
    local = serializers.BooleanField(default=False)
    branch_deployment = serializers.CharField(
        max_length=100, allow_null=True, default=None, help_text="The name of one branch deployment."
    )

    @staticmethod
    def scopes(org_id: UUID, given: dict[str, Any]) -> Scopes:
        """Names become ids; InvalidError when there is no such branch."""
        branch_id, branch = None, given.get("branch_deployment")
        if branch is not None:
            branch_id = Deployment.objects.for_org(org_id).filter(name=branch).values_list("id", flat=True).first()
            if branch_id is None:
                raise InvalidError(f"There is no branch deployment {branch[:60]!r}.", attr="scopes")
        return Scopes(
            full=given.get("full_deployment", False),
            all_branches=given.get("all_branch_deployments", False),
            local=given.get("local", False),
            branch_id=branch_id,
        )


class ReferenceSerializer(serializers.Serializer[Any]):
    """A secret that agents look up themselves."""

    store = serializers.ChoiceField(SecretStore.choices)
    secret = serializers.CharField(
        max_length=names.MAX_REFERENCE, help_text="ARN or ARN#key; mount/path#field; name#key or namespace/name#key."
    )


class EnvironmentVariableSerializer(serializers.Serializer[Any]):
    """A variable without its value. Of the listed code locations, only those that you may know of are shown."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(VariableKind.choices)
    scopes = serializers.SerializerMethodField()
    locations = serializers.SerializerMethodField()
    reference = serializers.SerializerMethodField()
    masked = serializers.BooleanField(help_text="Whether its value is masked in logs, events and errors.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    updated_by = serializers.CharField(allow_blank=True)

    @extend_schema_field(ScopesSerializer)
    def get_scopes(self, variable: EnvironmentVariable) -> dict[str, Any]:
        branch = variable.branch.name if variable.branch is not None else None
        return {
            "full_deployment": variable.in_full,
            "all_branch_deployments": variable.in_all_branches,
            "local": variable.in_local,
            "branch_deployment": branch,
        }

    def get_locations(self, variable: EnvironmentVariable) -> list[str]:
        return VariableRights(self.context["access"]).locations(variable)

    @extend_schema_field(ReferenceSerializer(allow_null=True))
    def get_reference(self, variable: EnvironmentVariable) -> dict[str, str] | None:
        if variable.kind != VariableKind.REFERENCE:
            return None
        return {"store": variable.store, "secret": variable.reference}


class WriteVariableSerializer(serializers.Serializer[Any]):
    """What a variable should be. One of `value`, `reference` and `sealed_boxes`; in a change, none of them keeps what is there."""

    name = serializers.CharField(max_length=names.MAX_NAME)
    scopes = ScopesSerializer(default=dict)
    locations = serializers.ListField(
        child=serializers.CharField(max_length=200), default=list, help_text="Code locations; empty for all."
    )
    masked = serializers.BooleanField(default=True)
    value = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    reference = ReferenceSerializer(required=False)
    sealed_boxes = serializers.DictField(
        child=serializers.CharField(max_length=6000), required=False, help_text="Boxes by the key id of an agent."
    )

    @staticmethod
    def draft(org_id: UUID, given: dict[str, Any]) -> Draft:
        """The draft of it; InvalidError when the value is given in two ways."""
        return Draft(
            name=given["name"],
            scopes=ScopesSerializer.scopes(org_id, given["scopes"]),
            locations=tuple(given["locations"]),
            content=_content(given),
            masked=given["masked"],
        )


def _content(given: dict[str, Any]) -> Content | None:
    ways = [way for way in ("value", "reference", "sealed_boxes") if way in given]
    if len(ways) > 1:
        raise InvalidError(f"Give the value in one way: not {' and '.join(ways)} together.", attr=ways[1])
    match ways:
        case ["value"]:
            return value_of(given["value"])
        case ["reference"]:
            reference = given["reference"]
            return Content(VariableKind.REFERENCE, store=reference["store"], reference=reference["secret"])
        case ["sealed_boxes"]:
            return Content(VariableKind.SEALED_TO_AGENTS, boxes=given["sealed_boxes"])
    return None


class RevealedSerializer(serializers.Serializer[Any]):
    """A value in plain text. Reading it is in the audit log."""

    value = serializers.CharField(allow_blank=True)


class ImportSerializer(serializers.Serializer[Any]):
    """A `.env` file, and what all of its variables should be."""

    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    scopes = ScopesSerializer(default=dict)
    locations = serializers.ListField(child=serializers.CharField(max_length=200), default=list)
    dry_run = serializers.BooleanField(default=False, help_text="Say what would happen, and do nothing.")


class PlannedLineSerializer(serializers.Serializer[PlannedLine]):
    """What becomes of one line of the file."""

    line = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    outcome = serializers.ChoiceField([outcome.value for outcome in Outcome])
    message = serializers.CharField(allow_blank=True)


class ImportedSerializer(serializers.Serializer[Any]):
    """All lines. Either all of them were imported, or none."""

    imported = serializers.BooleanField()
    lines = PlannedLineSerializer(many=True)


class ExportSerializer(serializers.Serializer[Any]):
    """Which variables: those of one scope, or, with a code location, what it gets here."""

    scope = serializers.ChoiceField(["full_deployment", "all_branch_deployments", "local"], default="local")


class ExportedSerializer(serializers.Serializer[Any]):
    """A `.env` file. Variables that we cannot read ourselves are left out, and named."""

    text = serializers.CharField(allow_blank=True)
    left_out = serializers.ListField(child=serializers.CharField())


class EffectiveVariableSerializer(serializers.Serializer[Any]):
    """A name that code sees, and where its value comes from."""

    name = serializers.CharField()
    comes_from = serializers.SerializerMethodField(help_text="`built_in`, or the kind of the variable.")
    value = serializers.CharField(allow_null=True, help_text="Of what Daggerboard sets itself; null for variables.")
    variable_id = serializers.SerializerMethodField()
    scope = serializers.SerializerMethodField()
    beats = serializers.SerializerMethodField(help_text="Scopes of variables with the same name that count less here.")

    def get_comes_from(self, found: EffectiveVariable) -> str:
        return found.variable.kind if found.variable else "built_in"

    def get_variable_id(self, found: EffectiveVariable) -> UUID | None:
        return found.variable.id if found.variable else None

    def get_scope(self, found: EffectiveVariable) -> str:
        return scope_words(found.variable) if found.variable else ""

    def get_beats(self, found: EffectiveVariable) -> list[str]:
        return [scope_words(beaten) for beaten in found.beaten]


class AgentKeySerializer(serializers.Serializer[Any]):
    """The public key of an agent, to seal values to."""

    agent_id = serializers.UUIDField()
    key_id = serializers.CharField()
    public_key = serializers.CharField(help_text="X25519, Base64.")
