"""The GraphQL of the dagster-cloud command line: what it takes, what it refuses and how it says so."""

import asyncio
import json

import pytest

from agent.protocol import ErrorInfo, LocationReport, LocationState
from controlplane.deployments import branches
from controlplane.deployments.branches import BranchFacts
from controlplane.deployments.loading import record_load
from controlplane.deployments.models import BranchDeployment, BranchState
from controlplane.runs.models import Run
from tenants.ids import uuid7
from tenants.limits.models import QuotaName
from tenants.limits.quotas import set_quota
from tenants.scoping import org_scope
from tests.callers import anonymous
from tests.cast import make_cast
from tests.delivery.dagster_cloud_calls import BRANCH, COMMIT, MUTATIONS, QUERIES, ask, send
from tests.factories import asset, deploy, make_agent, make_location, make_manifest
from tests.threads import in_thread


@pytest.fixture
def shop():
    cast = make_cast()
    make_location(cast, "shop", manifest=make_manifest(assets=[asset("orders")]))
    return cast


def refused(cast, text, variables=None):
    """What is said of a request that is not answered."""
    answer = send(cast, cast.user_token.text, (text, variables or {}))
    assert answer.status_code == 400, answer.content
    (error,) = answer.json()["errors"]
    return error["message"]


def test_deployment_is_that_of_the_address_before_that_of_the_header(shop):
    call, token = QUERIES["currentDeployment"], shop.user_token.text
    address = f"/{shop.org.slug}/prod/graphql"

    assert ask(shop, call, address=address, deployment="other")["deploymentName"] == "prod"
    assert send(shop, token, call, address=f"/{shop.org.slug}/other/graphql").status_code == 404
    assert "--deployment" in send(shop, token, call, deployment=None).json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("query { serverless { awsRegion } }", "Nothing is built or run by us"),
        ("query { organizationSettings { settings } }", "REST API"),
        ("mutation { dropEverything { ok } }", "There is no such operation here. What is answered: addOrUpdate"),
        ("query { agents { status } workspace { workspaceEntries { locationName } } }", "one field"),
        ("query { a: agents { status } b: agents { status } }", "one field"),
        ("query A { agents { status } } query B { agents { status } }", "one operation"),
        ("query { ...all } fragment all on Query { agents { status } }", "one field"),
        ("query { __schema { types { name } } }", "__schema: There is no such operation"),
        ("subscription { agents { status } }", "no subscriptions"),
        ("query { agents { secret } }", "Cannot query field 'secret' on type 'Agent'"),
        ("query { agents", "Syntax Error"),
        ("query { agents " + "{ a " * 900 + "}" * 900 + " }", "nested too deeply"),
        ("query { agents { " + "status " * 3000 + "} }", "more than 2000 tokens"),
        ("query { agents { status } } #" + "x" * 50_000, "longer than 50000"),
    ],
)
def test_what_is_not_answered_is_refused_with_a_sentence(shop, text, words):
    assert words in refused(shop, text)


@pytest.mark.parametrize(
    "body", [[{"query": "{ agents { status } }"}], {}, {"query": 7}, {"query": "{a}", "variables": 1}]
)
def test_only_one_operation_is_taken(shop, body):
    answer = anonymous().post(
        f"/{shop.org.slug}/graphql", body, headers={"Dagster-Cloud-Api-Token": shop.user_token.text}
    )

    assert (answer.status_code, list(answer.json())) == (400, ["errors"])


def test_too_many_requests_are_tried_again_later(shop):
    """The client gives up at a list of errors, and waits as long as Retry-After says without one."""
    set_quota(org_id=shop.org_id, name=QuotaName.API_REQUESTS_PER_MINUTE, value=1, actor=shop.actor)

    answers = [send(shop, shop.user_token.text, QUERIES["agents"]) for _ in range(3)]

    last = answers[-1]
    assert (last.status_code, "errors" in last.json()) == (429, False)
    assert int(last["Retry-After"]) > 0


def test_text_that_cannot_be_stored_is_refused(shop):
    said = ask(shop, (MUTATIONS["deleteLocation"][0], {"n": "a\0b"}))
    deep = {"location_name": "x", "container_context": {"k8s": {"labels": {"a": "\0"}}}}

    assert "NUL" in said["message"]
    assert "NUL" in ask(shop, (MUTATIONS["addOrUpdateLocationFromDocument"][0], {"d": deep}))["errors"][0]


def test_document_that_does_not_fit_says_where(shop):
    call = MUTATIONS["addOrUpdateLocationFromDocument"][0]

    unknown = ask(shop, (call, {"d": {"location_name": "x", "code_source": {"modul_name": "a"}}}))
    pex = ask(shop, (call, {"d": {"location_name": "x", "pex_metadata": {"pex_tag": "a"}}}))
    nothing = ask(shop, (call, {"d": [1]}))

    assert unknown["__typename"] == pex["__typename"] == nothing["__typename"] == "InvalidLocationError"
    assert "modul_name" in unknown["errors"][0]
    assert "PEX" in pex["errors"][0]


def test_image_is_kept_with_what_to_load_in_it(shop):
    document = {
        "location_name": "etl",
        "code_source": {"package_name": "etl"},
        "image": "registry.example/etl:1",
        "agent_queue": "gpu",
        "container_context": {"k8s": {"namespace": "etl"}},
        "git": {"commit_hash": "0123abcd", "url": "https://git.example/etl/tree/0123abcd", "repo_owner": "acme"},
    }
    ask(shop, (MUTATIONS["addOrUpdateLocationFromDocument"][0], {"d": document}))

    found = ask(shop, QUERIES["locationsAsDocument"])["document"]["locations"]
    entries = ask(shop, QUERIES["workspace"])["workspaceEntries"]

    del document["git"]["repo_owner"]
    assert found[0] == document
    data = json.loads(entries[0]["serializedDeploymentMetadata"])
    assert (data["__class__"], data["image"], data["package_name"]) == (
        "CodeDeploymentMetadata",
        "registry.example/etl:1",
        "etl",
    )


def test_location_is_loading_until_an_agent_has_said_how_it_went(shop):
    version = deploy(shop, "broken")
    waiting = entry(shop, "broken")
    inner = ErrorInfo(message="no such key", cls="KeyError", stack=["in b"])
    error = ErrorInfo(message="cannot start", cls="RuntimeError", stack=["in a"], cause=inner)
    report = LocationReport(agent_id=str(uuid7()), version_id=str(version.id), state=LocationState.FAILED, error=error)
    record_load(org_id=shop.org_id, version_id=version.id, report=report, loaded_elsewhere=False)

    failed = entry(shop, "broken")

    assert (waiting["loadStatus"], waiting["locationOrLoadError"]) == ("LOADING", None)
    assert entry(shop, "shop")["locationOrLoadError"] == {"__typename": "RepositoryLocation", "name": "shop"}
    assert failed["loadStatus"] == "LOADED"
    assert failed["locationOrLoadError"] == {
        "__typename": "PythonError",
        "message": "RuntimeError: cannot start",
        "stack": ["in a"],
        "errorChain": [{"isExplicitLink": True, "error": {"message": "KeyError: no such key", "stack": ["in b"]}}],
    }


def entry(cast, name):
    entries = ask(cast, QUERIES["workspaceOrError"])["locationEntries"]
    return next(found for found in entries if found["name"] == name)


def test_branch_is_known_by_its_repository_and_pull_request(shop):
    made = ask(shop, MUTATIONS["createOrUpdateBranchDeployment"])
    moved = MUTATIONS["createOrUpdateBranchDeployment"][1] | {"c": COMMIT | {"commitHash": "4567cdef"}, "base": None}
    again = ask(shop, (MUTATIONS["createOrUpdateBranchDeployment"][0], moved))

    assert made["deploymentName"] == again["deploymentName"] == "pr-7"
    assert ask(shop, QUERIES["getBranchDeploymentName"]) == "pr-7"
    branch = found_branch(shop)
    assert (branch.head_sha, branch.title, branch.branch) == ("4567cdef", "Add prices", "feature")
    assert branch.git["timestamp"] == COMMIT["timestamp"]
    named = ask(shop, (QUERIES["deploymentByName"][0], {"n": "pr-7"}))
    assert named["deploymentId"] == made["deploymentId"]


def found_branch(cast):
    with org_scope(cast.org_id):
        return branches.find_branch(cast.org_id, BranchFacts(repository="acme/shop", branch="feature", pull_request=7))


def test_merge_request_of_gitlab_is_of_its_own_group(shop):
    """There the client says the name of the project alone."""
    call, variables = MUTATIONS["createOrUpdateBranchDeployment"]

    def told(group):
        url = f"https://gitlab.example/{group}/shop/-"
        data = {"repoName": "shop", "branchName": "feature", "pullRequestNumber": "7", "pullRequestStatus": "OPEN"}
        data |= {"branchUrl": f"{url}/tree/feature", "pullRequestUrl": f"{url}/merge_requests/7"}
        return ask(shop, (call, variables | {"b": data}))["deploymentName"]

    asked = (QUERIES["getBranchDeploymentName"][0], {"r": "shop", "b": "feature"})
    assert told("acme/data") == told("acme/data") == ask(shop, asked) == "pr-7"
    assert told("other") != "pr-7"
    with org_scope(shop.org_id):
        known = BranchDeployment.objects.for_org(shop.org_id).values_list("repository", flat=True)
        assert set(known) == {"acme/data/shop", "other/shop"}
    assert "acme/data/shop or other/shop" in refused(shop, *asked)


def test_branch_ends_when_its_pull_request_does(shop):
    call, variables = MUTATIONS["createOrUpdateBranchDeployment"]
    ask(shop, (call, variables))

    ask(shop, (call, variables | {"b": BRANCH | {"pullRequestStatus": "closed"}}))

    assert found_branch(shop).state == BranchState.ARCHIVED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"b": BRANCH | {"pullRequestNumber": "seven"}}, "pull_request: A valid integer"),
        ({"b": BRANCH | {"pullRequestStatus": "LOST"}}, "pull_request_status"),
        ({"c": COMMIT | {"commitHash": "a" * 65}}, "head_sha"),
        ({"c": COMMIT | {"authorName": "a" * 201}}, "git.author_name"),
        ({"base": "nothing"}, "no full deployment called nothing"),
    ],
)
def test_branch_that_does_not_fit_is_refused(shop, changes, words):
    call, variables = MUTATIONS["createOrUpdateBranchDeployment"]

    said = ask(shop, (call, variables | changes))

    assert said["__typename"] == "PythonError"
    assert words in said["message"]


def test_launch_that_is_tried_again_is_the_same_run(shop):
    def launch(key="8d1f"):
        return ask(shop, MUTATIONS["launchRun"], **{"Idempotency-Key": key})["run"]["runId"]

    async def at_once():
        return await asyncio.gather(*(in_thread(launch) for _ in range(4)))

    assert len({*asyncio.run(at_once()), launch()}) == 1
    assert launch("other") != launch()
    assert ask(shop, MUTATIONS["launchRun"])["run"]["tags"] == [{"key": "by", "value": "ci"}]
    with org_scope(shop.org_id):
        assert Run.objects.for_org(shop.org_id).count() == 3


def test_launch_of_what_is_not_there_makes_no_run(shop):
    call, variables = MUTATIONS["launchRun"]
    selector = variables["p"]["selector"]

    for change in (
        {"jobName": "nothing"},
        {"assetSelection": [{"path": ["no", "such"]}]},
        {"repositoryLocationName": "x"},
    ):
        said = ask(shop, (call, {"p": variables["p"] | {"selector": selector | change}}))
        assert said["__typename"] == "PythonError", said
    with org_scope(shop.org_id):
        assert Run.objects.for_org(shop.org_id).count() == 0


def test_agents_are_told_by_whether_they_work(shop):
    before = ask(shop, QUERIES["agents"])
    make_agent(shop)

    assert (before, ask(shop, QUERIES["agents"])) == ([], [{"status": "RUNNING", "errors": []}])


def test_settings_are_replaced_and_what_has_no_effect_is_refused(shop):
    call, variables = MUTATIONS["setDeploymentSettings"]
    stored = ask(shop, (call, variables))
    refused = ask(shop, (call, {"s": {"settings": {"non_isolated_runs": {"enabled": True}}}}))

    assert (stored["__typename"], refused["__typename"]) == ("DeploymentSettings", "PythonError")
    assert "non_isolated_runs" in refused["message"]
    assert ask(shop, QUERIES["deploymentSettings"]) == {"settings": variables["s"]["settings"]}
