"""Promise S9: the output of user code is data. It is bounded, cleaned and clear, and it harms nobody."""

from typing import Any

import pytest

from controlplane.cli.api_client import ApiClient
from tests.installation import Installation
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)


def test_strange_values_are_stored_as_what_they_are(daggerboard: Installation) -> None:
    run = daggerboard.wait_status(daggerboard.launch(assets=["hostile"]))

    assert run["status"] == "SUCCESS", run["failure_message"]
    with daggerboard.client as client:
        metadata = next(iter(client.pages("materializations/", run=run["id"])))["metadata"]
    assert metadata["nan"] == {"type": "float", "value": None, "repr": "nan"}
    assert metadata["infinite"]["repr"] == "inf"
    assert metadata["huge"]["repr"] == str(2**80)
    assert metadata["surrogate"]["value"] == "before \N{REPLACEMENT CHARACTER} after"
    assert "\x00" not in metadata["nul"]["value"]
    assert metadata["html"]["value"] == "<script>alert(1)</script>"


def whole_stdout(client: ApiClient, run_id: str) -> dict[str, Any]:
    """The step's stdout, once all of it has arrived."""

    def ask() -> dict[str, Any]:
        logs = client.pages(f"runs/{run_id}/logs/")
        return next((log for log in logs if log["stream"] == "stdout" and log["size"]), {"final": False})

    return eventually(ask, lambda log: log["final"], seconds=120)


def test_a_hundred_megabytes_on_one_line_are_kept_and_shown_in_part(daggerboard: Installation) -> None:
    run = daggerboard.wait_status(daggerboard.launch(assets=["loud"]), seconds=120)

    assert run["status"] == "SUCCESS"
    with daggerboard.client as client:
        log = whole_stdout(client, run["id"])
        lines = client.get(f"runs/{run['id']}/logs/stdout/lines/", log_key=log["log_key"], first=1, count=1)
    assert log["size"] == 100 * 1024 * 1024 + 1
    assert len(lines["lines"][0]["text"]) <= 64 * 1024
    assert lines["lines"][0]["missing"] > 99 * 1024 * 1024


def test_a_million_lines_are_counted(daggerboard: Installation) -> None:
    run = daggerboard.wait_status(daggerboard.launch(assets=["million_lines"]), seconds=180)

    assert run["status"] == "SUCCESS"
    with daggerboard.client as client:
        log = whole_stdout(client, run["id"])
        lines = client.get(f"runs/{run['id']}/logs/stdout/lines/", log_key=log["log_key"], first=999_999, count=2)
    assert log["lines"] == 1_000_000
    assert [line["text"] for line in lines["lines"]] == ["line 999998", "line 999999"]
