"""Events about assets that happened outside of any run: stored once, seen everywhere, within the rights of who reports them."""

from contextlib import nullcontext

import pytest
from django.test import Client

from controlplane.catalog import changes
from controlplane.catalog import selectors as catalog
from controlplane.catalog.changes import Consumer
from controlplane.deployments.visibility import Visible
from controlplane.external.models import ReportDelivery
from controlplane.external.reports import forgetting
from controlplane.external.reports.reporting import report_as
from controlplane.external.reports.services import REMEMBERED
from controlplane.external.reports.values import AssetReport, ReportKind
from tenants.audit.models import AuditEvent
from tenants.errors import ForbiddenError, NotFoundError
from tenants.grants import Rights, Target
from tenants.models import Role, TargetKind
from tenants.permissions import ROLE_PERMISSIONS
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import asset, make_location, make_manifest, queue_run


def report(cast: Cast, *events, client=None, **headers):
    return (client or cast.api()).post(
        cast.api_path("asset-events/"), {"events": list(events)}, content_type="application/json", headers=headers
    )


def made(asset: str = "raw", **fields):
    return {"type": "materialization", "asset": asset, **fields}


def histories(cast: Cast, asset: str, kind: str = "materializations"):
    return cast.api().get(cast.api_path(f"{kind}/"), {"asset": asset}).json()["results"]


@pytest.fixture
def shop(cast: Cast) -> Cast:
    make_location(cast)
    return cast


def test_what_no_code_defines_is_listed_found_and_told_from_what_was_defined_once(cast: Cast) -> None:
    make_location(cast, manifest=make_manifest([asset("raw"), asset("old")]))
    run = queue_run(cast, assets=["old"])
    report(cast, made("vendor/prices"), made("raw"))
    report(cast, {"type": "check", "asset": "vendor/only_checked", "check_name": "fine", "passed": True})
    make_location(cast, manifest=make_manifest([asset("raw")]))
    assert run.target_assets == ["old"]

    def listed(**given: str) -> dict[str, str]:
        found = cast.api().get(cast.api_path("assets/"), given).json()["results"]
        return {one["key"]: one["origin"] for one in found}

    reported = {"vendor/only_checked": "reported", "vendor/prices": "reported"}
    assert listed() == {"old": "gone", "raw": "defined", **reported}
    assert listed(defined="yes") == {"raw": "defined"}
    assert listed(defined="no", q="vendor") == reported
    assert listed(location="shop") == {"raw": "defined"}
    assert cast.api().get(cast.api_path("assets/"), {"defined": "maybe"}).status_code == 400

    browser, start = cast.signed_in(), f"/{cast.org.slug}/prod/"
    page = browser.get(f"{start}assets").content.decode()
    assert (page.count("reported, not defined"), page.count("no longer defined</span>")) == (2, 1)
    found = browser.get(f"{start}palette", {"q": "prices"}).json()["items"]
    assert [one["label"] for one in found if one["group"] == "Assets"] == ["vendor/prices"]
    never = browser.get(f"{start}assets/vendor/prices").content.decode()
    assert "any more" not in never
    assert "it is a source" not in never, "nobody knows what it is made from"
    assert "dg.AssetSpec([&quot;vendor&quot;, &quot;prices&quot;])" in never
    assert "defines this asset any more" in browser.get(f"{start}assets/old").content.decode()
    assert browser.get(f"{start}assets/vendor/only_checked").status_code == 200

    part = Rights(everywhere=ROLE_PERMISSIONS[Role.VIEWER], hidden=(Target(TargetKind.GROUP, "secret"),))
    seen = catalog.assets(Visible(cast.org_id, cast.deployment.id, part))
    assert [view.key for view in seen] == ["raw"], "nothing tells whose the others are"


def test_events_of_all_kinds_move_the_asset_as_a_run_would(shop: Cast) -> None:
    with org_scope(shop.org_id):
        changes.watch(shop.org_id, shop.deployment.id, Consumer.CONDITIONS, wanted=True)
    metadata = {"rows": 3, "at": {"type": "url", "raw_value": "https://x.example"}, "note": None, "list": [1]}
    answer = report(
        shop,
        made(metadata=metadata, data_version="v7", partition="eu", at="2026-01-02T03:04:05Z", description="Loaded"),
        {"type": "observation", "asset": "raw", "data_version": "v8"},
        {"type": "check", "asset": "daily", "check_name": "not_empty", "passed": False, "severity": "WARN"},
    )

    assert (answer.status_code, [one["is_repeated"] for one in answer.json()["events"]]) == (201, [False] * 3)
    asset = shop.api().get(shop.api_path("assets/raw/")).json()
    assert (asset["status"], asset["materialized_at"]) == ("materialized", "2026-01-02T03:04:05Z")
    assert asset["materialization_partition"] == "eu"
    [event] = histories(shop, "raw")
    assert event["tags"]["dagster/data_version"] == "v7"
    assert event["tags"]["dagster/reporting_user"] == "cli"
    assert event["metadata"]["at"] == {"type": "url", "value": "https://x.example"}
    assert (event["run_id"], event["id"]) == (None, answer.json()["events"][0]["id"])
    assert [one["tags"]["dagster/data_version"] for one in histories(shop, "raw", "observations")] == ["v8"]
    [check] = shop.api().get(shop.api_path("checks/"), {"asset": "daily"}).json()["results"]
    assert check["status"] == "warn"
    with org_scope(shop.org_id):
        noted = changes.read(shop.org_id, shop.deployment.id, Consumer.CONDITIONS)
        [row] = AuditEvent.objects.for_org(shop.org_id).filter(action="asset.report")
    assert noted.assets == {"raw", "daily"}
    assert row.after["events"] == {"materialization": 1, "observation": 1, "check": 1}


def test_an_event_with_an_id_has_one_effect(shop: Cast) -> None:
    first = report(shop, made(id="load-1"), made("new/key", id="load-2")).json()["events"]
    again = report(shop, made("new/key", id="load-2"), made(id="load-1"), made(id="load-3")).json()["events"]

    assert [one["is_repeated"] for one in again] == [True, True, False]
    assert [again[1]["id"], again[0]["id"]] == [one["id"] for one in first]
    assert (len(histories(shop, "raw")), len(histories(shop, "new/key"))) == (2, 1)
    other = report(shop, made(id="load-1", partition="eu"))
    assert (other.status_code, other.json()["errors"][0]["code"]) == (409, "delivery_conflict")


def test_a_request_with_an_idempotency_key_has_one_effect(shop: Cast) -> None:
    answers = [report(shop, made(), made(), **{"Idempotency-Key": "night"}).json()["events"] for _ in range(2)]

    assert [one["id"] for one in answers[0]] == [one["id"] for one in answers[1]]
    assert len(histories(shop, "raw")) == 2


def test_old_deliveries_are_forgotten(shop: Cast) -> None:
    report(shop, made(id="old"), made(id="new"))
    rows = ReportDelivery.objects
    with org_scope(shop.org_id):
        old = rows.for_org(shop.org_id).filter(delivery_id="old")
        old.update(created_at=old.get().created_at - REMEMBERED * 2)
    forgetting.sweep()

    with org_scope(shop.org_id):
        assert [row.delivery_id for row in rows.for_org(shop.org_id)] == ["new"]


REFUSED = [
    (made(type="other"), "events.1.type"),
    (made(asset=""), "events.1.asset"),
    (made(asset="a\\"), "events.1.asset"),
    (made(asset="x" * 2000), "events.1.asset"),
    (made(partition=""), "events.1.partition"),
    (made(partition="\0"), "events.1.partition"),
    (made(metadata=[1]), "events.1.metadata"),
    (made(metadata={"x": {"type": "url", "raw_value": 1}}), "events.1.metadata"),
    (made(metadata={"x": "y" * 300_000}), "events.1.metadata"),
    (made(metadata={str(n): n for n in range(501)}), "events.1.metadata"),
    (made(tags={"a": 1}), "events.1.tags"),
    (made(tags={"dagster/reporting_user": "somebody else"}), "events.1.tags"),
    (made(at="2026-01-02T03:04:05"), "events.1.at"),
    (made(at="2999-01-01T00:00:00Z"), "events.1.at"),
    (made(id="a\tb"), "events.1.id"),
    ({"type": "check", "asset": "raw", "passed": True}, "events.1.check_name"),
    ({"type": "check", "asset": "raw", "check_name": "c", "passed": "yes"}, "events.1.passed"),
    ("text", "events.1"),
]


def test_one_wrong_event_refuses_all_and_is_named(shop: Cast) -> None:
    found = [report(shop, made(), wrong) for wrong, _attr in REFUSED]

    assert [(answer.status_code, answer.json()["errors"][0]["attr"]) for answer in found] == [
        (400, attr) for _wrong, attr in REFUSED
    ]
    assert report(shop).status_code == report(shop, *[made()] * 1001).status_code == 400
    assert histories(shop, "raw") == []


def test_rights_hold_asset_by_asset(shop: Cast) -> None:
    assert report(shop, made(), client=shop.api(shop.viewer)).status_code == 403
    assert report(shop, made(), client=shop.api(shop.editor)).status_code == 201


def test_what_is_hidden_is_unknown_and_new_keys_need_the_right_on_everything(shop: Cast) -> None:
    somebody = Visible(shop.org_id, shop.deployment.id, Rights(
        everywhere=ROLE_PERMISSIONS[Role.VIEWER],
        on_parts=((Target(TargetKind.SELECTION, "key:daily"), ROLE_PERMISSIONS[Role.EDITOR]),),
        hidden=(Target(TargetKind.SELECTION, "key:raw"),),
    ))  # fmt: skip
    for key, refusal in (("raw", NotFoundError), ("report", ForbiddenError), ("new", NotFoundError), ("daily", None)):
        with pytest.raises(refusal) if refusal else nullcontext():
            report_as(somebody, [AssetReport(ReportKind.MATERIALIZATION, key)], actor=shop.actor)


# ---- dagster's own REST


def post(cast: Cast, name: str, body=None, *, key: str = "", query: str = "", token=None, **kwargs):
    kwargs = kwargs or ({"content_type": "application/json"} if body is not None else {"content_type": ""})
    address = f"/{cast.org.slug}/{cast.deployment.name}/report_asset_{name}/{key}{query}"
    headers = {"Dagster-Cloud-Api-Token": token if token is not None else cast.user_token.text}
    return Client().post(address, body if body is not None else b"", headers=headers, **kwargs)


def test_dagsters_paths_bodies_and_queries(shop: Cast) -> None:
    answers = [
        post(shop, "materialization", {"metadata": {"rows": 1}, "data_version": "v1"}, key="a/b"),
        post(shop, "materialization", {"asset_key": ["a", "b"], "partition": "eu"}),
        post(shop, "materialization", {"asset_key": "one"}),
        post(shop, "materialization", key="a/b", query='?metadata={"x":1.5}&description=Seen'),
        post(shop, "materialization", query='?asset_key=["a","b"]'),
        post(shop, "materialization", query="?asset_key=a.b"),
        post(shop, "observation", {"data_version": "v2"}, key="a/b"),
        post(shop, "check", {"check_name": "c", "passed": True, "severity": "WARN"}, key="a/b"),
        post(shop, "check", key="a/b", query="?check_name=c&passed=false"),
    ]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * len(answers)
    events = histories(shop, "a/b")
    assert [event["metadata"] for event in events][2] == {"x": {"type": "float", "value": 1.5}}
    assert (len(events), len(histories(shop, "one"))) == (5, 1)
    assert [one["passed"] for one in histories(shop, "a/b", "check-evaluations")] == [False, True]


@pytest.mark.parametrize(
    ("name", "body", "query", "words"),
    [
        ("materialization", {}, "", "Empty asset key"),
        ("materialization", {"asset_key": [1]}, "", "key"),
        ("materialization", None, "?asset_key=a&metadata={", "Error parsing metadata json"),
        ("observation", {"asset_key": "a", "partition": 1}, "", "partition"),
        ("check", {"asset_key": "a", "check_name": "c"}, "", "passed"),
        ("check", {"asset_key": "a", "check_name": "c", "passed": True, "severity": "FATAL"}, "", "severity"),
    ],
)
def test_dagsters_refusals(shop: Cast, name, body, query, words) -> None:
    answer = post(shop, name, body, query=query)

    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_dagsters_rest_knows_our_tokens_and_rights(shop: Cast, outsider: Cast) -> None:
    text = "application/x-www-form-urlencoded"
    assert post(shop, "materialization", key="a", token="nonsense").status_code == 401
    assert post(shop, "materialization", key="a", token=outsider.user_token.text).status_code == 404
    assert post(shop, "materialization", "a=b", key="a", content_type=text).status_code == 400
    assert (
        shop.api()
        .post(f"/{shop.org.slug}/prod/report_asset_materialization/a", {}, content_type="application/json")
        .json()
        == {}
    )
