"""`daggerboard backfill`, against a control plane: what it is told that is no backfill, or no status of one."""

from controlplane.automation.models import BackfillStatus
from controlplane.cli import backfill_commands
from controlplane.cli.errors import ExitCode
from tests.cli.conftest import Run


def test_what_is_no_backfill_is_said_in_words(run: Run) -> None:
    for verb in ("show", "cancel", "retry"):
        refused = run("backfill", verb, "nosuch").exception
        assert str(refused) == (
            "There is no backfill 'nosuch': name it by its id, as `daggerboard backfill list` shows it."
        )
    assert "no such backfill" in str(run("backfill", "show", "0192f0c0-0000-7000-8000-000000000000").exception)


def test_statuses_are_those_of_the_api_and_named(run: Run) -> None:
    assert [*backfill_commands.BackfillStatus] == [*BackfillStatus]
    told = run("backfill", "list", "--help", env={"COLUMNS": "200"}).stdout
    refused = run("backfill", "list", "--status", "running")
    assert refused.exit_code == ExitCode.USAGE
    for status in BackfillStatus:
        assert status in told
        assert f"'{status.lower()}'" in refused.stderr

    assert run("backfill", "list", "--status", "requested").stdout == "No backfill of this deployment is like that.\n"
