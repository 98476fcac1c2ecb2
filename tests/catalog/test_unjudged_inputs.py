"""Where nobody can say whether an asset is out of sync, that is said, with the reason and what to do."""

import datetime
import html
from typing import Any

import dagster as dg
import pytest

from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.projections import apply
from controlplane.catalog.rows import AssetEventRow
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.catalog.test_staleness import GRID, STATIC, manifest_of
from tests.factories import make_location

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


class Mine(dg.IdentityPartitionMapping):
    """Dagster would ask it; nobody else can."""


# More windows than are listed here.
MINUTES = dg.TimeWindowPartitionsDefinition(cron_schedule="* * * * *", start="2010-01-01-00:00", fmt="%Y-%m-%d-%H:%M")
NESTED = dg.MultiPartitionMapping({"letter": dg.DimensionPartitionMapping("letter", Mine())})
# By asset: its partitions, its inputs with their mappings, and what of them nobody judges.
ASSETS: dict[str, tuple[Any, dict[str, Any], dict[str, str]]] = {
    "letters": (STATIC, {}, {}),
    "grid": (GRID, {}, {}),
    "odd": (MINUTES, {}, {}),
    "good": (STATIC, {"letters": None}, {}),
    "fed": (None, {"feed": None}, {"feed": "is made elsewhere"}),
    "fed_parts": (STATIC, {"feed": None}, {"feed": "is made elsewhere"}),
    "mapped": (STATIC, {"letters": Mine()}, {"letters": "partition mapping of your own class"}),
    "inside": (GRID, {"grid": NESTED}, {"grid": "partition mapping of your own class"}),
    "on_odd": (None, {"odd": None}, {"odd": "that only your own code can list"}),
}


def definitions() -> dg.Definitions:
    def made(name: str) -> Any:
        partitions, inputs, _unjudged = ASSETS[name]
        deps = [dg.AssetDep(up, partition_mapping=mapping) for up, mapping in inputs.items()]

        @dg.asset(name=name, deps=deps, partitions_def=partitions)
        def compute() -> None: ...

        return compute

    return dg.Definitions(
        [dg.AssetSpec("feed", partitions_def=STATIC, group_name="vendors"), *(made(name) for name in ASSETS)]
    )


@pytest.fixture
def known(cast: Cast) -> Cast:
    make_location(cast, manifest=manifest_of(definitions()))
    places = [("good", "a"), ("fed_parts", "a"), ("mapped", "a"), ("fed", None), ("on_odd", None)]
    kind, deployment = AssetEventKind.MATERIALIZATION, cast.deployment.id
    with org_scope(cast.org_id):
        apply(cast.org_id, [AssetEventRow(kind, deployment, key, part, uuid7(), NOW) for key, part in places])
    return cast


def get(cast: Cast, path: str, **query: str) -> Any:
    base = f"/api/v1/organizations/{cast.org.slug}/deployments/{cast.deployment.name}/"
    answer = cast.signed_in().get(base + path, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_answers_name_inputs_that_nobody_judges(known: Cast) -> None:
    for name, (_partitions, _inputs, wanted) in ASSETS.items():
        said = get(known, f"assets/{name}/")["not_judged_by"]
        assert [one["upstream"] for one in said] == list(wanted)
        assert all(reason in one["reason"] for one, reason in zip(said, wanted.values(), strict=True))
        assert all(one["remedy"] for one in said)
    assert get(known, "assets/feed/")["not_judged_by"] == []


def test_what_is_not_judged_is_not_in_sync(known: Cast) -> None:
    listed = {one["key"]: one["sync"] for one in get(known, "assets/")["results"]}
    assert (listed["fed"], listed["on_odd"], listed["feed"], listed["good"]) == ("NOT_JUDGED", "NOT_JUDGED", None, None)
    assert [one["key"] for one in get(known, "assets/", sync="NOT_JUDGED")["results"]] == ["fed", "on_odd"]
    for name, sync in (("good", "STALE"), ("fed_parts", "NOT_JUDGED"), ("mapped", "NOT_JUDGED")):
        rows = {one["key"]: one["sync"] for one in get(known, "partitions/", asset=name)["results"]}
        assert (name, rows) == (name, {"a": sync, "b": "MISSING", "c": "MISSING"})


@pytest.mark.parametrize("tab", ["overview", "partitions"])
def test_page_says_why_and_what_to_do(known: Cast, tab: str) -> None:
    base = f"/{known.org.slug}/{known.deployment.name}/assets/"

    def page(name: str) -> str:
        return html.unescape(known.signed_in().get(f"{base}{name}?tab={tab}").content.decode())

    assert "Not judged<" not in page("good")
    text = page("mapped")
    assert "Not judged<" in text
    assert "which only your code can follow" in text
    assert "Use one of Dagster's own partition mappings" in text


def test_hidden_input_is_not_named(known: Cast) -> None:
    from controlplane.catalog.staleness_selectors import not_judged_by, staleness_of
    from controlplane.deployments.visibility import Visible
    from tenants.grants import Rights, Target
    from tenants.models import TargetKind
    from tenants.permissions import OF_DEPLOYMENTS

    def said(*hidden: Target) -> tuple[list[str], str]:
        visible = Visible(known.org_id, known.deployment.id, Rights(everywhere=OF_DEPLOYMENTS, hidden=hidden))
        return [one.upstream for one in not_judged_by(visible, "fed")], staleness_of(visible, ["fed"])["fed"].status

    assert said() == (["feed"], "NOT_JUDGED")
    assert said(Target(TargetKind.GROUP, "vendors")) == ([], "FRESH")
