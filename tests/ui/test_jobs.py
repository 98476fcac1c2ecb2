"""The pages of jobs: the list, and what one of them says."""

import html
import json
from typing import Any

import pytest

from controlplane.definitions.manifest import ConfigField, ConfigType, Job, Op
from controlplane.ui.config_outline import MAX_LINES, outline
from controlplane.ui.launch_defaults import starting_config
from controlplane.ui.links import Links
from tests.cast import Cast
from tests.factories import make_location, make_manifest
from tests.runs.scripts import Stage
from tests.ui.works import config_types, make_works, works_manifest

HOSTILE = '<script>alert("x")</script>'


def read(cast: Cast, path: str, **query: str) -> str:
    answer = cast.signed_in().get(path if path.startswith("/") else f"/{cast.org.slug}/prod/{path}", query)
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def test_list_shows_what_starts_each_job_and_its_latest_run() -> None:
    works = make_works()
    Stage(works.cast, works.agent).request(location="works", job="press")

    text = read(works.cast, "jobs")

    assert "nightly" in text
    assert "when_ordered" in text
    assert text.count('data-status="QUEUED"') == 1
    assert text.count("Never ran") == 2
    assert "__ASSET_JOB" not in text


def test_list_is_searched_and_filtered_by_location() -> None:
    works = make_works()
    make_location(works.cast, "other", manifest=make_manifest(location="other", jobs=[Job(name="weekly")]))

    assert "weekly" not in read(works.cast, "jobs", q="PLATES")
    assert "press" in read(works.cast, "jobs", q="PLATES")
    assert "1 of 4 jobs" in read(works.cast, "jobs", location="other")
    assert "No job matches" in read(works.cast, "jobs", q="nothing like this")


def test_without_locations_and_without_jobs_the_page_teaches(cast: Cast) -> None:
    assert "daggerboard deploy" in read(cast, "jobs")

    make_location(cast, "bare", manifest=make_manifest(location="bare", jobs=[Job(name="__ASSET_JOB", implicit=True)]))

    assert "define_asset_job" in read(cast, "jobs")


def test_job_shows_graph_config_and_what_starts_it() -> None:
    works = make_works()

    text = read(works.cast, "jobs/works/press")

    assert text.index("melt") < text.index("cut") < text.index("bend")
    assert "3 ops" in text
    assert all(
        word in text for word in ("degrees", "How hot it gets.", "Europe/Paris", "at most every 30 s", "team=steel")
    )
    assert f"/{works.cast.org.slug}/prod/launchpad?location=works&job=press" in text


def test_job_links_its_assets_and_recent_runs() -> None:
    works = make_works()
    run = Stage(works.cast, works.agent).request(location="works", job="hourly", partition="2021-03-04-05:00")

    text = read(works.cast, "jobs/works/hourly")

    assert "assets/hourly_events" in text
    assert f"runs/{run.id}" in text


def test_runs_of_another_location_with_the_same_job_are_not_shown() -> None:
    works = make_works()
    make_location(works.cast, "other", manifest=make_manifest(location="other", jobs=[Job(name="press")]))
    Stage(works.cast, works.agent).request(location="works", job="press")

    assert "It never ran." in read(works.cast, "jobs/other/press")
    assert "It never ran." not in read(works.cast, "jobs/works/press")


@pytest.mark.parametrize("location", ["a/b", "50% off?#", "jobs", HOSTILE])
def test_jobs_of_every_location_name_have_a_page(cast: Cast, location: str) -> None:
    make_location(
        cast, location, manifest=make_manifest(location=location, jobs=[Job(name="nightly", description=HOSTILE)])
    )

    page = cast.signed_in().get(Links(org=cast.org.slug, deployment="prod").job(location, "nightly"))
    launchpad = cast.signed_in().get(f"/{cast.org.slug}/prod/launchpad", {"location": location, "job": "nightly"})

    assert (page.status_code, launchpad.status_code) == (200, 200)
    assert HOSTILE not in page.content.decode() + launchpad.content.decode()


def test_deep_and_wide_graphs_are_cut(cast: Cast) -> None:
    deep = Op(name="deepest")
    for depth in range(60):
        deep = Op(name=f"level_{depth}", ops=[deep])
    wide = [Op(name=f"op_{number}") for number in range(700)]
    make_location(cast, "shop", manifest=make_manifest(jobs=[Job(name="big", ops=[deep, *wide])]))

    text = read(cast, "jobs/shop/big")

    assert "nested deeper" in text
    assert "and 201 more" in text


def test_outline_of_recursive_types_ends() -> None:
    types = {"node": ConfigType(kind="STRICT_SHAPE", fields=[ConfigField(name=name, type="node") for name in "abc"])}

    lines = outline(types, "node")

    def count(found: list[Any]) -> int:
        return sum(1 + count(line.inner) for line in found)

    assert count(lines) <= MAX_LINES


def test_outline_says_types_in_words() -> None:
    lines = {line.name: line for line in outline(config_types(), "melt_config")}

    assert (lines["degrees"].type, lines["degrees"].required) == ("whole number", True)
    assert (lines["metal"].type, lines["metal"].choices, lines["metal"].default) == (
        "choice",
        ["iron", "copper"],
        '"iron"',
    )
    assert (lines["note"].type, lines["batches"].type, lines["labels"].type) == (
        "text or null",
        "list of whole number",
        "map to text",
    )
    assert [line.name for line in lines["mould"].inner] == ["sand", "steel"]


def test_starting_config_keeps_only_what_fields_do_not_say_themselves() -> None:
    types = works_manifest().config_types

    assert starting_config(types, "root", ops=None) == {"ops": {"melt": {"config": {"degrees": 900}}}}
    assert starting_config(types, "root", ops={"shape"}) == {}


def test_starting_config_survives_defaults_that_are_no_json() -> None:
    types = {"root": ConfigType(kind="STRICT_SHAPE", fields=[ConfigField(name="ops", type="root", default="<object>")])}

    assert starting_config(types, "root", ops=None) == {}
    assert json.dumps(starting_config({}, None, ops=None)) == "{}"
