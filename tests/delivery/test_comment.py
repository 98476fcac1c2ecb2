"""The comment in each of its states, as it is written (golden files in comments/), and text of others that must not become markup.

`DAGGERBOARD_TESTS_WRITE_GOLDEN=1` writes the files anew.
"""

import datetime
import os
import re
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from controlplane.delivery.hosts.base import Annotation
from controlplane.delivery.reporting.comment import render
from controlplane.delivery.reporting.markdown import block, code, link
from controlplane.delivery.reporting.report import Changes, Report, Row, Stage

GOLDEN = Path(__file__).parent / "comments"
AT = datetime.datetime(2026, 11, 21, 14, 35, tzinfo=datetime.UTC)
URL = "https://dagger.example/acme/d/pr-12"
SHA = "3f9c2ab4d1e0f5a6b7c8d9e0f1a2b3c4d5e6f708"


def row(name, stage, **fields):
    known = {"url": f"{URL}/code-locations", "logs_url": f"{URL}/runs", "updated_at": AT, "cost": "0.00 USD"}
    return Row(location=name, stage=stage, **{**known, **fields})


def report(stage, *rows, **fields):
    known = {
        "id": UUID("0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"),
        "number": 12,
        "sha": SHA,
        "commit_url": f"https://github.com/acme/shop/commit/{SHA}",
        "name": "pr-12",
        "url": URL,
        "expires_at": AT + datetime.timedelta(days=7),
        "rows": rows,
    }
    return Report(stage=stage, **{**known, **fields})


READY = (
    row("shop", Stage.READY, changes=Changes(added=2, changed=1, removed=1, affected=4), cost="0.42 USD", seconds=6.24),
    row("billing", Stage.READY, changes=Changes(), seconds=3.0),
)
BROKEN = row(
    "shop",
    Stage.FAILED,
    error="NameError: name 'ordres' is not defined",
    annotations=(Annotation("shop/definitions.py", 17, "Failed to load", "NameError"),),
)
STATES = {
    "queued": report(Stage.QUEUED, url="", name="", expires_at=None),
    "building": report(Stage.BUILDING),
    "loading": report(Stage.LOADING, row("shop", Stage.LOADING), replace(READY[1])),
    "ready": report(Stage.READY, *READY),
    "sleeping": report(Stage.SLEEPING, *(replace(one, stage=Stage.SLEEPING) for one in READY)),
    "failed": report(Stage.FAILED, BROKEN, READY[1]),
    "failed_project": report(
        Stage.FAILED, note="dagster_cloud.yaml:3: locations[0].imag: There is no key imag. Did you mean image?"
    ),
    "held": report(Stage.HELD, note="A maintainer has to approve this commit of a fork."),
    "expiring": report(Stage.READY, *READY, is_warned=True, expires_at=AT + datetime.timedelta(hours=20)),
    "expired": report(
        Stage.CLOSED,
        *(replace(one, stage=Stage.CLOSED) for one in READY),
        note="It expired: nothing was wanted of it for its whole time.",
    ),
    "closed": report(
        Stage.CLOSED,
        *(replace(one, stage=Stage.CLOSED) for one in READY),
        note="Its pull request is merged.",
        is_open=False,
        job_problems=("The closing job ended as FAILURE: the schema is in use",),
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_comment_is_as_it_was(name):
    path, text = GOLDEN / f"{name}.md", render(STATES[name])
    if os.environ.get("DAGGERBOARD_TESTS_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    assert text == path.read_text()


def test_every_stage_has_a_golden_file():
    assert {one.stage for one in STATES.values()} == set(Stage) - {Stage.CLOSING}


HOSTILE = [
    "@ada @acme/everybody fixes #1 and acme/shop!2",
    "x | y | z\n| a | b |",
    "<img src=x onerror=alert(1)> <!-- --> </details>",
    "`@ada` and ``@ada`` `",
    "[click](javascript:alert(1)) ![](https://tracker.example/x.png)",
    "\u202egnp.exe\x00\x1b[31m",
    "```\n@ada\n```",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_others_stays_text(text):
    """All of it lies in code, where hosts look for no mentions, references, markup or HTML."""
    hostile = report(
        Stage.FAILED,
        row(text, Stage.FAILED, error=text, annotations=(Annotation(text, 1, "x", text),)),
        note=text,
        job_problems=(text,),
        base_note=text,
    )

    outside = _outside_code(render(hostile))

    assert not any(part in outside for part in ("@", "alert", "tracker", "#1", "gnp", "<img", "onerror"))


def _outside_code(text):
    """What is left without code, by the rules of Markdown: fences, then spans of equally many backticks."""
    kept, fence = [], ""
    for line in text.splitlines():
        opened = re.match(r"^(`{3,})", line)
        if fence:
            fence = "" if re.fullmatch(rf"`{{{len(fence)},}}\s*", line) else fence
        elif opened:
            fence = opened[1]
        else:
            kept.append(re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", line))
    return "\n".join(kept)


def test_control_of_outside_code_sees_what_is_outside():
    assert "@ada" in _outside_code("`x` @ada ``y``")


def test_code_in_a_table_keeps_its_columns():
    assert code("a|b") == "`a\\|b`"
    assert code("``") == "``` `` ```"
    assert code("x" * 500).endswith("…`")


def test_block_has_a_longer_fence_than_its_text():
    assert block("```\nx").startswith("````text\n")


def test_link_to_no_web_address_is_none():
    assert link("x", "javascript:alert(1)") == "x"
    assert link("x", "https://a.example/(b) c") == "[x](https://a.example/%28b%29%20c)"
