"""Connections to Git hosts and their repositories, over REST and at a host: set up, tested, changed, deleted; secrets stay inside."""

import json

import pytest
from django.test import Client

from controlplane.delivery.connections import webhooks
from controlplane.delivery.connections.services import ConnectionValues, api_url, create_connection, update_connection
from controlplane.delivery.hosts.base import HostUnavailableError
from controlplane.delivery.models import GitConnection, Provider, Repository
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError
from tenants.models import GrantScope, Role, TargetKind
from tenants.scoping import org_scope
from tests.cast import make_member
from tests.delivery.connected import connect
from tests.delivery.hosts.fake_github import APP_ID, INSTALLATION_ID, app_pem
from tests.tenants.people import deny, person


@pytest.fixture
def connected(cast, host):
    host.add_repository("acme/shop")
    return connect(cast, host)


def rest(cast, method, path, body=None):
    text = json.dumps(body or {})
    address = f"/api/v1/organizations/{cast.org.slug}/{path}"
    if method == "GET":
        return cast.api().get(address)
    return cast.api().generic(method, address, text, content_type="application/json")


def events(cast):
    with org_scope(cast.org_id):
        rows = AuditEvent.objects.for_org(cast.org_id).filter(action__startswith="git_").order_by("id")
        return [(row.action, row.result, row.before, row.after) for row in rows]


def test_github_is_set_up_in_two_steps(cast, github):
    """GitHub gives an app its key only after it knows where the webhooks go."""
    shop = github.add_repository("acme/shop")
    made = rest(cast, "POST", "git-connections/", {"provider": "github", "api_url": github.address})
    found = made.json()
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert (found["name"], found["has_credential"], found["api_url"]) == ("GitHub", False, github.api_url)
    assert found["missing"] == ["the app id", "the installation id", "the private key"]
    assert found["webhook_url"].endswith(f"/webhooks/git/{found['id']}")

    one = f"git-connections/{found['id']}/"
    problem = rest(cast, "POST", f"{one}test/").json()
    assert problem["is_working"] is False
    assert "needs the app id" in problem["problem"]
    assert rest(cast, "POST", f"{one}sync/").status_code == 409

    github.webhook_secret = found["webhook_secret"]
    given = {"app_id": APP_ID, "installation_id": INSTALLATION_ID, "credential": app_pem()}
    assert rest(cast, "PATCH", one, given).json()["missing"] == []
    tested = rest(cast, "POST", f"{one}test/").json()
    assert tested == {
        "is_working": True,
        "credential_of": "GitHub App Daggerboard of Acme, installed for acme",
        "problem": "",
    }
    assert rest(cast, "POST", f"{one}sync/").json() == {"count": 1, "added": 1, "gone": 0}
    (listed,) = rest(cast, "GET", f"repositories/?connection={found['id']}").json()["results"]
    assert (listed["full_name"], listed["mode"], listed["external_id"]) == ("acme/shop", "off", str(shop.id))
    github.outbox.receiver = lambda headers, body: (
        Client()
        .generic("POST", f"/webhooks/git/{found['id']}", body, content_type=headers["Content-Type"], headers=headers)
        .status_code
    )
    assert github.ping().answers == [202]
    (hook,) = rest(cast, "GET", f"{one}webhooks/").json()["results"]
    assert (hook["event"], hook["kind"]) == ("ping", "nothing")


def test_secrets_are_in_no_answer_and_no_audit_event(connected, host, cast):
    secrets = [host.webhook_secret, *(value for name, value in host.credential.items() if not name.endswith("_id"))]
    one = f"git-connections/{connected.connection.id}/"
    update_connection(
        org_id=cast.org_id,
        connection_id=connected.connection.id,
        values=ConnectionValues(credential=secrets[1], webhook_secret=host.webhook_secret),
        actor=cast.actor,
    )
    texts = [rest(cast, "GET", path).content.decode() for path in ("git-connections/", one, f"{one}webhooks/")]
    texts += [
        rest(cast, "POST", f"{one}test/").content.decode(),
        str(events(cast)),
        repr(ConnectionValues(credential="x")),
    ]
    with org_scope(cast.org_id):
        stored = GitConnection.objects.for_org(cast.org_id).get()
    texts += [str(bytes(stored.sealed_credential)), str(bytes(stored.sealed_webhook_secret))]
    for secret in secrets:
        for text in texts:
            assert secret not in text
            assert json.dumps(secret)[1:60] not in text


def test_refusals_of_the_host_do_not_tell_the_secrets(connected, host, cast, caplog):
    host.fail(403, times=99)
    answer = rest(cast, "POST", f"git-connections/{connected.connection.id}/test/").json()
    assert "Trouble 403" in answer["problem"]
    credential = next(value for name, value in host.credential.items() if not name.endswith("_id"))
    assert credential not in answer["problem"] + caplog.text
    assert rest(cast, "GET", f"git-connections/{connected.connection.id}/").json()["error"] == answer["problem"]
    host.recover()
    assert rest(cast, "POST", f"git-connections/{connected.connection.id}/test/").json()["is_working"]
    assert rest(cast, "GET", f"git-connections/{connected.connection.id}/").json()["error"] == ""


def test_uninstalled_app_is_marked(cast, github):
    connected = connect(cast, github)
    github.uninstall()
    rest(cast, "POST", f"git-connections/{connected.connection.id}/test/")
    found = rest(cast, "GET", f"git-connections/{connected.connection.id}/").json()
    assert found["gone_at"] is not None
    assert "uninstalled" in found["error"]


def test_missing_permissions_are_named(cast, github):
    connected = connect(cast, github)
    github.permissions |= {"checks": "read", "deployments": "none"}
    problem = rest(cast, "POST", f"git-connections/{connected.connection.id}/test/").json()["problem"]
    assert "checks: write, deployments: write" in problem


def test_missing_scope_is_named(cast, gitlab):
    connected = connect(cast, gitlab)
    gitlab.scopes = ["read_api"]
    problem = rest(cast, "POST", f"git-connections/{connected.connection.id}/test/").json()["problem"]
    assert "read_api" in problem
    assert "scope api" in problem


def test_sync_follows_the_host(connected, host):
    (shop,) = host.repositories.values()
    host.add_repository("acme/other")
    shop.rename("store")
    connected.sync()
    assert connected.repository(shop.id).full_name == "acme/store"
    shop.is_reachable = False
    connected.sync()
    gone = connected.repository(shop.id)
    assert gone.gone_at is not None
    shop.is_reachable = True
    connected.sync()
    back = connected.repository(shop.id)
    assert (back.id, back.gone_at) == (gone.id, None)


def test_sync_that_fails_changes_nothing(connected, host, cast):
    (shop,) = host.repositories.values()
    shop.is_reachable = False
    host.fail(500, path="GET .*(projects|repositories)")
    with pytest.raises(HostUnavailableError):
        connected.sync()
    assert connected.repository(shop.id).gone_at is None
    assert "500" in rest(cast, "GET", f"git-connections/{connected.connection.id}/").json()["error"]


def test_repository_is_set_up(connected, host, cast):
    (shop,) = host.repositories.values()
    one = f"repositories/{connected.repository(shop.id).id}/"
    wanted = {
        "base": "prod",
        "mode": "label",
        "label": "try me",
        "exclude_labels": ["no preview", "no preview"],
        "comment_mode": "on_failure",
        "sleep_after_seconds": 600,
        "expire_after_seconds": None,
        "deploys_default_branch": True,
    }
    answer = rest(cast, "PATCH", one, wanted)
    assert answer.status_code == 200, answer.content
    found = rest(cast, "GET", one).json()
    assert {name: found[name] for name in wanted} == {**wanted, "exclude_labels": ["no preview"]}
    assert rest(cast, "POST", f"{one}reconcile/").status_code == 200
    actions = [action for action, *_rest in events(cast)]
    assert actions[-2:] == ["git_repository.update", "git_repository.reconcile"]


@pytest.mark.parametrize(
    ("wanted", "attr"),
    [
        ({"mode": "automatic"}, "base"),
        ({"base": "nothing"}, "base"),
        ({"base": "prod", "mode": "label", "label": " "}, "label"),
        ({"base": "prod", "mode": "sometimes"}, "mode"),
        ({"sleep_after_seconds": 5}, "sleep_after_seconds"),
    ],
)
def test_settings_that_make_no_sense_are_refused(connected, host, cast, wanted, attr):
    (shop,) = host.repositories.values()
    answer = rest(cast, "PATCH", f"repositories/{connected.repository(shop.id).id}/", wanted)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)
    assert connected.repository(shop.id).mode == "off"


def test_base_that_one_may_not_know_of_is_not_shown(connected, host, cast):
    (shop,) = host.repositories.values()
    one = f"repositories/{connected.repository(shop.id).id}/"
    rest(cast, "PATCH", one, {"base": "prod"})
    guest = cast.api(make_member(cast.org, f"guest@{cast.org.slug}.example.com"))
    shown = guest.get(f"/api/v1/organizations/{cast.org.slug}/{one}")
    assert (shown.status_code, shown.json()["base"]) == (200, None)
    assert rest(cast, "GET", one).json()["base"] == "prod"
    changed = guest.patch(f"/api/v1/organizations/{cast.org.slug}/{one}", {}, content_type="application/json")
    assert changed.status_code == 403


@pytest.mark.parametrize("wanted", [{"base": "prod"}, {"deploys_default_branch": True}, {"mode": "automatic"}])
def test_who_may_not_deploy_to_the_base_does_not_have_a_repository_deployed_there(connected, host, cast, wanted):
    """They would choose the code by choosing the repository."""
    (shop,) = host.repositories.values()
    one = f"/api/v1/organizations/{cast.org.slug}/repositories/{connected.repository(shop.id).id}/"
    if "base" not in wanted:
        rest(cast, "PATCH", one.partition(f"{cast.org.slug}/")[2], {"base": "prod"})
    admin = person(cast, Role.ORGANIZATION_ADMIN, scope=GrantScope.ORGANIZATION)
    place = (
        {"scope": GrantScope.BRANCHES_OF, "deployment_id": cast.deployment.id}
        if "mode" in wanted
        else {"target": TargetKind.LOCATION, "target_value": "shop"}
    )
    deny(cast, admin, **place)

    refused = cast.api(admin).patch(one, wanted, content_type="application/json")
    allowed = cast.api(admin).patch(one, {"label": "try"}, content_type="application/json")

    assert (refused.status_code, allowed.status_code) == (403, 200), refused.content
    assert cast.api().patch(one, wanted, content_type="application/json").status_code == 200


def test_another_organizations_connection_is_not_there(connected, host, outsider):
    (shop,) = host.repositories.values()
    one = f"git-connections/{connected.connection.id}/"
    assert rest(outsider, "GET", one).status_code == 404
    assert rest(outsider, "PATCH", one, {"name": "x"}).status_code == 404
    assert rest(outsider, "GET", f"repositories/{connected.repository(shop.id).id}/").status_code == 404
    assert rest(outsider, "GET", f"repositories/?connection={connected.connection.id}").status_code == 404
    assert rest(outsider, "GET", "repositories/").json()["results"] == []


def test_credential_is_not_sent_to_another_address(connected, host, cast):
    values = ConnectionValues(api_url="https://evil.example.com")
    given = {"org_id": cast.org_id, "connection_id": connected.connection.id, "actor": cast.actor}
    with pytest.raises(InvalidError, match="credential again") as caught:
        update_connection(values=values, **given)
    assert caught.value.attr == "credential"
    with org_scope(cast.org_id):
        assert GitConnection.objects.for_org(cast.org_id).get().api_url == host.api_url


def test_private_address_says_which_setting_allows_it(cast, settings_outside):
    values = ConnectionValues(api_url="https://10.1.2.3", credential="glpat-x")
    made = create_connection(org_id=cast.org_id, provider="gitlab", values=values, actor=cast.actor)
    problem = rest(cast, "POST", f"git-connections/{made.connection.id}/test/").json()["problem"]
    assert "DAGGERBOARD_OUTBOUND_ALLOWED_NETWORKS" in problem


@pytest.fixture
def settings_outside():
    from django.test import override_settings

    with override_settings(OUTBOUND_ALLOWED_NETWORKS=[]):
        yield


@pytest.mark.parametrize(
    ("provider", "address", "api"),
    [
        ("github", "https://github.com", "https://api.github.com"),
        ("github", "https://api.github.com/", "https://api.github.com"),
        ("github", "https://git.acme.com", "https://git.acme.com/api/v3"),
        ("github", "https://git.acme.com/api/v3/", "https://git.acme.com/api/v3"),
        ("github", "https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("github", "https://api.acme.ghe.com", "https://api.acme.ghe.com"),
        ("gitlab", "https://gitlab.com/", "https://gitlab.com/api/v4"),
        ("gitlab", "https://git.acme.com/gitlab/", "https://git.acme.com/gitlab/api/v4"),
        ("gitlab", "https://git.acme.com/api/v4", "https://git.acme.com/api/v4"),
    ],
)
def test_address_of_pages_becomes_that_of_the_api(provider, address, api):
    assert api_url(Provider(provider), address) == api


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"api_url": "ftp://x"}, "api_url"),
        ({"api_url": "https://u:p@x.example.com"}, "api_url"),
        ({"api_url": "https://x.example.com/?q"}, "api_url"),
        ({"app_id": "abc"}, "app_id"),
        ({"credential": "no key"}, "credential"),
        ({"webhook_secret": "short"}, "webhook_secret"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_values_that_make_no_sense_are_refused(cast, values, attr):
    with pytest.raises(InvalidError) as caught:
        create_connection(org_id=cast.org_id, provider="github", values=ConnectionValues(**values), actor=cast.actor)
    assert caught.value.attr == attr


def test_names_are_unique(connected, cast):
    with pytest.raises(ConflictError):
        connect(cast, connected.host)


def test_renewed_secret_is_the_one_that_counts(connected, host, cast):
    (shop,) = host.repositories.values()
    answer = rest(cast, "POST", f"git-connections/{connected.connection.id}/webhook-secret/")
    shop.push("work", {"n": "1"})
    host.webhook_secret = answer.json()["webhook_secret"]
    shop.push("work", {"n": "2"})
    assert [one.answers for one in host.outbox.sent] == [[401], [202]]
    assert answer["Cache-Control"] == "no-store"


def test_deleted_connection_leaves_nothing(connected, host, cast):
    (shop,) = host.repositories.values()
    shop.push("work", {"n": "1"})
    assert rest(cast, "DELETE", f"git-connections/{connected.connection.id}/").status_code == 204
    with org_scope(cast.org_id):
        assert not Repository.objects.for_org(cast.org_id).exists()
        assert not webhooks.deliveries(cast.org_id).exists()
    assert shop.push("work", {"n": "2"})
    assert host.outbox.sent[-1].answers == [401]
