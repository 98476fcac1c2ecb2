"""What a run is to make is queued while the run waits, and in progress from when an agent took it: partitions, cells, ranges, assets."""

from typing import Any

import pytest

from controlplane.definitions.manifest import PartitionsDefinition
from tests.factories import asset, make_manifest
from tests.runs.scripts import Stage, make_stage


@pytest.fixture
def stage() -> Stage:
    keys = PartitionsDefinition(kind="static", cls="", keys=["a", "b", "c", "d"])
    return make_stage(make_manifest([asset("parts", partitions="four")], partitions_definitions={"four": keys}))


def get(stage: Stage, path: str, **query: str) -> Any:
    cast = stage.cast
    base = f"/api/v1/organizations/{cast.org.slug}/deployments/{cast.deployment.name}/"
    answer = cast.signed_in().get(base + path, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def statuses(stage: Stage) -> dict[str, str]:
    found = {one["key"]: one["status"] for one in get(stage, "partitions/", asset="parts")["results"]}
    ranges = get(stage, "partitions/", asset="parts", format="ranges")["results"]
    assert [one["status"] for one in ranges for _each in range(one["count"])] == list(found.values())
    cells = get(stage, "partitions/cells/", asset="parts")
    assert [cells["statuses"][counts.index(1)] for counts in cells["cells"][0]] == list(found.values())
    assert cells["counts"] == {one: list(found.values()).count(one) for one in cells["statuses"]}
    return found


def test_partitions_of_runs_that_wait_are_queued_until_they_are_taken(stage: Stage) -> None:
    taken = stage.claimed(assets=["parts"], partition="a")
    for key in "bc":
        stage.request(assets=["parts"], partition=key)

    assert statuses(stage) == {"a": "in_progress", "b": "queued", "c": "queued", "d": "missing"}
    assert [one["key"] for one in get(stage, "partitions/", asset="parts", status="queued")["results"]] == ["b", "c"]
    assert get(stage, "assets/parts/")["status"] == "queued"

    taken.start("parts")
    taken.step("parts", partition="a")
    taken.say("PIPELINE_SUCCESS")
    # All that is planned waits, then nothing does.
    assert statuses(stage) == {"a": "materialized", "b": "queued", "c": "queued", "d": "missing"}
    stage.claim(slots=100)
    assert statuses(stage) == {"a": "materialized", "b": "in_progress", "c": "in_progress", "d": "missing"}


def test_map_legend_and_lineage_say_queued(stage: Stage) -> None:
    stage.request(assets=["parts"], partition="b")
    base = f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/"
    browser: Any = stage.cast.signed_in()

    page = browser.get(f"{base}assets/parts?tab=partitions&status=queued").content.decode()
    assert 'data-status="queued">Queued</span></dt><dd><a href="?tab=partitions&amp;status=queued">1<' in page
    assert (
        'data-status="in_progress">In progress</span></dt><dd><a href="?tab=partitions&amp;status=in_progress">0<'
        in page
    )
    assert browser.get(f"{base}lineage/statuses").json()["parts"][:2] == ["queued", "Queued"]
