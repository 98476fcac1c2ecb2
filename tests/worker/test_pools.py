"""Steps ask for slots of their pools; runs have the memory that their tag gives them."""

from itertools import count

import pytest

from tests.worker.conftest import StartWorker
from tests.worker.fake_agent import FakeAgent, Json, Worker

CONFIG = {"granularity": "op", "default_limit": None, "run_buffer": 0, "limits": {"db": 1}}


@pytest.fixture
def pooled(start_worker: StartWorker) -> Worker:
    return start_worker("pooled", python_file="pooled.py")


def test_steps_of_a_pool_claim_wait_and_free(agent: FakeAgent, pooled: Worker) -> None:
    asked = count()

    def claim(_args: Json) -> Json:
        # Nothing is free for the first two that ask.
        return {"claimed": next(asked) >= 2, "again_after": 0.1}

    agent.data.answers.update({"pool_config": CONFIG, "claim_pool_slot": claim, "free_pool_slots": None})
    run = pooled.run("pooled_job")

    assert run.status == "SUCCESS", run.events[-1]
    claims = [read["args"] for read in agent.data.reads if read["method"] == "claim_pool_slot"]
    assert {(one["pool"], one["step"]) for one in claims} == {("db", "first"), ("db", "second")}
    assert len(claims) == 4
    freed = [read["args"]["step"] for read in agent.data.reads if read["method"] == "free_pool_slots"]
    assert sorted(freed) == ["first", "second"]


def test_runs_without_pools_ask_nothing_and_those_with_a_slot_for_the_run_claim_nothing(
    agent: FakeAgent, pooled: Worker
) -> None:
    assert pooled.run("free_job").status == "SUCCESS"
    assert not [read for read in agent.data.reads if "pool" in read["method"]]

    agent.data.answers["pool_config"] = {**CONFIG, "granularity": "run"}
    assert pooled.run("pooled_job").status == "SUCCESS"
    assert {read["method"] for read in agent.data.reads if "pool" in read["method"]} == {"pool_config"}


def test_a_run_gets_the_memory_of_its_tag(pooled: Worker) -> None:
    short = pooled.run("hungry_job", tags={"daggerboard/memory": "300Mi"})
    [failed] = short.of_type("STEP_FAILURE")
    assert short.status == "FAILURE"
    assert "MemoryError" in str(failed["error"])

    assert pooled.run("hungry_job", tags={"daggerboard/memory": "2Gi"}).status == "SUCCESS"
