"""Runs: launched and looked at."""

from typing import Any
from uuid import UUID

import structlog
import yaml
from django.db import connection

from controlplane.definitions.asset_keys import to_text
from controlplane.delivery.dagster_cloud.caller import Caller
from controlplane.runs import launching, selectors
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.selectors import RunFilter
from tenants.errors import InvalidError, NotFoundError
from tenants.permissions import Permission

log = structlog.get_logger(__name__)

# Remembers which attempt of the client a run came from.
_IDEMPOTENCY_TAG = "daggerboard/idempotency_key"
_KEY_MAX = 200
_MESSAGE_MAX = 500


def launch(caller: Caller, execution_params: dict[str, Any]) -> dict[str, Any]:
    """Launch a job, or some of its assets. The client tries again after a lost answer, with the same key: that is the same run."""
    found = caller.here
    found.access.require(Permission.RUN_LAUNCH)
    tags, key = _tags(execution_params), caller.idempotency_key[:_KEY_MAX]
    if key:
        tags[_IDEMPOTENCY_TAG] = key
        _take_turn(caller.org_id, key)
        known = selectors.runs(found.visible, RunFilter(tags={_IDEMPOTENCY_TAG: key}), limit=1).runs
        if known:
            return _launched(known[0])
    selector = execution_params["selector"]
    assets = selector.get("assetSelection")
    config = execution_params.get("runConfigData") or {}
    if not isinstance(config, dict):
        raise InvalidError("The run config is an object.", attr="runConfigData")
    request = RunRequest(
        location=selector["repositoryLocationName"],
        job=selector["jobName"],
        assets=[to_text(asset["path"]) for asset in assets] if assets else None,
        run_config=config,
        tags=tags,
    )
    return _launched(launching.launch(found.visible, request, actor=found.access.actor))


def run_or_error(caller: Caller, run_id: str) -> dict[str, Any]:
    """One run of the deployment."""
    found = caller.here
    found.access.require(Permission.RUN_READ)
    try:
        return _document(selectors.run(found.visible, UUID(run_id)))
    except (ValueError, NotFoundError):
        message = f"There is no run {run_id[:50]} in {found.deployment.name}."
        return {"__typename": "RunNotFoundError", "message": message, "runId": run_id}


def mark_cli_event(caller: Caller, **event: Any) -> str:
    """How long a build or a deploy took, in our log."""
    log.info(
        "dagster_cloud_cli.event",
        org=str(caller.org_id),
        event=str(event["event_type"])[:50],
        seconds=event["duration_seconds"],
        success=event.get("success"),
        message=(event.get("message") or "")[:_MESSAGE_MAX],
    )
    return "ok"


def _take_turn(org_id: UUID, key: str) -> None:
    """Until the transaction ends, others with the same key wait here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"launch:{org_id}:{key}"])


def _tags(params: dict[str, Any]) -> dict[str, str]:
    given = (params.get("executionMetadata") or {}).get("tags") or []
    return {tag["key"]: tag["value"] for tag in given}


def _launched(run: Run) -> dict[str, Any]:
    return {"__typename": "LaunchRunSuccess", "run": _document(run)}


def _document(run: Run) -> dict[str, Any]:
    return {
        "__typename": "Run",
        "id": str(run.id),
        "runId": str(run.id),
        "status": run.status,
        "tags": [{"key": key, "value": value} for key, value in run.tags.items() if key != _IDEMPOTENCY_TAG],
        "runConfigYaml": yaml.safe_dump(run.run_config or {}),
    }
