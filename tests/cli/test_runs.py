"""`daggerboard run`, `queue`, `pool`, `partition` and `asset`, against a control plane."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from controlplane.automation.models import TickStatus
from controlplane.catalog.asset_health import HealthStatus
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.staleness import Sync
from controlplane.cli import asset_commands, instigator_commands
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.run_filters import ACTIVE, TERMINAL, Status
from controlplane.cli.words import moment
from controlplane.definitions.manifest import Job, PartitionsDefinition
from controlplane.runs import bulk_actions, states
from controlplane.runs.models import BulkAction
from controlplane.runs.models import Run as RunRow
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.cli.beside import beside
from tests.cli.conftest import Run
from tests.factories import asset, make_location, make_manifest, queue_run


@pytest.fixture(autouse=True)
def shop(cast: Cast) -> None:
    places = PartitionsDefinition(kind="dynamic", cls="DynamicPartitionsDefinition", name="places")
    assets = [asset("raw", pools=["warehouse"]), asset("daily", "raw"), asset("visits", partitions="places")]
    jobs = [
        Job(name="nightly", assets=[["raw"], ["daily"]]),
        Job(name="__ASSET_JOB", implicit=True, assets=[one.key for one in assets]),
    ]
    make_location(cast, manifest=make_manifest(assets, jobs=jobs, partitions_definitions={"places": places}))


@pytest.fixture
def worker(cast: Cast) -> Iterator[None]:
    """Works bulk actions off."""

    def work() -> None:
        with org_scope(cast.org_id):
            ids = list(BulkAction.objects.for_org(cast.org_id).filter(ended_at=None).values_list("id", flat=True))
        for one in ids:
            bulk_actions.go_on(cast.org_id, one)

    with beside(work):
        yield


def statuses(cast: Cast) -> dict[str, str]:
    with org_scope(cast.org_id):
        return {str(run.id): run.status for run in RunRow.objects.for_org(cast.org_id)}


def refusal(run: Run, *words: str) -> str:
    found = run(*words)
    assert isinstance(found.exception, CommandError), found.output
    return str(found.exception)


def test_list_by_what_is_asked_for_and_cancel_one_by_the_beginning_of_its_id(cast: Cast, run: Run) -> None:
    one = queue_run(cast, job="nightly", tags={"team": "a", "dagster/backfill": "bf"})
    other = queue_run(cast, assets=["raw"], tags={"team": "b"})

    def listed(*words: str) -> list[str]:
        return [found["id"] for found in json.loads(run("run", "list", "--json", *words).stdout)]

    assert listed() == [str(other.id), str(one.id)]
    assert listed("--limit", "1") == [str(other.id)]
    mine = [("--tag", "team=a"), ("--backfill", "bf"), ("--job", "nightly", "--status", "queued", "--since", "1h")]
    assert [listed(*words) for words in mine] == [[str(one.id)]] * 3
    assert listed("--until", "1h") == listed("--status", "FAILURE") == []
    table = run("run", "list", "--asset", "raw").stdout
    assert f"{other.id}  QUEUED" in table
    assert max(len(line) for line in table.splitlines()) <= 80

    queue = run("queue", "list").stdout.splitlines()
    assert [line.split()[0] for line in queue[::2]] == [str(one.id), str(other.id)]
    assert "agent" in queue[1]
    assert json.loads(run("queue", "priority", str(other.id), "7", "--json").stdout)["priority"] == 7
    assert run("queue", "list").stdout.startswith(str(other.id))
    assert "waiting" in run("run", "show", str(one.id)).stdout

    beginning = next(str(one.id)[:size] for size in range(1, 37) if not str(other.id).startswith(str(one.id)[:size]))
    assert "CANCELED" in run("run", "cancel", beginning).stdout
    assert statuses(cast) == {str(one.id): "CANCELED", str(other.id): "QUEUED"}
    again = json.loads(run("run", "re-execute", str(one.id), "--from-failure", "--no-wait", "--json").stdout)
    assert again["parent_run_id"] == str(one.id)


@pytest.mark.usefixtures("worker")
def test_many_are_done_when_somebody_says_yes(cast: Cast, run: Run) -> None:
    runs = [queue_run(cast, job="nightly", tags={"team": team}) for team in "aab"]

    asked = refusal(run, "run", "cancel", "--tag", "team=a")
    assert asked == "Cancel: 2 runs? Nothing was done: confirm it with --yes."
    assert set(statuses(cast).values()) == {"QUEUED"}
    done = run("run", "cancel", "--tag", "team=a", "--yes")
    assert "canceled     2 of 2 runs" in done.stdout
    assert [statuses(cast)[str(one.id)] for one in runs] == ["CANCELED", "CANCELED", "QUEUED"]
    # Those that have ended are not meant: a second time there is none.
    assert "No run of this deployment is like that" in refusal(run, "run", "cancel", "--tag", "team=a", "--yes")

    again = json.loads(run("run", "re-execute", "--status", "canceled", "--yes", "--json").stdout)
    assert (again["kind"], again["done"]) == ("reexecute", 2)
    left = run("run", "delete", str(runs[0].id), str(runs[2].id), "--yes")
    assert (left.exit_code, f"{runs[2].id}: " in left.stderr) == (1, True)
    assert str(runs[0].id) not in statuses(cast)
    for words in ((), ("--all", "--status", "queued"), (str(runs[2].id), "--job", "nightly")):
        assert "Say which runs" in refusal(run, "run", "cancel", *words)


def test_limits_of_pools(run: Run) -> None:
    assert "warehouse  none" in run("pool", "list").stdout
    assert "limit          3" in run("pool", "set", "warehouse", "3").stdout
    assert "warehouse  3 " in run("pool", "list").stdout
    assert "limit          none" in run("pool", "unset", "warehouse").stdout
    misspelt = run("pool", "set", "warehose", "1")
    assert "No code of this deployment names the pool warehose. Did you mean warehouse?" in misspelt.stderr
    assert "There is no pool stoore" in refusal(run, "pool", "show", "stoore")


def test_keys_of_dynamic_partitions(run: Run, tmp_path: Any) -> None:
    assert "places  0     visits" in run("partition", "list").stdout
    assert run("partition", "add", "places", "Bonn", "Köln").stdout == "2 keys of places added.\n"
    file = tmp_path / "keys"
    file.write_text("Köln\nTrier\n\n")
    assert run("partition", "add", "places", "-f", str(file)).stdout == (
        "1 key of places added, 1 key was there already.\n"
    )
    listed = json.loads(run("partition", "list", "places", "--search", "o", "--json").stdout)
    assert [one["partition_key"] for one in listed] == ["Bonn"]
    assert "Nothing was done" in refusal(run, "partition", "delete", "places", "Bonn")
    assert run("partition", "delete", "places", "Bonn", "Rom", "--yes").stdout == (
        "1 key of places deleted, 1 key was not there.\n"
    )
    assert "Did you mean places?" in refusal(run, "partition", "add", "place", "Bonn")
    assert "cannot be a partition key" in refusal(run, "partition", "add", "places", "a...b")


def test_assets(cast: Cast, run: Run) -> None:
    assert [one["key"] for one in json.loads(run("asset", "list", "ra", "--json").stdout)] == ["raw"]
    assert run("asset", "list", "--health", "degraded").stdout == "No asset is like that.\n"
    assert "UNKNOWN" in run("asset", "health", "raw").stdout
    made = json.loads(run("asset", "materialize", "raw", "daily", "--no-wait", "--json").stdout)
    assert sorted(made["target_assets"]) == ["daily", "raw"]
    assert "there is nothing to acknowledge" in refusal(run, "asset", "acknowledge", "raw", "It is new.")
    for words in (("health", "rew"), ("materialize", "rew"), ("wipe", "rew", "--all")):
        assert refusal(run, "asset", *words) == "There is no asset rew in this deployment. Did you mean raw?"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "shpo", "--asset", "raw"), "There is no code location shpo in this deployment. Did you mean shop?"),
        (("run", "shop", "--job", "nightli"), "There is no job nightli in this deployment. Did you mean nightly?"),
        (("run", "list", "-d", "prd"), "There is no deployment called prd. Did you mean prod?"),
        (("run", "show", "0000"), "No run's id begins with 0000."),
        (("run", "list", "--since", "yesterday"), "'yesterday' is no moment: write a date or time, such as"),
        (("run", "list", "--tag", "team"), "A tag is NAME=VALUE; 'team' is not."),
    ],
)
def test_what_is_refused_says_what_there_is(run: Run, words: tuple[str, ...], sentence: str) -> None:
    assert refusal(run, *words).startswith(sentence)


def test_words_are_those_of_the_api(run: Run) -> None:
    assert [*Status] == [*states.RunStatus]
    assert ({*map(str, ACTIVE)}, {*map(str, TERMINAL)}) == ({*map(str, states.ACTIVE)}, {*map(str, states.TERMINAL)})
    assert [*instigator_commands.TickStatus] == [*TickStatus]
    assert [*get_args(asset_commands.Status)] == [*AssetStatus]
    assert [*get_args(asset_commands.Health)] == [*HealthStatus]
    assert [*get_args(asset_commands.Sync)] == [*Sync]
    assert moment("2026-01-31") == "2026-01-31T00:00:00+00:00"
    assert run("run", "list", "--status", "queud").exit_code == ExitCode.USAGE
