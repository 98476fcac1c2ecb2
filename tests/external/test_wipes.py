"""Wiping: what is known of an asset or of partitions is forgotten, up to the request, in bites that survive being killed."""

import pytest

from controlplane.catalog import changes, wiping
from controlplane.catalog.changes import Consumer
from controlplane.catalog.models import AssetEvent, PartitionState
from controlplane.definitions.manifest import PartitionsDefinition
from controlplane.external.models import AssetWipe
from controlplane.external.reports.services import report_events
from controlplane.external.reports.values import AssetReport, ReportKind
from controlplane.external.wipes import requests, services
from controlplane.runs import event_bounds, instance_view
from tenants.audit.models import AuditEvent
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import asset, make_location, make_manifest
from tests.runs.scripts import make_stage

DAYS = [f"2024-01-{day:02}" for day in range(1, 10)]


@pytest.fixture
def shop(cast: Cast) -> Cast:
    definitions = {"days": PartitionsDefinition(kind="static", cls="StaticPartitionsDefinition", keys=DAYS)}
    manifest = make_manifest([asset("raw"), asset("daily", partitions="days")], partitions_definitions=definitions)
    make_location(cast, manifest=manifest)
    return cast


def say(cast: Cast, key: str, *partitions: str | None, kind=ReportKind.MATERIALIZATION, **fields) -> None:
    reports = [AssetReport(kind, key, partition=partition, **fields) for partition in partitions]
    report_events(org_id=cast.org_id, deployment_id=cast.deployment.id, reports=reports, actor=cast.actor)


def wipe(cast: Cast, key: str, **body) -> AssetWipe:
    answer = cast.api().post(cast.api_path("asset-wipes/"), {"asset": key, **body}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    with org_scope(cast.org_id):
        return AssetWipe.objects.for_org(cast.org_id).get(id=answer.json()["id"])


def done(cast: Cast, made: AssetWipe) -> dict:
    services.go_on(org_id=cast.org_id, wipe_id=made.id)
    return cast.api().get(cast.api_path(f"asset-wipes/{made.id}/")).json()


def standing(cast: Cast, key: str) -> dict:
    return cast.api().get(cast.api_path(f"assets/{key}/")).json()


def made_partitions(cast: Cast, key: str = "daily") -> list[str]:
    with org_scope(cast.org_id):
        rows = PartitionState.objects.for_org(cast.org_id).filter(asset_key=key, materialization_id__isnull=False)
        return sorted(rows.values_list("partition_key", flat=True))


def left(cast: Cast, key: str) -> list[str | None]:
    with org_scope(cast.org_id):
        rows = AssetEvent.objects.for_org(cast.org_id).filter(asset_key=key).exclude(kind="planned").order_by("id")
        return list(rows.values_list("partition_key", flat=True))


def test_all_of_an_asset_is_forgotten_and_what_came_later_stays(shop: Cast) -> None:
    say(shop, "raw", None, None)
    say(shop, "raw", None, kind=ReportKind.OBSERVATION)
    say(shop, "raw", None, kind=ReportKind.CHECK, check_name="c", passed=False)
    made = wipe(shop, "raw")
    say(shop, "raw", None)
    with org_scope(shop.org_id):
        changes.watch(shop.org_id, shop.deployment.id, Consumer.CONDITIONS, wanted=True)

    answer = done(shop, made)

    assert (answer["events_deleted"], answer["ended_at"] is not None) == (4, True)
    assert (standing(shop, "raw")["status"], standing(shop, "raw")["observed_at"]) == ("materialized", None)
    assert (standing(shop, "raw")["checks"], left(shop, "raw")) == ([], [None])
    with org_scope(shop.org_id):
        noted = changes.read(shop.org_id, shop.deployment.id, Consumer.CONDITIONS)
        [row] = AuditEvent.objects.for_org(shop.org_id).filter(action="asset.wipe")
    assert (noted.assets, row.target_label, row.after["partitions"]) == ({"raw"}, "raw", "all")
    assert done(shop, wipe(shop, "raw"))["events_deleted"] == 1
    assert standing(shop, "raw")["status"] == "missing"


@pytest.mark.parametrize(
    "body", [{"partitions": DAYS[6:]}, {"partition_range": {"start": DAYS[6], "end": DAYS[8]}}], ids=["named", "range"]
)
def test_partitions_are_forgotten_and_the_rest_stands(shop: Cast, body) -> None:
    say(shop, "daily", *DAYS)
    for partition in (DAYS[2], DAYS[7]):
        say(shop, "daily", partition, kind=ReportKind.CHECK, check_name="c", passed=partition == DAYS[2])

    answer = done(shop, wipe(shop, "daily", **body))

    assert (answer["partition_count"], answer["partitions_done"], answer["events_deleted"]) == (3, 3, 4)
    assert (made_partitions(shop), left(shop, "daily")) == (DAYS[:6], DAYS[:6])
    asset_now = standing(shop, "daily")
    checks = {check["name"]: check["status"] for check in asset_now["checks"]}
    assert (asset_now["materialization_partition"], checks["c"]) == (DAYS[5], "passed")


def test_a_wipe_goes_on_where_it_was_killed(shop: Cast, monkeypatch) -> None:
    monkeypatch.setattr(services, "_BITE_PARTITIONS", 2)
    monkeypatch.setattr(wiping, "BITE_ROWS", 2)
    monkeypatch.setattr(services, "_SLICE_SECONDS", -1)
    say(shop, "daily", *DAYS)
    made = wipe(shop, "daily", partitions=DAYS[1:])
    seen = []
    while not seen or seen[-1]["ended_at"] is None:
        seen.append(done(shop, made))

    assert len(seen) > 6
    assert [one["partitions_done"] for one in seen][:4] == [2, 4, 6, 8]
    assert (seen[-1]["events_deleted"], left(shop, "daily"), made_partitions(shop)) == (8, DAYS[:1], DAYS[:1])
    assert standing(shop, "daily")["materialization_partition"] == DAYS[0]


def test_all_partitions_of_an_asset_go_bit_by_bit(shop: Cast, monkeypatch) -> None:
    monkeypatch.setattr(services, "_BITE_PARTITIONS", 4)
    monkeypatch.setattr(services, "_SLICE_SECONDS", -1)
    say(shop, "daily", *DAYS)
    say(shop, "daily", DAYS[3], kind=ReportKind.CHECK, check_name="c", passed=True)
    made = wipe(shop, "daily")
    say(shop, "daily", DAYS[0])
    seen = []
    while not seen or seen[-1]["ended_at"] is None:
        seen.append(done(shop, made))

    assert [one["partitions_done"] for one in seen][:2] == [4, 8]
    assert (seen[-1]["partitions_done"], made_partitions(shop), left(shop, "daily")) == (8, DAYS[:1], DAYS[:1])
    assert {check["status"] for check in standing(shop, "daily")["checks"]} <= {"missing", "never_evaluated", None}


def test_a_partition_that_is_not_there_is_not_wiped(shop: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "é" * 3000
    say(shop, "daily", DAYS[0], "2019-12-31", event_bounds.key(long))
    say(shop, "raw", None)

    def refused(key: str, *partitions: str) -> str:
        body = {"asset": key, "partitions": partitions}
        answer = shop.api().post(shop.api_path("asset-wipes/"), body, content_type="application/json")
        assert answer.status_code == 400, answer.content
        return str(answer.json()["errors"][0]["detail"])

    said = refused("daily", DAYS[0], "2024-1-1", "2023-01-01")
    assert "no partition 2024-1-1" in said
    assert "1 more of these" in said
    assert "raw has no partition x" in refused("raw", "x")
    assert (made_partitions(shop)[:2], left(shop, "raw")) == (["2019-12-31", DAYS[0]], [None])
    # No definition has these any more, and something is known of them; a name of any length is found as it was stored.
    monkeypatch.setattr(requests, "_BITE", 1)
    assert done(shop, wipe(shop, "daily", partitions=["2019-12-31", long]))["events_deleted"] == 2
    # How many they are is looked at before each of them is.
    monkeypatch.setattr(services, "PARTITIONS_MAX", 2)
    assert "1 to 2 partitions are wiped at once; these are 3" in refused("raw", "x", "y", "z")


def test_a_run_that_is_under_way_stays_under_way() -> None:
    stage = make_stage()
    attempt = stage.claimed(assets=["raw"])
    attempt.start("raw")
    done(stage.cast, wipe(stage.cast, "raw"))

    assert standing(stage.cast, "raw")["status"] == "in_progress"
    attempt.step("raw")
    assert standing(stage.cast, "raw")["status"] == "materialized"


def test_user_code_wipes_as_people_do(shop: Cast) -> None:
    say(shop, "daily", *DAYS)
    with org_scope(shop.org_id):
        scope = instance_view.Scope(shop.org_id, shop.deployment.id)
        arguments, handle = instance_view.METHODS["wipe_asset"]
        handle(scope, arguments(asset=["daily"], partitions=DAYS[3:]))  # type: ignore[call-arg]
    assert (left(shop, "daily"), standing(shop, "daily")["materialization_partition"]) == (DAYS[:3], DAYS[2])


def test_what_cannot_be_wiped_is_said(shop: Cast, outsider: Cast) -> None:
    def status(body, user=None) -> int:
        api = shop.api(user) if user else shop.api()
        return api.post(shop.api_path("asset-wipes/"), body, content_type="application/json").status_code

    span = {"start": DAYS[0], "end": DAYS[1]}
    assert [status({"asset": "nope"}), status({"asset": "raw"}, shop.viewer)] == [404, 403]
    assert [status({"asset": "raw", "partition_range": span}), status({"asset": "daily", "partitions": []})] == [
        400,
        400,
    ]
    assert status({"asset": "daily", "partition_range": {"start": "x", "end": "y"}}) == 400
    assert status({"asset": "daily", "partitions": DAYS, "partition_range": span}) == 400
    made = wipe(shop, "raw")
    assert outsider.api().get(shop.api_path(f"asset-wipes/{made.id}/")).status_code == 404
