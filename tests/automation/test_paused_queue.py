"""A pause holds what its backfill has in the queue, and nothing else."""

import datetime

from django.utils import timezone

from controlplane.automation.backfills import control, waking
from controlplane.automation.models import Backfill, BackfillKind, BackfillPartition
from controlplane.deployments.visibility import Visible
from controlplane.runs.models import Run
from controlplane.runs.requests import BACKFILL_TAG
from controlplane.runs.states import RunStatus
from controlplane.runs.waiting import waiting_reason
from tenants.models import Organization, OrganizationState
from tenants.scoping import org_scope
from tests.automation.backfill_world import fresh, visible
from tests.runs.scripts import Stage, make_stage
from tests.runs.test_limits import copies


def open_backfill(stage: Stage, count: int = 1) -> tuple[Backfill, Run]:
    """One with so many runs in the queue."""
    cast = stage.cast
    with org_scope(stage.org_id):
        backfill = Backfill.objects.create_in(
            stage.org_id,
            deployment_id=cast.deployment.id,
            kind=BackfillKind.ASSETS,
            assets=["raw"],
            actor_kind=cast.actor.kind,
            actor_id=cast.actor.id,
            actor_label=cast.actor.label,
        )
    run = stage.request(tags={BACKFILL_TAG: str(backfill.id)})
    with org_scope(stage.org_id):
        BackfillPartition.objects.create_in(
            stage.org_id, backfill_id=backfill.id, asset_key="raw", partition_key="", state="requested", run_id=run.id
        )
    copies(stage, run, count - 1)
    return backfill, run


def seen(stage: Stage) -> Visible:
    return visible(stage.cast)


def test_a_paused_backfills_runs_wait_in_the_queue_until_it_is_resumed() -> None:
    stage = make_stage()
    backfill, run = open_backfill(stage, 2)
    _, others = open_backfill(stage)
    free = stage.request()
    control.pause(seen(stage), backfill, actor=stage.cast.actor)

    assert {claim.run_id for claim in stage.claim(9)} == {others.id, free.id}
    assert stage.claim(9) == []
    waits = waiting_reason(run)
    assert waits is not None
    assert (waits.code, waits.backfill_id) == ("backfill_paused", backfill.id)
    assert f"its backfill is paused by {stage.cast.actor.label}" in waits.message
    place = f"/{stage.cast.org.slug}/{stage.cast.deployment.name}"
    for page in ("queue", f"runs/{run.id}"):
        shown = stage.cast.signed_in().get(f"{place}/{page}").content.decode()
        assert f'href="{place}/backfills/{backfill.id}"' in shown

    control.resume(seen(stage), backfill, actor=stage.cast.actor)
    assert len(stage.claim(9)) == 2


def test_a_paused_backfill_is_cancelled_with_its_queue() -> None:
    stage = make_stage()
    backfill, run = open_backfill(stage)
    control.pause(seen(stage), backfill, actor=stage.cast.actor)
    control.cancel(seen(stage), backfill, actor=stage.cast.actor)
    with org_scope(stage.org_id):
        assert Run.objects.for_org(stage.org_id).get(id=run.id).status == RunStatus.CANCELED


def test_backfills_of_an_organization_that_is_not_active_wait_until_it_is() -> None:
    stage = make_stage()
    backfill, _ = open_backfill(stage)
    due = timezone.now()

    def due_at_after_a_beat(state: OrganizationState) -> datetime.datetime | None:
        Organization.objects.filter(id=stage.org_id).update(state=state)
        # The oldest come first, also those of other tests.
        while waking.beat():
            pass
        return fresh(backfill).next_due_at

    with org_scope(stage.org_id):
        Backfill.objects.for_org(stage.org_id).filter(id=backfill.id).update(next_due_at=due)
    assert due_at_after_a_beat(OrganizationState.READ_ONLY) == due
    found = due_at_after_a_beat(OrganizationState.ACTIVE)
    assert found is not None
    assert found > due, "claimed"
