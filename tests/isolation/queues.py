"""What Alice's organization has in its queue: a run that waits, and something that was done to many."""

from typing import Any
from uuid import UUID

from controlplane.deployments.visibility import all_of
from controlplane.runs import bulk_actions
from controlplane.runs.bulk_actions import Wanted
from controlplane.runs.models import BulkKind, PoolSlot
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import queue_run


def queue_of(alice: Cast, key: str) -> dict[str, str]:
    """By the names of parameters; the bulk action has ended."""
    visible = all_of(alice.org_id, alice.deployment.id)
    canceled = queue_run(alice, assets=[key]).id
    action = bulk_actions.start(visible, BulkKind.CANCEL, Wanted([canceled]), actor=alice.actor)
    bulk_actions.go_on(alice.org_id, action.id)
    return {"bulk_action_id": str(action.id), "queued_run_id": str(queue_run(alice, assets=[key]).id)}


def with_slot(world: Any) -> None:
    """The run that goes on holds a slot of a pool."""
    alice = world.alice
    with org_scope(alice.org_id):
        PoolSlot.objects.create_in(
            alice.org_id,
            run_id=UUID(world.known["run_id"]),
            pool="db",
            step_key="",
            deployment_id=alice.deployment.id,
            claimed_at=alice.deployment.created_at,
        )
