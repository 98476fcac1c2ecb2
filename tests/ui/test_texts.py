"""Values, markdown and addresses as people read them."""

import datetime

import pytest

from controlplane.ui import values
from controlplane.ui.links import Links
from controlplane.ui.markdown import rendered
from controlplane.ui.templatetags.ui_metadata import metadata_value

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, values.NOTHING),
        (0.83, "830 ms"),
        (4.21, "4.2 s"),
        (59, "59 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_duration(seconds, text):
    assert values.duration(seconds) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [(2, "just now"), (42, "42 s ago"), (200, "3 min ago"), (90_000, "25 h ago"), (-7200, "in 2 h"), (-42, "in 42 s")],
)
def test_relative_time(ago, text):
    assert values.relative(NOW - datetime.timedelta(seconds=ago), NOW) == text


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "$0.00"), (4, "$0.000004"), (31_200, "$0.031"), (12_400_000, "$12.40"), (1_234_500_000, "$1,234.50")],
)
def test_money_is_as_exact_as_it_has_to_be(micros, text):
    assert values.money(micros, "usd") == text


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](https://evil.example/x.png)<img src=x onerror=alert(1)>",
        "<a onclick=x>",
    ],
)
def test_markdown_runs_nothing(text):
    html = rendered(text)

    assert "<script" not in html
    assert "javascript:" not in html.replace("[x](javascript:alert(1))", "")
    assert "<a onclick" not in html
    assert "<img src=x" not in html


def test_markdown_keeps_tables_and_inline_plots():
    html = rendered("| a |\n|---|\n| 1 |\n\n![plot](data:image/png;base64,iVBORw0KGgo=)")

    assert "<table>" in html
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in html


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("a/b", "/acme/prod/assets/a/b"),
        ("a\\/b", "/acme/prod/assets/a%5C/b"),
        ("..", "/acme/prod/asset?key=.."),
        ("a//b", "/acme/prod/asset?key=a%2F%2Fb"),
        ("100%?#", "/acme/prod/assets/100%25%3F%23"),
    ],
)
def test_addresses_of_assets_survive_browsers(key, address):
    assert Links(org="acme", deployment="prod").asset(key) == address


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"type": "url", "value": "javascript:alert(1)"}, "javascript:alert(1)"),
        ({"type": "int", "value": 336776}, '<span class="mono">336,776</span>'),
        ({"type": "float", "value": None, "repr": "nan"}, '<code title="not a number that JSON has">nan</code>'),
        ({"type": "text", "value": "<b>"}, "&lt;b&gt;"),
        ({"type": "bool", "value": False}, "no"),
        ({"type": "asset", "value": ["a", "b"]}, '<a class="mono" href="/acme/prod/assets/a/b">a/b</a>'),
    ],
)
def test_metadata_is_shown_by_its_kind(entry, shown):
    assert metadata_value({"links": Links(org="acme", deployment="prod")}, entry) == shown
