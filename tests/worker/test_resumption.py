"""Re-execution from the failed step: the steps before it are not run again, and their outputs are found."""

from tests.worker.fake_agent import Json, Run, Worker


def history(*runs: Run, parents: dict[str, str] | None = None) -> dict[str, object]:
    by_id = {run.id.split("/")[0]: run for run in runs}

    def run_events(args: Json) -> Json:
        outputs = [event for event in by_id[args["run_id"]].events if event["type"] in args["types"]]
        records = [{"id": n, "run_id": args["run_id"], "job": "x", "event": e} for n, e in enumerate(outputs)]
        return {"records": records, "has_more": False}

    def known_runs(args: Json) -> list[Json]:
        return [{"run_id": run_id, "parent_run_id": (parents or {}).get(run_id)} for run_id in args["ids"]]

    return {"run_events": run_events, "runs": known_runs}


def test_resume_loads_the_outputs_of_the_parent_run(shop: Worker) -> None:
    first = shop.run("resumable_job")
    shop.data.answers.update(history(first))

    again = shop.run("resumable_job", step_keys=["breaks_once"], parent_run_id=first.id.split("/")[0])

    assert first.status == "FAILURE"
    assert again.status == "SUCCESS", again.events[-1]
    assert {event["step"] for event in again.of_type("STEP_SUCCESS")} == {"breaks_once"}
    assert "got 0" in [event["message"] for event in again.of_type("LOG")]


def test_resume_after_a_fan_out_knows_its_branches(shop: Worker) -> None:
    first = shop.run("fan_job", run_config={"ops": {"fan": {"config": {"n": 3}}}})
    shop.data.answers.update(history(first))
    config = {"ops": {"fan": {"config": {"n": 3}}}}

    again = shop.run("fan_job", step_keys=["collect"], parent_run_id=first.id.split("/")[0], run_config=config)

    assert again.status == "SUCCESS", again.events[-1]
    assert {event["step"] for event in again.of_type("STEP_SUCCESS")} == {"collect"}
    assert len(again.of_type("LOADED_INPUT")) == 3


def test_resume_of_one_branch_of_a_fan_out(shop: Worker) -> None:
    config = {"ops": {"fan": {"config": {"n": 3}}}}
    first = shop.run("fan_job", run_config=config)
    shop.data.answers.update(history(first))
    branch = sorted(event["step"] for event in first.of_type("STEP_SUCCESS") if "[" in event["step"])[1]

    again = shop.run("fan_job", step_keys=[branch, "collect"], parent_run_id=first.id.split("/")[0], run_config=config)

    assert again.status == "SUCCESS", again.events[-1]
    assert {event["step"] for event in again.of_type("STEP_SUCCESS")} == {branch, "collect"}


def test_resume_of_a_resumed_run_finds_outputs_two_generations_back(shop: Worker) -> None:
    first = shop.run("five_steps", op_selection=None)
    first_id = first.id.split("/")[0]
    shop.data.answers.update(history(first))
    second = shop.run("five_steps", step_keys=["step_3"], parent_run_id=first_id)
    shop.data.answers.update(history(first, second, parents={second.id.split("/")[0]: first_id}))

    third = shop.run("five_steps", step_keys=["step_2"], parent_run_id=second.id.split("/")[0], root_run_id=first_id)

    assert third.status == "SUCCESS", third.events[-1]
    assert {event["step"] for event in third.of_type("STEP_SUCCESS")} == {"step_2"}
