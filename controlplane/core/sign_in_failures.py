"""Failed attempts to sign in reach the audit log through a worker, so that the answer takes as long for unknown accounts."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from controlplane.core.background import enqueue
from tenants.accounts.audit import sign_in_failed


@receiver(sign_in_failed)
def hand_to_worker(user_id: UUID, address: str, how: str, **_more: Any) -> None:
    enqueue("core.record_failed_sign_in", user_id=user_id, address=address, how=how)
