"""Writing the rows of a backfill's partitions, many in a statement."""

import itertools
from collections.abc import Mapping, Sequence

from controlplane.automation.models import Backfill
from controlplane.core import recordsets

_BITE = 20_000
_INSERT = """
    INSERT INTO backfill_partition (org_id, backfill_id, asset_key, partition_key, position, state, note)
    SELECT %s, %s, d.a, d.k, d.p, 'targeted', ''
    FROM jsonb_to_recordset(%s::jsonb) AS d(a text, k text, p int)
    ON CONFLICT DO NOTHING
"""


def insert(backfill: Backfill, keys: Mapping[str, Sequence[tuple[int, str]]]) -> None:
    """A row for each partition (place, key) of each asset. Joins the caller's transaction."""
    rows = ({"a": asset, "k": key, "p": place} for asset, partitions in keys.items() for place, key in partitions)
    while bite := list(itertools.islice(rows, _BITE)):
        recordsets.execute(_INSERT, [backfill.org_id, backfill.id, recordsets.rows(bite)])
