"""REST: what only user code can answer, asked through an agent."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.definitions.asset_keys import to_parts
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.job_api import LOCATION, one_job
from controlplane.dispatch.calls import call_worker
from controlplane.dispatch.serializers import ConfigVerdictSerializer, ValidateConfigSerializer
from controlplane.runs.launching import permitted
from controlplane.runs.requests import RunRequest
from tenants.errors import InvalidError
from tenants.http import valid_body
from tenants.permissions import Permission

# Importing nothing and running nothing, user code answers in milliseconds; a config type may have code of its own.
_TIMEOUT_SECONDS = 20.0


class ValidateConfigView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.RUN_LAUNCH}
    waits_for_code = True
    in_one_scope = False

    @extend_schema(
        operation_id="validate_run_config",
        parameters=[LOCATION],
        request=ValidateConfigSerializer,
        responses=ConfigVerdictSerializer,
    )
    def post(self, request: Request, job: str) -> Response:
        """Have a run config checked by the code location's own dagster, without launching anything."""
        asked = valid_body(ValidateConfigSerializer, request)
        view = one_job(self.visible.known_definitions, job, request.query_params.get("location"))
        config = asked
        wanted = permitted(
            self.visible, RunRequest(location=view.location, job=job, assets=config["assets"], ops=config["ops"])
        )
        verdict = call_worker(
            org_id=self.org_id,
            version_id=self.visible.whole.location(view.location).version.id,
            op="validate_run_config",
            args=_arguments(job, config | {"assets": wanted.assets}),
            timeout=_TIMEOUT_SECONDS,
        )
        return Response(ConfigVerdictSerializer(verdict).data)


def _arguments(job: str, asked: dict[str, Any]) -> dict[str, Any]:
    """As docs/code-worker.md has them."""
    try:
        assets = None if asked["assets"] is None else [to_parts(key) for key in asked["assets"]]
    except ValueError as error:
        raise InvalidError(str(error), attr="assets") from error
    return {"job": job, "asset_selection": assets, "op_selection": asked["ops"], "run_config": asked["run_config"]}
