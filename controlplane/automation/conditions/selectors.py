"""Reading automation of a deployment: its state, what each condition came to, and the runs that followed. For one caller."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from controlplane.automation.conditions.shown import shown_tree
from controlplane.automation.models import (
    AssetEvaluation,
    ConditionEvaluator,
    ConditionState,
    RequestedRun,
    RequestSource,
)
from controlplane.catalog import selectors as catalog
from controlplane.deployments.visibility import Visible
from tenants.scoping import read_scope


def evaluator(visible: Visible) -> ConditionEvaluator:
    """The deployment's; one that was never evaluated is as new."""
    org_id, deployment_id = visible.org_id, visible.deployment_id
    with read_scope(org_id):
        found = ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id).first()
    return found or ConditionEvaluator(org_id=org_id, deployment_id=deployment_id)


def evaluations(visible: Visible, key: str, *, check: str | None = None) -> QuerySet[AssetEvaluation]:
    """What came of the condition of an asset, or of one of its checks; NotFoundError for an asset that the caller does not see."""
    rows = AssetEvaluation.objects.for_org(visible.org_id)
    return rows.filter(deployment_id=visible.deployment_id, entity=_entity(visible, key, check))


def state(visible: Visible, key: str, *, check: str | None = None) -> ConditionState | None:
    """Where that condition is; None where it was never evaluated."""
    entity = _entity(visible, key, check)
    with read_scope(visible.org_id):
        rows = ConditionState.objects.for_org(visible.org_id)
        return rows.filter(deployment_id=visible.deployment_id, entity=entity).first()


def _entity(visible: Visible, key: str, check: str | None) -> str:
    asset = catalog.asset(visible, key)
    return f"{asset.key}:{check}" if check else asset.key


def complete(visible: Visible, shown: Sequence[AssetEvaluation]) -> None:
    """Make them as the caller may read them: without the names of hidden assets, and each with its `runs`."""
    definitions = catalog.asset_definitions(visible)
    if definitions.cut_from is not None:
        for one in shown:
            one.tree = one.tree and shown_tree(one.tree, definitions.graph.nodes)
    _attach_runs(visible, shown)


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
                if evaluation.entity in {*(row.body.get("assets") or ()), *(row.body.get("checks") or ())}:
                    found[evaluation.id].append(row)
    for one in shown:
        one.runs = found[one.id]  # type: ignore[attr-defined]  # read by serializers and templates
