"""Reading automation of a deployment: its state, what each condition came to, and the runs that followed. For one caller."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from controlplane.automation.backfills import selectors as backfills
from controlplane.automation.conditions.shown import shown_tree
from controlplane.automation.instigators.selectors import sees_all
from controlplane.automation.models import (
    AssetEvaluation,
    ConditionEvaluator,
    ConditionState,
    RequestedRun,
    RequestSource,
)
from controlplane.catalog import selectors as catalog
from controlplane.definitions.asset_keys import entity_text, observed_text
from controlplane.deployments.visibility import Visible
from controlplane.runs.selectors import some_runs
from tenants.errors import NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope

_UNTOLD = "It could not be evaluated. Why is told to people who may see all of the deployment."


def evaluator(visible: Visible) -> ConditionEvaluator:
    """The deployment's, with the errors that the caller may read; one that was never evaluated is as new. It is not to be saved."""
    org_id, deployment_id = visible.org_id, visible.deployment_id
    with read_scope(org_id):
        found = ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id).first()
    if found is None:
        return ConditionEvaluator(org_id=org_id, deployment_id=deployment_id)
    found.error = found.error and _shown_error(visible, found.error)
    return found


def may_pause(visible: Visible) -> bool:
    """Whether the caller may pause and resume all of the deployment's conditions."""
    return visible.part(Permission.SENSOR_WRITE).is_everything


def _shown_error(visible: Visible, error: dict[str, Any]) -> dict[str, Any] | None:
    """Code locations that the caller sees all of. What concerns the whole deployment may name anything in it."""
    if visible.part(Permission.LOCATION_READ).is_everything:
        return error
    locations = {name: why for name, why in error.get("locations", {}).items() if sees_all(visible, name)}
    told = {"evaluation": _UNTOLD} if "evaluation" in error else {}
    return {**told, **({"locations": locations} if locations else {})} or None


def evaluations(visible: Visible, key: str, *, check: str | None = None) -> QuerySet[AssetEvaluation]:
    """What came of the condition of an asset, or of one of its checks; NotFoundError for an asset or check that the caller does not
    see.
    """
    rows = AssetEvaluation.objects.for_org(visible.org_id)
    return rows.filter(deployment_id=visible.deployment_id, entity=_entity(visible, key, check))


def state(visible: Visible, key: str, *, check: str | None = None) -> ConditionState | None:
    """Where that condition is; None where it was never evaluated."""
    entity = _entity(visible, key, check)
    with read_scope(visible.org_id):
        rows = ConditionState.objects.for_org(visible.org_id)
        found = rows.filter(deployment_id=visible.deployment_id, entity=entity).first()
    if found is not None and not _sees_all(visible):
        found.error = found.error and _untold(found.error)
    return found


def observation(visible: Visible, key: str) -> ConditionState | None:
    """When an observable source asset was last requested to be observed by the clock, and when it is again; None where it never was."""
    entity = observed_text(catalog.asset(visible, key).key)
    with read_scope(visible.org_id):
        rows = ConditionState.objects.for_org(visible.org_id)
        return rows.filter(deployment_id=visible.deployment_id, entity=entity).defer("cursor", "error").first()


def _entity(visible: Visible, key: str, check: str | None) -> str:
    asset = catalog.asset(visible, key)
    if check and f"{asset.key}:{check}" not in catalog.asset_definitions(visible).check_locations:
        raise NotFoundError(f"There is no check {check} of the asset {asset.key} in this deployment.")
    return entity_text(asset.key, check)


def complete(visible: Visible, shown: Sequence[AssetEvaluation]) -> None:
    """Make them as the caller may read them, each with its `runs`: without the names of hidden assets, runs and backfills that are not
    seen, and the errors and refusals that may name either. They are not to be saved.
    """
    _attach_runs(visible, shown)
    if _sees_all(visible):
        return
    definitions = catalog.asset_definitions(visible)
    seen_backfills = _seen_backfills(visible, [one.backfill_id for one in shown if one.backfill_id])
    for one in shown:
        one.backfill_id = one.backfill_id if one.backfill_id in seen_backfills else None
        one.tree = one.tree and shown_tree(one.tree, definitions.graph.nodes)
        one.error = one.error and _untold(one.error)
    requests: list[RequestedRun] = [request for one in shown for request in one.runs]  # type: ignore[attr-defined]  # of _attach_runs
    seen = {run.id for run in some_runs(visible, [request.run_id for request in requests if request.run_id])}
    for request in requests:
        request.refusal = ""
        if request.run_id not in seen:
            request.run_id = None


def _seen_backfills(visible: Visible, ids: Sequence[UUID]) -> set[UUID]:
    if not ids:
        return set()
    with read_scope(visible.org_id):
        return set(backfills.backfills(visible).filter(id__in=ids).values_list("id", flat=True))


def _entities_of(row: RequestedRun) -> set[str]:
    """What a run was requested for."""
    checks = [text.rpartition(":") for text in row.body.get("checks") or ()]
    return {
        *(entity_text(key) for key in row.body.get("assets") or ()),
        *(entity_text(asset, name) for asset, _colon, name in checks),
    }


def _sees_all(visible: Visible) -> bool:
    return catalog.asset_definitions(visible).cut_from is None


def _untold(error: dict[str, Any]) -> dict[str, Any]:
    return {"cls": error.get("cls"), "message": _UNTOLD, "stack": []}


def _attach_runs(visible: Visible, shown: Sequence[AssetEvaluation]) -> None:
    """Those of its asset that were requested with it, in order."""
    by_tick = {row.tick_id: row for row in shown if row.requested}
    found: dict[UUID, list[RequestedRun]] = {row.id: [] for row in shown}
    if by_tick:
        with read_scope(visible.org_id):
            rows = RequestedRun.objects.for_org(visible.org_id).filter(
                source=RequestSource.EVALUATION, source_id__in=list(by_tick)
            )
            for row in rows.order_by("source_id", "position"):
                evaluation = by_tick[row.source_id]
                if evaluation.entity in _entities_of(row):
                    found[evaluation.id].append(row)
    for one in shown:
        one.runs = found[one.id]  # type: ignore[attr-defined]  # read by serializers and templates
