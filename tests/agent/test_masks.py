"""Masking known values: in text, in events, and in streams wherever they are cut."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.masks import NO_MASKS, Masks

SECRET = 's3cr"t\nväl\\ue'
MASKS = Masks([("PASSWORD", SECRET), ("LONGER", "hunter2-and-more"), ("SHORTER", "hunter2"), ("TINY", "abc")])
letters = st.lists(
    st.sampled_from([b"hunter2", b"hunter2-and-more", b"hunt", b"er2", b"-and", b"x", b"\n"]), max_size=12
)


def test_value_is_masked_by_its_name_in_text():
    assert MASKS.text(f"connecting with {SECRET}!") == "connecting with [redacted:PASSWORD]!"
    assert MASKS.text("hunter2 hunter2-and-more abc") == "[redacted:SHORTER] [redacted:LONGER] abc"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_value_is_masked_inside_json_and_json_inside_json(ascii_only):
    once = json.dumps({"p": SECRET}, ensure_ascii=ascii_only)
    twice = json.dumps({"serdes": once}, ensure_ascii=ascii_only)

    for text in (once, twice):
        assert "redacted:PASSWORD" in MASKS.text(text)
        json.loads(MASKS.text(text))


def test_event_is_masked_in_what_it_says_and_not_in_what_it_is_about():
    event = {
        "ts": 1.5,
        "type": "ASSET_MATERIALIZATION",
        "step": "hunter2",
        "message": "with hunter2",
        "data": {"materialization": {"asset": ["hunter2"], "metadata": {"hunter2": {"type": "text", "value": SECRET}}}},
        "error": {"message": "bad hunter2", "stack": ["at hunter2"], "cause": {"message": SECRET}},
    }

    masked = msgspec.json.decode(MASKS.event(json.dumps(event).encode()))

    assert masked["step"] == "hunter2"
    assert masked["message"] == "with [redacted:SHORTER]"
    materialization = masked["data"]["materialization"]
    assert materialization["asset"] == ["hunter2"]
    assert materialization["metadata"] == {"[redacted:SHORTER]": {"type": "text", "value": "[redacted:PASSWORD]"}}
    assert masked["error"]["stack"] == ["at [redacted:SHORTER]"]
    assert masked["error"]["cause"]["message"] == "[redacted:PASSWORD]"


def test_value_with_escaped_letters_is_found():
    body = b'{"ts":1,"type":"LOG","message":"\\u0068unter2"}'

    assert b"redacted:SHORTER" in MASKS.event(body)


def test_event_without_a_value_is_untouched():
    body = b'{"ts": 1.0,  "type":"LOG", "message":"nothing\\n"}'

    assert MASKS.event(body) is body


@given(letters, st.lists(st.integers(1, 9), max_size=30))
def test_stream_is_masked_alike_however_it_is_cut(parts, cuts):
    data = b"".join(parts)
    out, held, rest = b"", b"", data
    for cut in cuts:
        held, rest = held + rest[:cut], rest[cut:]
        masked, taken = MASKS.stream(held, at_end=False)
        out, held = out + masked, held[taken:]
    out += MASKS.stream(held + rest, at_end=True)[0]

    assert out == MASKS.stream(data, at_end=True)[0]
    assert b"hunter2" not in out


def test_stream_holds_back_no_more_than_the_beginning_of_a_value():
    assert MASKS.stream(b"a line\n", at_end=False) == (b"a line\n", 7)
    assert MASKS.stream(b"a line hunt", at_end=False) == (b"a line ", 7)


def test_no_masks_change_nothing():
    assert NO_MASKS.text("x") == "x"
    assert NO_MASKS.stream(b"x", at_end=False) == (b"x", 1)
    assert not Masks([("TINY", "abc")])


def test_masks_do_not_print_values():
    assert "hunter2" not in repr(MASKS)


def test_manifest_is_masked_where_it_describes_and_keeps_its_names():
    manifest = {
        "assets": [
            {"key": ["hunter2"], "description": "with hunter2", "metadata": {"a": {"type": "text", "value": "hunter2"}}}
        ],
        "resources": [
            {"name": "hunter2", "config": {"password": {"json": '"hunter2"'}}, "fields": [{"default": '"hunter2"'}]}
        ],
    }

    masked = msgspec.json.decode(MASKS.manifest(json.dumps(manifest).encode()))

    assert masked["assets"][0]["key"] == ["hunter2"]
    assert masked["resources"][0]["name"] == "hunter2"
    assert str(masked).count("[redacted:SHORTER]") == 4
    assert str(masked).count("hunter2") == 2
