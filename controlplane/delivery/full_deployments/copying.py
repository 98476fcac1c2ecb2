"""A new full deployment like another one: its code, its variables, its rules, its grants; as much of it as was asked for."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controlplane.deployments import protecting
from controlplane.deployments.code import code_of
from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind
from controlplane.deployments.services import create_deployment, deploy_location
from controlplane.deployments.visibility import visible_to
from controlplane.environment import selectors as environment
from controlplane.environment.drafts import Content, Draft, Scopes
from controlplane.environment.models import EnvironmentVariable, VariableKind
from controlplane.environment.services import apply_drafts, opened
from controlplane.environment.visible import VariableRights
from tenants.access import Access
from tenants.errors import InvalidError
from tenants.models import Effect, Grant, GrantScope, Role, TargetKind
from tenants.people.grants import Holder, grant
from tenants.people.terms import GrantTerms
from tenants.permissions import Permission
from tenants.scoping import org_scope


class Part(StrEnum):
    """What can be copied."""

    LOCATIONS = "code_locations"
    ENVIRONMENT = "environment"
    SETTINGS = "settings"
    PROTECTION = "protection"
    GRANTS = "grants"


@dataclass
class Copied:
    """The new deployment, how much of each part it got, and what was left out and why."""

    deployment: Deployment
    counts: dict[Part, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def copy_deployment(
    *, access: Access, source: Deployment, name: str, description: str, parts: Collection[Part]
) -> Copied:
    """Make a deployment and copy these parts into it, all or nothing. The caller may create deployments.

    InvalidError when the source is a branch deployment, ForbiddenError for what of the source the caller may not read.
    """
    if source.kind != DeploymentKind.FULL:
        raise InvalidError(f"{source.name} is a branch deployment. Copy a full one.", attr="copy")
    with org_scope(access.org.id):
        there = access.at(source.place)
        made = create_deployment(org_id=access.org.id, name=name, description=description, actor=access.actor)
        copied = Copied(made)
        # The rules last: they would hold already for what is copied.
        copies = {
            Part.SETTINGS: _copy_settings,
            Part.ENVIRONMENT: _copy_environment,
            Part.LOCATIONS: _copy_locations,
            Part.GRANTS: _copy_grants,
            Part.PROTECTION: _copy_protection,
        }
        for part, copy in copies.items():
            if part in parts:
                copied.counts[part] = copy(there, source, copied)
        copied.deployment.refresh_from_db()
        return copied


def _copy_settings(_there: Access, source: Deployment, copied: Copied) -> int:
    copied.deployment.settings = source.settings
    copied.deployment.save(update_fields=["settings"])
    return len(source.settings)


def _copy_environment(there: Access, source: Deployment, copied: Copied) -> int:
    """Those that hold in the full deployment. SECURITY: who may not read a value there may not have it here."""
    rights = VariableRights(there)
    found = [variable for variable in environment.visible_variables(there, source) if variable.in_full]
    for variable in found:
        rights.require(Permission.SECRET_READ, variable.locations)
    values = opened(found)
    may_deploy = visible_to(there, source).permits(Permission.LOCATION_WRITE)
    known = {key.key_id for key in environment.agent_keys(source.org_id)}
    drafts = []
    for variable in found:
        boxes = {key: box for key, box in variable.sealed_boxes.items() if key in known}
        if variable.kind == VariableKind.SEALED_TO_AGENTS and not may_deploy:
            # SECURITY: whoever deploys code beside the copy would have an agent open what nobody but its code was to read.
            copied.left_out.append(f"The variable {variable.name}: this needs the permission code_location:write.")
            continue
        if variable.kind == VariableKind.SEALED_TO_AGENTS and not boxes:
            copied.left_out.append(f"The variable {variable.name}: no agent of today can open it.")
            continue
        drafts.append((None, _draft(variable, values.get(variable.id, ""), boxes)))
    apply_drafts(deployment=copied.deployment, drafts=drafts, actor=there.actor)
    return len(drafts)


def _draft(variable: EnvironmentVariable, value: str, boxes: dict[str, str]) -> Draft:
    kind = VariableKind(variable.kind)
    content = Content(kind, value=value, store=variable.store, reference=variable.reference, boxes=boxes)
    return Draft(variable.name, Scopes.of(variable), tuple(variable.locations), content, variable.masked)


def _copy_locations(there: Access, source: Deployment, copied: Copied) -> int:
    """What serves, or what is deployed where nothing has served yet."""
    count = 0
    visible = visible_to(there, source)
    # In the order in which they were added: it decides who has an asset that several define.
    for location in sorted(visible.code_locations(), key=lambda row: row.id):
        # SECURITY: who may not deploy an archive does not learn of it by way of a copy either.
        if not visible.permits(Permission.LOCATION_WRITE, location=location.name):
            copied.left_out.append(f"The code location {location.name}: this needs the permission code_location:write.")
            continue
        version = location.current or location.desired
        if version is None:
            copied.left_out.append(f"The code location {location.name}: nothing was ever deployed there.")
            continue
        deploy_location(
            org_id=source.org_id,
            deployment_id=copied.deployment.id,
            name=location.name,
            code=code_of(version),
            queue=location.queue,
            actor=there.actor,
        )
        count += 1
    return count


def _copy_grants(there: Access, source: Deployment, copied: Copied) -> int:
    there.require(Permission.DEPLOYMENT_GRANT)
    rows = Grant.objects.for_org(source.org_id).filter(scope=GrantScope.DEPLOYMENT, deployment_id=source.id)
    for row in rows.order_by("id"):
        terms = GrantTerms(
            scope=GrantScope.DEPLOYMENT,
            effect=Effect(row.effect),
            role=Role(row.role) if row.role else None,
            custom_role_id=row.custom_role_id,
            deployment_id=copied.deployment.id,
            target=TargetKind(row.target),
            target_value=row.target_value,
            reason=row.reason,
            expires_at=row.expires_at,
        )
        grant(access=there, holder=Holder.of(row), terms=terms)
    return len(rows)


def _copy_protection(there: Access, source: Deployment, copied: Copied) -> int:
    if source.protection:
        protecting.set_protection(
            org_id=source.org_id,
            deployment_id=copied.deployment.id,
            document=_without_missing_smoke_job(source, copied),
            actor=there.actor,
        )
    return len(source.protection)


def _without_missing_smoke_job(source: Deployment, copied: Copied) -> dict[str, Any]:
    """The rules; a smoke job's code location may not have come along."""
    checks = dict(source.protection.get("checks", {}))
    smoke = checks.get("smoke_job")
    there = CodeLocation.objects.for_org(source.org_id).filter(deployment_id=copied.deployment.id)
    if not smoke or there.filter(name=smoke["location"]).exists():
        return dict(source.protection)
    del checks["smoke_job"]
    copied.left_out.append(f"The smoke job: the code location {smoke['location']} was not copied.")
    return {**source.protection, "checks": checks}
