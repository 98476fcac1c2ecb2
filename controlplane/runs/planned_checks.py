"""Checks that runs are to evaluate, from when they are requested: planned evaluations in the log of dagster, a label of the run here."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from controlplane.catalog import changes
from controlplane.catalog.changes import Consumer
from controlplane.core import recordsets
from controlplane.definitions.asset_keys import check_text, to_text
from controlplane.runs import labels
from controlplane.runs.models import Run
from controlplane.runs.selection import Selection

_NEWEST = """
    SELECT wanted.label, newest.run_id FROM unnest(%(labels)s::uuid[]) AS wanted(label) CROSS JOIN LATERAL (
        SELECT l.run_id FROM run_label l
        WHERE l.org_id = %(org)s AND l.deployment_id = %(deployment)s AND l.label = wanted.label
        ORDER BY l.run_id DESC LIMIT 1
    ) newest
"""
# Assets whose checks it was to evaluate, by their label (labels.checked): what a run makes without checks is not told of again.
_ENDING = """
    SELECT DISTINCT d.id, changed.asset FROM run r
    JOIN deployment d ON d.org_id = r.org_id AND d.id = r.deployment_id AND d.watchers ? 'conditions'
    CROSS JOIN LATERAL (
        SELECT regexp_replace(named, ':[^:]*$', '') FROM jsonb_array_elements_text(coalesce(r.check_selection, '[]')) AS named
        UNION ALL SELECT jsonb_array_elements_text(r.target_assets) WHERE r.check_selection IS NULL
    ) AS changed(asset)
    WHERE r.org_id = %s AND r.id = ANY(%s) AND EXISTS (
        SELECT FROM run_label l WHERE l.org_id = r.org_id AND l.run_id = r.id
          AND l.label = encode(substr(sha256('checked\\000'::bytea || convert_to(changed.asset, 'UTF8')), 1, 16), 'hex')::uuid
    )
"""


def of_selection(selection: Selection) -> list[str]:
    """The checks, as `a/b:name`: those that were named, otherwise all of the selected assets. A selection of ops is of no checks."""
    if selection.ops is not None:
        return []
    if selection.checks is not None:
        return selection.checks
    wanted = None if selection.assets is None else set(selection.assets)
    checks = ((to_text(asset), check_text(asset, name)) for asset, name in selection.job.checks)
    return [text for asset, text in checks if wanted is None or asset in wanted]


def note(org_id: UUID, deployment_id: UUID, checks: Iterable[str]) -> None:
    """They are in progress from now on. Joins the caller's transaction."""
    changed = ((deployment_id, asset) for asset in labels.assets_of_checks(checks))
    changes.note(org_id, changed, only=Consumer.CONDITIONS)


def note_ends(org_id: UUID, run_ids: Sequence[UUID]) -> None:
    """What these runs have not evaluated they never will. Joins the transaction that ends them."""
    ending = recordsets.fetch(_ENDING, [org_id, list(run_ids)])
    changes.note(org_id, [(deployment, asset) for deployment, asset in ending], only=Consumer.CONDITIONS)


def newest_runs(org_id: UUID, deployment_id: UUID, checks: Iterable[str]) -> dict[str, Run]:
    """By check, the newest run that was requested to evaluate it. Call it inside org_scope."""
    by_label = {labels.check(check): check for check in checks}
    asked = {"org": org_id, "deployment": deployment_id, "labels": list(by_label)}
    found = {by_label[label]: run_id for label, run_id in recordsets.fetch(_NEWEST, asked)}
    rows = Run.objects.for_org(org_id).only("id", "created_at").in_bulk(set(found.values()))
    return {check: rows[run_id] for check, run_id in found.items() if run_id in rows}
