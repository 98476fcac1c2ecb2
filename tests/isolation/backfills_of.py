"""A backfill of somebody's asset, and dynamic partitions in a code location of their own."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone

from controlplane.automation.backfills.requesting import BackfillRequest, request
from controlplane.automation.models import Backfill, BackfillPartition
from controlplane.catalog.dynamic_partitions import insert
from controlplane.definitions.manifest import Check, Job, PartitionsDefinition
from controlplane.deployments.visibility import all_of
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import asset, make_location, make_manifest

if TYPE_CHECKING:
    from tests.isolation.world import World


def backfill_of(alice: Cast, key: str) -> UUID:
    """One that goes on, and that no look comes to: it is due in a day."""
    made = request(all_of(alice.org_id, alice.deployment.id), BackfillRequest(assets=[key]), actor=alice.actor)
    with org_scope(alice.org_id):
        Backfill.objects.for_org(alice.org_id).update(next_due_at=timezone.now() + timedelta(days=1))
    return made.id


def dynamic_partitions_of(alice: Cast, mark: str) -> str:
    """The name of dynamic partitions that have no key."""
    name, key = f"p{mark}", f"d{mark}"
    manifest = make_manifest(
        [asset(key, partitions="dynamic")],
        location=f"d{mark}",
        jobs=[Job(name="__ASSET_JOB", implicit=True, assets=[[key]])],
        checks=[Check(asset=[key], name="not_empty", jobs=["__ASSET_JOB"])],
        partitions_definitions={
            "dynamic": PartitionsDefinition(kind="dynamic", cls="DynamicPartitionsDefinition", name=name)
        },
    )
    make_location(alice, f"d{mark}", manifest=manifest)
    return name


def paused_backfill(world: "World") -> None:
    """There is something to resume."""
    _set(world, is_paused=True)


def failed_backfill(world: "World") -> None:
    """There is something to retry."""
    with org_scope(world.alice.org_id):
        BackfillPartition.objects.for_org(world.alice.org_id).update(state="failed")
    _set(world, status="COMPLETED_FAILED", ended_at=timezone.now())


def _set(world: "World", **changed: Any) -> None:
    with org_scope(world.alice.org_id):
        Backfill.objects.for_org(world.alice.org_id).filter(id=world.known["backfill_id"]).update(**changed)


def with_dynamic_partition(world: "World") -> None:
    """There is a key to delete."""
    with org_scope(world.alice.org_id):
        insert(world.alice.org_id, world.alice.deployment.id, world.known["definition"], ["new"])
