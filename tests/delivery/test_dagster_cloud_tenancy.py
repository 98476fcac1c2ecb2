"""Who may do what through the GraphQL of the dagster-cloud command line: what REST allows the same token, and nothing else."""

import pytest

from controlplane.delivery.dagster_cloud import operations
from controlplane.deployments import selectors
from controlplane.deployments.models import BranchDeployment
from controlplane.deployments.services import create_deployment
from controlplane.runs.models import Run
from tenants.models import Organization, OrganizationState, Role, TargetKind, TokenKind
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tests.cast import make_cast
from tests.delivery.dagster_cloud_calls import MUTATIONS, QUERIES, ask, send
from tests.factories import asset, deploy, make_location, make_manifest
from tests.isolation.changes import events_of
from tests.isolation.world import make_world
from tests.tenants.people import deny, hold, of, person

CALLS = QUERIES | MUTATIONS
# What a change must have written into the audit log. Telemetry of the client changes nothing.
RECORDED = {
    "addOrUpdateLocationFromDocument": "code_location.deploy",
    "deployLocations": "code_location.deploy",
    "reconcileLocationsFromDocument": "code_location.deploy",
    "deleteLocation": "code_location.delete",
    "createOrUpdateBranchDeployment": "deployment.create",
    "setDeploymentSettings": "deployment.settings",
    "deleteDeployment": "branch_deployment.close",
    "launchRun": "run.launch",
}


@pytest.fixture
def shop():
    """A cast whose code location `shop` serves one asset."""
    cast = make_cast()
    make_location(cast, "shop", manifest=make_manifest(location="shop", assets=[asset("orders")]))
    return cast


def token_of(cast, user, **fields):
    return issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="test", user=user, **fields).text


def call_of(cast, name):
    """The call, of a branch deployment that is there where it is about one."""
    if name != "deleteDeployment":
        return CALLS[name]
    made = ask(cast, MUTATIONS["createOrUpdateBranchDeployment"])
    return MUTATIONS[name][0], {"id": made["deploymentId"]}


def state(cast):
    """All that a change could change."""
    with org_scope(cast.org_id):
        return (
            [
                (location.name, location.desired_id)
                for location in selectors.code_locations(cast.org_id, cast.deployment.id)
            ],
            Run.objects.for_org(cast.org_id).count(),
            selectors.deployment(cast.org_id, "prod").settings,
            list(BranchDeployment.objects.for_org(cast.org_id).values_list("deployment_id", "state")),
        )


def test_every_operation_is_called_here():
    assert set(QUERIES) == set(operations.QUERIES)
    assert set(MUTATIONS) == set(operations.MUTATIONS)
    assert set(RECORDED) == set(MUTATIONS) - {"markCliEvent"}


@pytest.mark.parametrize("name", CALLS)
def test_another_tenants_token_finds_no_organization(shop, name):
    mallory, call = make_cast("outsider"), call_of(shop, name)
    before = state(shop)

    for token in (mallory.user_token.text, mallory.agent_token.text):
        there = send(shop, token, call)
        nowhere = send(shop, token, call, address="/nowhere/graphql")
        assert (there.status_code, there.content) == (404, nowhere.content)
    assert send(shop, mallory.user_token.text, call, address=f"/{shop.org.slug}/prod/graphql").status_code == 404
    assert state(shop) == before


def test_only_tokens_come_in(shop):
    call, address = QUERIES["workspace"], f"/{shop.org.slug}/prod/graphql"
    unknown = send(shop, "dgb_user_nonsense", call)
    browser = shop.signed_in().post(address, {"query": call[0]}, content_type="application/json")

    assert (send(shop, None, call).status_code, unknown.status_code, browser.status_code) == (401, 401, 401)
    assert "not known here" in unknown.json()["errors"][0]["message"]
    assert send(shop, shop.agent_token.text, call).status_code == 403
    assert send(shop, shop.user_token.text, call).status_code == 200


@pytest.mark.parametrize("name", RECORDED)
def test_viewer_changes_nothing_and_is_told_why(shop, name):
    call = call_of(shop, name)
    before = state(shop)

    said = ask(shop, call, token=token_of(shop, shop.viewer))

    asked_for = {"addOrUpdateLocationFromDocument", "setDeploymentSettings"}
    assert said["__typename"] == ("UnauthorizedError" if name in asked_for else "PythonError")
    assert "needs the permission" in said["message"]
    assert state(shop) == before


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_token_is_not_for_it_does_not_do(shop, name):
    """A scope of reading only, whoever holds it."""
    reading = frozenset({Permission.DEPLOYMENT_READ, Permission.LOCATION_READ})
    call = call_of(shop, name)
    before = state(shop)

    said = ask(shop, call, token=token_of(shop, shop.owner, scopes=reading))

    assert "needs the permission" in said["message"]
    assert state(shop) == before


@pytest.mark.parametrize("name", RECORDED)
def test_change_is_recorded(name):
    world = make_world()
    cast = world.alice
    make_location(cast, "shop", manifest=make_manifest(location="shop", assets=[asset("orders")]))
    call = call_of(cast, name)
    before = {event.id for event in events_of(world)}

    assert "Error" not in ask(cast, call)["__typename"]

    new = [event for event in events_of(world) if event.id not in before]
    assert RECORDED[name] in {event.action for event in new}
    assert {event.actor_id for event in new} == {cast.user_token.token.id}


@pytest.mark.parametrize("name", RECORDED)
def test_nothing_is_changed_in_a_read_only_organization(shop, name):
    call = call_of(shop, name)
    Organization.objects.filter(id=shop.org_id).update(state=OrganizationState.READ_ONLY)
    before = state(shop)

    # What is known of a token is believed for two seconds; of a new one nothing is.
    said = ask(shop, call, token=token_of(shop, shop.owner))

    assert "read-only" in said["message"]
    assert state(shop) == before
    assert ask(shop, QUERIES["workspace"])["workspaceEntries"]


def test_number_of_another_tenants_branch_means_nothing(shop):
    mallory = make_cast("outsider")
    call = call_of(shop, "deleteDeployment")

    said = ask(mallory, call)

    assert said["__typename"] == "PythonError"
    assert "no such deployment" in said["message"]


def test_full_deployment_is_not_deleted_by_its_number(shop):
    (full,) = ask(shop, QUERIES["fullDeployments"])

    said = ask(shop, (MUTATIONS["deleteDeployment"][0], {"id": full["deploymentId"]}))

    assert "is a full deployment" in said["message"]
    assert ask(shop, QUERIES["currentDeployment"])["deploymentName"] == "prod"


def test_hidden_location_is_absent(shop):
    make_location(shop, "canary", manifest=make_manifest(location="canary", assets=[asset("hidden")]))
    walled = person(shop, Role.EDITOR)
    deny(shop, walled, target=TargetKind.LOCATION, target_value="canary")
    token = token_of(shop, walled)
    before = state(shop)

    answers = [send(shop, token, QUERIES[name]).content for name in QUERIES]
    deleting = send(shop, token, (MUTATIONS["deleteLocation"][0], {"n": "canary"})).json()
    guessed = send(shop, token, (MUTATIONS["deleteLocation"][0], {"n": "guessed"})).json()
    changing = ask(
        shop,
        (MUTATIONS["addOrUpdateLocationFromDocument"][0], {"d": {"location_name": "canary"}}),
        token=token,
    )
    syncing = ask(shop, MUTATIONS["reconcileLocationsFromDocument"], token=token)

    assert not any(b"canary" in answer or b"hidden" in answer for answer in answers)
    assert str(deleting).replace("canary", "guessed") == str(guessed)
    assert "There is no code location canary" in changing["message"]
    assert "on all of the deployment" in syncing["message"]
    assert state(shop) == before


def test_deployment_that_one_may_not_enter_is_absent(shop):
    stranger = person(shop)
    hold(shop, of(stranger), role=Role.EDITOR, deployment_id=make_other(shop).id)
    token = token_of(shop, stranger)

    answer = send(shop, token, QUERIES["workspace"])

    assert answer.status_code == 404
    assert [
        found["deploymentName"] for found in ask(shop, QUERIES["fullDeployments"], token=token, deployment=None)
    ] == ["other"]
    named = ask(shop, QUERIES["deploymentByName"], token=token, deployment=None)
    assert named == {"__typename": "DeploymentNotFoundError"}


def make_other(cast):
    return create_deployment(org_id=cast.org_id, name="other", actor=cast.actor)


def test_organization_of_the_header_must_be_that_of_the_address(shop):
    answer = send(shop, shop.user_token.text, QUERIES["workspace"], **{"Dagster-Cloud-Organization": "somebody-else"})

    assert answer.status_code == 400
    assert "DAGSTER_CLOUD_ORGANIZATION" in answer.json()["errors"][0]["message"]


def test_run_of_another_deployment_is_not_found(shop):
    other = make_other(shop)
    launched = ask(shop, MUTATIONS["launchRun"])["run"]["runId"]
    call = (QUERIES["runOrError"][0], {"id": launched})

    assert ask(shop, call)["__typename"] == "Run"
    assert ask(shop, call, deployment=other.name)["__typename"] == "RunNotFoundError"


def test_pending_location_of_a_sync_is_all_or_nothing(shop):
    deploy(shop, "second")
    before = state(shop)
    call = MUTATIONS["deployLocations"][0]
    documents = {"locations": [{"location_name": "third"}, {"location_name": ""}]}

    said = ask(shop, (call, {"d": documents}))

    assert said["__typename"] == "InvalidLocationError"
    assert state(shop) == before
