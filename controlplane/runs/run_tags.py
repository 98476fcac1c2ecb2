"""Tags that a run gets after it was requested, with the labels by which lists find them."""

from collections.abc import Mapping
from uuid import UUID

from controlplane.runs import labels
from controlplane.runs.models import Run, RunLabel
from controlplane.runs.requests import check_tags


def add(org_id: UUID, deployment_id: UUID, run_id: UUID, new: Mapping[str, str]) -> None:
    """Set these; a tag of the same name is replaced. InvalidError where the bounds of tags are not kept. Call it inside org_scope."""
    rows = Run.objects.for_org(org_id).filter(deployment_id=deployment_id, id=run_id)
    run = rows.select_for_update().only("id", "tags").get()
    rows.update(tags=check_tags({**run.tags, **new}))
    old = [labels.tag(name, run.tags[name]) for name in new if name in run.tags]
    RunLabel.objects.for_org(org_id).filter(run_id=run_id, label__in=old).delete()
    RunLabel.unscoped.bulk_create(
        [
            RunLabel(org_id=org_id, run_id=run_id, label=labels.tag(name, value), deployment_id=deployment_id)
            for name, value in new.items()
        ],
        ignore_conflicts=True,
    )
