"""Dagster's asset selection syntax, over one small graph."""

import pytest

from controlplane.definitions.graph import AssetGraph
from controlplane.definitions.manifest import Asset
from controlplane.definitions.selection_syntax import MAX_LENGTH, check_selection, parse_selection
from tenants.errors import InvalidError
from tests.factories import asset, make_manifest


@pytest.fixture(scope="module")
def graph() -> AssetGraph:
    shop: list[Asset] = [
        asset("raw/orders", group="raw", kinds=["duckdb"], owners=["team:sales"], tags={"pii": "", "tier": "1"}),
        asset("raw/customers", group="raw", kinds=["csv"], tags={"tier": "2"}),
        asset("daily", "raw/orders", group="core", owners=["ada@example.com"]),
        asset(
            "value", "raw/customers", "daily", metadata={"dagster/table_name": {"type": "text", "value": "db.value"}}
        ),
        asset("report", "value", group="marts"),
    ]
    return AssetGraph.of({"shop": make_manifest(shop), "lab": make_manifest([asset("and"), asset("model", "value")])})


SELECTIONS = {
    "*": {"raw/orders", "raw/customers", "daily", "value", "report", "and", "model"},
    "key:daily": {"daily"},
    'key:"daily"': {"daily"},
    'key:"raw/*"': {"raw/orders", "raw/customers"},
    "key:raw/*": {"raw/orders", "raw/customers"},
    "key:*ders": {"raw/orders"},
    "key:r*r*s": {"raw/orders", "raw/customers"},
    "key:aily": set(),
    "key_substring:aily": {"daily"},
    "group:raw": {"raw/orders", "raw/customers"},
    "group:default": {"value", "and", "model"},
    "kind:duckdb": {"raw/orders"},
    "owner:ada@example.com": {"daily"},
    'owner:"team:sales"': {"raw/orders"},
    "tag:pii": {"raw/orders"},
    "tag:tier": set(),
    "tag:tier=1": {"raw/orders"},
    'tag:"tier"="2"': {"raw/customers"},
    "tag:tier=*": {"raw/orders", "raw/customers"},
    "code_location:lab": {"and", "model"},
    "table_name:db.value": {"value"},
    "owner:<null>": {"raw/customers", "value", "report", "and", "model"},
    "+key:value": {"raw/orders", "raw/customers", "daily", "value"},
    "1+key:value": {"raw/customers", "daily", "value"},
    "key:value+": {"value", "report", "model"},
    "key:daily+1": {"daily", "value"},
    "1+key:value+1": {"raw/customers", "daily", "value", "report", "model"},
    "roots(*)": {"raw/orders", "raw/customers", "and"},
    "sinks(*)": {"report", "and", "model"},
    "sinks(group:raw or key:daily)": {"raw/customers", "daily"},
    "group:raw and tag:pii": {"raw/orders"},
    "group:raw and not tag:pii": {"raw/customers"},
    "not group:raw and group:core or key:report": {"daily", "report"},
    "not (group:raw or group:core)": {"value", "report", "and", "model"},
    'KEY:daily OR key:"and"': {"daily", "and"},
    "  key:daily  ": {"daily"},
    "+(key:daily or key:and)": {"raw/orders", "daily", "and"},
    "not not key:daily": {"daily"},
}


@pytest.mark.parametrize("text", SELECTIONS)
def test_selection_finds(graph, text):
    assert parse_selection(text).keys(graph) == SELECTIONS[text]


WRONG = {
    "": ("missing", "at the end"),
    "   ": ("missing", "at the end"),
    "daily": ("key:daily", "character 1"),
    "key:": ("value is missing", "at the end"),
    "key:a key:b": ("`and` or `or`", "character 7"),
    "colour:red": ("no attribute colour", "character 1"),
    "(key:a": ("closing bracket", "at the end"),
    "key:a)": ("`and` or `or`", "character 6"),
    "key:a and": ("missing", "at the end"),
    "and key:a": ("missing", "character 1"),
    'key:"a': ("never closed", "character 5"),
    "+": ("missing", "at the end"),
    "roots(": ("missing", "at the end"),
    "(" * 1000: ("inside one another", "character"),
    "x" * (MAX_LENGTH + 1): ("characters", ""),
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:12])
def test_refusal_says_what_and_where(text):
    with pytest.raises(InvalidError) as refused:
        check_selection(text)

    for words in WRONG[text]:
        assert words in refused.value.message
