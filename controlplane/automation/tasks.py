"""Background work of automation; the clock wakes the sweeps (settings.DUE_JOBS), services the others."""

from uuid import UUID

from celery import shared_task

from controlplane.automation.conditions import launching as requested_by_conditions
from controlplane.automation.conditions import waking as conditions
from controlplane.automation.instigators import reconciling
from controlplane.automation.ticks import catching_up, launching
from controlplane.deployments.loading import FOLLOW_TASK


@shared_task(name=FOLLOW_TASK)
def follow_definitions(org_id: str, deployment_id: str) -> None:
    reconciling.reconcile(org_id=UUID(org_id), deployment_id=UUID(deployment_id))


@shared_task(name="automation.sweep_definitions")
def sweep_definitions() -> None:
    reconciling.sweep()


@shared_task(name=launching.TASK)
def launch_tick(org_id: str, tick_id: str) -> None:
    launching.launch_of_tick(org_id=UUID(org_id), tick_id=UUID(tick_id))


@shared_task(name="automation.launch_waiting")
def launch_waiting() -> None:
    launching.launch_waiting()


@shared_task(name="automation.catch_up")
def catch_up() -> None:
    catching_up.sweep()


@shared_task(name="automation.sweep_conditions")
def sweep_conditions() -> None:
    conditions.sweep()
    requested_by_conditions.launch_waiting()
