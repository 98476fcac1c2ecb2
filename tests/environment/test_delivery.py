"""What agents get: exactly the variables of the code locations they serve, and word that something changed."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from agent.sealed_box import key_id, open_box, seal_box
from controlplane.deployments.models import CodeLocation
from controlplane.dispatch.models import Command
from controlplane.dispatch.outlook import look
from controlplane.dispatch.selectors import desired_locations
from controlplane.environment import services
from controlplane.environment.drafts import Content, Draft
from controlplane.environment.models import VariableKind
from tenants.errors import InvalidError
from tenants.reach import Reach
from tenants.scoping import org_scope
from tests import factories
from tests.callers import bearer
from tests.environment.variables import BRANCHES, FULL, LOCAL, set_variable

OURS = {"DAGGERBOARD_DEPLOYMENT": "prod", "DAGGERBOARD_CODE_LOCATION": "shop"}
THEIRS = {
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod",
    "DAGSTER_CLOUD_LOCATION_NAME": "shop",
    "DAGSTER_LOCATION_NAME": "shop",
}


def ask(cast, agent, version, token=None):
    client = bearer(token or cast.agent_token.text)
    body = json.dumps({"agent_id": str(agent.id), "version_id": str(version.id)})
    return client.post(
        "/agent/v1/environment", body, content_type="application/json", headers={"Daggerboard-Protocol": "1.1"}
    )


def values(cast, agent, version):
    answer = ask(cast, agent, version).json()
    return {variable["name"]: variable.get("value") for variable in answer["variables"]}


def desired(cast, agent):
    with org_scope(cast.org_id):
        etag = look(cast.org_id, agent.id).desired_etag
        found = desired_locations(cast.org_id, agent, Reach())
    return etag, {location.name: location.environment for location in found}


def test_location_gets_exactly_its_variables_and_those_of_all(cast):
    agent, version = factories.make_agent(cast), factories.deploy(cast)
    set_variable(cast, "EVERYWHERE", "1")
    set_variable(cast, "MINE", "2", FULL, ["shop"])
    set_variable(cast, "OF_OTHERS", "3", FULL, ["lake"])
    set_variable(cast, "OF_BRANCHES", "4", BRANCHES)
    set_variable(cast, "OF_DEVELOPERS", "5", LOCAL)

    assert values(cast, agent, version) == {**OURS, **THEIRS, "EVERYWHERE": "1", "MINE": "2"}


def test_git_facts_are_under_both_names(cast):
    agent, version = factories.make_agent(cast), factories.deploy(cast, git_commit="abc1234", git_url="https://git/x")

    found = values(cast, agent, version)

    assert (found["DAGSTER_CLOUD_GIT_SHA"], found["DAGGERBOARD_GIT_SHA"]) == ("abc1234", "abc1234")
    assert found["DAGSTER_CLOUD_GIT_URL"] == "https://git/x"
    assert "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT" not in found


def test_agent_of_another_queue_or_organization_gets_nothing(cast, outsider):
    version = factories.deploy(cast)
    other_queue = factories.make_agent(cast, "elsewhere", queues=["gpu"])
    foreign = factories.make_agent(outsider)

    assert ask(cast, other_queue, version).status_code == 404
    assert ask(cast, foreign, version, outsider.agent_token.text).status_code == 404
    assert ask(cast, foreign, version).status_code == 404


@pytest.mark.parametrize("who", ["person", "nobody"])
def test_only_agents_may_ask(cast, who):
    agent, version = factories.make_agent(cast), factories.deploy(cast)

    token = cast.user_token.text if who == "person" else "dgb_run_x"
    assert ask(cast, agent, version, token).status_code in {401, 403}


def test_change_is_seen_by_the_locations_that_it_concerns_only(cast):
    agent = factories.make_agent(cast)
    factories.deploy(cast, "shop")
    factories.deploy(cast, "lake")
    etag, before = desired(cast, agent)

    set_variable(cast, "X", "1", FULL, ["shop"])

    new_etag, after = desired(cast, agent)
    assert new_etag != etag
    assert after["shop"] != before["shop"]
    assert after["lake"] == before["lake"]


def test_values_are_in_no_command_and_no_location(cast):
    agent, version = factories.make_agent(cast), factories.deploy(cast)
    set_variable(cast, "X", "canary-value-1")
    values(cast, agent, version)

    with org_scope(cast.org_id):
        rows = [*Command.objects.for_org(cast.org_id).values(), *CodeLocation.objects.for_org(cast.org_id).values()]
    assert "canary-value-1" not in str(rows)
    assert "canary-value-1" not in str(desired(cast, agent))


def test_value_sealed_to_an_agent_goes_through_us_unread(cast):
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    agent, version = factories.make_agent(cast), factories.deploy(cast)
    with org_scope(cast.org_id):
        services.note_agent_key(
            org_id=cast.org_id,
            agent_id=agent.id,
            key_id=key_id(public),
            public_key=base64.b64encode(public).decode(),
        )
    boxes = {key_id(public): seal_box(public, "X", "for its eyes only")}
    content = Content(VariableKind.SEALED_TO_AGENTS, boxes=boxes)

    made = services.create_variable(deployment=cast.deployment, draft=Draft("X", FULL, (), content), actor=cast.actor)

    found = next(v for v in ask(cast, agent, version).json()["variables"] if v["name"] == "X")
    assert "value" not in found
    assert open_box(private, "X", found["box"]) == "for its eyes only"
    assert made.sealed is None


def test_box_for_an_unknown_key_is_refused(cast):
    content = Content(VariableKind.SEALED_TO_AGENTS, boxes={"0" * 16: "AAAA"})

    with pytest.raises(InvalidError, match="0000000000000000"):
        services.create_variable(deployment=cast.deployment, draft=Draft("X", FULL, (), content), actor=cast.actor)


def test_reference_goes_to_the_agent_as_it_stands(cast):
    agent, version = factories.make_agent(cast), factories.deploy(cast)
    content = Content(VariableKind.REFERENCE, store="vault", reference="secret/db#password")
    services.create_variable(deployment=cast.deployment, draft=Draft("X", FULL, (), content), actor=cast.actor)

    found = next(v for v in ask(cast, agent, version).json()["variables"] if v["name"] == "X")

    assert found == {
        "name": "X",
        "reference": {"store": "vault", "secret": "secret/db#password"},
        "masked": True,
    }
