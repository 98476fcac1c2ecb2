"""Hostile output of user code becomes bounded, valid, finite JSON."""

import json

import pytest

from tests.worker.fake_agent import Json, Run, Worker

MEGABYTE = 1024 * 1024


def size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def strictly_valid(run: Run) -> None:
    for event in run.events:
        text = json.dumps(event, allow_nan=False, ensure_ascii=False)
        assert "\x00" not in text
        assert "\\u0000" not in text.replace(event.get("serdes") or "\n", "")
        assert size(event) <= MEGABYTE * 1.01


@pytest.fixture(scope="module")
def metadata(shop: Worker) -> Json:
    run = shop.run(asset_selection=["hostile_metadata"])
    assert run.status == "SUCCESS"
    strictly_valid(run)
    return run.of_type("ASSET_MATERIALIZATION")[0]["data"]["materialization"]["metadata"]


EXPECTED = {
    "nan": {"type": "float", "value": None, "repr": "nan"},
    "infinite": {"type": "float", "value": None, "repr": "-inf"},
    "huge": {"type": "int", "value": None, "repr": "1" + "0" * 400},
    "gigantic": {"type": "int", "value": None, "repr": "<integer of 16610 bits>"},
    "surrogate": {"type": "text", "value": "a\ufffdb"},
    "nul": {"type": "text", "value": "a\ufffdb"},
    "html": {"type": "text", "value": "<script>alert(1)</script>\x1b[31m"},
    "nested_nan": {"type": "json", "value": {"x": ["nan", "1152921504606846976"]}},
    "\ufffdname": {"type": "int", "value": 1},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_bounds_metadata_value(metadata: Json, name: str) -> None:
    assert metadata[name] == EXPECTED[name]


def test_bounds_deep_json_ends_with_a_note(metadata: Json) -> None:
    value, depth = metadata["deep"]["value"], 0
    while isinstance(value, list):
        value, depth = value[0], depth + 1

    assert depth == 64
    assert value == "<nested deeper than 64 levels>"


def test_bounds_long_text_is_cut_and_says_so(metadata: Json) -> None:
    entry = metadata["long"]

    assert (entry["truncated"], entry["bytes"], len(entry["value"])) == (True, 1_000_000, 256 * 1024)


def test_bounds_big_json_keeps_its_head(metadata: Json) -> None:
    entry = metadata["big_json"]

    assert entry["value"] is None
    assert entry["truncated"]
    assert entry["bytes"] > 2_000_000


def test_bounds_serdes_of_hostile_metadata_is_still_dagsters(shop: Worker) -> None:
    run = shop.run(asset_selection=["hostile_metadata"])

    packed = json.loads(run.of_type("ASSET_MATERIALIZATION")[0]["serdes"])
    materialization = packed["dagster_event"]["event_specific_data"]["materialization"]
    assert materialization["asset_key"]["path"] == ["hostile_metadata"]


def test_bounds_log_messages(shop: Worker) -> None:
    run = shop.run(asset_selection=["hostile_logs"])

    strictly_valid(run)
    odd, long = (event for event in run.of_type("LOG") if event["message"][:1] in ("a", "z"))
    assert odd["message"] == "a\ufffdb\ufffdc"
    assert (len(long["message"]), long["truncated"], long["message_bytes"]) == (64 * 1024, True, 300_000)


@pytest.mark.parametrize("asset", ["hostile_error", "recursive_error", "recursive_in_a_thread"])
def test_bounds_errors(shop: Worker, asset: str) -> None:
    run = shop.run(asset_selection=[asset])

    strictly_valid(run)
    (failure,) = run.of_type("STEP_FAILURE")
    assert run.status == "FAILURE"
    assert size(failure["error"]) <= 500 * 1024
    assert failure["error"]["cause"]["message"]


def test_bounds_event_with_too_many_tags_keeps_its_asset(shop: Worker) -> None:
    run = shop.run(asset_selection=["hostile_tags"])

    strictly_valid(run)
    (event,) = run.of_type("ASSET_MATERIALIZATION")
    assert event["truncated"]
    assert event["data"]["materialization"] == {
        "asset": ["hostile_tags"],
        "partition": None,
        "description": None,
        "metadata": {},
        "tags": {},
    }
