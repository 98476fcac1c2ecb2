"""Keeps what freshness each asset has, for its history and for those who follow it: judged when its definition, its events or the
time change it. Pages do not wait for this: they judge by themselves.
"""

import datetime
import random
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.utils import timezone

from controlplane.catalog import changes, event_order
from controlplane.catalog.changes import Consumer
from controlplane.catalog.freshness import Judgement, judge
from controlplane.catalog.freshness_selectors import IS_ENABLED, event_of, is_enabled, policy_of_asset
from controlplane.catalog.models import AssetState, FreshnessState
from controlplane.core import recordsets
from controlplane.definitions.graph import AssetNode
from controlplane.deployments.models import Deployment
from controlplane.deployments.visibility import all_of
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# Deployments in one sweep, and due assets of each; the next sweep goes on.
_DEPLOYMENTS_MAX = 200
_DUE_MAX = 5_000

_FINGERPRINT = f"""
    SELECT d.org_id, d.id, md5({IS_ENABLED}::text || coalesce(
        (SELECT string_agg(l.name || ':' || v.manifest_sha256, '/' ORDER BY l.id) FROM code_location l
         JOIN location_version v ON v.org_id = l.org_id AND v.id = l.current_id
         WHERE l.org_id = d.org_id AND l.deployment_id = d.id), '')) AS fingerprint
    FROM deployment d LEFT JOIN deployment p ON p.org_id = d.org_id AND p.id = d.parent_id
"""
_REPLANNED = f"""
    SELECT f.org_id, f.id FROM ({_FINGERPRINT}) f LEFT JOIN freshness_plan k ON k.org_id = f.org_id AND k.deployment_id = f.id
    WHERE k.fingerprint IS DISTINCT FROM f.fingerprint ORDER BY random() LIMIT {_DEPLOYMENTS_MAX}
"""
_PLAN = f"""
    INSERT INTO freshness_plan AS k (org_id, deployment_id, fingerprint)
    SELECT f.org_id, f.id, f.fingerprint FROM ({_FINGERPRINT} WHERE d.org_id = %s AND d.id = %s) f
    ON CONFLICT (deployment_id) DO UPDATE SET fingerprint = excluded.fingerprint WHERE k.fingerprint <> excluded.fingerprint
    RETURNING 1
"""
# Whoever sweeps the same deployment at the same time leaves it to us.
_CLAIM = "SELECT pg_try_advisory_xact_lock(hashtext('freshness'), hashtext(%s::text))"
_STORE = """
    WITH new AS (SELECT * FROM jsonb_to_recordset(%s::jsonb) AS n(asset_key text, state text, due_at timestamptz)),
    before AS (SELECT asset_key, state FROM freshness_state WHERE org_id = %s AND deployment_id = %s),
    stored AS (
        INSERT INTO freshness_state AS s (org_id, deployment_id, asset_key, state, changed_at, due_at)
        SELECT %s, %s, n.asset_key, n.state, now(), n.due_at FROM new n
        ON CONFLICT (deployment_id, asset_key) DO UPDATE SET state = excluded.state, due_at = excluded.due_at,
            changed_at = CASE WHEN s.state = excluded.state THEN s.changed_at ELSE excluded.changed_at END)
    INSERT INTO freshness_change (org_id, id, recorded_at, deployment_id, asset_key, previous, state)
    SELECT %s, nextval('asset_event_id_seq'), now(), %s, n.asset_key, coalesce(b.state, ''), n.state
    FROM new n LEFT JOIN before b USING (asset_key) WHERE b.state IS DISTINCT FROM n.state
    RETURNING asset_key
"""


@dataclass(frozen=True)
class _Row:
    asset_key: str
    state: str
    due_at: datetime.datetime | None


def sweep() -> int:
    """Bring the freshness of the installation's assets up to date; returns in how many deployments there was something to do."""
    found = list({*_replanned(), *changes.waiting(Consumer.FRESHNESS), *_due()})
    # Where there are more, each has its turn.
    random.shuffle(found)
    return sum(_refresh_apart(org_id, deployment_id) for org_id, deployment_id in found[:_DEPLOYMENTS_MAX])


def _refresh_apart(org_id: UUID, deployment_id: UUID) -> bool:
    try:
        return refresh(org_id, deployment_id)
    except Exception:
        # A mistake of ours with one deployment: the others are judged all the same.
        log.exception("freshness.not_refreshed", org=str(org_id), deployment=str(deployment_id))
        return False


def _replanned() -> list[tuple[UUID, UUID]]:
    FreshnessState.objects.across_orgs(reason="find deployments whose definitions changed since freshness was planned")
    return [(org_id, deployment_id) for org_id, deployment_id in recordsets.fetch(_REPLANNED, using="door")]


def _due() -> list[tuple[UUID, UUID]]:
    rows = FreshnessState.objects.across_orgs(reason="find assets whose freshness changes by time")
    return list(rows.filter(due_at__lte=timezone.now()).values_list("org_id", "deployment_id").distinct())


def refresh(org_id: UUID, deployment_id: UUID) -> bool:
    """Judge what is to be judged in one deployment. False when somebody else does so at the moment, or an event might be missed that is
    being written just now: the next sweep comes back to it.
    """
    _watch_first(org_id, deployment_id)
    try:
        return _refresh(org_id, deployment_id)
    except _NotYetError:
        return False


class _NotYetError(Exception):
    """Nothing is stored: an event could be missed."""


def _refresh(org_id: UUID, deployment_id: UUID) -> bool:
    with org_scope(org_id):
        if not recordsets.fetch(_CLAIM, [str(deployment_id)])[0][0]:
            return False
        replanned = bool(recordsets.fetch(_PLAN, [org_id, deployment_id]))
        read = changes.read(org_id, deployment_id, Consumer.FRESHNESS)
        nodes = _with_policy(org_id, deployment_id)
        if replanned:
            # Who began to write before changes were watched notes none: the first judgement has to know their events.
            if nodes and not (_is_watched(org_id, deployment_id) and event_order.all_settled(org_id)):
                raise _NotYetError
            changes.watch(org_id, deployment_id, Consumer.FRESHNESS, wanted=bool(nodes))
            _forget_others(org_id, deployment_id, nodes)
            wanted: Iterable[str] = nodes
        else:
            wanted = {*read.assets, *_due_keys(org_id, deployment_id)} & nodes.keys()
        _store(org_id, deployment_id, [nodes[key] for key in sorted(wanted)])
        changes.forget(org_id, read)
    return True


def _watch_first(org_id: UUID, deployment_id: UUID) -> None:
    """In a transaction of its own: others see it from its commit on."""
    with org_scope(org_id):
        if not _is_watched(org_id, deployment_id) and _with_policy(org_id, deployment_id):
            changes.watch(org_id, deployment_id, Consumer.FRESHNESS, wanted=True)


def _is_watched(org_id: UUID, deployment_id: UUID) -> bool:
    rows = Deployment.objects.for_org(org_id).filter(id=deployment_id)
    return Consumer.FRESHNESS in (rows.values_list("watchers", flat=True).first() or ())


def _with_policy(org_id: UUID, deployment_id: UUID) -> dict[str, AssetNode]:
    if not is_enabled(org_id, deployment_id):
        return {}
    nodes = all_of(org_id, deployment_id).whole.graph.nodes
    return {key: node for key, node in nodes.items() if node.asset.freshness and policy_of_asset(node.asset)}


def _due_keys(org_id: UUID, deployment_id: UUID) -> list[str]:
    rows = FreshnessState.objects.for_org(org_id).filter(deployment_id=deployment_id, due_at__lte=timezone.now())
    return list(rows.order_by("due_at").values_list("asset_key", flat=True)[:_DUE_MAX])


def _forget_others(org_id: UUID, deployment_id: UUID, nodes: dict[str, AssetNode]) -> None:
    """Assets that have no policy any more are neither fresh nor stale."""
    rows = FreshnessState.objects.for_org(org_id).filter(deployment_id=deployment_id)
    gone = rows.exclude(asset_key__in=list(nodes))
    changes.note(org_id, ((deployment_id, key) for key in gone.values_list("asset_key", flat=True)))
    gone.delete()


def _store(org_id: UUID, deployment_id: UUID, nodes: list[AssetNode]) -> None:
    if not nodes:
        return
    keys = [node.key for node in nodes]
    states = AssetState.objects.for_org(org_id).filter(deployment_id=deployment_id, asset_key__in=keys)
    known = {row.asset_key: row for row in states.only("materialized_at", "observed_at", "asset_key", "deployment_id")}
    now = timezone.now().timestamp()
    rows = [
        _row(node, judge(policy_of_asset(node.asset), event_of(node.asset, known.get(node.key)), now)) for node in nodes
    ]
    here = [org_id, deployment_id]
    changed = recordsets.fetch(_STORE, [recordsets.rows(rows), *here, *here, *here])
    # Conditions may ask for it.
    changes.note(org_id, ((deployment_id, key) for (key,) in changed))


def _row(node: AssetNode, judgement: Judgement) -> _Row:
    due = datetime.datetime.fromtimestamp(judgement.until, datetime.UTC) if judgement.until is not None else None
    return _Row(node.key, judgement.state.value, due)
