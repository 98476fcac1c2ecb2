"""What the clock wakes."""

from celery import shared_task

from controlplane.dispatch import sweeps


@shared_task(name="dispatch.sweep_commands")
def sweep_commands() -> None:
    sweeps.sweep_commands()
