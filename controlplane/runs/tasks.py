"""Periodic work of runs; the clock wakes these (settings.DUE_JOBS).

After an outage of ours, agents get one lease's time to report first.
"""

from uuid import UUID

from celery import shared_task
from django.conf import settings

from controlplane.core import pulse
from controlplane.runs import bulk_actions, leases, log_compaction, timeouts


@shared_task(name="runs.sweep_leases")
def sweep_leases() -> None:
    if pulse.steady_for(settings.LEASE_SECONDS):
        leases.sweep()


@shared_task(name="runs.sweep_timeouts")
def sweep_timeouts() -> None:
    if pulse.steady_for(settings.LEASE_SECONDS):
        timeouts.sweep()


@shared_task(name="runs.compact_logs")
def compact_logs() -> None:
    log_compaction.sweep()


@shared_task(name="runs.go_on_with_bulk_action")
def go_on_with_bulk_action(org_id: str, bulk_action_id: str) -> None:
    bulk_actions.go_on(UUID(org_id), UUID(bulk_action_id))


@shared_task(name="runs.sweep_bulk_actions")
def sweep_bulk_actions() -> None:
    bulk_actions.sweep()
