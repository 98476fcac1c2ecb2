"""Protection rules: what is a valid document, when nothing is deployed (at the edges of summer time too), and who deploys."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.deployments import protecting
from controlplane.deployments.code import Code
from controlplane.deployments.deploying import LocationDeploy, deploy_locations
from controlplane.deployments.freeze_windows import frozen_at, next_frozen
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.protecting import DeploymentProtectedError
from controlplane.deployments.protection import parse
from controlplane.deployments.services import create_deployment, delete_location, reload_location, rollback_location
from tenants.access import SYSTEM, Actor, ActorKind, Principal
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError
from tenants.models import Team, TeamMembership, TokenKind
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tests.factories import deploy, load, make_location, make_manifest

BERLIN = "Europe/Berlin"
NOW = timezone.now()
ALWAYS = [{"from": "2020-01-01T00:00", "until": "2099-01-01T00:00", "time_zone": "UTC", "reason": "Audit"}]


def weekly(*days, start, end, zone=BERLIN):
    document = {"freeze_windows": [{"days": list(days), "start": start, "end": end, "time_zone": zone}]}
    return parse(document).windows


def utc(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"deployer": {}}, "deployer"),
        ({"deployers": {"people": "a@b.c"}}, "$.deployers.people"),
        ({"deployers": {"people": [3]}}, "$.deployers.people[0]"),
        ({"deployers": {"teams": [""]}}, "$.deployers.teams[0]"),
        ({"freeze_windows": [{"days": ["fri"], "start": "16:00", "end": "08:00"}]}, "$.freeze_windows[0]"),
        ({"freeze_windows": [{"days": ["fry"], "start": "16:00", "end": "08:00", "time_zone": BERLIN}]}, "$.freeze_windows[0].days[0]"),
        ({"freeze_windows": [{"days": ["fri"], "start": "25:00", "end": "08:00", "time_zone": BERLIN}]}, "$.freeze_windows[0].start"),
        ({"freeze_windows": [{"days": ["fri"], "start": "24:00", "end": "08:00", "time_zone": BERLIN}]}, "$.freeze_windows[0].start"),
        ({"freeze_windows": [{"days": ["fri"], "start": "16:00", "end": "08:00", "time_zone": "Berlin"}]}, "$.freeze_windows[0].time_zone"),
        ({"freeze_windows": [{"days": ["fri"], "start": "16:00", "end": "08:00", "time_zone": "../UTC"}]}, "$.freeze_windows[0].time_zone"),
        ({"freeze_windows": [{"start": "16:00", "end": "08:00", "time_zone": BERLIN}]}, "$.freeze_windows[0].days"),
        ({"freeze_windows": [{"days": ["fri"], "start": "16:00", "end": "08:00", "from": "x", "time_zone": BERLIN}]}, "$.freeze_windows[0]"),
        ({"freeze_windows": [{"from": "2026-01-02T00:00", "until": "2026-01-01T00:00", "time_zone": BERLIN}]}, "$.freeze_windows[0].until"),
        ({"freeze_windows": [{"from": "2026-02-30T00:00", "until": "2026-03-01T00:00", "time_zone": BERLIN}]}, "$.freeze_windows[0].from"),
        ({"checks": {"rollback": "maybe"}}, "$.checks.rollback"),
        ({"checks": {"smoke_job": {"location": "shop"}}}, "$.checks.smoke_job"),
        ({"checks": {"loaded_in": "a\nb"}}, "$.checks.loaded_in"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_refused_at_its_place(document, place):
    with pytest.raises(InvalidError) as refused:
        parse(document)
    assert place in refused.value.message


def test_a_window_over_midnight_holds_from_the_evening_until_the_morning():
    windows = weekly("fri", start="16:00", end="08:00")

    assert frozen_at(windows, utc("2026-01-16T14:59:59")) is None
    assert frozen_at(windows, utc("2026-01-16T15:00")).end == utc("2026-01-17T07:00")
    assert frozen_at(windows, utc("2026-01-17T06:59:59")) is not None
    assert frozen_at(windows, utc("2026-01-17T07:00")) is None
    assert next_frozen(windows, utc("2026-01-17T07:00")).start == utc("2026-01-23T15:00")


def test_windows_that_follow_each_other_end_with_the_last():
    windows = weekly("fri", "sat", "sun", start="00:00", end="24:00")

    assert frozen_at(windows, utc("2026-01-16T12:00")).end == utc("2026-01-18T23:00")


def test_in_summer_it_is_an_hour_earlier_in_utc():
    windows = weekly("fri", start="16:00", end="18:00")

    assert frozen_at(windows, utc("2026-07-17T14:00")) is not None
    assert frozen_at(windows, utc("2026-07-17T16:00")) is None


def test_an_hour_that_is_left_out_is_the_moment_of_the_jump():
    """On 2026-03-29 clocks in Berlin go from 02:00 to 03:00, at 01:00 UTC."""
    inside = weekly("sun", start="02:15", end="02:45")
    until = weekly("sun", start="01:00", end="02:30")
    since = weekly("sun", start="02:30", end="04:00")

    assert frozen_at(inside, utc("2026-03-29T01:00")) is None
    assert frozen_at(until, utc("2026-03-29T00:30")).end == utc("2026-03-29T01:00")
    assert frozen_at(since, utc("2026-03-29T00:59:59")) is None
    assert frozen_at(since, utc("2026-03-29T01:00")).end == utc("2026-03-29T02:00")


def test_an_hour_that_comes_twice_counts_from_its_first_until_its_second():
    """On 2026-10-25 clocks in Berlin go from 03:00 back to 02:00, at 01:00 UTC."""
    windows = weekly("sun", start="02:15", end="02:45")

    assert frozen_at(windows, utc("2026-10-25T00:14:59")) is None
    assert frozen_at(windows, utc("2026-10-25T00:15")).end == utc("2026-10-25T01:45")
    assert frozen_at(windows, utc("2026-10-25T01:00")) is not None
    assert frozen_at(windows, utc("2026-10-25T01:45")) is None


@pytest.mark.parametrize(
    "zone", [BERLIN, "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
)
def test_the_local_clock_agrees_in_every_quarter_of_a_year(zone):
    """Away from the edges, a moment is frozen exactly when the local clock says so."""
    windows = weekly("tue", "sat", start="09:30", end="17:00", zone=zone)
    moment = utc("2026-01-01T00:07")
    for _ in range(4 * 24 * 365):
        moment += datetime.timedelta(minutes=15 * 7)
        if moment.year > 2026:
            break
        local = moment.astimezone(ZoneInfo(zone))
        expected = local.weekday() in {1, 5} and datetime.time(9, 30) <= local.time() < datetime.time(17)
        assert (frozen_at(windows, moment) is not None) == expected, moment


def protect(cast, **document):
    return protecting.set_protection(
        org_id=cast.org_id, deployment_id=cast.deployment.id, document=document, actor=cast.actor
    )


def editor(cast):
    return Principal(user=cast.editor).actor


def deploy_as(cast, actor, **fields):
    code = Code(**fields) if fields else Code(git_commit="abc")
    return deploy_locations(
        org_id=cast.org_id, deployment_id=cast.deployment.id, deploys=[LocationDeploy("shop", code)], actor=actor
    )


def test_only_deployers_deploy_in_whichever_way(cast):
    make_location(cast)
    make_location(cast)
    protect(cast, deployers={"people": [cast.owner.email.upper()]})

    deploy_as(cast, cast.actor)
    token = issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="laptop", user=cast.owner).token
    deploy_as(cast, Actor(ActorKind.TOKEN, token.id, "laptop"))
    where = {"org_id": cast.org_id, "deployment_id": cast.deployment.id, "name": "shop"}
    for change in (
        lambda: deploy_as(cast, editor(cast)),
        lambda: deploy_as(cast, SYSTEM),
        lambda: reload_location(**where, actor=editor(cast)),
        lambda: rollback_location(**where, to_number=1, actor=editor(cast)),
        lambda: delete_location(**where, actor=editor(cast)),
    ):
        with pytest.raises(DeploymentProtectedError, match=f"(?i)only {cast.owner.email} may deploy"):
            change()
    answer = cast.api(cast.editor).put(cast.api_path("code-locations/shop/"), {}, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "deployment_protected")


def test_teams_service_accounts_and_git_are_deployers_when_they_are_named(cast):
    with org_scope(cast.org_id):
        team = Team.objects.create_in(cast.org_id, name="data")
        TeamMembership.objects.create_in(cast.org_id, team_id=team.id, user_id=cast.editor.pk)
    protect(cast, deployers={"teams": ["data"], "git": True})

    deploy_as(cast, editor(cast))
    deploy_as(cast, SYSTEM)
    with pytest.raises(DeploymentProtectedError, match="the team data"):
        deploy_as(cast, cast.actor)


@pytest.mark.parametrize("kind", ["people", "teams", "service_accounts"])
def test_rules_name_nobody_who_is_not_here(cast, outsider, kind):
    names = {"people": [outsider.owner.email], "teams": ["nobody"], "service_accounts": ["nobody"]}
    with pytest.raises(InvalidError, match=rf"\$\.deployers\.{kind}\[0\]"):
        protect(cast, deployers={kind: names[kind]})


def test_nothing_is_deployed_in_a_freeze_window_and_an_admin_goes_past_it_alone(cast):
    protect(cast, freeze_windows=ALWAYS)
    with pytest.raises(DeploymentProtectedError, match=r"Audit.*until 2099-01-01 00:00 UTC"):
        deploy_as(cast, cast.actor)

    where = {"org_id": cast.org_id, "deployment_id": cast.deployment.id}
    protecting.override(**where, reason="The fix cannot wait", minutes=15, actor=cast.actor)
    [version] = deploy_as(cast, cast.actor)

    assert version.number == 1
    with pytest.raises(DeploymentProtectedError):
        deploy_as(cast, editor(cast))
    with org_scope(cast.org_id):
        reasons = AuditEvent.objects.for_org(cast.org_id).exclude(reason="").order_by("id")
        assert [(row.action, row.reason) for row in reasons] == [
            ("deployment.override_protection", "The fix cannot wait"),
            ("code_location.deploy", "The fix cannot wait"),
        ]
        row = Deployment.objects.for_org(cast.org_id).get(id=cast.deployment.id)
        row.protection_override["until"] = (timezone.now() - datetime.timedelta(seconds=1)).isoformat()
        row.save()
    with pytest.raises(DeploymentProtectedError):
        deploy_as(cast, cast.actor)


def test_an_empty_document_lifts_every_rule(cast):
    protect(cast, freeze_windows=ALWAYS, deployers={})
    assert protect(cast, deployers={}).protection == {"deployers": {}}
    assert protect(cast).protection == {}
    assert protect(cast, checks={"rollback": "manual"}).protection == {}


def test_only_admins_change_the_rules_and_go_past_them(cast):
    api = cast.api(cast.editor)
    answers = [
        api.put(cast.api_path("protection/"), {"protection": {}}, content_type="application/json"),
        api.post(cast.api_path("protection/override/"), {"reason": "x"}, content_type="application/json"),
        api.post(cast.api_path("freeze/"), {"reason": "x"}, content_type="application/json"),
        api.delete(cast.api_path("freeze/")),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4


def test_code_must_have_loaded_elsewhere_first(cast):
    staging = create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    protect(cast, checks={"loaded_in": "staging"})
    there = type(cast)(**{**vars(cast), "deployment": staging})
    with pytest.raises(DeploymentProtectedError, match="loaded in staging"):
        deploy_as(cast, cast.actor, image="shop:1")

    version = deploy(there, "shop", image="shop:1", target=Code().target)
    with pytest.raises(DeploymentProtectedError):
        deploy_as(cast, cast.actor, image="shop:1")
    load(there, version, make_manifest(location="shop"))
    deploy_as(cast, cast.actor, image="shop:1")
    with pytest.raises(DeploymentProtectedError):
        deploy_as(cast, cast.actor, image="shop:2")


def test_what_the_rules_say_now_is_answered(cast):
    protect(cast, freeze_windows=ALWAYS, checks={"rollback": "automatic"})

    found = cast.api().get(cast.api_path("protection/")).json()

    assert found["protection"] == {"freeze_windows": ALWAYS, "checks": {"rollback": "automatic"}}
    assert (found["frozen"]["reason"], found["next_frozen"], found["override"]) == ("Audit", None, None)


def test_everything_that_is_wrong_is_told_at_once(cast):
    make_location(cast)
    checks = {"loaded_in": "nowhere", "smoke_job": {"location": "typo", "job": "nightly"}}
    windows = [{"days": ["fri"], "start": "25:00", "end": "08:00", "time_zone": BERLIN}]

    with pytest.raises(InvalidError) as refused:
        protect(cast, deployers={"teams": ["a", "b"]}, freeze_windows=windows, checks=checks)

    for place in ("$.deployers.teams[0]", "$.deployers.teams[1]", "$.freeze_windows[0].start", "$.checks.loaded_in"):
        assert f"`{place}`" in refused.value.message
    assert "has no code location typo; there are shop." in refused.value.message


def test_code_loads_first_in_a_full_deployment_only(cast):
    with org_scope(cast.org_id):
        Deployment.objects.create_in(cast.org_id, name="pr-5", kind=DeploymentKind.BRANCH, parent_id=cast.deployment.id)
    with pytest.raises(InvalidError, match="no other full deployment called pr-5"):
        protect(cast, checks={"loaded_in": "pr-5"})


def test_deployment_that_rules_name_is_not_deleted(cast):
    staging = create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    protect(cast, checks={"loaded_in": "staging"})
    asked = {"org_id": cast.org_id, "deployment_id": staging.id, "typed_name": "staging", "actor": cast.actor}
    with pytest.raises(ConflictError, match="rules of prod take only what has loaded in staging"):
        delete_deployment(**asked)
    protect(cast)
    delete_deployment(**asked)
