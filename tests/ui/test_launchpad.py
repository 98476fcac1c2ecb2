"""The launchpad: what it offers, what it refuses and where, and the run that comes of it."""

import html
import json
from typing import Any

import pytest

from agent.protocol import ErrorInfo
from controlplane.deployments.visibility import all_of
from controlplane.fleet.services import note_goodbye
from controlplane.runs import selectors as runs
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from tests.ui.works import Works, make_works

MELT = {"ops": {"melt": {"config": {"degrees": 1200}}}}


@pytest.fixture
def works() -> Works:
    return make_works()


def opened(works: Works, **query: Any) -> str:
    answer = works.cast.signed_in().get(f"{works.path}/launchpad", query)
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def launched(works: Works, **fields: Any) -> Any:
    return works.cast.signed_in().post(f"{works.path}/launchpad", {"location": "works", **fields})


def made(works: Works) -> Run:
    [found] = runs.runs(all_of(works.cast.org_id, works.cast.deployment.id)).runs
    return runs.run(all_of(works.cast.org_id, works.cast.deployment.id), found.id)


def none_made(works: Works) -> bool:
    return not runs.runs(all_of(works.cast.org_id, works.cast.deployment.id)).runs


def test_form_begins_with_what_the_job_says_beyond_defaults(works: Works) -> None:
    text = opened(works, location="works", job="press")

    assert '"degrees": 900' in text.split('name="config"')[1]
    assert '"metal"' not in text.split('name="config"')[1].split("</textarea>")[0]


def test_location_may_be_left_out_when_one_defines_the_job(works: Works) -> None:
    assert 'name="location" value="works"' in opened(works, job="press")


def test_nothing_to_launch_leads_to_the_jobs(works: Works) -> None:
    answer = works.cast.signed_in().get(f"{works.path}/launchpad")

    assert answer.headers["Location"] == f"{works.path}/jobs"


def test_newest_partition_is_filled_in_and_static_ones_are_not(works: Works) -> None:
    hourly = opened(works, asset="hourly_events").split('id="partition"')[1].split(">")[0]
    regions = opened(works, asset="by_region").split('id="partition"')[1].split(">")[0]

    assert 'value="20' in hourly
    assert ':00"' in hourly
    assert 'value=""' in regions
    assert "required" in regions


def test_partitions_are_searched_among_tens_of_thousands(works: Works) -> None:
    query = {"kind": "partition", "location": "works", "assets": "hourly_events", "q": "2021-03-04"}
    found = works.cast.signed_in().get(f"{works.path}/launchpad/keys", query).json()

    assert found["keys"][0] == "2021-03-04-23:00"
    assert len(found["keys"]) == 24
    assert found["total"] > 50_000


def test_partitions_of_two_dimensions_begin_with_the_newest(works: Works) -> None:
    query = {"kind": "partition", "location": "works", "assets": "daily_by_region", "q": "eu"}
    found = works.cast.signed_in().get(f"{works.path}/launchpad/keys", query).json()

    assert found["keys"][0] > found["keys"][-1]
    assert all(key.endswith("|eu") for key in found["keys"])


@pytest.mark.parametrize(("kind", "text", "key"), [("asset", "REGION", "by_region"), ("op", "ben", "shape.bend")])
def test_assets_and_ops_are_searched(works: Works, kind: str, text: str, key: str) -> None:
    job = "press" if kind == "op" else "everything"
    query = {"kind": kind, "location": "works", "job": job, "assets": "raw" if kind == "asset" else "", "q": text}

    assert key in works.cast.signed_in().get(f"{works.path}/launchpad/keys", query).json()["keys"]


def test_launch_asks_dagster_then_makes_the_run(works: Works) -> None:
    with works.answering() as asked:
        answer = launched(works, job="press", config=json.dumps(MELT), tag_name=["why", ""], tag_value=["try", ""])

    run = made(works)
    assert answer.headers["Location"] == f"{works.path}/runs/{run.id}"
    assert (run.run_config, run.tags["why"], run.tags["team"]) == (MELT, "try", "steel")
    assert asked == [{"job": "press", "asset_selection": None, "op_selection": None, "run_config": MELT}]


def test_launch_of_assets_with_a_partition(works: Works) -> None:
    with works.answering() as asked:
        launched(works, assets=["by_region"], partition="eu")

    assert made(works).partition_key == "eu"
    assert asked[0]["asset_selection"] == [["by_region"]]


def test_config_that_dagster_refuses_is_not_launched_and_says_where(works: Works) -> None:
    problem = {
        "path": ["ops", "melt", "config"],
        "message": "It is too hot.",
        "reason": "FIELD_NOT_DEFINED",
        "fields": ["degrees"],
    }
    with works.answering(lambda _args: {"valid": False, "errors": [problem]}):
        answer = launched(works, job="press", config=json.dumps(MELT), tag_name="why", tag_value="try")

    text = html.unescape(answer.content.decode())
    assert answer.status_code == 400
    assert none_made(works)
    assert "<code>ops.melt.config.degrees</code> It is too hot." in text
    assert '"degrees": 1200' in text
    assert 'value="try"' in text


def test_missing_config_of_a_partition_may_come_from_code(works: Works) -> None:
    problem = {"path": [], "message": "Missing.", "reason": "MISSING_REQUIRED_FIELD", "fields": ["ops"]}
    with works.answering(lambda _args: {"valid": False, "errors": [problem]}):
        answer = launched(works, job="hourly", partition="2021-03-04-05:00")

    assert answer.status_code == 302
    assert made(works).partition_key == "2021-03-04-05:00"


def test_error_of_user_code_is_shown_as_its_own(works: Works) -> None:
    with works.answering(lambda _args: ErrorInfo(message="KeyError: 'HOME'")):
        answer = launched(works, job="press", config=json.dumps(MELT))

    assert "Your code failed: KeyError: 'HOME'" in html.unescape(answer.content.decode())
    assert none_made(works)


def test_without_an_agent_it_says_so_and_launches_all_the_same(works: Works) -> None:
    note_goodbye(org_id=works.cast.org_id, agent_id=works.agent.id)

    text = opened(works, location="works", job="press")
    launched(works, job="press", config=json.dumps(MELT))

    assert "Your code cannot be asked now." in text
    assert "It said goodbye" in text
    assert made(works).run_config == MELT


def test_without_an_agent_the_stored_types_still_refuse(works: Works) -> None:
    note_goodbye(org_id=works.cast.org_id, agent_id=works.agent.id)

    answer = launched(works, job="press", config='{"ops": {"melt": {"config": {"degrees": "hot"}}}}')

    assert "<code>ops.melt.config.degrees</code>" in answer.content.decode()
    assert none_made(works)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"job": "press", "config": '{"ops": '}, "The config is not JSON: Expecting value, in line 1, column 8."),
        ({"job": "press", "config": "a: [1"}, "The config is neither JSON nor YAML"),
        ({"job": "press", "config": "a: &x [1]\nb: *x"}, "Aliases (*name) are not supported"),
        ({"job": "press", "config": "[1]"}, "The config is a table"),
        ({"job": "press", "config": '{"a": ' * 5000}, "nested too deeply"),
        ({"job": "press", "tag_name": ["a", "a"], "tag_value": ["1", "2"]}, "The tag a is given twice."),
        ({"job": "press", "tag_name": [""], "tag_value": ["1"]}, "has no name"),
        ({"job": "press", "op": ["fold"]}, "does not contain the ops fold"),
        ({"assets": ["by_region"], "partition": "mars"}, "There is no partition mars; there are eu, us."),
        ({"assets": ["by_region"]}, "These assets are partitioned: say which partition to run."),
        ({"assets": ["raw", "nowhere"]}, "has no asset nowhere"),
        ({"job": "everything"}, "have different partitions"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(works: Works, fields: dict[str, Any], words: str) -> None:
    with works.answering():
        answer = launched(works, **fields)

    text = html.unescape(answer.content.decode())
    assert answer.status_code == 400
    assert words in text
    assert fields.get("config", "").strip() in text
    assert none_made(works)


def test_yaml_is_understood(works: Works) -> None:
    with works.answering():
        launched(works, job="press", config="ops:\n  melt:\n    config: {degrees: 1200, note: 2026-01-01}\n")

    assert made(works).run_config["ops"]["melt"]["config"] == {"degrees": 1200, "note": "2026-01-01"}


def validated(works: Works, **fields: Any) -> dict[str, Any]:
    body = json.dumps({"location": "works", "job": "press", **fields})
    answer: dict[str, Any] = (
        works.cast.signed_in().post(f"{works.path}/launchpad/validate", body, content_type="application/json").json()
    )
    return answer


def test_validation_names_who_looked(works: Works) -> None:
    with works.answering():
        answer = validated(works, config=json.dumps(MELT))

    assert answer == {
        "valid": True,
        "settled": True,
        "errors": [],
        "by": "your own Dagster 1.13.27",
        "note": "",
        "value": MELT,
    }


def test_validation_without_an_agent_says_that_the_types_looked(works: Works) -> None:
    note_goodbye(org_id=works.cast.org_id, agent_id=works.agent.id)

    answer = validated(works, config='{"ops": {"melt": {"config": {"degrees": "hot"}}}}')

    assert answer["errors"][0]["path"] == ["ops", "melt", "config", "degrees"]
    assert "could not be asked" in answer["note"]
    assert answer["by"] == "the config types of version 1"


@pytest.mark.parametrize("body", ["", "[]", "{", '{"assets": "raw"}', '{"config": 5, "ops": {"a": 1}}'])
def test_validation_refuses_nonsense_without_breaking(works: Works, body: str) -> None:
    client = works.cast.signed_in()

    answer = client.post(f"{works.path}/launchpad/validate", body, content_type="application/json")

    assert answer.status_code in {200, 400}


def test_run_is_taken_up_again_with_changes(works: Works) -> None:
    request = RunRequest(location="works", job="press", run_config=MELT, tags={"why": "try"})
    run = request_run(
        org_id=works.cast.org_id, deployment_id=works.cast.deployment.id, request=request, actor=works.cast.actor
    )

    text = opened(works, run=str(run.id))

    assert '"degrees": 1200' in text
    assert 'value="try"' in text
    # The job adds its own tags again by itself.
    assert 'value="steel"' not in text


def test_types_of_ops_that_do_not_run_are_left_out(works: Works) -> None:
    text = opened(works, location="works", job="press")

    assert (
        json.loads(text.split('id="config-types" type="application/json">')[1].split("</script>")[0])["root"] == "root"
    )


def test_another_organization_finds_nothing(works: Works, outsider: Any) -> None:
    client = outsider.signed_in()

    assert client.get(f"{works.path}/launchpad", {"job": "press"}).status_code == 404
    assert client.post(f"{works.path}/launchpad", {"job": "press"}).status_code == 404
