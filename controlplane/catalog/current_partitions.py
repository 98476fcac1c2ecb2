"""Partitions as they are now: the definition's keys, with the dynamic ones from the database."""

import datetime
import threading
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from controlplane.catalog.models import DynamicPartition
from controlplane.catalog.partition_keys import Partitions, partitions_of
from controlplane.core import recordsets
from controlplane.definitions.manifest import Manifest
from tenants.scoping import org_scope


def partitions(org_id: UUID, deployment_id: UUID, manifest: Manifest, definition_id: str) -> Partitions:
    """The partitions of a definition of a manifest, now, in this deployment."""
    return partitions_of(
        manifest,
        definition_id,
        now=datetime.datetime.now(datetime.UTC),
        dynamic=lambda name: _kept_keys(org_id, deployment_id, name),
    )


# Which keys there are, in which order: cheap to ask for, where reading half a million keys is not. A place is given once and its key never
# changes, so the places say it; an index holds them.
_MARK = """
    SELECT count(*), coalesce(bit_xor(hashint8extended(position, 0)), 0)::text FROM dynamic_partition
    WHERE org_id = %s AND deployment_id = %s AND definition = %s
"""
# Half a million keys take some 40 MB.
_KEPT = 8
# Fewer are as quick to read as to ask for.
_WORTH_KEEPING = 5_000
_Known = tuple[UUID, UUID, str]
_kept: "OrderedDict[_Known, tuple[tuple[int, str], list[str]]]" = OrderedDict()
_lock = threading.Lock()


def _kept_keys(org_id: UUID, deployment_id: UUID, definition: str) -> Sequence[str]:
    """As `dynamic_keys`, read again only when they changed. Not to be modified."""
    known = (org_id, deployment_id, definition)
    with org_scope(org_id):
        count, digest = recordsets.fetch(_MARK, known)[0]
        if count < _WORTH_KEEPING:
            return dynamic_keys(org_id, deployment_id, definition)
        with _lock:
            mark, keys = _kept.get(known, (None, []))
        if mark != (count, digest):
            # Changed between the two questions, they are read once more next time: nothing is kept that the mark does not describe.
            keys = dynamic_keys(org_id, deployment_id, definition)
            if len(keys) == count:
                with _lock:
                    _kept[known] = ((count, digest), keys)
                    while len(_kept) > _KEPT:
                        _kept.popitem(last=False)
    return keys


def dynamic_keys(org_id: UUID, deployment_id: UUID, definition: str) -> list[str]:
    """The keys of a dynamic definition in the order in which they were added."""
    with org_scope(org_id):
        rows = DynamicPartition.objects.for_org(org_id).filter(deployment_id=deployment_id, definition=definition)
        return list(rows.order_by("position").values_list("partition_key", flat=True))


__all__ = ["Partitions", "dynamic_keys", "partitions"]
