"""Partitions as they are now: the definition's keys, with the dynamic ones from the database."""

import datetime
from uuid import UUID

from controlplane.catalog.models import DynamicPartition
from controlplane.catalog.partition_keys import Partitions, partitions_of
from controlplane.definitions.manifest import Manifest
from tenants.scoping import org_scope


def partitions(org_id: UUID, deployment_id: UUID, manifest: Manifest, definition_id: str) -> Partitions:
    """The partitions of a definition of a manifest, now, in this deployment."""
    return partitions_of(
        manifest,
        definition_id,
        now=datetime.datetime.now(datetime.UTC),
        dynamic=lambda name: dynamic_keys(org_id, deployment_id, name),
    )


def dynamic_keys(org_id: UUID, deployment_id: UUID, definition: str) -> list[str]:
    """The keys of a dynamic definition in the order in which they were added."""
    with org_scope(org_id):
        rows = DynamicPartition.objects.for_org(org_id).filter(deployment_id=deployment_id, definition=definition)
        return list(rows.order_by("position").values_list("partition_key", flat=True))


__all__ = ["Partitions", "dynamic_keys", "partitions"]
