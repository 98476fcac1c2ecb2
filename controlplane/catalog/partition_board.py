"""Every partition of one asset with its status: stored as bytes, and brought up to date with the rows that changed since.

Exact always. The codes know every row of a snapshot; a row that another transaction writes later bears an id of that transaction, which
is not below the snapshot's xmin, so that `changed_xid >= as_of` finds it however late it commits. Whoever deletes a row deletes the
codes (a trigger), and keeps others from storing what they read before.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

import msgspec

from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.models import PartitionCodes
from controlplane.catalog.partition_codes import CODE_OF_STATUS, STATUS_OF_CODE, Counts, counts
from controlplane.catalog.partition_keys import MultiPartitions, OpaquePartitions, Partitions
from controlplane.catalog.queued_plans import queued_of
from controlplane.core import recordsets
from tenants.errors import InvalidError
from tenants.scoping import org_scope

# Each is a byte wherever it is looked at; definitions of several dimensions have any number.
KEYS_MAX = 5_000_000
# More rows than this are written into the stored codes; fewer are quicker read again than stored.
_PATCHES_MAX = 2000

# As asset_status.status_of. As JSON, for that is read in a tenth of the time of rows. One statement: the id and the rows are of one
# snapshot.
_ROWS = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, coalesce(json_agg(partition_key)::text, '[]'),
           coalesce(string_agg(CASE WHEN failed_run_id IS NOT NULL THEN '3'
                                    WHEN coalesce(planned_id, 0) > coalesce(materialization_id, 0) THEN '2'
                                    WHEN materialization_id IS NOT NULL THEN '1' ELSE '0' END, ''), '')
    FROM partition_state WHERE org_id = %s AND deployment_id = %s AND asset_key = %s AND changed_xid >= %s
"""
_PLANNED = """
    FROM partition_state WHERE org_id = %s AND deployment_id = %s AND asset_key = %s
        AND planned_id > coalesce(materialization_id, 0) AND failed_run_id IS NULL
"""
_PLANNING_RUNS = f"SELECT DISTINCT planned_run_id {_PLANNED} AND planned_run_id IS NOT NULL"
_KEYS_PLANNED_BY = f"SELECT coalesce(json_agg(partition_key)::text, '[]') {_PLANNED} AND planned_run_id = ANY(%s)"
# Ids of transactions mean something in the cluster that gave them, and not in one that was restored from a dump.
_CLUSTER = "SELECT system_identifier::text FROM pg_control_system()"
# Before anything is read: false while somebody deletes states of this deployment and has not committed; who deletes later, waits.
_MAY_STORE = "SELECT pg_try_advisory_xact_lock_shared(hashtext('partition_codes'), hashtext(%s::text))"
_STORE = """
    INSERT INTO partition_codes AS c (org_id, deployment_id, asset_key, keys_mark, key_count, codes, others, as_of_xid)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (deployment_id, asset_key) DO UPDATE SET keys_mark = excluded.keys_mark, key_count = excluded.key_count,
        codes = excluded.codes, others = excluded.others, as_of_xid = excluded.as_of_xid
    WHERE c.as_of_xid <= excluded.as_of_xid OR c.keys_mark <> excluded.keys_mark
"""


@dataclass(frozen=True)
class Board:
    """The partitions of an asset in the definition's order; behind them those that have a state and are in no definition (any more).

    `codes` has a byte for each, an index of partition_codes.STATUS_OF_CODE.
    """

    keys: Partitions
    others: Sequence[str]
    codes: bytes

    @property
    def is_complete(self) -> bool:
        """False where only user code knows all keys."""
        return not isinstance(self.keys, OpaquePartitions)

    @cached_property
    def key_count(self) -> int:
        return self.keys.count()

    @property
    def count(self) -> int:
        return len(self.codes)

    @cached_property
    def counts(self) -> Counts:
        return counts(self.codes)

    @property
    def by_status(self) -> dict[AssetStatus, int]:
        return dict(zip(STATUS_OF_CODE, self.counts, strict=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many keys each dimension has."""
        return self.keys.shape if isinstance(self.keys, MultiPartitions) else (self.key_count,)

    def key(self, position: int) -> str:
        if position < self.key_count:
            return self.keys.page(position, 1)[0]
        return self.others[position - self.key_count]

    def page(self, offset: int, limit: int) -> list[str]:
        """Keys from a position on."""
        found = list(self.keys.page(offset, limit)) if offset < self.key_count else []
        rest = offset + len(found) - self.key_count
        return [*found, *self.others[rest : rest + limit - len(found)]] if len(found) < limit else found

    def status(self, position: int) -> AssetStatus:
        return STATUS_OF_CODE[self.codes[position]]

    def position(self, key: str) -> int | None:
        """Where a key is; None when it is nowhere."""
        found = self.keys.position(key)
        if found is None and key in self._other_positions:
            return self.key_count + self._other_positions[key]
        return found

    @cached_property
    def _other_positions(self) -> dict[str, int]:
        return {key: position for position, key in enumerate(self.others)}


@dataclass(frozen=True)
class _Stored:
    mark: str
    key_count: int
    codes: bytes
    others: list[str]
    as_of: int


def board(org_id: UUID, deployment_id: UUID, asset_key: str, keys: Partitions) -> Board:
    """The partitions as they stand in this moment; InvalidError above KEYS_MAX."""
    count = keys.count()
    if count > KEYS_MAX:
        raise InvalidError(
            f"{asset_key} has {count:,} partitions; the status of at most {KEYS_MAX:,} is shown. Split its definition, or its dimensions."
        )
    with org_scope(org_id):
        may_store = recordsets.fetch(_MAY_STORE, [str(deployment_id)])[0][0]
        cluster = recordsets.fetch(_CLUSTER)[0][0]
        stored = _usable(_stored(org_id, deployment_id, asset_key), cluster, keys)
        as_of, changed = _changed(org_id, deployment_id, asset_key, stored.as_of if stored else 0)
        if stored is not None and as_of < stored.as_of:
            # Only a cluster whose ids began anew.
            stored, (as_of, changed) = None, _changed(org_id, deployment_id, asset_key, 0)
        made = _patched(stored, keys, changed)
        if may_store and (stored is None or len(changed) > _PATCHES_MAX):
            _store((org_id, deployment_id, asset_key), made, _mark(cluster, keys, made.key_count), as_of)
        return _with_queued(org_id, deployment_id, asset_key, made)


def _with_queued(org_id: UUID, deployment_id: UUID, asset_key: str, found: Board) -> Board:
    """What is in progress by a run that only waits is queued."""
    going, waiting = CODE_OF_STATUS[AssetStatus.IN_PROGRESS], CODE_OF_STATUS[AssetStatus.QUEUED]
    if going not in found.codes:
        return found
    of = [org_id, deployment_id, asset_key]
    runs = {run_id for (run_id,) in recordsets.fetch(_PLANNING_RUNS, of)}
    queued = queued_of(org_id, runs)
    if not queued:
        return found
    if queued == runs:
        return replace(found, codes=found.codes.replace(bytes([going]), bytes([waiting])))
    codes = bytearray(found.codes)
    for key in msgspec.json.decode(recordsets.fetch(_KEYS_PLANNED_BY, [*of, list(queued)])[0][0], type=list[str]):
        position = found.position(key)
        if position is not None and codes[position] == going:
            codes[position] = waiting
    return replace(found, codes=bytes(codes))


def _stored(org_id: UUID, deployment_id: UUID, asset_key: str) -> _Stored | None:
    row = PartitionCodes.objects.for_org(org_id).filter(deployment_id=deployment_id, asset_key=asset_key).first()
    if row is None:
        return None
    others = msgspec.json.decode(zlib.decompress(row.others), type=list[str])
    return _Stored(row.keys_mark, row.key_count, zlib.decompress(row.codes), others, row.as_of_xid)


def _usable(stored: _Stored | None, cluster: str, keys: Partitions) -> _Stored | None:
    if stored is None or stored.key_count > keys.count() or stored.mark != _mark(cluster, keys, stored.key_count):
        return None
    return stored


def _mark(cluster: str, keys: Partitions, count: int) -> str:
    return f"{cluster}:{keys.mark(count)}"


def _changed(org_id: UUID, deployment_id: UUID, asset_key: str, since: int) -> tuple[int, list[tuple[str, int]]]:
    as_of, changed, found = recordsets.fetch(_ROWS, [org_id, deployment_id, asset_key, since])[0]
    return as_of, list(zip(msgspec.json.decode(changed, type=list[str]), map(int, found), strict=True))


def _patched(stored: _Stored | None, keys: Partitions, changed: Sequence[tuple[str, int]]) -> Board:
    count = keys.count()
    codes = bytearray(count)
    others: dict[str, int] = {}
    if stored is not None:
        codes[: stored.key_count] = stored.codes[: stored.key_count]
        # Keys that were added since may have had a state before.
        others = dict(zip(stored.others, stored.codes[stored.key_count :], strict=True))
        changed = [*((key, code) for key, code in others.items() if count > stored.key_count), *changed]
    for key, code in changed:
        position = keys.position(key)
        if position is None:
            others[key] = code
        else:
            codes[position] = code
            others.pop(key, None)
    names = sorted(others)
    return Board(keys=keys, others=names, codes=bytes(codes) + bytes(others[name] for name in names))


def _store(of: tuple[UUID, UUID, str], made: Board, mark: str, as_of: int) -> None:
    packed = zlib.compress(made.codes, 1), zlib.compress(msgspec.json.encode(made.others), 1)
    recordsets.execute(_STORE, [*of, mark, made.key_count, *packed, as_of])
