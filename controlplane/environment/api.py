"""REST: the environment variables of a deployment."""

import base64
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.http import DeploymentAPIView
from controlplane.environment import selectors, services
from controlplane.environment.branch_facts import branch_context
from controlplane.environment.dotenv_text import env_text
from controlplane.environment.effective import effective
from controlplane.environment.imports import Outcome, import_text, plan_import
from controlplane.environment.models import VariableKind
from controlplane.environment.serializers import (
    AgentKeySerializer,
    EffectiveVariableSerializer,
    EnvironmentVariableSerializer,
    ExportedSerializer,
    ExportSerializer,
    ImportedSerializer,
    ImportSerializer,
    RevealedSerializer,
    ScopesSerializer,
    WriteVariableSerializer,
)
from controlplane.environment.visible import VariableRights
from tenants.errors import InvalidError, NotFoundError
from tenants.http import valid_body
from tenants.paging import PAGE_PARAMETERS, next_address, page_of_list, page_request, page_schema
from tenants.permissions import Permission


class EnvironmentView(DeploymentAPIView):
    """Base: the caller's rights as they bear on variables."""

    @property
    def rights(self) -> VariableRights:
        return VariableRights(self.access)

    def answer(self, variable: Any, code: int = status.HTTP_200_OK) -> Response:
        return Response(EnvironmentVariableSerializer(variable, context={"access": self.access}).data, status=code)


def secret_response(data: Any) -> Response:
    """Values in plain text stay out of every cache."""
    return Response(data, headers={"Cache-Control": "no-store"})


class VariablesView(EnvironmentView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ENVIRONMENT_READ,
        "POST": Permission.SECRET_WRITE,
    }

    @extend_schema(
        operation_id="list_environment_variables",
        parameters=PAGE_PARAMETERS,
        responses=page_schema(EnvironmentVariableSerializer),
    )
    def get(self, request: Request) -> Response:
        """Variables by name, without values; of a branch deployment those that hold there."""
        found = selectors.visible_variables(self.access, self.deployment)
        page = page_of_list(found, page_request(request), key=lambda variable: (variable.name, str(variable.id)))
        rows = EnvironmentVariableSerializer(list(page.results), many=True, context={"access": self.access})
        return Response({"results": rows.data, "next": next_address(request, page)})

    @extend_schema(
        operation_id="create_environment_variable",
        request=WriteVariableSerializer,
        responses={201: EnvironmentVariableSerializer},
    )
    def post(self, request: Request) -> Response:
        """Add a variable. Code locations that it holds for are loaded anew with it."""
        asked = valid_body(WriteVariableSerializer, request)
        draft = WriteVariableSerializer.draft(self.org_id, asked)
        self.rights.require(Permission.SECRET_WRITE, list(draft.locations))
        made = services.create_variable(deployment=self.deployment, draft=draft, actor=self.access.actor)
        return self.answer(made, status.HTTP_201_CREATED)


class VariableView(EnvironmentView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ENVIRONMENT_READ,
        "PUT": Permission.SECRET_WRITE,
        "DELETE": Permission.SECRET_WRITE,
    }

    @extend_schema(operation_id="get_environment_variable", responses=EnvironmentVariableSerializer)
    def get(self, request: Request, variable_id: UUID) -> Response:
        """One variable, without its value."""
        return self.answer(selectors.variable(self.access, self.deployment, variable_id))

    @extend_schema(
        operation_id="replace_environment_variable",
        request=WriteVariableSerializer,
        responses=EnvironmentVariableSerializer,
    )
    def put(self, request: Request, variable_id: UUID) -> Response:
        """Make it what is given; without a value, the one it has stays."""
        known = selectors.variable(self.access, self.deployment, variable_id)
        asked = valid_body(WriteVariableSerializer, request)
        draft = WriteVariableSerializer.draft(self.org_id, asked)
        self.rights.require(Permission.SECRET_WRITE, known.locations)
        self.rights.require(Permission.SECRET_WRITE, list(draft.locations))
        changed = services.update_variable(
            deployment=self.deployment, variable_id=variable_id, draft=draft, actor=self.access.actor
        )
        return self.answer(changed)

    @extend_schema(operation_id="delete_environment_variable", responses={204: None})
    def delete(self, request: Request, variable_id: UUID) -> Response:
        """Take it away."""
        known = selectors.variable(self.access, self.deployment, variable_id)
        self.rights.require(Permission.SECRET_WRITE, known.locations)
        services.delete_variable(deployment=self.deployment, variable_id=variable_id, actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RevealView(EnvironmentView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.SECRET_READ}

    @extend_schema(operation_id="reveal_environment_variable", request=None, responses=RevealedSerializer)
    def post(self, request: Request, variable_id: UUID) -> Response:
        """Its value in plain text. Each reading is in the audit log."""
        variable = selectors.variable(self.access, self.deployment, variable_id)
        self.rights.require(Permission.SECRET_READ, variable.locations)
        value = services.reveal_value(deployment=self.deployment, variable=variable, actor=self.access.actor)
        return secret_response({"value": value})


class ImportView(EnvironmentView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.SECRET_WRITE}

    @extend_schema(operation_id="import_environment_variables", request=ImportSerializer, responses=ImportedSerializer)
    def post(self, request: Request) -> Response:
        """Create or change many variables from a `.env` file: all of them, or none and every error by its line."""
        given = valid_body(ImportSerializer, request)
        scopes = ScopesSerializer.scopes(self.org_id, given["scopes"])
        plan = plan_import(self.access, self.deployment, given["text"], scopes, given["locations"])
        may = not given["dry_run"] and not any(line.outcome == Outcome.ERROR for line in plan)
        if may:
            import_text(self.access, self.deployment, given["text"], scopes, given["locations"])
        return Response(ImportedSerializer({"imported": may, "lines": plan}).data)


class ExportView(EnvironmentView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.SECRET_READ}

    @extend_schema(operation_id="export_environment_variables", request=ExportSerializer, responses=ExportedSerializer)
    def post(self, request: Request) -> Response:
        """The values of one scope as a `.env` file. The names that were read are in the audit log."""
        asked = valid_body(ExportSerializer, request)
        found = selectors.readable_of_scope(self.access, self.deployment, asked["scope"])
        values = services.export_values(deployment=self.deployment, variables=found, actor=self.access.actor)
        left_out = sorted({variable.name for variable in found if variable.kind != VariableKind.VALUE})
        return secret_response({"text": env_text(sorted(values.items())), "left_out": left_out})


class EffectiveView(EnvironmentView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ENVIRONMENT_READ}

    @extend_schema(
        operation_id="get_effective_environment",
        parameters=[OpenApiParameter("location", str, required=True, description="The code location.")],
        responses=EffectiveVariableSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """What a code location gets here, and where each value comes from. Beside it, code sees the agent's own environment."""
        name = request.query_params.get("location", "")
        if not name:
            raise InvalidError("Say which code location: ?location=name.", attr="location")
        if not self.rights.sees_location(name):
            raise NotFoundError(f"There is no code location {name} in this deployment.")
        location = self.visible.location(name)
        known = selectors.visible_variables(self.access, self.deployment)
        version = location.desired or location.current
        found = effective(self.deployment, location, version, known, branch_context(self.deployment))
        return Response(EffectiveVariableSerializer(found, many=True).data)


class AgentKeysView(EnvironmentView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.SECRET_WRITE}

    @extend_schema(operation_id="list_agent_keys", responses=AgentKeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """The public keys of agents, to seal a value so that nobody but they can read it."""
        keys = selectors.agent_keys(self.org_id)
        rows = [
            {"agent_id": k.agent_id, "key_id": k.key_id, "public_key": base64.b64encode(bytes(k.public_key)).decode()}
            for k in keys
        ]
        return Response(AgentKeySerializer(rows, many=True).data)
