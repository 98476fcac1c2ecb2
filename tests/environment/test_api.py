"""Environment variables over REST: who may see, read and change what."""

import pytest

from tenants.models import Effect, Grant, GrantScope, Role, TargetKind
from tenants.scoping import org_scope
from tests import factories
from tests.cast import make_member
from tests.environment.variables import BRANCHES, FULL, LOCAL, make_branch, set_variable

CANARY = "canary-71c2"


def send(client, method, path, document=None):
    return getattr(client, method)(path, document, content_type="application/json")


def url(cast, rest=""):
    return cast.api_path(f"environment/{rest}")


def member(cast, *grants):
    person = make_member(cast.org, f"{len(grants)}-{cast.org.slug}@acme.example")
    with org_scope(cast.org_id):
        for fields in grants:
            Grant.objects.create_in(cast.org_id, user=person, **{"scope": GrantScope.ORGANIZATION, **fields})
    return cast.api(person)


def test_variable_is_made_changed_revealed_and_deleted(cast):
    api = cast.api()
    made = send(api, "post", url(cast), {"name": "X", "value": CANARY, "scopes": {"full_deployment": True}})
    assert (made.status_code, CANARY in made.content.decode()) == (201, False)
    one = url(cast, f"{made.json()['id']}/")

    changed = send(
        api, "put", one, {"name": "X", "scopes": {"local": True, "full_deployment": True}, "locations": ["shop"]}
    )
    assert changed.json()["locations"] == ["shop"]
    revealed = send(api, "post", f"{one}reveal/")
    assert (revealed.json(), revealed["Cache-Control"]) == ({"value": CANARY}, "no-store")
    assert send(api, "delete", one).status_code == 204
    assert api.get(one).status_code == 404


def test_viewer_sees_names_and_no_values(cast):
    made = set_variable(cast, "X", CANARY)
    api = cast.api(cast.viewer)

    listed = api.get(url(cast))

    assert [row["name"] for row in listed.json()["results"]] == ["X"]
    assert CANARY not in listed.content.decode()
    assert send(api, "post", url(cast, f"{made.id}/reveal/")).status_code == 403
    assert send(api, "post", url(cast, "export/"), {}).status_code == 403
    assert send(api, "post", url(cast), {"name": "Y", "value": "1"}).status_code == 403


def test_denied_location_hides_its_variables(cast):
    set_variable(cast, "OF_SECRET", locations=["secret"])
    hidden = set_variable(cast, "OF_SECRET_TOO", scopes=LOCAL, locations=["secret"])
    set_variable(cast, "OF_BOTH", locations=["secret", "shop"])
    denied = {"effect": Effect.DENY, "target": TargetKind.LOCATION, "target_value": "secret"}
    api = member(cast, {"role": Role.EDITOR}, denied)

    rows = api.get(url(cast)).json()["results"]

    assert [(row["name"], row["locations"]) for row in rows] == [("OF_BOTH", ["shop"])]
    assert send(api, "post", url(cast, f"{hidden.id}/reveal/")).status_code == 404
    assert api.get(url(cast, "effective/?location=secret")).status_code == 404
    exported = send(api, "post", url(cast, "export/"), {"scope": "local"})
    assert "OF_SECRET_TOO" not in exported.content.decode()


def test_somebody_denied_a_location_changes_nothing_there(cast):
    made = set_variable(cast, "OF_BOTH", locations=["secret", "shop"])
    of_all = set_variable(cast, "OF_ALL")
    denied = {"effect": Effect.DENY, "target": TargetKind.LOCATION, "target_value": "secret"}
    api = member(cast, {"role": Role.EDITOR}, denied)

    scopes = {"full_deployment": True}
    body = {"name": "OF_BOTH", "value": "other", "scopes": scopes, "locations": ["shop"]}

    changed = send(api, "put", url(cast, f"{made.id}/"), body)
    added = send(api, "post", url(cast), {**body, "name": "NEW", "locations": ["secret"]})
    deleted = send(api, "delete", url(cast, f"{made.id}/"))
    # What is for every location is for the denied one too.
    everywhere = send(api, "post", url(cast), {**body, "name": "PYTHONPATH", "locations": []})
    taken = send(api, "delete", url(cast, f"{of_all.id}/"))

    assert [answer.status_code for answer in (changed, added, deleted, everywhere, taken)] == [403] * 5
    assert "secret " not in changed.json()["errors"][0]["detail"].replace("secret:write", "")
    assert cast.api().get(url(cast, f"{made.id}/")).json()["locations"] == ["secret", "shop"]
    assert send(api, "post", url(cast), {**body, "name": "MINE"}).status_code == 201


def test_editor_of_one_location_writes_for_it_alone(cast):
    api = member(cast, {"role": Role.EDITOR, "target": TargetKind.LOCATION, "target_value": "shop"})
    scopes = {"full_deployment": True}
    unscoped = set_variable(cast, "ALL", CANARY)

    mine = send(api, "post", url(cast), {"name": "X", "value": "1", "scopes": scopes, "locations": ["shop"]})

    assert mine.status_code == 201
    for locations in ([], ["lake"], ["shop", "lake"]):
        answer = send(api, "post", url(cast), {"name": "Z", "value": "1", "scopes": scopes, "locations": locations})
        assert answer.status_code == 403
    assert send(api, "post", url(cast, f"{unscoped.id}/reveal/")).status_code == 403


def test_branch_shows_what_holds_there_and_changes_only_its_own(cast):
    branch = make_branch(cast)
    set_variable(cast, "PROD", scopes=FULL)
    made = set_variable(cast, "BRANCHES", CANARY, scopes=BRANCHES)
    path = url(cast).replace("/prod/", f"/{branch.name}/")

    assert [row["name"] for row in cast.api().get(path).json()["results"]] == ["BRANCHES"]
    assert send(cast.api(), "post", path, {"name": "X", "value": "1", "scopes": {"local": True}}).status_code == 409
    assert send(cast.api(), "delete", f"{path}{made.id}/").status_code == 409
    own = send(cast.api(), "post", path, {"name": "BRANCHES", "value": "2"})
    assert (own.status_code, own.json()["scopes"]["branch_deployment"]) == (201, branch.name)
    imported = send(cast.api(), "post", f"{path}import/", {"text": "BRANCHES=3\nMORE=1\n"}).json()
    assert [line["outcome"] for line in imported["lines"]] == ["update", "create"]
    assert send(cast.api(), "delete", f"{path}{own.json()['id']}/").status_code == 204


def test_who_may_write_in_a_branch_alone_changes_nothing_of_others(cast):
    branch = make_branch(cast)
    editor = member(cast, {"role": Role.EDITOR, "scope": GrantScope.DEPLOYMENT, "deployment_id": branch.id})
    path = url(cast).replace("/prod/", f"/{branch.name}/")
    body = {"name": "X", "value": "1"}

    assert send(editor, "post", path, body).status_code == 201
    assert send(editor, "post", url(cast), {**body, "scopes": {"branch_deployment": branch.name}}).status_code in {
        403,
        404,
    }
    assert (
        send(editor, "post", path, {**body, "name": "Y", "scopes": {"all_branch_deployments": True}}).status_code == 409
    )


def test_import_tells_every_error_by_its_line_and_does_nothing(cast):
    text = f"GOOD=1\nBAD-NAME=2\nDAGGERBOARD_X={CANARY}\n"

    answer = send(cast.api(), "post", url(cast, "import/"), {"text": text, "scopes": {"local": True}})

    document = answer.json()
    assert document["imported"] is False
    assert [(line["line"], line["outcome"]) for line in document["lines"]] == [
        (1, "create"),
        (2, "error"),
        (3, "error"),
    ]
    assert CANARY not in answer.content.decode()
    assert cast.api().get(url(cast)).json()["results"] == []


def test_import_and_export_are_each_others_inverse(cast):
    set_variable(cast, "OLD", "1", scopes=LOCAL)
    text = "NEW='with space'\nOLD=2\n"

    plan = send(cast.api(), "post", url(cast, "import/"), {"text": text, "scopes": {"local": True}, "dry_run": True})
    done = send(cast.api(), "post", url(cast, "import/"), {"text": text, "scopes": {"local": True}})
    exported = send(cast.api(), "post", url(cast, "export/"), {"scope": "local"})

    assert [line["outcome"] for line in plan.json()["lines"]] == ["create", "update"]
    assert (plan.json()["imported"], done.json()["imported"]) == (False, True)
    assert exported.json() == {"text": text, "left_out": []}


def test_effective_environment_names_the_source_of_every_value(cast):
    factories.make_location(cast, "shop")
    set_variable(cast, "X", CANARY, FULL)
    own = set_variable(cast, "X", CANARY, FULL, ["shop"])

    answer = cast.api(cast.viewer).get(url(cast, "effective/?location=shop"))

    found = {row["name"]: row for row in answer.json()}
    assert found["X"]["variable_id"] == str(own.id)
    assert found["X"]["beats"] == ["full deployment"]
    assert found["DAGSTER_CLOUD_LOCATION_NAME"]["value"] == "shop"
    assert CANARY not in answer.content.decode()


@pytest.mark.parametrize(
    "document",
    [
        {"name": "X"},
        {"name": "X", "value": "1", "scopes": {}},
        {"name": "X", "value": "1", "reference": {"store": "vault", "secret": "a/b#c"}, "scopes": {"local": True}},
        {"name": "X", "value": "1", "scopes": {"branch_deployment": "nowhere"}},
        {"name": "X", "value": "a\0b", "scopes": {"local": True}},
    ],
)
def test_nonsense_is_refused(cast, document):
    assert send(cast.api(), "post", url(cast), document).status_code == 400
