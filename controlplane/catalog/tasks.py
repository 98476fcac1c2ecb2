"""What the clock wakes."""

from celery import shared_task

from controlplane.catalog import freshness_sweep


@shared_task(name="catalog.sweep_freshness")
def sweep_freshness() -> None:
    freshness_sweep.sweep()
