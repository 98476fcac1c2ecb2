"""Having somebody look after a pull request: a task that reads what there is to do (attending.py)."""

from uuid import UUID

from controlplane.core.background import enqueue

TASK = "delivery.look_after_pull_request"


def wake(org_id: UUID, pull_request_id: UUID) -> None:
    """As soon as the caller's transaction commits."""
    enqueue(TASK, org_id=org_id, pull_request_id=pull_request_id)
