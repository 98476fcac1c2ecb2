"""Background work of this slice; the clock wakes the sweeps (settings.DUE_JOBS)."""

from uuid import UUID

from celery import shared_task

from controlplane.external.pipes import sweep as pipes
from controlplane.external.reports import forgetting
from controlplane.external.wipes import services as wipes


@shared_task(name="external.go_on_with_wipes")
def go_on_with_wipes() -> None:
    wipes.sweep()


@shared_task(name=wipes.TASK)
def wipe_asset(org_id: str, wipe_id: str) -> None:
    wipes.go_on(org_id=UUID(org_id), wipe_id=UUID(wipe_id))


@shared_task(name="external.forget_deliveries")
def forget_deliveries() -> None:
    forgetting.sweep()


@shared_task(name="external.sweep_pipes")
def sweep_pipes() -> None:
    pipes.sweep()
