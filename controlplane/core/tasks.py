"""Periodic work of the installation itself."""

from celery import shared_task

from controlplane.core import partitioning
from tenants.accounts import outbox


@shared_task(name="core.ensure_partitions")  # type: ignore[untyped-decorator, unused-ignore]  # celery ships no types
def ensure_partitions() -> None:
    partitioning.ensure_partitions()


@shared_task(name="core.send_mail")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def send_mail() -> None:
    outbox.send_due()
