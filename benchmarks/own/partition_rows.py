"""Half a million partitions of each asset of many_partitions.py, in the database of an installation: run as a program with its settings.

`python -m benchmarks.own.partition_rows fill` writes dynamic keys, events and states: of twenty stretches of seven neighbours one has failed,
one is in progress, two are missing, the others are materialized, a third of them from what is not the latest of their input any more.
`… wiped ASSET` prints how many states the asset has.
"""

import json
import os
import sys

import django
import psycopg

from benchmarks.projects.many_partitions import KEYS, REGIONS

ASSETS = ("static", "minutes", "both", "dynamic")
INPUTS = {"minutes": 10}
_BITE = 50_000
_ROWS = "generate_series(%(first)s::bigint, %(last)s::bigint - 1) n"
_START = "timestamp '2024-01-01'"
_KEY = {
    "static": "'key-' || lpad(n::text, 6, '0')",
    "minutes": f"to_char({_START} + n * interval '1 minute', 'YYYY-MM-DD-HH24:MI')",
    "both": f"to_char({_START} + (n / {REGIONS}) * interval '1 hour', 'YYYY-MM-DD-HH24:MI') "
    f"|| '|region-' || lpad((n %% {REGIONS})::text, 3, '0')",
    "dynamic": "'customer ' || n",
}
# What came of a partition: 0 failed, 1 in progress, 2 and 3 nothing, else materialized; of its input all are.
_CAME = "((n / 7) %% 20)"
_IS_STALE = "(n %% 3 = 0)"
# Ids: first all inputs, then what is made from them, then a third of the inputs again, then what is under way; each as runs end that go on
# beside one another, not in the order of the keys.
_INPUT, _MADE, _AGAIN, _PLANNED = (
    f"(%(base)s::bigint + {step}::bigint * {KEYS} + n * 7919 %% {KEYS})" for step in range(4)
)
# The newest of the inputs that a partition is made from, of which there are %(inputs)s.
_POINTER = f"""(SELECT %(base)s::bigint + max(m * 7919 %% {KEYS})
    FROM generate_series(greatest(0, n - %(inputs)s::bigint + 1), n) m)"""
_RUN = "(lpad(to_hex(n / 7), 12, '0') || '7' || substr(md5((n / 7)::text), 1, 3) || '8' || substr(md5((n / 7)::text), 4, 15))::uuid"
_INPUT_TAGS = "jsonb_build_object('dagster/code_version', '1', 'dagster/data_version', '{version}' || n)"
_MADE_TAGS = f"""jsonb_build_object('dagster/code_version', '1', 'dagster/data_version', 'made' || n,
    'dagster/input_data_version/' || %(source)s::text, 'first' || n, 'dagster/input_event_pointer/' || %(source)s::text, {_POINTER}::text)"""
_METADATA = """'{"rows": {"type": "int", "value": 5}}'"""


def main() -> None:
    django.setup()
    what, *words = sys.argv[1:]
    print(json.dumps(fill() if what == "fill" else states(words[0])))


def fill() -> dict[str, int]:
    """Write everything; answers how many rows of states there are."""
    words = _place()
    with (
        psycopg.connect(os.environ["DAGGERBOARD_DATABASE_DOOR_URL"], autocommit=True) as door,
        psycopg.connect(os.environ["DAGGERBOARD_DATABASE_OWNER_URL"], autocommit=True) as owner,
    ):
        for first in range(0, KEYS, _BITE):
            door.execute(_dynamic(), {**words, "first": first, "last": first + _BITE})
        for asset in ASSETS:
            taken = "SELECT setval('asset_event_id_seq', nextval('asset_event_id_seq') + %s)"
            base = owner.execute(taken, [4 * KEYS]).fetchall()[0][0] - 4 * KEYS
            for first in range(0, KEYS, _BITE):
                place = {
                    **words,
                    "asset": asset,
                    "source": f"{asset}_source",
                    "base": base,
                    "inputs": INPUTS.get(asset, 1),
                }
                for statement in _statements(_KEY[asset]):
                    door.execute(statement, {**place, "first": first, "last": first + _BITE})
        owner.execute("VACUUM (ANALYZE) partition_state, asset_event, dynamic_partition")
        return {"states": door.execute("SELECT count(*) FROM partition_state").fetchall()[0][0]}


def states(asset: str) -> dict[str, int]:
    """How many states are left of an asset."""
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_DOOR_URL"], autocommit=True) as door:
        found = door.execute("SELECT count(*) FROM partition_state WHERE asset_key = %s", [asset])
        return {"states": found.fetchall()[0][0]}


def _place() -> dict[str, object]:
    from controlplane.deployments.selectors import deployment
    from tenants.models import Organization

    org_id = Organization.objects.get(slug="demo").id
    return {"org": org_id, "deployment": deployment(org_id, "prod").id}


def _dynamic() -> str:
    return f"""
        INSERT INTO dynamic_partition (org_id, deployment_id, definition, partition_key, position, created_at)
        SELECT %(org)s, %(deployment)s, 'customers', {_KEY["dynamic"]}, nextval('dynamic_partition_position_seq'), now() FROM {_ROWS} ORDER BY n
    """


def _statements(key: str) -> list[str]:
    made = f"{_CAME} > 3"
    return [
        _event("source", key, _INPUT, _INPUT_TAGS.format(version="first"), "true"),
        _event("asset", key, _MADE, _MADE_TAGS, made),
        _event("source", key, _AGAIN, _INPUT_TAGS.format(version="second"), _IS_STALE),
        _source_state(key),
        _asset_state(key),
    ]


def _event(asset: str, key: str, event_id: str, tags: str, where: str) -> str:
    return f"""
        INSERT INTO asset_event (org_id, deployment_id, recorded_at, id, asset_key, partition_key, kind, run_id, at,
                                 description, metadata, tags, serdes)
        SELECT %(org)s, %(deployment)s, now(), {event_id}, %({asset})s, {key}, 'materialization', {_RUN}, now(), '',
               {_METADATA}, {tags}, '{{}}' FROM {_ROWS} WHERE {where}
    """


def _source_state(key: str) -> str:
    return f"""
        INSERT INTO partition_state (org_id, deployment_id, asset_key, partition_key, materialization_id, materialized_at,
            materialization_run_id, materialization_metadata, materialization_tags, materialization_serdes)
        SELECT %(org)s, %(deployment)s, %(source)s, {key}, CASE WHEN {_IS_STALE} THEN {_AGAIN} ELSE {_INPUT} END, now(), {_RUN},
            {_METADATA}, CASE WHEN {_IS_STALE} THEN {_INPUT_TAGS.format(version="second")} ELSE {_INPUT_TAGS.format(version="first")} END,
            '{{}}' FROM {_ROWS}
    """


def _asset_state(key: str) -> str:
    return f"""
        INSERT INTO partition_state (org_id, deployment_id, asset_key, partition_key, materialization_id, materialized_at,
            materialization_run_id, materialization_metadata, materialization_tags, materialization_serdes,
            planned_id, planned_run_id, failed_at, failed_run_id)
        SELECT %(org)s, %(deployment)s, %(asset)s, {key},
            CASE WHEN {_CAME} > 3 THEN {_MADE} END, CASE WHEN {_CAME} > 3 THEN now() END, CASE WHEN {_CAME} > 3 THEN {_RUN} END,
            {_METADATA}, CASE WHEN {_CAME} > 3 THEN {_MADE_TAGS} ELSE '{{}}' END, '{{}}',
            CASE WHEN {_CAME} < 2 THEN {_PLANNED} END, CASE WHEN {_CAME} < 2 THEN {_RUN} END,
            CASE WHEN {_CAME} = 0 THEN now() END, CASE WHEN {_CAME} = 0 THEN {_RUN} END
        FROM {_ROWS} WHERE {_CAME} NOT IN (2, 3)
    """


if __name__ == "__main__":
    main()
