"""Periodic work of the installation itself."""

from uuid import UUID

from celery import shared_task

from controlplane.core import organization_deletion, partitioning
from tenants.accounts import audit, outbox, sessions


@shared_task(name="core.ensure_partitions")
def ensure_partitions() -> None:
    partitioning.ensure_partitions()


@shared_task(name="core.delete_organizations")
def delete_organizations() -> None:
    organization_deletion.sweep()


@shared_task(name="core.send_mail")
def send_mail() -> None:
    outbox.send_due()


@shared_task(name="core.forget_ended_sessions")
def forget_ended_sessions() -> None:
    sessions.forget_ended()


@shared_task(name="core.record_failed_sign_in")
def record_failed_sign_in(user_id: str, address: str, how: str) -> None:
    audit.record_failed_sign_in(user_id=UUID(user_id), address=address, how=how)
