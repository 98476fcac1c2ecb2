"""Freshness as dagster judges it, and what the sweep keeps of it."""

import asyncio
import datetime
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions import freshness_evaluator
from dagster._core.definitions.freshness_evaluator import FRESHNESS_EVALUATORS_BY_POLICY_TYPE
from dagster._core.storage.event_log.base import AssetRecord

from controlplane.catalog import event_order, freshness_sweep
from controlplane.catalog.freshness import Freshness, judge, policy_of
from controlplane.catalog.freshness_selectors import freshness_of
from controlplane.catalog.models import AssetChange, AssetEventKind, AssetState, FreshnessChange, FreshnessState
from controlplane.catalog.projections import apply
from controlplane.catalog.rows import AssetEventRow
from controlplane.core.threads import with_connections_returned
from controlplane.deployments.models import Deployment, LocationVersion
from controlplane.deployments.visibility import all_of
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.cast import Cast, make_cast
from tests.catalog.sweeping import sweep_freshness
from tests.factories import asset, make_location, make_manifest
from tests.waiting import eventually

DAY = 86400.0
HOURLY = {"cls": "TimeWindowFreshnessPolicy", "fail_window": 7200.0, "warn_window": 3600.0}


def dagsters(policy: Any, event: float | None, now: float, monkeypatch: pytest.MonkeyPatch) -> str:
    """What dagster's own evaluator says. The record and the clock are what it asks for."""
    entry = SimpleNamespace(last_materialization=None if event is None else SimpleNamespace(timestamp=event))

    async def record(_context: Any, _key: Any) -> Any:
        return SimpleNamespace(asset_entry=entry)

    monkeypatch.setattr(AssetRecord, "gen", record)
    monkeypatch.setattr(freshness_evaluator, "get_current_timestamp", lambda: now)
    at = lambda zone: datetime.datetime.fromtimestamp(now, ZoneInfo(zone))  # noqa: E731
    monkeypatch.setattr(freshness_evaluator, "get_current_datetime", at)
    node: Any = SimpleNamespace(freshness_policy_or_from_metadata=policy, key=dg.AssetKey("a"))
    evaluator = FRESHNESS_EVALUATORS_BY_POLICY_TYPE[type(policy)]()
    return str(asyncio.run(evaluator.evaluate_freshness(None, node)).value)  # type: ignore[arg-type]


def written(policy: Any) -> dict[str, Any]:
    """As the code worker writes it."""
    found: dict[str, Any] = {"cls": type(policy).__name__}
    for name in ("fail_window", "warn_window", "deadline_cron", "lower_bound_delta", "timezone"):
        value = getattr(policy, name, None)
        value = value.to_timedelta() if hasattr(value, "to_timedelta") else value
        found[name] = value.total_seconds() if isinstance(value, datetime.timedelta) else value
    return found


def hours(number: float) -> datetime.timedelta:
    return datetime.timedelta(hours=number)


POLICIES = [
    dg.FreshnessPolicy.time_window(hours(24), hours(12)),
    dg.FreshnessPolicy.time_window(hours(1)),
    dg.FreshnessPolicy.cron("0 9 * * *", hours(1)),
    dg.FreshnessPolicy.cron("0 2 * * *", hours(3), "Europe/Berlin"),
    dg.FreshnessPolicy.cron("30 1 * * 1-5", hours(2), "America/New_York"),
    dg.FreshnessPolicy.cron("*/15 * * * *", datetime.timedelta(minutes=10)),
    dg.FreshnessPolicy.cron("0 0 1 * *", hours(48), "Australia/Lord_Howe"),
]


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_it_is_as_fresh_as_dagster_says(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, rng = POLICIES[number], random.Random(number)
    ours = policy_of(written(policy))
    assert ours is not None
    # Around both changes of the clock in Europe and America, and at the very moment of a deadline.
    starts = [
        datetime.datetime(2026, month, day, 12, tzinfo=datetime.UTC).timestamp()
        for month, day in ((3, 7), (3, 28), (10, 24), (10, 31))
    ]
    for _ in range(150):
        now = rng.choice(starts) + rng.uniform(-DAY, 2 * DAY)
        now = now - now % 900 if rng.random() < 0.3 else now
        event = now - rng.choice([rng.uniform(0, 3 * DAY), rng.randrange(0, 40) * 3600.0, rng.uniform(0, 70 * DAY)])
        said = judge(ours, event, now)
        assert said.state == dagsters(policy, event, now, monkeypatch), (event, now)
        if said.until is not None:
            # Not before, and then at once.
            assert said.until > now
            assert judge(ours, event, said.until - 1).state == said.state
            assert judge(ours, event, said.until).state != said.state


def test_without_an_event_or_a_policy() -> None:
    assert judge(policy_of(HOURLY), None, 0.0).state == Freshness.UNKNOWN
    assert (
        judge(policy_of({"cls": "LegacyFreshnessPolicy", "maximum_lag_minutes": 5}), 0.0, 0.0).state == "NOT_APPLICABLE"
    )


@pytest.fixture
def cast() -> Cast:
    made = make_cast("fresh")
    assets = [
        asset("kept", freshness=HOURLY),
        asset("seen", freshness=HOURLY, is_external=True, is_executable=False, is_materializable=False),
        asset("plain"),
    ]
    make_location(made, manifest=make_manifest(assets))
    return made


def happened(cast: Cast, key: str, age: float, kind: AssetEventKind = AssetEventKind.MATERIALIZATION) -> None:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
    with org_scope(cast.org_id):
        apply(cast.org_id, [AssetEventRow(kind, cast.deployment.id, key, None, uuid7(), at)])


def stored(cast: Cast) -> dict[str, str]:
    with org_scope(cast.org_id):
        return {row.asset_key: row.state for row in FreshnessState.objects.for_org(cast.org_id)}


def history(cast: Cast) -> list[tuple[str, str, str]]:
    with org_scope(cast.org_id):
        rows = FreshnessChange.objects.for_org(cast.org_id).order_by("id")
        return [(row.asset_key, row.previous, row.state) for row in rows]


def swept(cast: Cast) -> dict[str, str]:
    sweep_freshness()
    return stored(cast)


def test_the_sweep_follows_definitions_events_and_time(cast: Cast) -> None:
    assert swept(cast) == {"kept": "UNKNOWN", "seen": "UNKNOWN"}
    happened(cast, "kept", 60)
    happened(cast, "seen", 4000, AssetEventKind.OBSERVATION)
    assert swept(cast) == {"kept": "PASS", "seen": "WARN"}
    with org_scope(cast.org_id):
        assert not AssetChange.objects.for_org(cast.org_id).exclude(asset_key__in=["kept", "seen"]).exists()
        # An hour goes by for it, without any event.
        moved = AssetState.objects.for_org(cast.org_id).filter(asset_key="kept")
        moved.update(materialized_at=datetime.datetime.now(datetime.UTC) - hours(3))
        due = FreshnessState.objects.for_org(cast.org_id).filter(asset_key="kept")
        due.update(due_at=datetime.datetime.now(datetime.UTC))
    assert swept(cast)["kept"] == "FAIL"
    assert [change for change in history(cast) if change[0] == "kept"] == [
        ("kept", "", "UNKNOWN"), ("kept", "UNKNOWN", "PASS"), ("kept", "PASS", "FAIL"),
    ]  # fmt: skip
    swept(cast)
    assert len(history(cast)) == 5


def test_the_setting_turns_it_off_and_on(cast: Cast) -> None:
    swept(cast)
    for enabled, wanted in ((False, {}), (True, {"kept": "UNKNOWN", "seen": "UNKNOWN"})):
        with org_scope(cast.org_id):
            Deployment.objects.for_org(cast.org_id).update(settings={"freshness": {"enabled": enabled}})
        assert swept(cast) == wanted
        visible = all_of(cast.org_id, cast.deployment.id)
        nodes = visible.whole.graph.nodes.values()
        assert set(freshness_of(visible, nodes, {})) == set(wanted)
        with org_scope(cast.org_id):
            watchers = Deployment.objects.for_org(cast.org_id).get(id=cast.deployment.id).watchers
        assert ("freshness" in watchers) == enabled


def test_an_event_that_is_written_while_nobody_watches_is_judged(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    # It waits for the event until this test lets it go, however long that takes here.
    monkeypatch.setattr(event_order, "_READ_PATIENCE_SECONDS", 60.0)
    written, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with org_scope(cast.org_id):
            happened(cast, "kept", 60)
            written.set()
            go_on.wait(60)

    def is_watched() -> bool:
        with org_scope(cast.org_id):
            return "freshness" in Deployment.objects.for_org(cast.org_id).get(id=cast.deployment.id).watchers

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(with_connections_returned, late)
        assert written.wait(60)
        judging = pool.submit(with_connections_returned, freshness_sweep.refresh, cast.org_id, cast.deployment.id)
        eventually(is_watched, bool)
        go_on.set()
        writing.result(60)
        judging.result(60)
    assert stored(cast)["kept"] == "PASS"


def test_nothing_is_planned_while_an_event_that_nobody_noted_takes_long(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_order, "_READ_PATIENCE_SECONDS", 0.01)
    written, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with org_scope(cast.org_id):
            happened(cast, "kept", 60)
            written.set()
            go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(with_connections_returned, late)
        assert written.wait(60)
        assert not freshness_sweep.refresh(cast.org_id, cast.deployment.id)
        assert not freshness_sweep.refresh(cast.org_id, cast.deployment.id), (
            "another sweep finds it watched, and not planned"
        )
        assert stored(cast) == {}
        go_on.set()
        writing.result(60)
    assert swept(cast)["kept"] == "PASS"


def test_what_cannot_be_judged_keeps_no_other_from_it(cast: Cast) -> None:
    endless = {"cls": "TimeWindowFreshnessPolicy", "fail_window": 8e13}
    folder = {
        "cls": "CronFreshnessPolicy",
        "deadline_cron": "0 6 * * *",
        "lower_bound_delta": 60,
        "timezone": "America",
    }
    make_location(cast, manifest=make_manifest([asset("raw", freshness=endless), asset("daily", freshness=folder)]))
    happened(cast, "raw", 60)
    assert swept(cast) == {"raw": "PASS"}

    slow = policy_of({"cls": "CronFreshnessPolicy", "deadline_cron": "* * * * *", "lower_bound_delta": 1e13})
    assert judge(slow, 1e9, 1.1e9).state == Freshness.PASS


def test_a_deployment_that_fails_keeps_no_other_waiting(cast: Cast) -> None:
    others = [make_cast("other"), make_cast("another")]
    for one in others:
        make_location(one, manifest=make_manifest([asset("raw", freshness=HOURLY)]))
    with org_scope(cast.org_id):
        # Its definitions are lost.
        LocationVersion.objects.for_org(cast.org_id).update(manifest_sha256="0" * 64)
    sweep_freshness()
    assert [stored(one) for one in others] == [{"raw": "UNKNOWN"}] * 2
    assert stored(cast) == {}
