"""Pages say of a run what is true: whether it waits, started, or never did, and what it makes."""

import html
from dataclasses import dataclass

import pytest

from controlplane.runs import services
from controlplane.runs.models import Run
from controlplane.ui.run_words import target_words
from tests.runs.scripts import Stage, make_stage


@dataclass(frozen=True)
class Two:
    """A run of an asset that waits, and one that was cancelled before any agent took it."""

    stage: Stage
    queued: Run
    cancelled: Run


@pytest.fixture(scope="module")
def two() -> Two:
    stage = make_stage()
    cancelled = stage.request(assets=["report"])
    services.cancel_run(org_id=stage.org_id, run_id=cancelled.id, actor=stage.cast.actor)
    return Two(stage, stage.request(assets=["raw"]), cancelled)


def read(two: Two, path: str) -> str:
    answer = two.stage.cast.signed_in().get(f"/{two.stage.cast.org.slug}/{two.stage.cast.deployment.name}/{path}")
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def test_list_says_when_runs_were_created_and_that_none_started(two: Two) -> None:
    text = read(two, "runs")

    assert ">Created</th>" in text
    assert ">Started</th>" not in text
    assert text.count(">never started<") == 2  # wide and narrow
    assert text.count(">not yet<") == 1
    assert "__" not in text.partition('id="run-list"')[2].partition("</table>")[0]


def test_page_of_a_run_shows_its_phases_with_times(two: Two) -> None:
    assert "so far" in read(two, f"runs/{two.queued.id}")
    over = read(two, f"runs/{two.cancelled.id}")
    assert "never started" in over
    assert "so far" not in over
    assert "In the queue until an agent took it, from 20" in over
    assert "__ASSET_JOB" not in read(two, f"runs/{two.cancelled.id}/config")


def test_asset_whose_run_waits_is_queued_and_not_in_progress(two: Two) -> None:
    assert 'data-status="queued">Queued<' in read(two, "assets/raw").partition("</h1>")[0]
    assert 'data-status="queued">Queued<' in read(two, "assets?status=queued")
    assert 'data-status="in_progress"' not in read(two, "assets")
    assert "/assets/raw" not in read(two, "assets?status=in_progress").partition('id="asset-list"')[2]
    assert "never started" in read(two, "timeline?group=location")


def test_target_in_words(two: Two) -> None:
    run = two.stage.run(two.queued.id)
    run.target_assets = ["a", "b", "c", "d", "e"]
    assert target_words(run) == "a, b, c and 2 more"
    run.target_assets = []
    assert target_words(run) == "Materialize"
    run.job_name = "nightly"
    assert target_words(run) == "nightly"
