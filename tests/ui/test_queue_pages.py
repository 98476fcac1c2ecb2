"""The run queue and the pools as pages: place, reason, priority; limits, holders, free now."""

from tests.runs.scripts import Stage, make_stage
from tests.runs.test_limits import configure, pooled_stage
from tests.runs.test_retries import failing


def page(stage: Stage, name: str) -> str:
    return f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/{name}"


def test_queue_shows_place_and_reason_and_moves_runs() -> None:
    stage = make_stage()
    configure(stage, {"runs": {"tag_concurrency_limits": [{"key": "team", "limit": 1}]}})
    held, waiting = stage.request(tags={"team": "a"}), stage.request(tags={"team": "b"})
    stage.claim(5)
    browser = stage.cast.signed_in()
    text = browser.get(page(stage, "queue")).content.decode()
    assert "1 of 1 runs with the tag team go on" in text
    assert str(held.id) in text
    browser.post(page(stage, f"queue/{waiting.id}"), {"priority": "9"})
    assert stage.run(waiting.id).priority == 9
    browser.post(page(stage, f"queue/{waiting.id}"), {"act": "cancel"})
    assert "Nothing waits" in browser.get(page(stage, "queue")).content.decode()


def test_pools_are_limited_and_freed_by_hand() -> None:
    stage = pooled_stage()
    configure(stage, {"pools": {"granularity": "run"}})
    browser = stage.cast.signed_in()
    browser.post(page(stage, "pools"), {"pool": "db", "limit": "1"})
    held = stage.request(assets=["a"])
    stage.claim(5)
    text = browser.get(page(stage, "pools")).content.decode()
    assert "<b>1 of 1</b> slots taken" in text
    browser.post(page(stage, "pools"), {"act": "free", "pool": "db", "run": str(held.id)})
    assert "<b>0 of 1</b> slots taken" in browser.get(page(stage, "pools")).content.decode()


def test_a_failed_run_says_whether_it_is_retried() -> None:
    stage = make_stage()
    failed = failing(stage, "raw", assets=["raw"])
    text = stage.cast.signed_in().get(page(stage, f"runs/{failed.run_id}")).content.decode()
    assert "Won&#x27;t retry because run_retries.max_retries allows no retries" in text
