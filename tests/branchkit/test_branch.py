"""Which branch this is, and names that no other branch has."""

import pytest
from daggerboard_branchkit import Branch, BranchSchema, NotABranchError, current_branch
from daggerboard_branchkit.errors import BaseWriteRefusedError
from hypothesis import given
from hypothesis import strategies as st

HERE = {
    "DAGGERBOARD_IS_BRANCH_DEPLOYMENT": "1",
    "DAGGERBOARD_DEPLOYMENT": "pr-123",
    "DAGGERBOARD_BASE_DEPLOYMENT": "prod",
    "DAGSTER_CLOUD_PULL_REQUEST_ID": "123",
}


def test_full_deployment_is_no_branch():
    assert current_branch({"DAGGERBOARD_DEPLOYMENT": "prod"}) is None
    assert current_branch({"DAGGERBOARD_DEPLOYMENT": "prod", "DAGGERBOARD_IS_BRANCH_DEPLOYMENT": "0"}) is None


def test_branch_knows_itself_and_its_base():
    assert current_branch(HERE) == Branch(deployment="pr-123", base="prod", pull_request=123)


def test_names_of_dagster_plus_do_too():
    there = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_DEPLOYMENT_NAME": "0abf"}
    assert current_branch(there) == Branch(deployment="0abf")


def test_branch_that_does_not_say_which_is_an_error():
    with pytest.raises(RuntimeError, match="DAGGERBOARD_DEPLOYMENT"):
        current_branch({"DAGGERBOARD_IS_BRANCH_DEPLOYMENT": "1"})


def test_prefix_is_what_people_expect():
    assert Branch("pr-123").prefix == "pr_123"


@given(st.lists(st.from_regex(r"[a-z0-9_-]{1,100}", fullmatch=True), min_size=2, max_size=20, unique=True))
def test_no_two_deployments_share_a_prefix(names):
    prefixes = [Branch(name).prefix for name in names]

    assert len(set(prefixes)) == len(names)
    assert all(len(prefix) <= 40 and prefix.isidentifier() and prefix.islower() for prefix in prefixes)


@pytest.mark.parametrize(("one", "other"), [("a-b", "a_b"), ("x" * 50, "x" * 51), ("b-1", "b_1")])
def test_names_that_look_alike_get_different_prefixes(one, other):
    assert Branch(one).prefix != Branch(other).prefix


def test_schema_of_a_branch():
    schema = BranchSchema("analytics", Branch("pr-7"))

    assert schema.for_writing == "pr_7_analytics"
    assert schema.for_reading == ("pr_7_analytics", "analytics")
    assert schema.drop_statement() == "DROP SCHEMA IF EXISTS pr_7_analytics CASCADE"
    assert schema.require_writable("PR_7_ANALYTICS") == "PR_7_ANALYTICS"
    with pytest.raises(BaseWriteRefusedError, match="pr_7_analytics, not to analytics"):
        schema.require_writable("analytics")


def test_schema_of_a_full_deployment_is_never_dropped():
    schema = BranchSchema("analytics")

    assert schema.for_writing == "analytics"
    assert schema.require_writable("anything") == "anything"
    with pytest.raises(NotABranchError):
        schema.drop_statement()


@pytest.mark.parametrize("name", ["", "a b", "a;DROP SCHEMA x", 'a"b', "1a"])
def test_schema_names_are_names(name):
    with pytest.raises(ValueError, match="no name of a schema"):
        BranchSchema(name)
