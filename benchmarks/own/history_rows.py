"""A long history of one organization in the database of an installation: run as a program with its settings.

`python -m benchmarks.own.history_rows fill RUNS EVENTS WEEKS` adds an organization with so many runs and events of runs, and as many
materializations, check results and ticks as runs, spread over so many weeks, and prints what to ask with as JSON. It needs the owner's rights
to make partitions of weeks that are over. `… drop SLUG` lets that organization keep a day, deletes what is older, and prints the seconds.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import psycopg

JOBS, TEAMS, ASSETS, PARTITIONS, PEOPLE = 20, 10, 100, 1000, 10
# One run of so many has the tag `rare`.
RARE = 20_000
_BITE = 50_000

_MS = "(%(begin)s::bigint + n * %(step)s::bigint)"
_ID = f"(lpad(to_hex({_MS}), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid"
_AT = f"to_timestamp({_MS} / 1000.0)"
_STATUS = "CASE WHEN n %% 50 = 0 THEN 'CANCELED' WHEN n %% 12 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END"
_ROWS = "generate_series(%(first)s::bigint, %(last)s::bigint - 1) n"
_ASSET = f"((n * 7919) %% {ASSETS})"
_PARTITION = f"((n * 104729) %% {PARTITIONS})"
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
_LABELS = f"""
    INSERT INTO run_label (org_id, deployment_id, run_id, label)
    SELECT %(org)s, %(deployment)s, {_ID}, label FROM {_ROWS} CROSS JOIN LATERAL (
        SELECT (%(assets)s::uuid[])[{_ASSET} + 1] AS label UNION ALL SELECT (%(partitions)s::uuid[])[{_PARTITION} + 1]
        UNION ALL SELECT (%(teams)s::uuid[])[n %% {TEAMS} + 1] UNION ALL SELECT (%(people)s::uuid[])[n %% {PEOPLE} + 1]
        UNION ALL SELECT %(rare)s::uuid WHERE n %% {RARE} = 0
    ) labels
"""
_EVENTS = f"""
    INSERT INTO run_event (org_id, run_id, attempt, seq, at, type, level, step_key, message)
    SELECT %(org)s, {_ID}, 1, seq, {_AT}, 'LOG', 20, 'step',
           'Something that user code had to say about row ' || n || ' and ' || seq
    FROM {_ROWS}, generate_series(1, %(each)s) seq
"""
_ASSET_EVENTS = f"""
    INSERT INTO asset_event (org_id, deployment_id, recorded_at, id, asset_key, partition_key, kind, run_id, at,
                             description, metadata, tags, serdes)
    SELECT %(org)s, %(deployment)s, {_AT}, -n - 1, 'asset_' || {_ASSET}, 'p' || {_PARTITION}, 'materialization', {_ID}, {_AT}, '',
           '{{"rows": {{"type": "int", "value": 5}}}}', '{{}}', '{{}}' FROM {_ROWS}
"""
_CHECKS = f"""
    INSERT INTO check_evaluation (org_id, deployment_id, recorded_at, id, asset_key, check_name, run_id, at, passed, severity,
                                  blocking, description, metadata, serdes)
    SELECT %(org)s, %(deployment)s, {_AT}, -n - 1, 'asset_' || {_ASSET}, 'not_empty', {_ID}, {_AT}, n %% 9 > 0,
           'ERROR', false, '', '{{}}', '{{}}' FROM {_ROWS}
"""
_TICKS = f"""
    INSERT INTO tick (org_id, id, deployment_id, instigator_id, location_name, kind, name, due_at, status, created_at,
                      attempt, skip_reason, reason, log,                      requested, dynamic_partitions, reactions, asked_by, waiting_since)
    SELECT %(org)s, {_ID}, %(deployment)s, md5('i' || n %% {JOBS})::uuid, 'shop', 'sensor', 'sensor_' || n %% {JOBS}, {_AT},
           CASE WHEN n %% 3 = 0 THEN 'SUCCESS' ELSE 'SKIPPED' END, {_AT}, 1, '', '', '', 0, '[]', '[]', '', {_AT} FROM {_ROWS}
"""
_TABLES = "run, run_label, run_event, asset_event, check_evaluation, tick"


def main() -> None:
    django.setup()
    what, *words = sys.argv[1:]
    print(json.dumps(make(*map(int, words)) if what == "fill" else drop(words[0])))


def make(runs: int, events: int, weeks: int) -> dict[str, str]:
    """Fill the database; answers the organization's slug, a token, a session, and the id of a run in the middle."""
    from django.conf import settings

    cast, sample = _organization()
    end = datetime.now(UTC)
    begin = int((end - timedelta(weeks=weeks)).timestamp() * 1000)
    words = {**_words(cast), "begin": begin, "step": (int(end.timestamp() * 1000) - begin) // runs}
    words["each"] = max(1, events // runs)
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_OWNER_URL"], autocommit=True) as owner:
        _make_partitions(owner, end, weeks)
        with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_DOOR_URL"], autocommit=True) as door:
            statements = list(_statements(door))
            for first in range(0, runs, _BITE):
                place = {**words, "first": first, "last": min(runs, first + _BITE), "run": sample}
                for statement in statements:
                    door.execute(statement, place)
            found = door.execute(f"SELECT {_ID} FROM {_ROWS}", {**words, "first": runs // 2, "last": runs // 2 + 1})
            middle = found.fetchall()[0][0]
        owner.execute(f"VACUUM (ANALYZE) {_TABLES}")
    name = settings.SESSION_COOKIE_NAME
    session = cast.signed_in().cookies[name].value
    return {
        "slug": cast.org.slug,
        "token": cast.user_token.text,
        "cookie": name,
        "session": session,
        "run_id": str(middle),
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
    from tests.cast import make_cast
    from tests.factories import asset, make_location, make_manifest, queue_run

    cast = make_cast("history")
    make_location(cast, manifest=make_manifest([asset(f"asset_{number}") for number in range(ASSETS)]))
    return cast, queue_run(cast).id


def _words(cast: Any) -> dict[str, Any]:
    from controlplane.runs import labels

    return {
        "org": cast.org_id,
        "deployment": cast.deployment.id,
        "assets": [labels.asset(f"asset_{number}") for number in range(ASSETS)],
        "partitions": [labels.partition(f"p{number}") for number in range(PARTITIONS)],
        "teams": [labels.tag("team", f"t{number}") for number in range(TEAMS)],
        "people": [labels.launched_by(f"person-{number}") for number in range(PEOPLE)],
        "rare": labels.tag("rare", "yes"),
    }


def _statements(door: Any) -> Iterator[Any]:
    columns = door.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'run'::regclass AND attnum > 0 AND NOT attisdropped"
    ).fetchall()
    names = [name for (name,) in columns]
    values = ", ".join(_RUN.get(name, f"r.{name}") for name in names)
    yield f"INSERT INTO run ({', '.join(names)}) SELECT {values} FROM {_ROWS}, run r WHERE r.id = %(run)s"
    yield from (_LABELS, _EVENTS, _ASSET_EVENTS, _CHECKS, _TICKS)


def _make_partitions(owner: Any, end: datetime, weeks: int) -> None:
    tables = owner.execute("SELECT name, kind FROM partitioned_table").fetchall()
    monday = (end - timedelta(days=end.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    for start in (monday - timedelta(weeks=number) for number in range(weeks + 1)):
        for table, kind in tables:
            part, bound = f"{table}_y{start:%G}w{start:%V}", "SELECT partition_bound(%s, %s)"
            if owner.execute("SELECT to_regclass(%s)", [part]).fetchall()[0][0] is not None:
                continue
            [(low,)], [(high,)] = (
                owner.execute(bound, [kind, moment]).fetchall() for moment in (start, start + timedelta(weeks=1))
            )
            owner.execute(f"CREATE TABLE {part} PARTITION OF {table} FOR VALUES FROM ('{low}') TO ('{high}')")
            owner.execute(f"ALTER TABLE {part} ENABLE ROW LEVEL SECURITY")
            owner.execute(f"ALTER TABLE {part} FORCE ROW LEVEL SECURITY")


if __name__ == "__main__":
    main()
