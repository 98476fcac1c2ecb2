"""What changes variables, and what reads their values: each change and each reading is in the audit log."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from controlplane.core import wakeups
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.models import BranchDeployment, Deployment, DeploymentKind
from controlplane.environment import names
from controlplane.environment.drafts import Content, Draft, Scopes
from controlplane.environment.models import AgentKey, EnvironmentRevision, EnvironmentVariable, VariableKind
from controlplane.environment.precedence import rivals
from controlplane.environment.selectors import owner_id
from controlplane.environment.words import scope_words
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.scoping import org_scope
from tenants.sealing import sealing_key

PURPOSE = "environment"
_MAX_LOCATIONS = 100
_MAX_LOCATION_NAME = 200
# A sealed box is 60 bytes longer than its value, and Base64 a third longer than that.
_MAX_BOX_TEXT = 6000
_PUBLIC_KEY_BYTES = 32


def create_variable(*, deployment: Deployment, draft: Draft, actor: Actor) -> EnvironmentVariable:
    """Add a variable to a full deployment, or to one branch deployment alone.

    InvalidError for a bad one, ConflictError when another would have the same rank.
    """
    with org_scope(deployment.org_id):
        owner, known = _locked(deployment)
        made = _create(owner, _of_its_own(deployment, draft), known, actor)
        _changed(owner)
    return made


def update_variable(*, deployment: Deployment, variable_id: UUID, draft: Draft, actor: Actor) -> EnvironmentVariable:
    """Make a variable what the draft says; without content its value stays."""
    with org_scope(deployment.org_id):
        owner, known = _locked(deployment)
        variable = _own(deployment, _one(known, variable_id))
        _update(variable, _of_its_own(deployment, draft), known, actor)
        _changed(owner)
    return variable


def delete_variable(*, deployment: Deployment, variable_id: UUID, actor: Actor) -> None:
    """Take a variable away; NotFoundError when there is none."""
    with org_scope(deployment.org_id):
        owner, known = _locked(deployment)
        variable = _own(deployment, _one(known, variable_id))
        EnvironmentVariable.objects.for_org(deployment.org_id).filter(id=variable_id).delete()
        _record(variable, "delete", actor, before=described(variable))
        _changed(owner)


def apply_drafts(*, deployment: Deployment, drafts: Sequence[tuple[UUID | None, Draft]], actor: Actor) -> None:
    """Create those without an id and change the others, all or none."""
    with org_scope(deployment.org_id):
        owner, known = _locked(deployment)
        for variable_id, given in drafts:
            draft = _of_its_own(deployment, given)
            if variable_id is None:
                known.append(_create(owner, draft, known, actor))
            else:
                _update(_own(deployment, _one(known, variable_id)), draft, known, actor)
        _changed(owner)


def own_scopes(deployment: Deployment, scopes: Scopes) -> Scopes:
    """What may be written there. SECURITY: whoever may write in a branch deployment writes what holds in that branch, and nothing else.

    ConflictError for scopes that say more; none are the branch's own.
    """
    own = Scopes(branch_id=deployment.id)
    if deployment.kind == DeploymentKind.FULL:
        return scopes
    if scopes not in {own, Scopes()}:
        raise ConflictError(
            f"In the branch deployment {deployment.name} a variable holds for that branch alone. Others are managed in the full "
            "deployment it belongs to.",
            attr="scopes",
        )
    return own


def check_place(deployment: Deployment, scopes: Scopes, locations: Sequence[str]) -> None:
    """InvalidError when no variable can hold there."""
    with org_scope(deployment.org_id):
        _check_scopes(scopes, deployment.org_id, deployment.id)
    _check_locations(locations)


def reveal_value(*, deployment: Deployment, variable: EnvironmentVariable, actor: Actor) -> str:
    """The value in plain text, with a row in the audit log. ConflictError for what we cannot read ourselves."""
    if variable.kind != VariableKind.VALUE:
        raise ConflictError(
            f"{variable.name} is {VariableKind(variable.kind).label.lower()}: its value is not here, only agents can get it."
        )
    with org_scope(variable.org_id):
        _record(variable, "reveal", actor, place=deployment)
        return opened([variable])[variable.id]


def export_values(*, deployment: Deployment, variables: Sequence[EnvironmentVariable], actor: Actor) -> dict[str, str]:
    """Values by name, with one row in the audit log that lists the names. What we cannot read is left out."""
    readable = [variable for variable in variables if variable.kind == VariableKind.VALUE]
    with org_scope(deployment.org_id):
        record(
            org_id=deployment.org_id,
            actor=actor,
            action="environment_variable.export",
            target=AuditTarget("deployment", deployment.id, deployment.name),
            after={"names": [variable.name for variable in readable]},
            deployment_id=deployment.id,
        )
        values = opened(readable)
    return {variable.name: values[variable.id] for variable in readable}


def opened(variables: Sequence[EnvironmentVariable]) -> dict[UUID, str]:
    """Values in plain text by id. Not audited: for delivery to agents, and for the functions above."""
    if not variables:
        return {}
    key = sealing_key(variables[0].org_id)
    return {
        v.id: key.open(PURPOSE, v.id, bytes(v.sealed or b"")).decode()
        for v in variables
        if v.kind == VariableKind.VALUE
    }


def note_agent_key(*, org_id: UUID, agent_id: UUID, key_id: str, public_key: str) -> None:
    """Keep the public key that an agent registered with (Base64); InvalidError when it is none."""
    try:
        data = base64.b64decode(public_key, validate=True)
    except binascii.Error:
        data = b""
    if len(data) != _PUBLIC_KEY_BYTES or not key_id.isalnum() or len(key_id) > 16:
        raise InvalidError("public_key is no X25519 key in Base64.", attr="public_key")
    row = AgentKey(org_id=org_id, agent_id=agent_id, key_id=key_id, public_key=data)
    with org_scope(org_id):
        AgentKey.unscoped.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["org_id", "agent_id"],
            update_fields=["key_id", "public_key", "registered_at"],
        )


def described(variable: EnvironmentVariable) -> dict[str, Any]:
    """A variable without its value, as the audit log keeps it."""
    facts: dict[str, Any] = {"name": variable.name, "scope": scope_words(variable), "locations": variable.locations}
    facts |= {"kind": variable.kind, "masked": variable.masked}
    return facts | ({"reference": f"{variable.store} {variable.reference}"} if variable.reference else {})


def _create(
    deployment: Deployment, draft: Draft, known: Sequence[EnvironmentVariable], actor: Actor
) -> EnvironmentVariable:
    if len(known) >= names.MAX_VARIABLES:
        raise ConflictError(f"{deployment.name} has {names.MAX_VARIABLES} variables, and cannot have more.")
    if draft.content is None:
        raise InvalidError("Give the variable a value, or a reference to one.", attr="value")
    variable = EnvironmentVariable(org_id=deployment.org_id, deployment_id=deployment.id)
    _fill(variable, draft, known, actor)
    variable.save(force_insert=True)
    _record(variable, "create", actor, after=described(variable))
    return variable


def _update(variable: EnvironmentVariable, draft: Draft, known: Sequence[EnvironmentVariable], actor: Actor) -> None:
    before = described(variable)
    _fill(variable, draft, known, actor)
    variable.save(force_update=True)
    after = described(variable) | ({"value": "changed"} if draft.content is not None else {})
    _record(variable, "update", actor, before=before, after=after)


def _fill(variable: EnvironmentVariable, draft: Draft, known: Sequence[EnvironmentVariable], actor: Actor) -> None:
    names.check_name(draft.name)
    _check_scopes(draft.scopes, variable.org_id, variable.deployment_id)
    _check_locations(draft.locations)
    scopes = draft.scopes
    variable.name, variable.locations, variable.masked = draft.name, sorted(set(draft.locations)), draft.masked
    variable.in_full, variable.in_all_branches, variable.in_local = scopes.full, scopes.all_branches, scopes.local
    variable.branch_id = scopes.branch_id
    variable.updated_at, variable.updated_by = timezone.now(), actor.label[:254]
    if draft.content is not None:
        _put(variable, draft.content)
    for other in rivals(variable, known):
        raise ConflictError(
            f"There is a variable {other.name} already ({scope_words(other)}), and neither would count more. Change that one.",
            attr="name",
        )


def _put(variable: EnvironmentVariable, content: Content) -> None:
    variable.kind, variable.sealed, variable.store, variable.reference = content.kind, None, "", ""
    variable.sealed_boxes = {}
    match content.kind:
        case VariableKind.VALUE:
            names.check_value(content.value)
            variable.sealed = sealing_key(variable.org_id).seal(PURPOSE, variable.id, content.value.encode())
        case VariableKind.REFERENCE:
            names.check_reference(content.store, content.reference)
            variable.store, variable.reference = content.store, content.reference
        case VariableKind.SEALED_TO_AGENTS:
            _check_boxes(variable.org_id, content.boxes)
            variable.sealed_boxes = content.boxes


def _check_boxes(org_id: UUID, boxes: dict[str, str]) -> None:
    known = set(AgentKey.objects.for_org(org_id).values_list("key_id", flat=True))
    unknown = sorted(boxes.keys() - known)
    if not boxes or unknown:
        raise InvalidError(
            f"Seal the value to keys of agents of this organization; these are none: {', '.join(unknown) or 'nothing given'}.",
            attr="boxes",
        )
    if any(len(box) > _MAX_BOX_TEXT or not box.isascii() for box in boxes.values()):
        raise InvalidError("A sealed box is Base64, of a value of at most 4096 bytes.", attr="boxes")


def _check_scopes(scopes: Scopes, org_id: UUID, owner: UUID) -> None:
    several = scopes.full or scopes.all_branches or scopes.local
    if scopes.branch_id is None and not several:
        raise InvalidError("Say where the variable holds: at least one scope.", attr="scopes")
    if scopes.branch_id is not None:
        if several:
            raise InvalidError("A variable of one branch deployment has no other scope.", attr="scopes")
        branches = Deployment.objects.for_org(org_id).filter(kind=DeploymentKind.BRANCH, parent_id=owner)
        if not branches.filter(id=scopes.branch_id).exists():
            raise InvalidError("There is no such branch deployment of this deployment.", attr="scopes")
        if BranchDeployment.objects.for_org(org_id).filter(deployment_id=scopes.branch_id, is_fork=True).exists():
            raise InvalidError("This branch is from a fork: code of strangers gets no variables.", attr="scopes")


def _check_locations(locations: Sequence[str]) -> None:
    if len(locations) > _MAX_LOCATIONS:
        raise InvalidError(f"List at most {_MAX_LOCATIONS} code locations, or none for all.", attr="locations")
    for name in locations:
        if not name.strip() or len(name) > _MAX_LOCATION_NAME or not name.isprintable():
            raise InvalidError(f"{name[:40]!r} is no name of a code location.", attr="locations")


def _locked(deployment: Deployment) -> tuple[Deployment, list[EnvironmentVariable]]:
    """The full deployment that owns them and all its variables; nobody else changes them until the end of the transaction."""
    require_thawed(deployment.org_id, deployment.id)
    owners = Deployment.objects.for_org(deployment.org_id).select_for_update(no_key=True)
    owner = owners.filter(id=owner_id(deployment), kind=DeploymentKind.FULL).first()
    if owner is None:
        raise NotFoundError("There is no such deployment.")
    rows = EnvironmentVariable.objects.for_org(deployment.org_id).filter(deployment_id=owner.id)
    return owner, list(rows.select_related("branch"))


def _of_its_own(deployment: Deployment, draft: Draft) -> Draft:
    return replace(draft, scopes=own_scopes(deployment, draft.scopes))


def _own(deployment: Deployment, variable: EnvironmentVariable) -> EnvironmentVariable:
    """The variable, when it may be changed there; ConflictError for one that a branch deployment inherits."""
    if deployment.kind == DeploymentKind.FULL or variable.branch_id == deployment.id:
        return variable
    raise ConflictError(
        f"{variable.name} is inherited here. Change it in the full deployment, or set one of this branch in its place."
    )


def _one(known: Iterable[EnvironmentVariable], variable_id: UUID) -> EnvironmentVariable:
    for variable in known:
        if variable.id == variable_id:
            return variable
    raise NotFoundError("There is no such environment variable here.")


def _changed(deployment: Deployment) -> None:
    """Agents see at their next poll, which begins now, that there is something new."""
    org_id = deployment.org_id
    row = EnvironmentRevision(org_id=org_id, deployment_id=deployment.id, number=0)
    EnvironmentRevision.unscoped.bulk_create([row], ignore_conflicts=True)
    EnvironmentRevision.objects.for_org(org_id).filter(deployment_id=deployment.id).update(number=F("number") + 1)
    wakeups.wake(f"queue:{org_id}")


def _record(
    variable: EnvironmentVariable,
    verb: str,
    actor: Actor,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    place: Deployment | None = None,
) -> None:
    record(
        org_id=variable.org_id,
        actor=actor,
        action=f"environment_variable.{verb}",
        target=AuditTarget("environment_variable", variable.id, variable.name),
        before=before,
        after=after,
        deployment_id=place.id if place else variable.branch_id or variable.deployment_id,
    )
