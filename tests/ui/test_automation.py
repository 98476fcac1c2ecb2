"""The pages of automation: the list with its switches, one schedule or sensor, one tick, and a tick for trying out."""

import html
import re
import threading
from typing import Any

import pytest

from controlplane.core.threads import with_connections_returned
from controlplane.dispatch.models import Command
from controlplane.ui.instigator_lines import cron_words
from tenants.scoping import org_scope
from tests.automation.ticking import Stage, make_stage, schedule, sensor
from tests.cast import Cast
from tests.factories import make_location, make_manifest
from tests.ui.automation_world import ERROR, make_automation
from tests.waiting import eventually

AS_PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def stage() -> Stage:
    return make_automation()


@pytest.fixture
def fresh(cast: Cast) -> Stage:
    """One sensor that never ticked, and an agent that was there a moment ago."""
    return make_stage(cast, sensor("new_files"))


@pytest.fixture(scope="module")
def shown() -> Stage:
    """The same, for tests that only look."""
    return make_automation()


def read(cast: Cast, path: str, **query: str) -> str:
    answer = cast.signed_in().get(f"/{cast.org.slug}/prod/{path}", query)
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def send(stage: Stage, path: str, **fields: Any) -> Any:
    return stage.cast.signed_in().post(f"/{stage.cast.org.slug}/prod/{path}", fields, follow=True)


def names(text: str) -> list[str]:
    return re.findall(r'class="row-link mono clip" [^>]*title="([^"]*)"', text)


def answering(stage: Stage, result: Any = None, **error: Any) -> threading.Thread:
    """An agent that answers the next question of a preview."""

    def asked() -> Command | None:
        with org_scope(stage.cast.org_id):
            rows = Command.objects.for_org(stage.cast.org_id).filter(state="pending", body__subject__isnull=True)
            return rows.filter(body__op__endswith="_tick").first()

    def answer() -> None:
        stage.answer(eventually(asked, lambda found: found is not None, seconds=60), result, **error)

    thread = threading.Thread(target=with_connections_returned, args=(answer,))
    thread.start()
    return thread


def test_list_shows_state_last_tick_and_time_in_words(shown: Stage) -> None:
    text = read(shown.cast, "automation")

    assert names(text) == ["conditions", "failing", "new_files", "nightly_orders", "on_weekdays"]
    assert "6 failures in a row" in text
    assert "At 09:00, Monday through Friday" in text
    assert "Europe/Berlin" in text
    assert text.count('aria-checked="true"') == 4


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"kind": "schedule"}, ["nightly_orders", "on_weekdays"]),
        ({"kind": "sensor"}, ["failing", "new_files"]),
        ({"kind": "conditions"}, ["conditions"]),
        ({"state": "off"}, ["on_weekdays"]),
        ({"state": "failing"}, ["failing"]),
        ({"q": "NEW", "state": "on"}, ["new_files"]),
        ({"state": "gone"}, []),
    ],
)
def test_list_is_narrowed_in_the_address(shown: Stage, query: dict[str, str], found: list[str]) -> None:
    assert names(read(shown.cast, "automation", **query)) == found


def test_what_is_defined_no_more_stays_and_can_be_turned_off(stage: Stage) -> None:
    send(stage, f"automation/{stage.row('new_files').id}/switch", do="start")
    stage.deploy(schedule("nightly_orders"))

    gone = read(stage.cast, "automation", state="gone")
    page = send(stage, f"automation/{stage.row('new_files').id}/switch", do="stop").content.decode()

    assert "new_files" in names(gone)
    assert "does not define it any more" in page
    assert stage.row("new_files").choice == "stopped"


def test_list_has_pages_that_go_on(cast: Cast) -> None:
    stage = Stage(cast, None)
    stage.deploy(*[schedule(f"s{number:03}") for number in range(120)])

    first = read(cast, "automation")
    cursor = re.search(r'href="\?cursor=([^"&]+)"', first)
    assert cursor
    second = read(cast, "automation", cursor=cursor[1])

    assert (names(first)[0], names(first)[-1]) == ("s000", "s049")
    assert (names(second)[0], names(second)[-1]) == ("s050", "s099")


def test_without_any_the_page_teaches(cast: Cast) -> None:
    assert "daggerboard deploy" in read(cast, "automation")

    make_location(cast, "bare", manifest=make_manifest(location="bare"))

    assert "ScheduleDefinition" in read(cast, "automation")


def test_switch_answers_with_its_row_and_says_who(stage: Stage) -> None:
    row = stage.row("on_weekdays")
    browser = stage.cast.signed_in()

    answer = browser.post(f"/{stage.cast.org.slug}/prod/automation/{row.id}/switch", {"do": "start"}, **AS_PART)

    text = html.unescape(answer.content.decode())
    assert text.strip().startswith(f'<tr id="instigator-{row.id}"')
    assert 'aria-checked="true"' in text
    assert f"by {stage.cast.owner.email}"[:20] in text
    assert "Reset to code" in read(stage.cast, f"automation/{row.id}")


def test_all_of_the_list_are_switched_at_once(stage: Stage) -> None:
    text = html.unescape(send(stage, "automation/switch", do="stop", query="kind=sensor").content.decode())

    assert "2 turned off." in text
    assert names(text) == ["failing", "new_files"]
    assert stage.row("nightly_orders").is_running
    assert not stage.row("failing").is_running


def test_pages_say_what_a_tick_did_and_why_it_failed(shown: Stage) -> None:
    sensor = read(shown.cast, f"automation/{shown.row('new_files').id}")
    found = read(shown.cast, f"ticks/{shown.ticks('new_files')[3].id}")
    failed = read(shown.cast, f"ticks/{shown.ticks('failing')[0].id}")

    assert sensor.count("Requested 1 run") == 2 * 3  # twice in the strip, and in the table
    assert "file-3" in found
    assert "Launched" in found
    assert "WARNING it is large" in found
    assert "ConnectionError: the source is away" in failed
    assert "ConnectionError: ConnectionError" not in failed
    assert "asking the source" in failed


def test_ticks_are_filtered_by_status(shown: Stage) -> None:
    row = shown.row("new_files")
    text = read(shown.cast, f"automation/{row.id}", status="SKIPPED")

    assert text.count("Nothing new.") == 2 * 4
    assert "No tick with this status" in read(shown.cast, f"automation/{row.id}", status="MISSED")


def test_cursor_is_set_and_cleared(stage: Stage) -> None:
    path = f"automation/{stage.row('new_files').id}/cursor"

    assert "The cursor is set." in send(stage, path, cursor="100").content.decode()
    assert stage.row("new_files").cursor == "100"
    assert "The cursor is cleared." in send(stage, path, cursor="100", do="clear").content.decode()
    assert stage.row("new_files").cursor is None


def test_timed_run_is_refused_beside_its_form(stage: Stage) -> None:
    path = f"automation/{stage.row('on_weekdays').id}/switch"

    assert "1 to 10000 ticks" in send(stage, path, do="start_for", ticks="99999").content.decode()
    send(stage, path, do="start_for", minutes="30", ticks="")
    assert stage.row("on_weekdays").runs_until is not None
    on = f"automation/{stage.row('nightly_orders').id}"
    assert "nightly_orders is already on" in send(stage, f"{on}/switch", do="start_for", ticks="3").content.decode()
    assert "turn it off first" in read(stage.cast, on)


def test_preview_is_shown_and_applied_exactly(fresh: Stage) -> None:
    row = fresh.row("new_files")
    request = {"run_key": "file-9", "job": "nightly", "run_config": {"a": 1}}
    partitions = [{"op": "add", "name": "files", "keys": ["nine.csv"]}]
    log = [[1.0, 20, "looked twice"]]
    result = {"requests": [request], "cursor": "9", "dynamic_partitions": partitions, "log": log}
    agent = answering(fresh, result)

    text = html.unescape(send(fresh, f"automation/{row.id}/test", cursor="7").content.decode())
    agent.join()

    assert "It would request 1 run" in text
    assert all(word in text for word in ("file-9", "nine.csv", "looked twice"))
    assert (fresh.row("new_files").cursor, len(fresh.runs())) == (None, 0)
    token = re.search(r'name="token" value="([^"]+)"', text)
    assert token
    applied = send(fresh, f"automation/{row.id}/apply", token=token[1]).content.decode()
    assert "Applied as it was shown." in applied
    assert (fresh.row("new_files").cursor, len(fresh.runs())) == ("9", 1)


def test_preview_goes_on_from_the_stored_cursor_and_says_which_run_keys_were_used(fresh: Stage) -> None:
    fresh.tick("new_files", {"requests": [{"run_key": "file-1", "job": "nightly"}], "cursor": "1"})
    row = fresh.row("new_files")
    page = read(fresh.cast, f"automation/{row.id}")
    fresh.tick("new_files", {"cursor": "2"})
    opened = fresh.cast.signed_in().get(
        f"/{fresh.cast.org.slug}/prod/automation/{row.id}", headers={"HX-Request": "true", "HX-Target": "test-form"}
    )
    agent = answering(
        fresh, {"requests": [{"run_key": "file-1"}, {"run_key": "file-2"}, {"run_key": "file-2"}], "cursor": "3"}
    )

    # As the form was when the page was read.
    text = html.unescape(send(fresh, f"automation/{row.id}/test", cursor="1", offered="1").content.decode())
    agent.join()

    assert ('name="offered" hidden>\n1<' in page, "hidden>\n2<" in opened.content.decode()) == (True, True)
    assert re.search(r"<dt>Cursor</dt><dd><span[^>]*>2</span> → <span[^>]*>3</span>", text)
    assert "It would make 1 run" in text
    assert "It requests 3 runs; the run keys of 2 were already used." in text
    assert text.count("Its run key was already used: no run would be made.") == 2
    assert "Launches 1 run" in text


def test_preview_that_fails_shows_the_error_and_its_log(fresh: Stage) -> None:
    agent = answering(fresh, {"log": [[1.0, 20, "asking"]]}, error=ERROR)

    text = html.unescape(send(fresh, f"automation/{fresh.row('new_files').id}/test").content.decode())
    agent.join()

    assert "It raised an error" in text
    assert "the source is away" in text
    assert "asking" in text
    assert "Apply exactly this" not in text


def test_name_leads_to_the_page(shown: Stage) -> None:
    query = {"kind": "sensor", "location": "shop", "name": "new_files"}
    answer = shown.cast.signed_in().get(f"/{shown.cast.org.slug}/prod/automation/named", query)

    assert answer.url.endswith(f"/automation/{shown.row('new_files').id}")


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("@daily", "At 00:00"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("no cron", "no cron"),
        ("0 9 L * *", "At 09:00, on"),
    ],
)
def test_cron_in_words(cron: str, words: str) -> None:
    assert cron_words(cron).startswith(words)
