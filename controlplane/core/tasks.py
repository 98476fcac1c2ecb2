"""Periodic work of the installation itself."""

from uuid import UUID

from celery import shared_task

from controlplane.core import organization_deletion, partitioning
from tenants.accounts import audit, outbox, sessions


@shared_task(name="core.ensure_partitions")  # type: ignore[untyped-decorator, unused-ignore]  # celery ships no types
def ensure_partitions() -> None:
    partitioning.ensure_partitions()


@shared_task(name="core.delete_organizations")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def delete_organizations() -> None:
    organization_deletion.sweep()


@shared_task(name="core.send_mail")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def send_mail() -> None:
    outbox.send_due()


@shared_task(name="core.forget_ended_sessions")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def forget_ended_sessions() -> None:
    sessions.forget_ended()


@shared_task(name="core.record_failed_sign_in")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def record_failed_sign_in(user_id: str, address: str, how: str) -> None:
    audit.record_failed_sign_in(user_id=UUID(user_id), address=address, how=how)
