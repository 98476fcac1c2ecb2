"""A deployment made like another one: what was asked for, and nothing else; secrets are sealed anew."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from agent.sealed_box import key_id, seal_box
from controlplane.delivery.full_deployments.copying import Part, copy_deployment
from controlplane.deployments import protecting
from controlplane.deployments.models import CodeLocation
from controlplane.environment import selectors as environment
from controlplane.environment.drafts import Content, Draft
from controlplane.environment.models import VariableKind
from controlplane.environment.services import create_variable, note_agent_key, opened
from tenants.models import Grant, GrantScope, Role
from tenants.people.grants import Holder, HolderKind, store_grant
from tenants.people.terms import GrantTerms
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tests.environment.variables import BRANCHES, FULL, set_variable
from tests.factories import deploy, make_agent, make_location
from tests.tenants.people import access_of


@pytest.fixture
def full(cast):
    """Prod has one of everything; what failed to load is newer than what serves."""
    make_location(cast, "shop", deployed={"image": "shop:1", "queue": "etl"})
    deploy(cast, "shop", image="shop:broken", queue="etl")
    set_variable(cast, "PASSWORD", "s3cret")
    set_variable(cast, "FOR_BRANCHES", "x", BRANCHES)
    terms = GrantTerms(scope=GrantScope.DEPLOYMENT, role=Role.ADMIN, deployment_id=cast.deployment.id)
    holder = Holder(HolderKind.USER, cast.viewer.pk)
    store_grant(org_id=cast.org_id, actor=cast.actor, holder=holder, terms=terms)
    document = {"deployers": {"people": [cast.viewer.email]}}
    protecting.set_protection(org_id=cast.org_id, deployment_id=cast.deployment.id, document=document, actor=cast.actor)
    return cast


def copy(cast, *parts, name="staging", user=None):
    body = {"name": name, "copy": {"deployment": "prod", **({"parts": list(parts)} if parts else {})}}
    path = f"/api/v1/organizations/{cast.org.slug}/deployments/"
    return cast.api(user).post(path, body, content_type="application/json")


def test_everything_is_copied_once(full):
    answer = copy(full)

    assert answer.status_code == 201, answer.content
    assert answer.json()["copied"] == {
        "settings": 0,
        "environment": 1,
        "code_locations": 1,
        "grants": 1,
        "protection": 1,
    }
    there = full.at("staging")
    with org_scope(full.org_id):
        [location] = CodeLocation.objects.for_org(full.org_id).filter(deployment=there.deployment)
        grants = Grant.objects.for_org(full.org_id).filter(deployment_id=there.deployment.id)
        assert (location.desired.image, location.queue, location.desired.number) == ("shop:1", "etl", 1)
        assert [(row.user_id, row.role) for row in grants] == [(full.viewer.pk, Role.ADMIN)]
    assert there.deployment.protection == full.at("prod").deployment.protection


def test_values_are_sealed_anew(full):
    copy(full, "environment")

    [old] = [v for v in environment.variables(full.deployment) if v.name == "PASSWORD"]
    [new] = environment.variables(full.at("staging").deployment)
    assert (new.name, opened([new])) == ("PASSWORD", {new.id: "s3cret"})
    assert bytes(new.sealed) != bytes(old.sealed)


@pytest.mark.parametrize("may_deploy", [False, True])
def test_value_that_only_agents_read_is_copied_by_who_may_deploy(cast, may_deploy):
    """Code deployed beside the copy would have an agent open it."""
    public, agent = X25519PrivateKey.generate().public_key().public_bytes_raw(), make_agent(cast)
    text, key = base64.b64encode(public).decode(), key_id(public)
    with org_scope(cast.org_id):
        note_agent_key(org_id=cast.org_id, agent_id=agent.id, key_id=key, public_key=text)
    content = Content(VariableKind.SEALED_TO_AGENTS, boxes={key: seal_box(public, "API_KEY", "for code alone")})
    create_variable(deployment=cast.deployment, draft=Draft("API_KEY", FULL, (), content), actor=cast.actor)
    access = access_of(cast, cast.owner)
    limit = access.limit if may_deploy else access.limit - {Permission.LOCATION_WRITE}
    copied = copy_deployment(
        access=replace(access, limit=limit),
        source=cast.deployment,
        name="staging",
        description="",
        parts=[Part.ENVIRONMENT],
    )

    assert copied.counts == {Part.ENVIRONMENT: int(may_deploy)}
    assert ("code_location:write" in "".join(copied.left_out)) is not may_deploy


@pytest.mark.parametrize("part", list(Part))
def test_only_what_was_asked_for_is_copied(full, part):
    assert copy(full, part.value).json()["copied"].keys() == {part.value}


def test_a_refused_copy_leaves_nothing(full):
    assert copy(full, name="prod").status_code == 409
    assert copy(full, name="No Name").status_code == 400
    missing = {"name": "staging", "copy": {"deployment": "nope"}}
    path = f"/api/v1/organizations/{full.org.slug}/deployments/"
    assert full.api().post(path, missing, content_type="application/json").status_code == 404
    assert copy(full, user=full.editor).status_code == 403
    assert [row["name"] for row in full.api().get(path).json()["results"]] == ["prod"]
