"""Every request that changes something in an organization, one that succeeds for each route and method, for test_audit_coverage.py.

`{…}` in addresses and bodies is what the organization has (tests/isolation/world.py). A new route fails until its request is here, or,
with a reason, in UNRECORDED.
"""

import base64
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from controlplane.automation.conditions.services import pause
from controlplane.automation.instigators.services import stop
from controlplane.automation.models import Instigator
from controlplane.catalog import projections
from controlplane.catalog.health_services import acknowledge
from controlplane.catalog.rows import CheckRow
from controlplane.definitions.manifest import Job
from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.deployments.freezing import freeze
from controlplane.deployments.models import Promotion
from controlplane.deployments.visibility import all_of
from tenants.audit.models import AuditEvent
from tenants.organizations import request_deletion, set_logo
from tenants.scoping import org_scope
from tenants.sso.models import SsoDomain
from tests.factories import asset, deploy, make_location, make_manifest
from tests.isolation import backfills_of, branches
from tests.isolation.queues import with_slot
from tests.isolation.world import World

# One pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _nothing(world: World) -> None:
    """The world is ready as it is."""


@dataclass(frozen=True)
class Change:
    """A request body, other values for parameters of the address, and what must have happened before."""

    body: Any = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    before: Callable[[World], None] = _nothing


def _close(world: World) -> None:
    cast = world.alice
    request_deletion(org_id=cast.org_id, typed_name=cast.org.name, reason="", actor=cast.actor)


def _with_logo(world: World) -> None:
    set_logo(org_id=world.alice.org_id, data=PNG, actor=world.alice.actor)


def _blocked(world: World) -> None:
    path = f"/api/v1/organizations/{world.alice.org.slug}/agents/{world.known['agent_id']}/block/"
    assert world.alice.api().post(path, {}, content_type="application/json").status_code == 204


def verify_domains(world: World) -> None:
    """As if the records had been found."""
    with org_scope(world.alice.org_id):
        SsoDomain.objects.for_org(world.alice.org_id).update(verified_at=timezone.now())


def frozen(world: World) -> None:
    """The deployment is read-only."""
    cast = world.alice
    freeze(org_id=cast.org_id, deployment_id=cast.deployment.id, reason="Quarter end", actor=cast.actor)


def paused_automation(world: World) -> None:
    """No condition is evaluated."""
    cast = world.alice
    pause(org_id=cast.org_id, deployment_id=cast.deployment.id, actor=cast.actor)


def ended_promotion(world: World) -> None:
    """The promotion of the world is over, so that another can begin."""
    cast = world.alice
    with org_scope(cast.org_id):
        Promotion.objects.for_org(cast.org_id).update(state="failed", ended_at=timezone.now(), due_at=None)
    make_location(cast.at(world.known["branch"]), world.known["location"], deployed={"image": "shop:2"})


def childless(world: World) -> None:
    """The branch deployment is gone."""
    cast = world.alice
    branch = cast.at(world.known["branch"]).deployment
    delete_deployment(org_id=cast.org_id, deployment_id=branch.id, typed_name=None, actor=cast.actor)


def deployed_again(world: World) -> None:
    """There is something to go back from."""
    deploy(world.alice, world.known["location"])


def stopped(world: World) -> None:
    """Somebody turned the schedule and the sensor off."""
    cast = world.alice
    with org_scope(cast.org_id):
        for row in Instigator.objects.for_org(cast.org_id):
            stop(all_of(cast.org_id, cast.deployment.id), row, actor=cast.actor)


def unwell(world: World) -> None:
    """An asset whose latest check failed."""
    cast = world.alice
    at = datetime.datetime.now(datetime.UTC)
    with org_scope(cast.org_id):
        checked = CheckRow(
            cast.deployment.id, world.known["key"], "bad", None, None, at, passed=False, severity="ERROR"
        )
        projections.apply(cast.org_id, [checked])


def _with_check(world: World) -> None:
    """A location whose check can be run alone."""
    job = Job(name="__ASSET_JOB", implicit=True, assets=[["checked"]], checks=[(["checked"], "not_empty")])
    make_location(world.alice, "checked", manifest=make_manifest([asset("checked")], location="checked", jobs=[job]))


def _acknowledged(world: World) -> None:
    unwell(world)
    cast = world.alice
    acknowledge(
        visible=all_of(cast.org_id, cast.deployment.id), key=world.known["key"], reason="known", actor=cast.actor
    )


BACKFILL = "backfills/<uuid:backfill_id>/"
ORG, API, RUN = "api/v1/organizations/<slug:org>/", "deployments/<slug:deployment>/", "runs/<uuid:run_id>/"
_GRANT = {"scope": "deployment", "deployment": "prod", "role": "viewer"}
_GIVE = {"place": "organization", "role": "viewer", "hours": "0", "target": "everything"}
_VARIABLE = {"name": "NEW", "value": "x", "scopes": {"full_deployment": True}}
_TYPED = {"name": "NEW", "kind": "value", "value": "x", "full": "on", "masked": "on"}
_SYSLOG = {"name": "more", "kind": "syslog", "setup": {"host": "logs.example.com"}}
_ROLE = {"name": "reader", "permissions": ["run:read"]}

# Below /api/v1/organizations/<org>/.
_API: dict[str, Change] = {
    "PATCH ": Change({"name": "Another name"}),
    "DELETE ": Change({"name": "{org_name}"}),
    "POST undo-deletion/": Change(before=_close),
    "PUT logo/": Change(PNG),
    "DELETE logo/": Change(before=_with_logo),
    "DELETE members/<uuid:user_id>/": Change(),
    "POST invitations/": Change({"email": "somebody@example.com"}),
    "DELETE invitations/<uuid:invitation_id>/": Change(),
    "POST invitations/<uuid:invitation_id>/resend/": Change(),
    "POST teams/": Change({"name": "more"}),
    "PATCH teams/<uuid:team_id>/": Change({"name": "more"}),
    "DELETE teams/<uuid:team_id>/": Change(),
    "PUT teams/<uuid:team_id>/members/<uuid:user_id>/": Change(values={"user_id": "{editor_id}"}),
    "DELETE teams/<uuid:team_id>/members/<uuid:user_id>/": Change(),
    "POST roles/": Change(_ROLE),
    "PUT roles/<uuid:role_id>/": Change(_ROLE),
    "DELETE roles/<uuid:role_id>/": Change(),
    "POST grants/": Change({**_GRANT, "user": "{editor_id}"}),
    "DELETE grants/<uuid:grant_id>/": Change(),
    "POST sso/connections/": Change({"protocol": "oidc", "name": "Another"}),
    "PATCH sso/connections/<uuid:connection_id>/": Change({"name": "Another"}),
    "DELETE sso/connections/<uuid:connection_id>/": Change(),
    "POST sso/domains/": Change({"name": "more.example.com"}),
    "DELETE sso/domains/<uuid:domain_id>/": Change(),
    "PUT sso/domains/<uuid:domain_id>/": Change({"connection_id": "{connection_id}"}, before=verify_domains),
    "POST audit-streams/": Change(_SYSLOG),
    "PATCH audit-streams/<uuid:stream_id>/": Change({"is_paused": True}),
    "DELETE audit-streams/<uuid:stream_id>/": Change(),
    "POST audit-streams/<uuid:stream_id>/test/": Change(),
    "POST tokens/": Change({"kind": "agent", "name": "more"}),
    "PATCH tokens/<uuid:token_id>/": Change({"name": "another"}),
    "DELETE tokens/<uuid:token_id>/": Change(),
    "POST tokens/<uuid:token_id>/rotate/": Change(),
    "POST service-accounts/": Change({"name": "more"}),
    "PATCH service-accounts/<uuid:service_account_id>/": Change({"name": "another"}),
    "DELETE service-accounts/<uuid:service_account_id>/": Change(),
    "POST service-accounts/<uuid:service_account_id>/tokens/": Change({"name": "more"}),
    "POST agents/<uuid:agent_id>/block/": Change(),
    "DELETE agents/<uuid:agent_id>/block/": Change(before=_blocked),
    "POST git-connections/": Change({"provider": "gitlab", "name": "Another"}),
    "PATCH git-connections/<uuid:git_connection_id>/": Change({"name": "Another"}),
    "DELETE git-connections/<uuid:git_connection_id>/": Change(),
    "POST git-connections/<uuid:git_connection_id>/test/": Change(),
    "POST git-connections/<uuid:git_connection_id>/webhook-secret/": Change(),
    "PATCH repositories/<uuid:repository_id>/": Change({"base": "prod", "mode": "automatic"}),
    "POST repositories/<uuid:repository_id>/reconcile/": Change(),
    "POST branch-deployments/": Change({"repository": "acme/shop", "branch": "more", "pull_request": 12}),
    "POST branch-deployments/<slug:branch>/extend/": Change(),
    "POST branch-deployments/<slug:branch>/close/": Change({"reason": "over"}),
    "POST branch-deployments/<slug:branch>/approve/": Change({"sha": branches.SHA}, before=branches.hold),
    "POST branch-deployments/<slug:branch>/sleep/": Change(),
    "POST branch-deployments/<slug:branch>/wake/": Change(before=branches.put_to_sleep),
    "POST branch-deployments/<slug:branch>/keep-awake/": Change({"awake": True}),
    "POST branch-deployments/<slug:branch>/rebuild/": Change(before=branches.archive),
    f"POST {API}asset-health/": Change({"asset": "{key}", "reason": "known"}, before=unwell),
    f"DELETE {API}asset-health/": Change({"asset": "{key}"}, before=_acknowledged),
    "POST deployments/": Change({"name": "more", "copy": {"deployment": "prod"}}),
    f"POST {API}promotions/": Change({"deployment": "{branch}"}, before=ended_promotion),
    f"POST {API}promotions/<uuid:promotion_id>/rollback/": Change(),
    f"PATCH {API}": Change({"description": "What pays the bills"}),
    f"DELETE {API}": Change({"name": "prod", "cancel_runs": True}, before=childless),
    f"POST {API}automation/pause/": Change(),
    f"DELETE {API}automation/pause/": Change(before=paused_automation),
    f"POST {API}freeze/": Change({"reason": "Quarter end"}),
    f"DELETE {API}freeze/": Change(before=frozen),
    f"PUT {API}settings/": Change({"settings": {"run_monitoring": {"max_runtime_seconds": 9}}}),
    f"PUT {API}configuration/": Change(
        {"configuration": "version: 1\nsettings: {run_monitoring: {max_runtime_seconds: 9}}\n"}
    ),
    f"PUT {API}protection/": Change({"protection": {"checks": {"rollback": "automatic"}}}),
    f"POST {API}protection/override/": Change({"reason": "The fix cannot wait"}),
    f"POST {API}code-locations/<str:location>/rollback/": Change({"to_number": 1}, before=deployed_again),
    f"POST {API}deploy/": Change({"locations": [{"name": "{location}", "target": {"module_name": "more"}}]}),
    f"PUT {API}code-locations/<str:location>/": Change({"target": {"module_name": "more"}}),
    f"DELETE {API}code-locations/<str:location>/": Change(),
    f"POST {API}code-locations/<str:location>/reload/": Change(),
    f"POST {API}asset-events/": Change({"events": [{"type": "materialization", "asset": "{key}"}]}),
    f"POST {API}asset-wipes/": Change({"asset": "{key}"}),
    **{
        f"POST {API}{kind}s/<str:location>/<str:name>/{verb}/": Change(body)
        for kind in ("schedule", "sensor")
        for verb, body in {
            "stop": {},
            "tick": {},
            "apply": {"token": f"{{{kind}_token}}"},
        }.items()
    },
    f"POST {API}schedules/<str:location>/<str:name>/start/": Change({"ticks": 3}, before=stopped),
    f"POST {API}sensors/<str:location>/<str:name>/start/": Change({"ticks": 3}, before=stopped),
    f"POST {API}schedules/<str:location>/<str:name>/reset/": Change(before=stopped),
    f"POST {API}sensors/<str:location>/<str:name>/reset/": Change(before=stopped),
    f"PUT {API}sensors/<str:location>/<str:name>/cursor/": Change({"cursor": "1"}),
    **{f"POST {API}{kind}s/{verb}/": Change() for kind in ("schedule", "sensor") for verb in ("start", "stop")},
    f"POST {API}backfills/": Change({"assets": ["{key}"]}),
    f"PATCH {API}{BACKFILL}": Change({"title": "Once more"}),
    f"POST {API}{BACKFILL}pause/": Change(),
    f"POST {API}{BACKFILL}resume/": Change(before=backfills_of.paused_backfill),
    f"POST {API}{BACKFILL}cancel/": Change(),
    f"POST {API}{BACKFILL}retry/": Change(before=backfills_of.failed_backfill),
    f"POST {API}dynamic-partitions/keys/": Change({"definition": "{definition}", "keys": ["new"]}),
    f"DELETE {API}dynamic-partitions/keys/": Change(
        {"definition": "{definition}", "keys": ["new"]}, before=backfills_of.with_dynamic_partition
    ),
    f"POST {API}runs/": Change({"location": "{location}", "job": "nightly"}),
    f"POST {API}{RUN}cancel/": Change(),
    f"PUT {API}{RUN}priority/": Change({"priority": 3}, values={"run_id": "{queued_run_id}"}),
    f"POST {API}bulk-actions/": Change({"kind": "cancel", "filter": {}}),
    f"PUT {API}pools/": Change({"pool": "db", "limit": 1}),
    f"POST {API}pools/free/": Change({"pool": "db", "run": "{run_id}"}, before=with_slot),
    f"POST {API}{RUN}re-execute/": Change(),
    f"POST {API}environment/": Change(_VARIABLE),
    f"POST {API}environment/import/": Change({"text": "NEW=x", "scopes": {"full_deployment": True}}),
    f"POST {API}environment/export/": Change({"scope": "full_deployment"}),
    f"PUT {API}environment/<uuid:variable_id>/": Change({**_VARIABLE, "name": "PASSWORD"}),
    f"DELETE {API}environment/<uuid:variable_id>/": Change(),
    f"POST {API}environment/<uuid:variable_id>/reveal/": Change(),
}

# Below /<org>/settings/.
_SETTINGS: dict[str, Change] = {
    "": Change({"name": "Another name", "slug": "{org}"}),
    "sessions": Change({"hours": "12"}),
    "networks": Change({"networks": "127.0.0.0/8"}),
    "logo": Change({"logo": PNG}),
    "logo/remove": Change(before=_with_logo),
    "state": Change({"state": "read_only"}),
    "delete": Change({"typed": "{org_name}"}),
    "undo-deletion": Change(before=_close),
    "git/new": Change({"provider": "gitlab", "name": "Another"}),
    "git/<uuid:git_connection_id>": Change({"name": "Another"}),
    "git/<uuid:git_connection_id>/test": Change(),
    "git/<uuid:git_connection_id>/secret": Change(),
    "git/<uuid:git_connection_id>/delete": Change(),
    "repositories/<uuid:repository_id>": Change({"base": "prod", "mode": "automatic", "comment_mode": "always"}),
    "repositories/<uuid:repository_id>/reconcile": Change(),
    "tokens/new": Change({"kind": "agent", "name": "more"}),
    "tokens/<uuid:token_id>": Change({"name": "another"}),
    "tokens/<uuid:token_id>/rotate": Change(),
    "tokens/<uuid:token_id>/revoke": Change(),
    "service-accounts": Change({"name": "more"}),
    "service-accounts/<uuid:service_account_id>": Change({"name": "another"}),
    "service-accounts/<uuid:service_account_id>/give": Change(_GIVE),
    "service-accounts/<uuid:service_account_id>/delete": Change(),
    "service-accounts/<uuid:service_account_id>/tokens": Change({"name": "more"}),
    "scim/tokens": Change({"name": "more"}),
    "scim/tokens/<uuid:token_id>/revoke": Change(values={"token_id": "{scim_token_id}"}),
    "sso/connections": Change({"protocol": "oidc"}),
    "sso/connections/<uuid:connection_id>": Change({"name": "Another"}),
    "sso/connections/<uuid:connection_id>/delete": Change(),
    "sso/domains": Change({"name": "more.example.com"}),
    "sso/domains/<uuid:domain_id>/set": Change({"connection": "{connection_id}"}, before=verify_domains),
    "sso/domains/<uuid:domain_id>/remove": Change(),
    "audit/streams": Change({"name": "more", "kind": "syslog", "host": "logs.example.com"}),
    "audit/streams/<uuid:stream_id>": Change({"do": "pause"}),
    "audit/streams/<uuid:stream_id>/test": Change(),
    "members/invite": Change({"email": "somebody@example.com"}),
    "members/<uuid:user_id>/give": Change(_GIVE),
    "members/<uuid:user_id>/join": Change({"team": "{team_name}"}, values={"user_id": "{editor_id}"}),
    "members/<uuid:user_id>/remove": Change(),
    "invitations/<uuid:invitation_id>/resend": Change(),
    "invitations/<uuid:invitation_id>/revoke": Change(),
    "grants/<uuid:grant_id>/revoke": Change(),
    "teams": Change({"name": "more"}),
    "teams/<uuid:team_id>": Change(_GIVE),
    "teams/<uuid:team_id>/rename": Change({"name": "another"}),
    "teams/<uuid:team_id>/delete": Change(),
    "teams/<uuid:team_id>/add": Change({"email": "{editor_email}"}),
    "teams/<uuid:team_id>/members/<uuid:user_id>/remove": Change(),
    "roles": Change({"shown": "{role_id}", "role-{role_id}": "asset:read"}),
    "roles/new": Change({"name": "more", "level": "deployment"}),
    "roles/<uuid:role_id>/rename": Change({"name": "another"}),
    "roles/<uuid:role_id>/delete": Change(),
}

# Below /<org>/<deployment>/.
_PAGE: dict[str, Change] = {
    "asset/report": Change({"key": "{key}", "kind": "materialization"}),
    "checks/run": Change({"checks": "checked:not_empty"}, before=_with_check),
    "asset/acknowledge": Change({"key": "{key}", "reason": "known"}, before=unwell),
    "asset/wipe": Change({"key": "{key}", "what": "all", "typed": "{key}"}),
    "launchpad": Change({"location": "{location}", "job": "nightly"}),
    "backfills/new": Change({"assets": "{key}", "what": "all"}),
    "backfills/<uuid:backfill_id>/act": Change({"do": "pause"}),
    "dynamic-partitions": Change({"name": "{definition}", "do": "add", "keys": "new"}),
    "automation/switch": Change({"do": "stop"}),
    "automation/conditions": Change({"do": "pause"}),
    "automation/<uuid:instigator_id>/switch": Change({"do": "start_for", "ticks": "3"}, before=stopped),
    "automation/<uuid:instigator_id>/cursor": Change({"cursor": "1"}, values={"instigator_id": "{sensor_id}"}),
    "automation/<uuid:instigator_id>/tick": Change(),
    "automation/<uuid:instigator_id>/apply": Change({"token": "{schedule_token}"}),
    "runs/<uuid:run_id>/cancel": Change(),
    "runs/bulk": Change({"kind": "cancel", "all": "1", "total": "99"}),
    "queue/<uuid:run_id>": Change({"priority": "3"}, values={"run_id": "{queued_run_id}"}),
    "pools": Change({"pool": "db", "limit": "1"}),
    "runs/<uuid:run_id>/re-execute": Change({"from": "start"}),
    "code-location/new": Change({"name": "more", "way": "module_name", "what": "more", "queue": "default"}),
    "code-location/rollback": Change({"name": "{location}", "number": "1"}, before=deployed_again),
    "promotions": Change({"from": "{branch}", "location": "{location}"}, before=ended_promotion),
    "promotions/<uuid:promotion_id>/rollback": Change(),
    "settings": Change({"description": "What pays the bills"}),
    "settings/document": Change({"text": "run_monitoring: {max_runtime_seconds: 9}", "save": "on"}),
    "settings/freeze": Change({"reason": "Quarter end"}),
    "settings/thaw": Change(before=frozen),
    "settings/protection": Change({"rollback": "on"}),
    "settings/override": Change({"reason": "The fix cannot wait"}),
    "settings/delete": Change({"typed": "prod", "cancel_runs": "on"}, before=childless),
    "code-location/reload": Change({"name": "{location}"}),
    "code-location/delete": Change({"name": "{location}", "typed": "{location}"}),
    "environment/new": Change(_TYPED),
    "environment/import": Change({"text": "NEW=x", "full": "on", "confirm": "1"}),
    "environment/export": Change({"scope": "full"}),
    "environment/<uuid:variable_id>": Change({**_TYPED, "name": "PASSWORD"}),
    "environment/<uuid:variable_id>/delete": Change(),
    "environment/<uuid:variable_id>/reveal": Change(),
    "branch/act": Change({"do": "extend"}, values={"deployment": "{branch}"}),
    "agents/tokens": Change({"name": "more"}),
    "agents/tokens/<uuid:token_id>/revoke": Change(),
}

CHANGES: dict[str, Change] = {
    "POST <slug:org>/new": Change({"name": "more", "source": "prod", "part-environment": "on"}),
    **{key.replace(" ", f" {ORG}", 1): change for key, change in _API.items()},
    **{f"POST <slug:org>/settings/{path}": change for path, change in _SETTINGS.items()},
    **{f"POST <slug:org>/<slug:deployment>/{path}": change for path, change in _PAGE.items()},
}

# What takes a body and changes nothing that the log is about, and why.
UNRECORDED: dict[str, str] = {
    "POST <slug:org>/settings/git/<uuid:git_connection_id>/sync": "needs a Git host: tests/delivery/test_git_pages.py",
    f"POST {ORG}git-connections/<uuid:git_connection_id>/sync/": "needs a Git host: tests/delivery/test_connections.py",
    f"POST {ORG}source-archives/missing/": "says which archives to upload",
    f"PUT {ORG}source-archives/<str:sha256>/": "bytes that do nothing until they are deployed, which is recorded",
    f"POST {ORG}{API}schedules/<str:location>/<str:name>/test/": "needs an agent: tests/automation/test_hostile_code.py",
    f"POST {ORG}{API}sensors/<str:location>/<str:name>/test/": "the same of a sensor",
    "POST <slug:org>/<slug:deployment>/automation/<uuid:instigator_id>/test": "the same, for the page",
    f"POST {ORG}{API}backfills/preview/": "says what a backfill would make",
    f"POST {ORG}{API}bulk-actions/preview/": "says to how many runs something would be done",
    f"POST {ORG}{API}jobs/<str:job>/validate/": "asks user code whether a config is right",
    "POST <slug:org>/<slug:deployment>/branch/materialize": "launches what the form names by a digest: tests/ui/test_branches.py",
    "POST <slug:org>/<slug:deployment>/launchpad/validate": "the same, for the page",
    f"POST {ORG}sso/domains/<uuid:domain_id>/verify/": "looks a record up; what it finds is recorded: tests/tenants/sso/test_domains.py",
    "POST <slug:org>/settings/sso/domains/<uuid:domain_id>/verify": "the same, for the page",
    "POST <slug:org>/settings/sso/connections/<uuid:connection_id>/switch": "needs a provider: tests/tenants/sso/test_oidc.py",
}


def events_of(world: World) -> list[AuditEvent]:
    """The log of Alice's organization, oldest first."""
    with org_scope(world.alice.org_id):
        return list(AuditEvent.objects.for_org(world.alice.org_id).order_by("id"))
