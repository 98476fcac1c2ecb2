"""Runs over REST: launch, list, look at, cancel, run again; their events, steps and output."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from agent.protocol import LogChunk, LogStream
from controlplane.runs import log_store
from tenants.limits import quotas
from tests.callers import Caller
from tests.runs.scripts import make_stage


@pytest.fixture
def stage():
    return make_stage()


@pytest.fixture
def alice(stage):
    return Caller(stage.cast)


def launch(alice, **body):
    return alice.api.post(f"{alice.prod}runs/", body or {"assets": ["raw"]})


def finished(stage, *, fails=False):
    """A run of `raw` and `daily` that is over."""
    attempt = stage.claimed(assets=["raw", "daily"])
    attempt.start("raw", "daily")
    attempt.step("raw")
    if fails:
        attempt.event("STEP_START", step="daily")
        attempt.event("STEP_FAILURE", step="daily", level=40, message="boom", error={"cls": "E", "message": "boom"})
        attempt.say("PIPELINE_FAILURE", level=40)
    else:
        attempt.step("daily")
        attempt.say("PIPELINE_SUCCESS")
    return attempt


def ids(page):
    return [run["id"] for run in page.json()["results"]]


def test_launched_run_is_queued_with_its_actor(alice):
    launched = launch(alice, job="nightly", tags={"team": "core"})

    run = launched.json()
    assert launched.status_code == 201
    assert (run["status"], run["location_name"], run["job_name"]) == ("QUEUED", "shop", "nightly")
    assert (run["target_assets"], run["tags"]["team"]) == (["daily", "raw", "report"], "core")
    assert (run["actor_kind"], run["actor_label"]) == ("token", "cli")


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"assets": ["raw\\"]}, "assets"),
        ({"assets": ["raw"], "tags": {"a": "\u0000"}}, "tags"),
        ({"assets": ["raw"], "run_config": {"a": "\u0000"}}, "run_config"),
        ({"assets": ["raw"], "partition": "x"}, "partition"),
    ],
)
def test_launch_of_what_makes_no_sense_is_refused(alice, body, attr):
    answer = launch(alice, **body)

    assert (answer.status_code, answer.json()["errors"][0]["attr"].partition(".")[0]) == (400, attr)


@pytest.mark.parametrize("body", [{"assets": ["nothing"]}, {"job": "nothing"}, {"location": "x", "job": "nightly"}])
def test_launch_of_what_there_is_not_is_not_found(alice, body):
    assert launch(alice, **body).status_code == 404


def test_run_shows_config_and_why_it_waits(alice):
    run = launch(alice, assets=["raw"], run_config={"ops": {}}).json()

    found = alice.api.get(f"{alice.prod}runs/{run['id']}/").json()

    assert found["run_config"] == {"ops": {}}
    assert found["waiting_reason"].endswith("It is next.")
    assert {name: found[name] for name in run} == run


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("status=QUEUED", 1),
        ("status=QUEUED&status=SUCCESS", 2),
        ("status=FAILURE", 0),
        ("job=nightly", 1),
        ("location=other", 0),
        ("asset=report", 1),
        ("tag=a%3Db", 1),
        ("tag=a%3Dc", 0),
        ("launched_by=cli", 1),
        ("created_before=2020-01-01T00:00:00Z", 0),
        ("limit=1", 1),
    ],
)
def test_runs_are_filtered(stage, alice, query, count):
    finished(stage)
    launch(alice, job="nightly", tags={"a": "b"})

    assert len(ids(alice.api.get(f"{alice.prod}runs/?{query}"))) == count


@pytest.mark.parametrize("query", ["status=GREAT", "created_after=yesterday", "root_run=x", "id=xyz"])
def test_filter_that_makes_no_sense_is_refused(alice, query):
    assert alice.api.get(f"{alice.prod}runs/?{query}").status_code == 400


def test_canceled_run_has_ended_and_cannot_be_canceled_again(alice):
    run = launch(alice).json()

    canceled = alice.api.post(f"{alice.prod}runs/{run['id']}/cancel/")
    again = alice.api.post(f"{alice.prod}runs/{run['id']}/cancel/")

    assert (canceled.json()["status"], canceled.json()["cancel_requested_by"]) == ("CANCELED", "cli")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "run_ended")


def test_run_is_run_again_from_its_failure(stage, alice):
    failed = finished(stage, fails=True)

    again = alice.api.post(f"{alice.prod}runs/{failed.run_id}/re-execute/", {"from_failure": True})

    run = again.json()
    assert (again.status_code, run["asset_selection"], run["parent_run_id"]) == (201, ["daily"], str(failed.run_id))
    assert ids(alice.api.get(f"{alice.prod}runs/?root_run={failed.run_id}")) == [run["id"], str(failed.run_id)]


def test_successful_run_cannot_be_run_again_from_its_failure(stage, alice):
    done = finished(stage)

    again = alice.api.post(f"{alice.prod}runs/{done.run_id}/re-execute/", {"from_failure": True})

    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "not_resumable")


def test_events_come_in_order_page_by_page(stage, alice):
    done = finished(stage)
    path = f"{alice.prod}runs/{done.run_id}/events/"

    first = alice.api.get(f"{path}?limit=3").json()
    second = alice.api.get(first["next"]).json()
    rest = alice.api.get(f"{path}?after=6").json()

    assert [e["seq"] for e in first["results"] + second["results"]] == [1, 2, 3, 4, 5, 6]
    assert rest["results"][0]["seq"] == 7
    assert (rest["results"][-1]["type"], rest["next"]) == ("PIPELINE_SUCCESS", None)


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("level=40", ["STEP_FAILURE", "PIPELINE_FAILURE"]),
        ("type=STEP_SUCCESS", ["STEP_SUCCESS"]),
        ("step=daily", ["STEP_START", "STEP_FAILURE"]),
        ("q=BOOM", ["STEP_FAILURE"]),
        ("attempt=2", []),
    ],
)
def test_events_are_filtered(stage, alice, query, types):
    failed = finished(stage, fails=True)

    found = alice.api.get(f"{alice.prod}runs/{failed.run_id}/events/?{query}").json()["results"]

    assert [event["type"] for event in found] == types


def test_steps_show_their_state_and_use(stage, alice):
    failed = finished(stage, fails=True)

    raw, daily = alice.api.get(f"{alice.prod}runs/{failed.run_id}/steps/").json()["results"]

    assert (raw["step_key"], raw["status"], raw["cpu_seconds"], raw["gib_seconds"]) == ("raw", "success", 1.0, 3.0)
    assert (daily["status"], daily["depends_on"], daily["error"]["message"]) == ("failure", ["raw"], "boom")


def test_output_is_read_by_bytes_lines_and_search(stage, alice):
    attempt = stage.claimed()
    _write(stage, attempt, b"one\ntwo <b>\nthree\n")
    logs = f"{alice.prod}runs/{attempt.run_id}/logs/"

    streams = alice.api.get(logs).json()["results"]
    whole = alice.api.get(f"{logs}stdout/?log_key=raw")
    part = alice.api.get(f"{logs}stdout/?log_key=raw&start=4&end=7")
    lines = alice.api.get(f"{logs}stdout/lines/?log_key=raw&first=2&count=1").json()
    found = alice.api.get(f"{logs}stdout/search/?log_key=raw&q=T").json()

    assert [(s["log_key"], s["stream"], s["size"], s["lines"], s["final"]) for s in streams] == [
        ("raw", "stdout", 18, 3, True)
    ]
    assert (b"".join(whole), b"".join(part)) == (b"one\ntwo <b>\nthree\n", b"two")
    assert (whole["Content-Type"], whole["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert ([line["text"] for line in lines["lines"]], lines["total"]) == (["two <b>"], 3)
    assert (found["count"], [match["line"] for match in found["matches"]]) == (2, [2, 3])


@pytest.mark.parametrize("path", ["stdout/", "stdout/lines/?log_key=raw&first=0", "stdout/search/?log_key=raw"])
def test_output_without_saying_which_is_refused(alice, path):
    run = launch(alice).json()

    assert alice.api.get(f"{alice.prod}runs/{run['id']}/logs/{path}").status_code == 400


@pytest.mark.parametrize("path", ["stdout/?log_key=raw", "stdin/?log_key=raw", "stdout/?log_key=../../etc/passwd"])
def test_output_that_there_is_not_is_not_found(alice, path):
    run = launch(alice).json()

    assert alice.api.get(f"{alice.prod}runs/{run['id']}/logs/{path}").status_code == 404


def _write(stage, attempt, data):
    claim = attempt.claim
    chunk = LogChunk(
        run_id=str(claim.run_id),
        attempt=claim.attempt,
        epoch=claim.epoch,
        log_key="raw",
        stream=LogStream.STDOUT,
        offset=0,
        data=data,
        final=True,
    )
    log_store.append(org_id=stage.org_id, agent_id=stage.agent.id, chunk=chunk)


def test_cost_of_deployment_and_asset(stage, alice):
    finished(stage)

    whole = alice.api.get(f"{alice.prod}cost/?days=1").json()
    raw = alice.api.get(f"{alice.prod}cost/assets/raw/?days=1").json()

    assert (whole["runs"], whole["cpu_seconds"], whole["currency"]) == (1, 2.0, "usd")
    assert (raw["cpu_seconds"], raw["cost_micros"] * 2) == (1.0, whole["cost_micros"])
    assert [share["asset_key"] for share in whole["costliest_assets"]] == ["daily", "raw"]


def test_launch_is_cheap(alice, monkeypatch):
    # What is kept of quotas is kept for as long as this takes.
    monkeypatch.setattr(quotas, "_CACHE_SECONDS", 3600.0)
    launch(alice)
    # A token that nobody used before is looked up by each launch of this test; one that was, by some.
    client = alice.cast.api(alice.owner)

    with CaptureQueriesContext(connection) as asked:
        launched = client.post(f"{alice.prod}runs/", {"assets": ["raw"]}, content_type="application/json")

    assert launched.status_code == 201
    assert len(asked) <= 35


async def _read(path, token):
    answer = await AsyncClient().get(path, headers={"Authorization": f"Bearer {token}"})
    pieces = [piece async for piece in answer.streaming_content]
    # Django's test client does not do it at the end of a request, as servers do.
    await sync_to_async(connections.close_all)()
    return pieces


def test_output_is_sent_piece_by_piece_under_asgi(stage, alice):
    attempt = stage.claimed()
    _write(stage, attempt, b"one\ntwo\n")

    pieces = asyncio.run(
        _read(f"{alice.prod}runs/{attempt.run_id}/logs/stdout/?log_key=raw", alice.cast.user_token.text)
    )

    assert pieces == [b"one\ntwo\n"]


@pytest.mark.parametrize("path", ["", "events/", "steps/", "logs/"])
def test_run_is_found_in_its_own_deployment_only(alice, path):
    run = launch(alice).json()
    alice.api.post(f"{alice.path}deployments/", {"name": "other"})

    assert alice.api.get(f"{alice.path}deployments/other/runs/{run['id']}/{path}").status_code == 404
