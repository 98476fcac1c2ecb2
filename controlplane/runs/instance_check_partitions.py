"""Reads about partitioned asset checks: what each partition's latest execution came to, and of which materialization it was."""

from typing import Any

from controlplane.core import recordsets
from controlplane.definitions.asset_keys import to_parts
from controlplane.runs import labels
from controlplane.runs.instance_checks import CheckKey
from controlplane.runs.instance_scope import Arguments, Scope, key_text
from controlplane.runs.planned_check_ranges import planned_partitions

# An execution begins when its run is requested, which plans it; one without a run when it is reported. An evaluation in the run that made what
# it is of does not know the id of that yet.
_LATEST = """
    WITH wanted AS (
        SELECT * FROM unnest(%(assets)s::text[], %(names)s::text[], %(labels)s::uuid[]) AS wanted(asset, name, label)
    ), execution AS (
        SELECT w.asset, w.name, e.partition_key, coalesce(r.created_at, e.at) AS begun, e.run_id, e.id, e.passed,
               e.target_event_id, e.target_run_id
        FROM wanted w
        JOIN check_evaluation e ON e.org_id = %(org)s AND e.deployment_id = %(deployment)s
         AND e.asset_key = w.asset AND e.check_name = w.name
        LEFT JOIN run r ON r.org_id = e.org_id AND r.id = e.run_id
        UNION ALL
        SELECT w.asset, w.name, r.partition_key, r.created_at, r.id, NULL, NULL, NULL, NULL
        FROM wanted w
        JOIN run_label l ON l.org_id = %(org)s AND l.deployment_id = %(deployment)s AND l.label = w.label
        JOIN run r ON r.org_id = l.org_id AND r.id = l.run_id
        UNION ALL
        SELECT d.asset, d.name, d.partition, d.at, d.run_id, NULL, NULL, NULL, NULL
        FROM jsonb_to_recordset(%(ranged)s::jsonb) AS d(asset text, name text, partition text, run_id uuid, at timestamptz)
    ), latest AS (
        SELECT DISTINCT ON (asset, name, partition_key) * FROM execution
        WHERE %(partitions)s::text[] IS NULL OR partition_key = ANY(%(partitions)s)
        ORDER BY asset, name, partition_key, begun DESC, run_id DESC NULLS LAST, id DESC NULLS LAST
    )
    SELECT l.asset, l.name, l.partition_key, l.passed, l.run_id, l.id, p.materialization_id,
           coalesce(l.target_event_id,
                    CASE WHEN p.materialization_run_id = l.target_run_id THEN p.materialization_id END)
    FROM latest l
    LEFT JOIN partition_state p ON p.org_id = %(org)s AND p.deployment_id = %(deployment)s
     AND p.asset_key = l.asset AND p.partition_key = l.partition_key
    ORDER BY l.asset, l.name, l.partition_key
"""


class CheckPartitions(Arguments, frozen=True):
    checks: list[CheckKey]
    partitions: list[str] | None = None


def check_partitions(scope: Scope, args: CheckPartitions) -> list[dict[str, Any]]:
    """One for each partition that has an execution; `id` is null while it is only planned."""
    wanted = [(key_text(asset), name) for asset, name in args.checks]
    texts = [f"{asset}:{name}" for asset, name in wanted]
    ranged = planned_partitions(scope, texts, args.partitions)
    asked = {
        "org": scope.org_id,
        "deployment": scope.deployment_id,
        "assets": [asset for asset, _ in wanted],
        "names": [name for _, name in wanted],
        "labels": [labels.check(text) for text in texts],
        "ranged": recordsets.rows([one.row() for one in ranged]),
        "partitions": args.partitions,
    }
    return [
        {
            "check": [to_parts(asset), name],
            "partition": partition,
            "status": "PLANNED" if passed is None else "SUCCEEDED" if passed else "FAILED",
            "run_id": str(run_id) if run_id else "",
            "id": event_id,
            "materialization_id": materialization_id,
            "target_id": target_id,
        }
        for asset, name, partition, passed, run_id, event_id, materialization_id, target_id in recordsets.fetch(
            _LATEST, asked
        )
    ]


METHODS: dict[str, Any] = {"check_partitions": (CheckPartitions, check_partitions)}
