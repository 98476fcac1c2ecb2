"""The keys of dynamic partitions, as people and programs see and change them. User code changes them through its instance view."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from controlplane.catalog import changes
from controlplane.catalog.models import DynamicPartition
from controlplane.core import recordsets
from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.manifest import Manifest
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import InvalidError, NotFoundError
from tenants.organizations import require_writable
from tenants.permissions import Permission
from tenants.scoping import org_scope

# In one request; more are added in several.
KEYS_MAX = 10_000
KEY_CHARS = 1000
# What a multi-dimensional key is joined by, and what dagster refuses in a key.
_REFUSED = ("...", "\a", "\b", "\f", "\n", "\r", "\t", "\v", "\0")
# Keys that the audit log names.
_NAMED = 50


@dataclass(frozen=True)
class DynamicDefinition:
    """One dynamic partitions definition: its name, how many keys it has, and the assets and jobs that are partitioned by it."""

    name: str
    count: int
    assets: Sequence[str]
    jobs: Sequence[str]


@dataclass(frozen=True)
class _Users:
    """What is partitioned by one definition: assets by key, and jobs by location and name."""

    assets: list[str]
    jobs: list[tuple[str, str]]


def definitions(visible: Visible) -> list[DynamicDefinition]:
    """Those that something which the caller sees is partitioned by, by name."""
    users = _users(visible.definitions(Permission.ASSET_READ))
    with org_scope(visible.org_id):
        rows = _rows(visible).filter(definition__in=list(users)).values_list("definition")
        counts = dict(rows.annotate(number=Count("partition_key")))
    return [
        DynamicDefinition(name, counts.get(name, 0), found.assets, [job for _location, job in found.jobs])
        for name, found in sorted(users.items())
    ]


def keys(visible: Visible, name: str, *, q: str = "") -> "QuerySet[DynamicPartition]":
    """The keys of one definition; read it inside org_scope. NotFoundError when nothing that the caller sees uses it."""
    _require_known(visible, name)
    rows = _rows(visible).filter(definition=name)
    return rows.filter(partition_key__icontains=q) if q else rows


_ADD = """
    INSERT INTO dynamic_partition (org_id, deployment_id, definition, partition_key, position, created_at)
    SELECT %(org)s, %(deployment)s, %(name)s, d.k, nextval('dynamic_partition_position_seq'), now()
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS d(k text, n int) ORDER BY d.n
    ON CONFLICT (deployment_id, definition, partition_key) DO NOTHING
    RETURNING partition_key
"""


def insert(org_id: UUID, deployment_id: UUID, name: str, wanted: Sequence[str]) -> set[str]:
    """Add keys behind those that are there, in their order, and tell who follows changes; those that were new. Joins the caller's
    transaction, asks for no right.
    """
    rows = [{"k": key, "n": number} for number, key in enumerate(dict.fromkeys(wanted))]
    place = {"org": org_id, "deployment": deployment_id, "name": name, "rows": recordsets.rows(rows)}
    added = {key for (key,) in recordsets.fetch(_ADD, place)}
    changes.note(org_id, [(deployment_id, "")])
    return added


def add(visible: Visible, name: str, wanted: Sequence[str], *, actor: Actor) -> list[str]:
    """Add keys behind those that are there; those that were new. InvalidError about a key that cannot be one."""
    require_on(visible, name)
    chosen = _checked(wanted)
    with org_scope(visible.org_id):
        _begin(visible)
        added = insert(visible.org_id, visible.deployment_id, name, chosen)
        _note(visible, name, [key for key in chosen if key in added], "dynamic_partition.add", actor)
    return [key for key in chosen if key in added]


def delete(visible: Visible, name: str, wanted: Sequence[str], *, actor: Actor) -> list[str]:
    """Take keys out; those that were there. What was materialized for them stays in the assets' history."""
    require_on(visible, name)
    chosen = _checked(wanted)
    with org_scope(visible.org_id):
        _begin(visible)
        rows = _rows(visible).filter(definition=name, partition_key__in=chosen)
        there = set(rows.select_for_update().values_list("partition_key", flat=True))
        rows.delete()
        changes.note(visible.org_id, [(visible.deployment_id, "")])
        _note(visible, name, [key for key in chosen if key in there], "dynamic_partition.delete", actor)
    return [key for key in chosen if key in there]


def _begin(visible: Visible) -> None:
    require_writable(visible.org_id)
    require_thawed(visible.org_id, visible.deployment_id)


def _note(visible: Visible, name: str, changed: Sequence[str], action: str, actor: Actor) -> None:
    if not changed:
        return
    record(
        org_id=visible.org_id,
        actor=actor,
        action=action,
        target=AuditTarget("dynamic_partitions", name, name),
        after={"keys": list(changed[:_NAMED]), "count": len(changed)},
        deployment_id=visible.deployment_id,
    )


def _checked(wanted: Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys(wanted))
    if not chosen or len(chosen) > KEYS_MAX:
        raise InvalidError(f"Name 1 to {KEYS_MAX} keys; these are {len(chosen)}.", attr="keys")
    for key in chosen:
        refused = next((text for text in _REFUSED if text in key), None)
        if not key.strip() or len(key) > KEY_CHARS or refused is not None:
            raise InvalidError(
                f"{key[:50]!r} cannot be a partition key: it has 1 to {KEY_CHARS} characters, no `...` and no control characters.",
                attr="keys",
            )
    return chosen


def _require_known(visible: Visible, name: str) -> None:
    if name not in _users(visible.definitions(Permission.ASSET_READ)):
        raise NotFoundError(f"Nothing in this deployment is partitioned by dynamic partitions {name}.")


def require_on(visible: Visible, name: str) -> None:
    """The right to change the keys, on all that they are keys of; NotFoundError and ForbiddenError otherwise."""
    _require_known(visible, name)
    users = _users(visible.whole)[name]
    if users.assets:
        visible.require(Permission.PARTITION_WRITE, assets=users.assets)
    for location, _job in users.jobs:
        visible.require(Permission.PARTITION_WRITE, location=location)


def _rows(visible: Visible) -> "QuerySet[DynamicPartition]":
    return DynamicPartition.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)


def _users(found: DeploymentDefinitions) -> dict[str, _Users]:
    """Who is partitioned by which dynamic definition, alone or as a dimension."""
    users: dict[str, _Users] = {}
    for location, one in found.by_location.items():
        for asset in one.manifest.assets:
            for name in _names(one.manifest, asset.partitions):
                users.setdefault(name, _Users([], [])).assets.append(to_text(asset.key))
        for job in one.manifest.jobs:
            # A job of assets has the partitions of these.
            for name in () if job.assets else _names(one.manifest, job.partitions):
                users.setdefault(name, _Users([], [])).jobs.append((location, job.name))
    return users


def _names(manifest: Manifest, definition_id: str | None) -> set[str]:
    definition = manifest.partitions_definitions.get(definition_id) if definition_id else None
    if definition is None:
        return set()
    if definition.kind == "dynamic" and definition.name:
        return {definition.name}
    return {name for part in definition.dimensions or [] for name in _names(manifest, part.partitions)}
