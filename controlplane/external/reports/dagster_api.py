"""`POST /<org>/<deployment>/report_asset_*`: dagster's own REST for external assets, with its paths, parameters and status codes.

A parameter comes from the JSON body, or else from the query. What is wrong is a 400 with `{"error": …}`, and what is stored a 200 with
`{}`, as dagster-webserver answers.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.core.dagster_cloud_token import DagsterCloudTokenAuthentication
from controlplane.deployments.http import DeploymentAPIView
from controlplane.external.reports.reporting import report_as
from controlplane.external.reports.values import ReportKind, report
from tenants.errors import InvalidError
from tenants.parsing import TextJSONParser
from tenants.permissions import Permission

# How dagster reads a key in a query that is no JSON list.
_BETWEEN_PARTS = re.compile(r"[^a-zA-Z0-9_]")
_TEXTS = ("partition", "description", "data_version", "check_name", "severity")


class _AnyParser(BaseParser):
    """Takes no body: what is neither JSON nor empty is refused with dagster's words."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        if stream.read(1):
            raise ParseError(f"Unhandled content type {media_type}, expect no body or application/json.")
        return {}


@extend_schema(exclude=True)
class _ReportView(DeploymentAPIView):
    """Base of the three."""

    authentication_classes = (DagsterCloudTokenAuthentication,)
    parser_classes = (TextJSONParser, _AnyParser)
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ASSET_REPORT}
    in_one_scope = False
    kind: ClassVar[ReportKind]

    def post(self, request: Request, asset_key: str = "") -> Response:
        """Store one event."""
        body = request.data or {}
        if not isinstance(body, Mapping):
            raise InvalidError("The body is a JSON object.")
        key = _asset_key(asset_key, body, request)
        given = _parameters(body, request)
        report_as(self.visible, [report(self.kind, asset=key, given=given)], actor=self.access.actor)
        return Response({})

    def handle_exception(self, exc: Exception) -> Response:
        """The API's error in dagster's form."""
        response = super().handle_exception(exc)
        response.data = {"error": " ".join(error["detail"] for error in response.data["errors"])}
        return response


class ReportMaterializationView(_ReportView):
    """`report_asset_materialization`."""

    kind = ReportKind.MATERIALIZATION


class ReportObservationView(_ReportView):
    """`report_asset_observation`."""

    kind = ReportKind.OBSERVATION


class ReportCheckView(_ReportView):
    """`report_asset_check`."""

    kind = ReportKind.CHECK


def _asset_key(path: str, body: Mapping[str, Any], request: Request) -> list[str]:
    """The parts of the key: of the path, of the body (a list, or one part as text), or of the query (a JSON list, or text)."""
    if path:
        return path.split("/")
    if "asset_key" in body:
        given = body["asset_key"]
        return given if isinstance(given, list) else [given]
    text = request.query_params.get("asset_key", "")
    parts = _json_list(text) if text.startswith("[") else None
    found = parts if parts is not None else [part for part in _BETWEEN_PARTS.split(text) if part]
    if not found:
        raise InvalidError(
            "Empty asset key, must provide asset key as url path after the endpoint's name or query param asset_key."
        )
    return found


def _json_list(text: str) -> list[Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _parameters(body: Mapping[str, Any], request: Request) -> dict[str, Any]:
    query = request.query_params
    given = {name: body[name] if name in body else query.get(name) for name in _TEXTS}
    for name in ("metadata", "passed"):
        given[name] = body[name] if name in body else _parsed(name, query.get(name))
    return given


def _parsed(name: str, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"Error parsing {name} json: {error}", attr=name) from error
