"""What is kept no longer goes, by the week, and nothing else does."""

import datetime
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from controlplane.core.objects import store
from controlplane.core.old_partitions import Partition, drop_partition, partitions, week_of
from controlplane.core.threads import with_connections_returned
from controlplane.delivery.retention import bites, sweep
from controlplane.delivery.retention.dropping import drop_weeks
from controlplane.delivery.retention.histories import HISTORIES, KEPT
from controlplane.delivery.retention.policies import Policy, policies
from controlplane.deployments.change_settings import set_settings
from controlplane.deployments.models import Deployment, RetentionMark
from controlplane.deployments.services import create_deployment
from controlplane.deployments.settings_document import RETAINED
from controlplane.runs.log_store import chunk_key
from controlplane.runs.states import RunStatus
from tenants.ids import first_uuid7_at
from tenants.scoping import org_scope
from tests.cast import Cast, make_cast
from tests.waiting import eventually

# Weeks long over, each of one test alone.
FIRST = datetime.datetime(2021, 1, 4, tzinfo=datetime.UTC)
WEEK = datetime.timedelta(days=7)
TABLES = {table.name: kind for kind, tables in HISTORIES.items() for table in tables}


@pytest.fixture
def week() -> Iterator[datetime.datetime]:
    """An old week with a partition of every history table; the rows of other tests are in other weeks."""
    start = FIRST + WEEK * (uuid.uuid4().int % 200)
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_OWNER_URL"], autocommit=True) as owner:
        for name, kind in owner.execute("SELECT name, kind FROM partitioned_table").fetchall():
            part = f"{name}_y{start:%G}w{start:%V}"
            owner.execute(
                f"CREATE TABLE {part} PARTITION OF {name} FOR VALUES FROM ('{bound(kind, start)}') TO ('{bound(kind, start + WEEK)}')"
            )
        yield start
        for (name,) in owner.execute("SELECT name FROM partitioned_table").fetchall():
            owner.execute(f"DROP TABLE IF EXISTS {name}_y{start:%G}w{start:%V}")


def bound(kind: str, moment: datetime.datetime) -> str:
    return str(first_uuid7_at(moment)) if kind == "uuid7" else moment.isoformat()


def history(cast: Cast, moment: datetime.datetime, *, status: str = "SUCCESS", deployment: Any = None) -> uuid.UUID:
    """One row of every kind in every history table, as of then, and an object of output; returns the run's id."""
    deployment_id = (deployment or cast.deployment).id
    run_id = uuid.UUID(int=first_uuid7_at(moment).int + (7 << 76) + (2 << 62) + uuid.uuid4().int % 2**60)
    log = (run_id, 1, "step", "stdout")
    store().put(chunk_key(cast.org_id, log, 0, 4), b"told")
    place = {"org_id": cast.org_id, "deployment_id": deployment_id, "run_id": run_id, "attempt": 1}
    rows: dict[str, dict[str, Any]] = {
        "run": {"status": status, "created_at": moment, "job_name": "nightly", "location_name": "shop"},
        "run_event": {**place, "seq": 1, "type": "LOG"},
        "log_chunk": {**place, "log_key": "step", "stream": "stdout", "offset": 0, "bytes": 4},
        "log_stream": {**place, "log_key": "step", "stream": "stdout", "size": 4},
        "run_label": {**place, "label": uuid.uuid4()},
        "step": {**place, "step_key": "step", "status": "success"},
        "run_attempt": {**place, "state": "ended"},
        "tick": {"status": "SUCCESS"},
        "requested_run": {"state": "launched"},
    }
    with org_scope(cast.org_id):
        for table in TABLES:
            insert(table, {**place, "recorded_at": moment, **rows.get(table, {})}, row_id=run_id)
    return run_id


# What a column holds that a test says nothing about, by its type.
_PLAIN = {"uuid": str(uuid.UUID(int=1)), "jsonb": "{}", "boolean": "false", "timestamp with time zone": "2021-01-01"}


def insert(table: str, given: dict[str, Any], *, row_id: uuid.UUID | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s AND is_nullable = 'NO'",
            [table],
        )
        columns = dict(cursor.fetchall())
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        known = {name for (name,) in cursor.fetchall()}
        values = {name: _plain(kind) for name, kind in columns.items()}
        if row_id is not None and "id" in columns:
            values["id"] = row_id if columns["id"] == "uuid" else row_id.int % 2**60
        values |= {name: value for name, value in given.items() if name in known}
        names = ", ".join(f'"{name}"' for name in values)
        cursor.execute(
            f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(values))})", list(values.values())
        )


def _plain(kind: str) -> Any:
    return _PLAIN.get(kind, "" if kind in {"text", "character varying"} else 0)


def left(cast: Cast, run_id: uuid.UUID, moment: datetime.datetime) -> set[str]:
    """The kinds of which something is there still; `objects` is the output itself."""
    found = set()
    with org_scope(cast.org_id), connection.cursor() as cursor:
        for table, kind in TABLES.items():
            where, value = ("recorded_at", moment) if kind == "asset_events" else ("id", run_id)
            if table in {
                "log_chunk",
                "log_stream",
                "run_event",
                "run_label",
                "run_status_event",
                "step",
                "run_attempt",
            }:
                where = "run_id"
            cursor.execute(f"SELECT count(*) FROM {table} WHERE org_id = %s AND {where} = %s", [cast.org_id, value])
            found |= {kind} if cursor.fetchone()[0] else set()
    return found | (
        {"objects"} if store().exists(chunk_key(cast.org_id, (run_id, 1, "step", "stdout"), 0, 4)) else set()
    )


EVERYTHING = {*RETAINED, "objects"}


def of_old(cast: Cast, settings: dict[str, Any]) -> Cast:
    """Make the deployment as old as its history, with these settings."""
    with org_scope(cast.org_id):
        Deployment.objects.for_org(cast.org_id).update(created_at=FIRST - WEEK)
    set_settings(org_id=cast.org_id, deployment_id=cast.deployment.id, document=settings, actor=cast.actor)
    return cast


def retention(**days: int) -> dict[str, Any]:
    return {"retention": {kind: {"purge_after_days": kept} for kind, kept in days.items()}}


FOREVER = retention(**dict.fromkeys(RETAINED, -1))


def names_of(start: datetime.datetime) -> set[str]:
    return {one.table for one in partitions() if one.start == start}


def test_a_week_that_nobody_needs_is_dropped_whole(cast: Cast, week: datetime.datetime) -> None:
    of_old(cast, retention(runs=30))
    moment = week + datetime.timedelta(days=3)
    old, new = history(cast, moment), history(cast, timezone.now())

    def names_after_a_sweep() -> set[str]:
        sweep.sweep()
        return names_of(week)

    # A partition that the database itself is busy with is left for the next sweep; usage always stays.
    eventually(names_after_a_sweep, lambda names: names == set(KEPT))
    assert left(cast, old, moment) == set()
    assert left(cast, new, timezone.now()) >= EVERYTHING - {"asset_events"}


def test_rows_of_one_leave_while_others_keep_theirs(cast: Cast, outsider: Cast, week: datetime.datetime) -> None:
    of_old(cast, retention(runs=-1, events=30, logs=-1, ticks=20, evaluations=-1, asset_events=-1))
    of_old(outsider, FOREVER)
    sibling = create_deployment(org_id=cast.org_id, name="keeps", actor=cast.actor)
    set_settings(org_id=cast.org_id, deployment_id=sibling.id, document=FOREVER, actor=cast.actor)
    run, kept, theirs = history(cast, week), history(cast, week, deployment=sibling), history(outsider, week)

    sweep.sweep()

    assert left(cast, run, week) == EVERYTHING - {"events", "ticks"}
    assert left(cast, kept, week) == EVERYTHING
    assert left(outsider, theirs, week) == EVERYTHING
    assert names_of(week) >= set(TABLES)
    sweep.sweep()
    assert left(cast, run, week) == EVERYTHING - {"events", "ticks"}


def test_what_is_under_way_stays_with_all_that_is_its_own(cast: Cast, week: datetime.datetime) -> None:
    of_old(cast, retention(runs=30, events=30, logs=30))
    run = history(cast, week, status=RunStatus.STARTED)

    sweep.sweep()

    assert left(cast, run, week) >= {"runs", "events", "logs", "objects"}


def test_killed_anywhere_and_begun_again(
    cast: Cast, outsider: Cast, week: datetime.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_old(cast, retention(runs=30))
    of_old(outsider, FOREVER)
    history(outsider, week)
    runs = [history(cast, week + datetime.timedelta(hours=hour)) for hour in range(5)]
    monkeypatch.setattr(bites, "RUNS", 2)
    policy = next(one for one in policies() if one.deployment_id == cast.deployment.id)
    span = bites.due_span(policy, "runs")
    assert span
    assert bites.bite(policy, "runs", span)

    assert [bool(left(cast, run, week) & {"runs"}) for run in runs] == [False, False, True, True, True]
    with org_scope(cast.org_id):
        mark = RetentionMark.objects.for_org(cast.org_id).get(kind="runs").before
    assert week < mark < week + datetime.timedelta(hours=2)
    sweep.sweep()
    assert {frozenset(left(cast, run, week) - {"asset_events"}) for run in runs} == {frozenset()}


def test_who_was_served_longest_ago_is_next(
    cast: Cast, outsider: Cast, week: datetime.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (cast, outsider):
        of_old(one, retention(runs=-1, events=-1, logs=-1, ticks=20, evaluations=-1, asset_events=-1))
        for hour in range(3):
            history(one, week + datetime.timedelta(hours=hour))
    monkeypatch.setattr(bites, "ROWS", 1)
    # Time for a bite of each.
    monkeypatch.setattr(sweep, "_TURN_SECONDS", -1.0)

    def line() -> list[Policy]:
        mine = [one for one in policies() if one.deployment_id in {cast.deployment.id, outsider.deployment.id}]
        return sorted(mine, key=lambda one: one.served_at("ticks"))

    never = line()[0].served_at("ticks")
    assert not sweep._all(line(), "ticks", time.monotonic() + 60)
    assert all(one.served_at("ticks") > never for one in line()), "each had its turn"
    # Time for one alone: it goes behind the other, and has gone on from where it was.
    first, second = line()
    assert not sweep._bites(first, "ticks", 0.0)
    assert [one.deployment_id for one in line()] == [second.deployment_id, first.deployment_id]


def test_one_sweeps_at_a_time_and_no_mark_goes_back(cast: Cast, outsider: Cast, week: datetime.datetime) -> None:
    of_old(cast, retention(runs=30))
    of_old(outsider, FOREVER)
    run = history(cast, week)
    history(outsider, week)
    with ThreadPoolExecutor(1) as pool, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [sweep.TASK])
        try:
            pool.submit(with_connections_returned, sweep.sweep).result(timeout=200)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [sweep.TASK])
        assert "runs" in left(cast, run, week)
        pool.submit(with_connections_returned, sweep.sweep).result(timeout=200)
    assert "runs" not in left(cast, run, week)

    def policy() -> Policy:
        return next(one for one in policies() if one.deployment_id == cast.deployment.id)

    before = policy()
    bites.mark(before, "runs", before.marks["runs"] - WEEK)
    assert policy().marks["runs"] == before.marks["runs"]
    assert policy().served_at("runs") > before.served_at("runs")


def test_latest_state_outlives_its_history(cast: Cast, week: datetime.datetime) -> None:
    of_old(cast, retention(asset_events=10))
    history(cast, week)
    with org_scope(cast.org_id):
        for table in ("asset_state", "partition_state", "check_state"):
            insert(table, {"org_id": cast.org_id, "deployment_id": cast.deployment.id, "asset_key": "raw"})

    sweep.sweep()

    with org_scope(cast.org_id), connection.cursor() as cursor:
        for table in ("asset_state", "partition_state", "check_state"):
            cursor.execute(f"SELECT count(*) FROM {table} WHERE org_id = %s", [cast.org_id])
            assert cursor.fetchone()[0] == 1


def test_a_partition_in_use_is_left_and_nobody_waits_long(cast: Cast, week: datetime.datetime) -> None:
    of_old(cast, retention(runs=30))
    history(cast, week)
    part = Partition("run_event", f"run_event_y{week:%G}w{week:%V}", week)
    writing = make_cast("writer")
    with ThreadPoolExecutor(1) as beside, psycopg.connect(os.environ["DAGGERBOARD_DATABASE_URL"]) as reader:
        reader.execute("SELECT count(*) FROM run_event")
        written = beside.submit(with_connections_returned, history, writing, timezone.now())
        assert drop_partition(part) is False
        assert written.result(200)

    assert eventually(lambda: drop_partition(part), bool) is True
    assert drop_partition(part) is False


def test_only_old_weeks_of_history_can_be_dropped_and_only_by_the_door(week: datetime.datetime) -> None:
    now = week_of(timezone.now())
    for name, why in ((f"run_y{now:%G}w{now:%V}", "not over"), ("run_default", "no week")):
        with pytest.raises(DatabaseError, match=why), connections["door"].cursor() as cursor:
            cursor.execute("SELECT drop_partition(%s)", [name])
    with connections["door"].cursor() as cursor:
        cursor.execute("SELECT drop_partition('deployment'), drop_partition('no_such')")
        assert cursor.fetchone() == (False, False)
    with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("SELECT drop_partition(%s)", [f"run_y{week:%G}w{week:%V}"])


def test_branches_keep_what_their_deployment_says_for_them(cast: Cast) -> None:
    from tests.environment.variables import make_branch

    branch = make_branch(cast, "pr-1")
    document = retention(runs=100) | {}
    document["retention"]["branches"] = {"ticks": {"purge_after_days": 3}}
    set_settings(org_id=cast.org_id, deployment_id=cast.deployment.id, document=document, actor=cast.actor)

    found = {one.deployment_id: one.bounds for one in policies()}

    assert found[branch.id]["runs"] == found[cast.deployment.id]["runs"] == week_of(timezone.now() - 100 * WEEK / 7)
    assert found[branch.id]["ticks"] == week_of(timezone.now() - 3 * WEEK / 7)
    assert found[cast.deployment.id]["ticks"] == week_of(timezone.now() - 90 * WEEK / 7)


def test_every_history_table_is_placed() -> None:
    with connections["door"].cursor() as cursor:
        cursor.execute("SELECT name FROM partitioned_table")
        known = {name for (name,) in cursor.fetchall()}

    assert known == set(TABLES) | KEPT, "Place new history tables in delivery/retention/histories.py."
    assert set(HISTORIES) == set(RETAINED)
    assert drop_weeks("runs", [], []) == 0


def test_run_says_what_was_deleted_of_it_or_that_it_was(cast: Cast, outsider: Cast, week: datetime.datetime) -> None:
    of_old(cast, retention(events=30, runs=30 * 12))
    of_old(outsider, FOREVER)
    history(outsider, week)
    gone = history(cast, week)
    recent = timezone.now() - datetime.timedelta(days=60)
    kept = history(cast, recent)
    with org_scope(cast.org_id), connection.cursor() as cursor:
        cursor.execute("UPDATE run SET ended_at = created_at, actor_label = 'me' WHERE id = %s", [kept])
    sweep.sweep()

    address = f"/{cast.org.slug}/prod/runs/"
    page, missing = cast.signed_in().get(f"{address}{kept}"), cast.signed_in().get(f"{address}{gone}")

    assert "The events of this run were deleted because of their age" in page.content.decode()
    assert (missing.status_code, "from before" in missing.content.decode()) == (404, True)
    assert "from before" not in cast.signed_in().get(f"{address}{uuid.uuid4()}").content.decode()
