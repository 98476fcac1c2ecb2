"""Watching a run: steps, events and output arrive by themselves; cancelling shows at once."""

import re

from playwright.sync_api import expect

from agent.protocol import LogChunk, LogStream
from controlplane.runs import log_store
from tests.runs.scripts import Sender
from tests.ui.chromium import beside
from tests.ui.known import runs_by_status
from tests.ui.world import go_on, make_shop


def test_events_steps_and_status_arrive_live(visit):
    stage = beside(make_shop)
    run = beside(lambda: go_on(stage))
    page = visit(stage.cast).go(f"runs/{run.run_id}")
    expect(page.get_by_text("Reading 2026-11-18")).to_be_visible()

    beside(lambda: run.say("LOG", step="daily_orders", message="half of it is done"))
    expect(page.get_by_text("half of it is done")).to_be_visible()
    beside(lambda: _finish(run))

    expect(page.locator("#run-head .status-big")).to_have_text("Success")
    expect(page.locator(".gantt .status[data-status=success]")).to_have_count(3)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()


# In the page: the first answer with events has come, and is kept back until "go on"; what the stream tells is counted.
_KEEP_THE_FIRST_ANSWER = """
const ask = window.fetch, root = () => document.documentElement.dataset;
let kept = false, told = 0;
window.fetch = async (address, options) => {
  const mine = !kept && String(address).includes("/events?");
  kept ||= mine;
  const answer = await ask(address, options);
  if (mine) {
    root().kept = "yes";
    await new Promise((goOn) => document.addEventListener("go on", goOn, { once: true }));
  }
  return answer;
};
document.addEventListener("live", (event) => {
  if (event.detail === "events") root().told = String(++told);
});
"""


def test_what_comes_while_an_older_answer_is_on_its_way_is_shown(visit):
    stage = beside(make_shop)
    run = beside(lambda: go_on(stage))
    visitor = visit(stage.cast)
    visitor.page.add_init_script(_KEEP_THE_FIRST_ANSWER)
    page = visitor.go(f"runs/{run.run_id}")
    root = page.locator("html")
    expect(root).to_have_attribute("data-kept", "yes")
    # The first look of the stream: from here on only what is new is told.
    expect(root).to_have_attribute("data-told", "1")

    beside(lambda: run.say("LOG", step="daily_orders", message="half of it is done"))
    expect(root).to_have_attribute("data-told", "2")
    page.evaluate("document.dispatchEvent(new Event('go on'))")

    expect(page.get_by_text("half of it is done")).to_be_visible()


def _finish(run: Sender) -> None:
    run.step("daily_orders")
    run.step("publish", materialize=False)
    run.event("PIPELINE_SUCCESS", message="Finished.")
    run.say("AGENT_EXITED", data={"exit_code": 0, "reason": "finished"})


def test_events_are_filtered_by_level_text_and_step(visit):
    stage = beside(make_shop)
    failed = beside(lambda: runs_by_status(stage)["FAILURE"])
    page = visit(stage.cast).go(f"runs/{failed}")

    page.get_by_label("Level").select_option("40")
    expect(page.locator(".event")).to_have_count(3)
    page.get_by_label("Search messages").fill("draw the plot")
    expect(page.locator(".event")).to_have_count(1)

    expect(page).to_have_url(re.compile(r"level=40&q=draw"))
    page.locator(".event").click()
    expect(page.locator(".event-detail")).to_contain_text("Could not draw the plot")


def test_step_of_the_gantt_filters_the_events(visit):
    stage = beside(make_shop)
    failed = beside(lambda: runs_by_status(stage)["FAILURE"])
    page = visit(stage.cast).go(f"runs/{failed}")

    page.locator(".gantt-label", has_text="report").click()

    expect(page.locator(".event")).to_have_count(3)
    page.locator(".event", has_text="failed").click()
    expect(page.locator(".event-detail")).to_contain_text("'carrier'")


def test_cancelling_shows_at_once(visit):
    stage = beside(make_shop)
    run = beside(lambda: go_on(stage))
    page = visit(stage.cast).go(f"runs/{run.run_id}")

    page.get_by_role("button", name="Cancel run").click()

    expect(page.locator("#run-head .status-big")).to_have_text("Canceling")
    expect(page.get_by_role("button", name="Cancelling")).to_be_disabled()


def test_failure_is_a_sentence(visit):
    stage = beside(make_shop)
    failed = beside(lambda: runs_by_status(stage)["FAILURE"])

    page = visit(stage.cast).go(f"runs/{failed}")

    expect(page.locator(".run-sentence.notice-bad")).to_contain_text(
        "Step report failed: ValueError: the frame has no column carrier"
    )


def test_output_grows_and_is_followed_until_one_scrolls_up(visit):
    stage = beside(make_shop)
    run = beside(lambda: go_on(stage))
    page = visit(stage.cast).go(f"runs/{run.run_id}/logs")
    expect(page.locator(".viewer-state")).to_have_text("40 lines so far")

    beside(lambda: _print(run, "".join(f"more {n}\n" for n in range(500))))

    expect(page.get_by_text("more 499", exact=True)).to_be_visible()
    page.locator(".viewer-lines").hover()
    page.mouse.wheel(0, -400)
    expect(page.get_by_role("button", name="Follow", exact=True)).to_have_attribute("aria-pressed", "false")
    beside(lambda: _print(run, "the very last\n"))
    expect(page.locator(".viewer-state")).to_have_text("541 lines so far")
    expect(page.get_by_text("the very last")).not_to_be_visible()


def _print(run: Sender, text: str) -> None:
    from controlplane.runs.log_reader import stream

    at = stream(run.stage.org_id, run.run_id, run.claim.attempt, "daily_orders", "stdout").size
    place = {
        "run_id": str(run.run_id),
        "attempt": run.claim.attempt,
        "epoch": run.claim.epoch,
        "log_key": "daily_orders",
    }
    chunk = LogChunk(**place, stream=LogStream.STDOUT, offset=at, data=text.encode())
    log_store.append(org_id=run.stage.org_id, agent_id=run.stage.agent.id, chunk=chunk)


def test_output_is_linked_by_line_and_searched_on_the_server(visit):
    stage = beside(make_shop)
    done = beside(lambda: runs_by_status(stage)["SUCCESS"])
    page = visit(stage.cast).go(f"runs/{done}/logs#L200-L202")
    expect(page.locator(".line[data-selected]")).to_have_count(3)

    page.get_by_label("Search the output").fill("row    900")
    expect(page.locator(".viewer-count")).to_have_text("1 of 1 match")
    expect(page.locator(".line[data-current] mark")).to_have_text("row    900")
    page.get_by_label("Line 901", exact=True).click()

    expect(page).to_have_url(re.compile(r"#L901$"))


def test_run_again_makes_another_run(visit):
    stage = beside(make_shop)
    done = beside(lambda: runs_by_status(stage)["SUCCESS"])
    page = visit(stage.cast).go(f"runs/{done}")

    page.get_by_role("button", name="Run again").click()

    expect(page.locator("#run-head .status-big")).to_have_text("Queued")
    assert str(done) not in page.url
