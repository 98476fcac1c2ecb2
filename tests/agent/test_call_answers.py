"""What of a call's answer leaves the machine."""

import json

import msgspec

from agent.call_answers import outcome
from agent.masks import NO_MASKS, Masks

MASKS = Masks([("PASSWORD", "hunter2")])
FAILED = {"cls": "ValueError", "message": "no hunter2", "stack": []}


def told(answer, masks=MASKS):
    result, error = outcome("sensor_tick", json.dumps(answer).encode(), masks)
    return msgspec.to_builtins(json.loads(bytes(result)) if isinstance(result, msgspec.Raw) else result), error


def test_answer_is_passed_on_as_it_is():
    assert told({"valid": True}, NO_MASKS) == ({"valid": True}, None)


def test_error_comes_with_the_log_that_led_to_it():
    result, error = told({"error": FAILED, "log": [[1.0, 20, "with hunter2"]], "unsupported": ["X.y"]})

    assert error.message == "no [redacted:PASSWORD]"
    assert result == {"log": [[1.0, 20, "with [redacted:PASSWORD]"]], "unsupported": ["X.y"]}


def test_secret_in_what_people_read_is_masked():
    assert told({"skip": "hunter2", "cursor": "1"}) == ({"skip": "[redacted:PASSWORD]", "cursor": "1"}, None)


def test_secret_in_what_is_acted_on_is_an_error_that_names_it():
    result, error = told({"cursor": "hunter2", "log": [[1.0, 20, "so"]]})

    assert "(PASSWORD) in its cursor" in error.message
    assert "hunter2" not in error.message
    assert result == {"log": [[1.0, 20, "so"]]}
