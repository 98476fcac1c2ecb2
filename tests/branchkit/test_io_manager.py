"""Writes to the branch, reads the base where the branch has nothing: real runs of Dagster, with an event log for each deployment."""

import dagster as dg
import pytest
from daggerboard_branchkit import Branch, BranchIOManager, NotABranchError, branch_job

days = dg.StaticPartitionsDefinition(["mon", "tue", "wed"])


@dg.asset
def table(config: dict) -> str:
    return f"table of {config['by']}"


@dg.asset
def derived(table: str) -> str:
    return f"derived from {table}"


@dg.asset(partitions_def=days)
def daily(context, config: dict) -> str:
    return f"{context.partition_key} of {config['by']}"


@dg.asset
def week(daily) -> str:
    return str(sorted(daily.values()))


class Deployment:
    """An event log of its own over shared storage, as a deployment has."""

    def __init__(self, tmp_path, branch=None):
        self.instance = dg.DagsterInstance.ephemeral()
        self.name = branch.prefix if branch else "base"
        base, own = (
            dg.FilesystemIOManager(base_dir=str(tmp_path / place)) for place in ("base", f"branches/{self.name}")
        )
        self.manager = BranchIOManager(base=base, own=own, branch=branch)

    def run(self, *assets, others=(), partition=None):
        for_all = {"config": {"by": self.name}}
        ops = {name: for_all for name in ("table", "daily") if any(asset.key.path[-1] == name for asset in assets)}
        result = dg.materialize(
            [*assets, *others],
            selection=list(assets),
            resources={"io_manager": self.manager},
            instance=self.instance,
            run_config={"ops": ops},
            partition_key=partition,
        )
        return {asset.key.path[-1]: result.output_for_node(asset.key.path[-1]) for asset in assets}


@pytest.fixture
def base(tmp_path):
    return Deployment(tmp_path)


@pytest.fixture
def branch(tmp_path):
    return Deployment(tmp_path, Branch("pr-7"))


def test_upstream_that_the_branch_has_not_made_is_the_bases(base, branch):
    base.run(table)

    assert branch.run(derived, others=[table]) == {"derived": "derived from table of base"}


def test_upstream_that_the_branch_has_made_is_its_own(base, branch):
    base.run(table, derived)
    branch.run(table)

    assert branch.run(derived, others=[table]) == {"derived": "derived from table of pr_7"}
    assert base.run(derived, others=[table]) == {"derived": "derived from table of base"}


def test_upstream_of_the_same_run_is_its_own(base, branch):
    base.run(table)

    assert branch.run(table, derived)["derived"] == "derived from table of pr_7"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([], ["mon of base", "tue of base", "wed of base"]),
        (["tue"], ["mon of base", "tue of pr_7", "wed of base"]),
        (["mon", "tue", "wed"], ["mon of pr_7", "tue of pr_7", "wed of pr_7"]),
    ],
)
def test_partitions_are_each_looked_for(base, branch, made, expected):
    for day in days.get_partition_keys():
        base.run(daily, partition=day)
    for day in made:
        branch.run(daily, partition=day)

    assert branch.run(week, others=[daily]) == {"week": str(expected)}
    assert base.run(week, others=[daily]) == {"week": str(["mon of base", "tue of base", "wed of base"])}


def test_branch_never_writes_to_the_base(base, branch, tmp_path):
    base.run(table)
    before = {path: path.read_bytes() for path in (tmp_path / "base").rglob("*") if path.is_file()}
    branch.run(table, derived)

    assert {path: path.read_bytes() for path in (tmp_path / "base").rglob("*") if path.is_file()} == before


def test_job_of_a_branch_calls_each_step_with_it(monkeypatch):
    seen = []
    monkeypatch.setenv("DAGGERBOARD_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("DAGGERBOARD_DEPLOYMENT", "pr-7")
    job = branch_job("close_branch", [lambda branch: seen.append(branch.prefix), lambda branch: 3])

    assert job.execute_in_process().success
    assert seen == ["pr_7"]


def test_job_of_a_branch_does_nothing_in_a_full_deployment(monkeypatch):
    seen = []
    monkeypatch.delenv("DAGGERBOARD_IS_BRANCH_DEPLOYMENT", raising=False)
    monkeypatch.delenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", raising=False)

    with pytest.raises(NotABranchError):
        branch_job("close_branch", [seen.append]).execute_in_process()

    assert seen == []


class Kept(dg.ConfigurableIOManager):
    """An IO manager of its own, with config, that is no factory."""

    kept: dict = {}

    def handle_output(self, context, obj):
        self.kept[context.asset_key.path[-1]] = obj

    def load_input(self, context):
        return self.kept[context.asset_key.path[-1]]


def test_configurable_io_managers_are_taken_as_they_stand_in_resources():
    base, own = Kept(kept={}), Kept(kept={})
    resources = {"io_manager": BranchIOManager(base=base, own=own, branch=Branch("pr-7"))}

    assert dg.materialize([table], resources=resources, run_config={"ops": {"table": {"config": {"by": "me"}}}}).success
    assert (base.kept, own.kept) == ({}, {"table": "table of me"})


def test_what_is_no_io_manager_is_refused_when_the_code_loads():
    with pytest.raises(TypeError, match="own of a BranchIOManager is an IO manager, not dict"):
        BranchIOManager(base=Kept(kept={}), own={})
