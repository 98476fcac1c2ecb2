"""What one sensor of automation conditions evaluates: its assets and checks, and where each condition is. For one caller."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from controlplane.automation.models import AssetEvaluation, ConditionState, Instigator
from controlplane.catalog import changes
from controlplane.catalog import selectors as catalog
from controlplane.core import recordsets
from controlplane.definitions.asset_keys import entity_text, to_text
from controlplane.definitions.manifest import Sensor
from controlplane.deployments.visibility import Visible
from tenants.scoping import read_scope


@dataclass(frozen=True)
class Conditioned:
    """An asset, or one of its checks, with a condition; as `entity` it is stored."""

    asset: str
    check: str
    # As the code calls the condition; empty where it has no short name.
    label: str

    @property
    def entity(self) -> str:
        return entity_text(self.asset, self.check)


@dataclass(frozen=True)
class Standing:
    """Where one of them is. `newest` is the last evaluation with something new, without its tree; both are not to be saved."""

    of: Conditioned
    state: ConditionState | None
    newest: AssetEvaluation | None


def conditioned(visible: Visible, row: Instigator, definition: Sensor | None) -> list[Conditioned]:
    """What it evaluates, as far as the reader sees it, by key; nothing where its definition is gone."""
    definitions = catalog.asset_definitions(visible)
    location = definitions.by_location.get(row.location_name)
    if definition is None or location is None:
        return []
    selected = {to_text(key) for key in definition.assets or ()}
    labels = {name: condition.label or "" for name, condition in location.manifest.conditions.items()}
    found = [
        Conditioned(key, "", labels.get(node.asset.automation, ""))
        for key in selected
        if (node := definitions.graph.nodes.get(key)) and node.location == row.location_name and node.asset.automation
    ]
    found += [
        Conditioned(asset, check.name, labels.get(check.automation, ""))
        for check in location.checks.values()
        if check.automation and (asset := to_text(check.asset)) in selected
    ]
    return sorted(found, key=lambda one: (one.asset, one.check))


# The newest of each by the index on (org_id, deployment_id, entity, id): one short look for each that is shown.
_NEWEST = """
    SELECT e.id FROM unnest(%s::text[]) AS n(entity)
    CROSS JOIN LATERAL (
        SELECT id FROM asset_evaluation
        WHERE org_id = %s AND deployment_id = %s AND entity = n.entity ORDER BY id DESC LIMIT 1
    ) e
"""


def standings(visible: Visible, shown: Sequence[Conditioned]) -> list[Standing]:
    """Where these are, in the same order."""
    org_id, deployment_id = visible.org_id, visible.deployment_id
    entities = [one.entity for one in shown]
    with read_scope(org_id):
        rows = ConditionState.objects.for_org(org_id).filter(deployment_id=deployment_id, entity__in=entities)
        states = {row.entity: row for row in rows.defer("cursor")}
        ids: list[UUID] = [row_id for (row_id,) in recordsets.fetch(_NEWEST, [entities, org_id, deployment_id])]
        newest = {row.entity: row for row in AssetEvaluation.objects.for_org(org_id).filter(id__in=ids).defer("tree")}
    return [Standing(one, states.get(one.entity), newest.get(one.entity)) for one in shown]


def changes_waiting(visible: Visible) -> int:
    """How many changes of assets the evaluator has not looked at yet; changes.CHANGES_MAX stands for that or more."""
    with read_scope(visible.org_id):
        return changes.pending(visible.org_id, visible.deployment_id, changes.Consumer.CONDITIONS)
