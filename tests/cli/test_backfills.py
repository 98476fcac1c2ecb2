"""`daggerboard backfill`, against a control plane: what it is told that is no backfill."""

from tests.cli.conftest import Run


def test_what_is_no_backfill_is_said_in_words(run: Run) -> None:
    for verb in ("show", "cancel", "retry"):
        refused = run("backfill", verb, "nosuch").exception
        assert str(refused) == (
            "There is no backfill 'nosuch': name it by its id, as `daggerboard backfill list` shows it."
        )
    assert "no such backfill" in str(run("backfill", "show", "0192f0c0-0000-7000-8000-000000000000").exception)
