"""A long history of one organization in the database of an installation: run as a program with its settings.

`python -m benchmarks.own.history_rows fill RUNS EVENTS WEEKS` adds an organization with so many runs and events of runs, and as many
asset events, check results, evaluations of conditions and ticks as runs, spread over so many weeks, and prints what to ask with as JSON.
It needs the owner's rights to make partitions of weeks that are over. `… drop SLUG` lets that organization keep a day, deletes what is
older, and prints the seconds.
"""

import hashlib
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import django
import psycopg

from benchmarks.own.history_weeks import Numbers, Rows, fill_weeks

JOBS, TEAMS, ASSETS, PARTITIONS, PEOPLE, SENSORS = 20, 10, 100, 1000, 10, 20
# One run of so many has the tag `rare`, one tick of so many failed.
RARE = 20_000

_MS = "(%(begin)s::bigint + n * %(step)s::bigint)"
_ID = f"(lpad(to_hex({_MS}), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid"
_AT = f"to_timestamp({_MS} / 1000.0)"
_STATUS = "CASE WHEN n %% 50 = 0 THEN 'CANCELED' WHEN n %% 12 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END"
_N = "generate_series(%(first)s::bigint, %(last)s::bigint - 1) n"
_ASSET = f"((n * 7919) %% {ASSETS})"
_PARTITION = f"((n * 104729) %% {PARTITIONS})"
# Rising, and not those that the installation counts from one.
_NUMBER = "n - 1000000000000"
_SENSOR = f"(n %% {SENSORS})"
_TREE: dict[str, Any] = {
    "class": "AnyDepsUpdatedCondition",
    "name": "any_deps_updated",
    "description": "Any deps updated",
    "label": "",
    "status": "TRUE",
    "true": 1,
    "candidates": 1,
    "children": [],
}
_OURS = {"org_id": "%(org)s::uuid", "deployment_id": "%(deployment)s::uuid"}
# What of a copied run is its own.
_RUN = {
    "id": _ID,
    "status": _STATUS,
    "job_name": f"'job_' || n %% {JOBS}",
    "location_name": "CASE WHEN n %% 4 = 0 THEN 'other' ELSE 'shop' END",
    "target_assets": f"jsonb_build_array('asset_' || {_ASSET})",
    "partition_key": f"'p' || {_PARTITION}",
    "tags": f"jsonb_build_object('team', 't' || n %% {TEAMS})",
    "actor_label": f"'person-' || n %% {PEOPLE}",
    "created_at": _AT,
    "claimed_at": _AT,
    "started_at": _AT,
    "ended_at": f"{_AT} + interval '1 minute'",
    "updated_at": _AT,
    "attempt": "1",
    "parent_run_id": "NULL",
    "root_run_id": "NULL",
    "event_count": "%(each)s",
}
_LABELS = Rows(
    {**_OURS, "run_id": _ID, "label": "label"},
    f"""{_N} CROSS JOIN LATERAL (
        SELECT (%(assets)s::uuid[])[{_ASSET} + 1] AS label UNION ALL SELECT (%(partitions)s::uuid[])[{_PARTITION} + 1]
        UNION ALL SELECT (%(teams)s::uuid[])[n %% {TEAMS} + 1] UNION ALL SELECT (%(people)s::uuid[])[n %% {PEOPLE} + 1]
        UNION ALL SELECT %(rare)s::uuid WHERE n %% {RARE} = 0) labels""",
)
_EVENTS = Rows(
    {
        "org_id": "%(org)s",
        "run_id": "id",
        "attempt": "1",
        "seq": "seq",
        "at": "at",
        "type": "'LOG'",
        "level": "CASE WHEN seq = %(each)s THEN 40 ELSE 20 END",
        "step_key": "'step'",
        "message": "'Something that user code had to say about row ' || n || ' and ' || seq",
    },
    f"(SELECT n, {_ID} AS id, {_AT} AS at FROM {_N} OFFSET 0) runs, generate_series(1, %(each)s) seq",
)
_ASSET_EVENTS = Rows(
    {
        **_OURS,
        "recorded_at": _AT,
        "id": _NUMBER,
        "asset_key": f"'asset_' || {_ASSET}",
        "partition_key": f"'p' || {_PARTITION}",
        "kind": "CASE WHEN n %% 10 = 0 THEN 'observation' ELSE 'materialization' END",
        "run_id": _ID,
        "at": _AT,
        "description": "''",
        "metadata": """'{"rows": {"type": "int", "value": 5}}'""",
        "tags": "'{}'",
        "serdes": "'{}'",
    },
    _N,
)
_CHECKS = Rows(
    {
        **_OURS,
        "recorded_at": _AT,
        "id": _NUMBER,
        "asset_key": f"'asset_' || {_ASSET}",
        "check_name": "'not_empty'",
        "run_id": _ID,
        "at": _AT,
        "passed": "n %% 9 > 0",
        "severity": "'ERROR'",
        "blocking": "false",
        "description": "''",
        "metadata": "'{}'",
        "serdes": "'{}'",
    },
    _N,
)
_EVALUATIONS = Rows(
    {
        **_OURS,
        "id": _ID,
        "tick_id": _ID,
        "number": "n",
        "entity": f"'asset_' || {_ASSET}",
        "at": _AT,
        "tree": f"'{json.dumps(_TREE)}'::jsonb || jsonb_build_object('entity', 'asset_' || {_ASSET})",
        "requested": "1",
    },
    _N,
)
_TICKS = Rows(
    {
        **_OURS,
        "id": _ID,
        "instigator_id": f"md5(%(deployment)s || '/' || {_SENSOR})::uuid",
        "location_name": "'shop'",
        "kind": "'sensor'",
        "name": f"'sensor_' || {_SENSOR}",
        "due_at": _AT,
        "status": f"CASE WHEN n %% {RARE} = 3 THEN 'FAILURE' WHEN n %% 3 = 0 THEN 'SUCCESS' ELSE 'SKIPPED' END",
        "created_at": _AT,
        "waiting_since": _AT,
        "attempt": "1",
        **dict.fromkeys(("skip_reason", "reason", "log", "asked_by"), "''"),
        "requested": "0",
        "dynamic_partitions": "'[]'",
        "reactions": "'[]'",
    },
    _N,
)


def main() -> None:
    django.setup()
    what, *words = sys.argv[1:]
    print(json.dumps(make(*map(int, words)) if what == "fill" else drop(words[0])))


def make(runs: int, events: int, weeks: int) -> dict[str, Any]:
    """Fill the database; answers the organization's slug, a token, a session, and of a run in the middle its id and when it was."""
    from django.conf import settings

    from tenants.paging import encode_cursor

    cast, sample = _organization()
    end = datetime.now(UTC)
    begin = round((end - timedelta(weeks=weeks)).timestamp() * 1000)
    numbers = Numbers(begin, (round(end.timestamp() * 1000) - begin) // runs, runs)
    words = {**_words(cast), "begin": begin, "step": numbers.step, "each": max(1, events // runs)}
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_DOOR_URL"], autocommit=True) as door:
        [(row,)] = door.execute("SELECT to_jsonb(r)::text FROM run r WHERE id = %s", [sample]).fetchall()
        place = {**words, "first": runs // 2, "last": runs // 2 + 1}
        [(middle,)] = door.execute(f"SELECT {_ID} FROM {_N}", place).fetchall()
    tables = {
        "run_event": _EVENTS,
        "run_label": _LABELS,
        "run": _runs(json.loads(row)),
        "asset_event": _ASSET_EVENTS,
        "check_evaluation": _CHECKS,
        "asset_evaluation": _EVALUATIONS,
        "tick": _TICKS,
    }
    fill_weeks(tables, {**words, "sample": row}, numbers)
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(f"ANALYZE {', '.join(f'ONLY {table}' for table in tables)}")
    name = settings.SESSION_COOKIE_NAME
    return {
        "slug": cast.org.slug,
        "token": cast.user_token.text,
        "cookie": name,
        "session": cast.signed_in().cookies[name].value,
        "run_id": str(middle),
        "sensor_id": str(_sensor_id(cast, 3)),
        "cursor": encode_cursor((str(middle),)),
        "middle": (begin + numbers.step * (runs // 2)) / 1000,
        "step": numbers.step / 1000,
    }


def drop(slug: str) -> dict[str, float]:
    """What deleting old history took, in seconds; it fails when a run is left that should have gone."""
    from controlplane.delivery.retention.sweep import sweep
    from controlplane.deployments.models import Deployment
    from controlplane.runs.models import Run
    from tenants.ids import first_uuid7_at
    from tenants.models import Organization
    from tenants.scoping import org_scope

    org_id = Organization.objects.get(slug=slug).id
    with org_scope(org_id):
        document = {"retention": {"runs": {"purge_after_days": 1}, "asset_events": {"purge_after_days": 1}}}
        document["retention"] |= {"ticks": {"purge_after_days": 1}, "evaluations": {"purge_after_days": 1}}
        long_ago = datetime.now(UTC) - timedelta(days=3650)
        Deployment.objects.for_org(org_id).update(settings=document, created_at=long_ago)
    began = time.perf_counter()
    sweep()
    took = time.perf_counter() - began
    with org_scope(org_id):
        old = Run.objects.for_org(org_id).filter(id__lt=first_uuid7_at(datetime.now(UTC) - timedelta(days=9)))
        if left := old.count():
            raise SystemExit(f"{left} runs are left.")
    return {"seconds": took}


def _organization() -> Any:
    from controlplane.automation.models import Instigator
    from tenants.scoping import org_scope
    from tests.cast import make_cast
    from tests.factories import asset, make_location, make_manifest, queue_run

    cast = make_cast("history")
    make_location(cast, manifest=make_manifest([asset(f"asset_{number}") for number in range(ASSETS)]))
    with org_scope(cast.org_id):
        Instigator.unscoped.bulk_create(
            Instigator(
                id=_sensor_id(cast, number),
                org_id=cast.org_id,
                deployment_id=cast.deployment.id,
                location_name="shop",
                kind="sensor",
                name=f"sensor_{number}",
                is_defined=False,
            )
            for number in range(SENSORS)
        )
    return cast, queue_run(cast).id


def _sensor_id(cast: Any, number: int) -> UUID:
    """As the SQL of the ticks makes it."""
    return UUID(hashlib.md5(f"{cast.deployment.id}/{number}".encode(), usedforsecurity=False).hexdigest())


def _words(cast: Any) -> dict[str, Any]:
    from controlplane.runs import labels

    return {
        "org": cast.org_id,
        "deployment": str(cast.deployment.id),
        "assets": [labels.asset(f"asset_{number}") for number in range(ASSETS)],
        "partitions": [labels.partition(f"p{number}") for number in range(PARTITIONS)],
        "teams": [labels.tag("team", f"t{number}") for number in range(TEAMS)],
        "people": [labels.launched_by(f"person-{number}") for number in range(PEOPLE)],
        "rare": labels.tag("rare", "yes"),
    }


def _runs(sample: dict[str, Any]) -> Rows:
    """Copies of a run with what is their own."""
    values = {name: _RUN.get(name, f"r.{name}") for name in sample}
    return Rows(values, f"{_N}, jsonb_populate_record(NULL::run, %(sample)s::jsonb) r")


if __name__ == "__main__":
    main()
