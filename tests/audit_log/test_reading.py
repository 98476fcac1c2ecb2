"""The audit log by REST and as files: filters, pages, exports; for those who hold audit:read."""

import csv
import io
import json
from uuid import uuid4

import pytest

from controlplane.deployments.models import Deployment, DeploymentKind
from tenants.access import Actor, ActorKind
from tenants.audit.services import AuditTarget, record
from tenants.audit.verification import verify
from tenants.scoping import org_scope

BOB = Actor(ActorKind.USER, uuid4(), "bob@example.com", "192.0.2.7")
CI = Actor(ActorKind.SERVICE_ACCOUNT, uuid4(), "ci", "2001:db8::1")


@pytest.fixture
def acme(cast):
    """An organization in which Bob made a team and was refused a token, and a program launched something on a branch."""
    with org_scope(cast.org_id):
        branch = Deployment.objects.create_in(
            cast.org_id, name="pr-7", kind=DeploymentKind.BRANCH, parent_id=cast.deployment.id
        )
    record(
        org_id=cast.org_id, actor=BOB, action="team.create", target=AuditTarget("team", "t1", "=Data"), after={"a": 1}
    )
    record(
        org_id=cast.org_id,
        actor=BOB,
        action="api_token.create",
        target=AuditTarget("api_token"),
        result="refused",
        reason="no right",
    )
    record(
        org_id=cast.org_id,
        actor=CI,
        action="run.launch",
        target=AuditTarget("run", "r1", "nightly"),
        deployment_id=branch.id,
    )
    return cast


def found(cast, **query):
    answer = cast.api().get(f"/api/v1/organizations/{cast.org.slug}/audit-events/", query)
    assert answer.status_code == 200, answer.content
    return [event["action"] for event in answer.json()["results"] if event["actor"] in {"bob@example.com", "ci"}]


EVERYTHING = ["run.launch", "api_token.create", "team.create"]


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({}, EVERYTHING),
        ({"actor": "BOB@"}, EVERYTHING[1:]),
        ({"actor": str(CI.id)}, EVERYTHING[:1]),
        ({"action": "run.launch"}, EVERYTHING[:1]),
        ({"action": "team"}, EVERYTHING[2:]),
        ({"action": "tea"}, []),
        ({"deployment": "pr-7"}, EVERYTHING[:1]),
        ({"deployment": "branches"}, EVERYTHING[:1]),
        ({"deployment": "prod"}, []),
        ({"result": "refused"}, EVERYTHING[1:2]),
        ({"address": "192.0.2.7"}, EVERYTHING[1:]),
        ({"address": "2001:0db8::0001"}, EVERYTHING[:1]),
        ({"target": "r1"}, EVERYTHING[:1]),
        ({"since": "2026-01-01"}, EVERYTHING),
        ({"since": "2999-01-01T00:00:00Z"}, []),
        ({"until": "2026-01-01T00:00:00+02:00"}, []),
    ],
)
def test_filters(acme, query, actions):
    assert found(acme, **query) == actions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "yesterday"),
        ("until", "2026-13-01"),
        ("address", "inside"),
        ("result", "maybe"),
        ("deployment", "nope"),
        ("cursor", "x"),
        ("form", "xml"),
    ],
)
def test_filter_that_makes_no_sense_is_named(acme, name, value):
    path = "audit-events/export/" if name == "form" else "audit-events/"
    answer = acme.api().get(f"/api/v1/organizations/{acme.org.slug}/{path}", {name: value})

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, name)


def test_pages_follow_each_other_without_gap_or_repetition(acme):
    seen, address = [], f"/api/v1/organizations/{acme.org.slug}/audit-events/?limit=2"
    while address:
        page = acme.api().get(address).json()
        seen += [event["number"] for event in page["results"]]
        address = page["next"]

    assert seen == list(range(verify(acme.org_id).head.number, 0, -1))


def test_one_event_with_its_seal(acme):
    (event,) = (
        acme.api()
        .get(f"/api/v1/organizations/{acme.org.slug}/audit-events/", {"action": "run.launch", "actor": "ci"})
        .json()["results"]
    )

    one = acme.api().get(f"/api/v1/organizations/{acme.org.slug}/audit-events/{event['id']}/").json()
    assert one == event
    assert (one["deployment"], f"{one['number']}:{one['hash']}") == ("pr-7", str(verify(acme.org_id).head))


@pytest.mark.parametrize("path", ["audit-events/", "audit-events/export/"])
def test_editor_may_not_read_it(acme, path):
    answer = acme.api(acme.editor).get(f"/api/v1/organizations/{acme.org.slug}/{path}")

    assert answer.status_code == 403


def exported(cast, path, **query):
    answer = cast.signed_in().get(path, query) if path.startswith(f"/{cast.org.slug}") else cast.api().get(path, query)
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    return b"".join(answer.streaming_content).decode()


def test_export_as_json_lines_is_whole_and_in_the_order_of_the_chain(acme):
    text = exported(acme, f"/api/v1/organizations/{acme.org.slug}/audit-events/export/")

    documents = [json.loads(line) for line in text.splitlines()]
    head = verify(acme.org_id).head
    assert [document["number"] for document in documents] == list(range(1, head.number + 1))
    assert documents[-1]["hash"] == head.hash.hex()


def test_export_as_csv_has_the_same_filters_and_no_formulas(acme):
    text = exported(acme, f"/{acme.org.slug}/settings/audit/export", form="csv", action="team.create", actor="bob")

    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["action"], row["target"], row["after"], row["before"]) == ("team.create", "'=Data", '{"a": 1}', "")


def test_page_shows_old_and_new(acme):
    record(
        org_id=acme.org_id,
        actor=BOB,
        action="team.update",
        target=AuditTarget("team", "t1", "<b>Data</b>"),
        before={"name": "Data", "about": {"size": 3}},
        after={"name": "<i>Platform</i>", "about": {"size": 3}},
    )

    page = acme.signed_in().get(f"/{acme.org.slug}/settings/audit", {"action": "team.update"}).content.decode()
    assert '<del class="mono">Data</del>' in page
    assert '<ins class="mono">&lt;i&gt;Platform&lt;/i&gt;</ins>' in page
    assert '<span class="mono">3</span>' in page
    assert "<b>Data</b>" not in page


def test_page_says_when_nothing_fits(acme):
    page = acme.signed_in().get(f"/{acme.org.slug}/settings/audit", {"actor": "nobody"}).content.decode()

    assert "Nothing like that happened" in page
