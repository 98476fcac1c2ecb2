"""`daggerboard backfill`, against a control plane: what it is told that is no backfill."""

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("verb", ["show", "pause", "cancel", "retry"])
def test_what_is_no_id_is_said_to_be_no_backfill(run: Run, verb: str) -> None:
    refused = run("backfill", verb, "nosuch").exception

    assert str(refused) == "There is no backfill 'nosuch': name it by its id, as `daggerboard backfill list` shows it."


def test_id_of_nothing(run: Run) -> None:
    assert "no such backfill" in str(run("backfill", "show", "0192f0c0-0000-7000-8000-000000000000").exception)
