"""What the processes say when something goes wrong: the traceback, and no variable's value."""

import os
import subprocess
import sys

import pytest

FAIL = """
import django, structlog
django.setup()
def fail():
    token = "dgb_agent_" + "secret" * 3
    raise ValueError("it broke")
try:
    fail()
except ValueError:
    structlog.get_logger("x").exception("thing.failed", thing="7")
import logging
logging.getLogger("django.request").error("plain %s", "words")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_traceback_without_values(form: str) -> None:
    environment = {**os.environ, "DAGGERBOARD_LOG_FORMAT": form}

    said = subprocess.run(
        [sys.executable, "-c", FAIL], env=environment, capture_output=True, text=True, check=True
    ).stderr

    assert "thing.failed" in said
    assert "ValueError: it broke" in said
    assert "plain words" in said
    assert "secretsecret" not in said
