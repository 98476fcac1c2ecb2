"""What the clock wakes."""

from celery import shared_task

from controlplane.deployments import source_sweep


@shared_task(name="deployments.sweep_source_archives")
def sweep_source_archives() -> None:
    source_sweep.sweep()
