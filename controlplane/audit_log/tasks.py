"""Delivery of audit streams, woken by the clock."""

from uuid import UUID

from celery import shared_task

from controlplane.audit_log import delivery


@shared_task(name="audit_log.deliver_streams")
def deliver_streams() -> None:
    delivery.wake_due_streams()


@shared_task(name="audit_log.deliver_stream")
def deliver_stream(org_id: str, stream_id: str) -> None:
    delivery.deliver_stream(UUID(org_id), UUID(stream_id))
