"""What changes deployments and their code locations."""

from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.text import slugify

from agent.protocol import Target
from controlplane.core import wakeups
from controlplane.core.background import enqueue
from controlplane.deployments import audit_trail, branches, protecting, source_archives
from controlplane.deployments.code import Code, check_code, code_of
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.loading import FOLLOW_TASK
from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind, LocationVersion, VersionState
from controlplane.deployments.protecting import Allowed
from controlplane.deployments.selectors import location as find_location
from controlplane.deployments.selectors import versions
from tenants.access import Actor
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.limits.models import QuotaName
from tenants.limits.quotas import require_room
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_NAMES = ("module_name", "package_name", "python_file", "autoload_defs_module_name")
# First words below an organization's address that are not a deployment's.
RESERVED_NAMES = frozenset({"settings", "new", "d", "branches", "graphql"})
_MAX_NAME = 200
_MAX_QUEUE = 100
_MAX_DESCRIPTION = 500


def create_deployment(*, org_id: UUID, name: str, actor: Actor, description: str = "") -> Deployment:
    """Add a full deployment; ConflictError when the name is taken."""
    if not name or slugify(name) != name:
        raise InvalidError("The name of a deployment has lower-case letters, digits and dashes only.", attr="name")
    if name in RESERVED_NAMES:
        raise InvalidError(f"{name} is the address of something else. Choose another name.", attr="name")
    words = _checked_description(description)
    try:
        with org_scope(org_id), transaction.atomic():
            full = Deployment.objects.for_org(org_id).filter(kind=DeploymentKind.FULL)
            require_room(org_id, QuotaName.DEPLOYMENTS, used=full.count)
            deployment = Deployment.objects.create_in(org_id, name=name, description=words)
            audit_trail.note_deployment(deployment, actor)
    except IntegrityError as error:
        raise ConflictError(f"There is already a deployment called {name}.", attr="name") from error
    log.info("deployment.created", org=str(org_id), deployment=str(deployment.id), actor=str(actor.id))
    return deployment


def describe_deployment(*, org_id: UUID, deployment_id: UUID, description: str, actor: Actor) -> Deployment:
    """Say what it is for. The name is its address, and stays."""
    words = _checked_description(description)
    with org_scope(org_id):
        require_thawed(org_id, deployment_id)
        deployment = Deployment.objects.for_org(org_id).select_for_update(no_key=True).get(id=deployment_id)
        before, deployment.description = deployment.description, words
        if before != words:
            deployment.save(update_fields=["description"])
            audit_trail.note_description(deployment, actor, before=before)
        return deployment


def _checked_description(description: str) -> str:
    words = description.strip()
    if len(words) > _MAX_DESCRIPTION or not words.isprintable():
        raise InvalidError(f"A description is one line of at most {_MAX_DESCRIPTION} characters.", attr="description")
    return words


def ensure_deployment(*, org_id: UUID, name: str, actor: Actor) -> Deployment:
    """The deployment of this name, made if it is missing."""
    with org_scope(org_id):
        known = Deployment.objects.for_org(org_id).filter(name=name).first()
        return known or create_deployment(org_id=org_id, name=name, actor=actor)


def deploy_location(
    *, org_id: UUID, deployment_id: UUID, name: str, code: Code, actor: Actor, queue: str = "default"
) -> LocationVersion:
    """Make this what the location should be: a new version, which serves once an agent has loaded it. The location may be new.

    Code that is known to be what is deployed already (the same archive, target and platform settings) makes no new version: the
    one that is there is returned, and nothing is loaded anew. NotFoundError when the source archive was not uploaded.
    """
    _check_location(name, code.target, queue)
    check_code(code)
    with org_scope(org_id):
        known = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id, name=name, queue=queue)
        location = known.select_related("desired").first()
        desired = location.desired if location else None
        allowed = protecting.require_deploy(org_id, deployment_id, name=name, code=code, actor=actor)
        if desired is not None and desired.state != VersionState.FAILED and code.is_surely(code_of(desired)):
            return desired
        return _deploy(
            org_id=org_id,
            deployment_id=deployment_id,
            name=name,
            code=code,
            actor=actor,
            queue=queue,
            action="code_location.deploy",
            allowed=allowed,
        )


def _deploy(
    *,
    org_id: UUID,
    deployment_id: UUID,
    name: str,
    code: Code,
    actor: Actor,
    queue: str,
    action: str,
    allowed: Allowed,
    rolled_back_to: int | None = None,
    promoted_from_id: UUID | None = None,
) -> LocationVersion:
    """Whatever deploys ends here, and has asked the protection rules (`allowed`) before."""
    with org_scope(org_id):
        require_thawed(org_id, deployment_id)
        if code.source_sha256:
            source_archives.use(org_id, code.source_sha256)
        location = _locked_location(org_id, deployment_id, name, queue)
        before = audit_trail.deployed(location)
        version = LocationVersion.objects.create_in(
            org_id,
            location=location,
            number=_next_number(location),
            deployed_by=actor.label[:254],
            rolled_back_to=rolled_back_to,
            promoted_from_id=promoted_from_id,
            **code.columns(),
        )
        CodeLocation.objects.for_org(org_id).filter(id=location.id).update(desired=version, queue=queue)
        location.desired, location.queue = version, queue
        after = audit_trail.deployed(location)
        audit_trail.note_location(location, actor, action=action, before=before, after=after, reason=allowed.reason)
        wakeups.wake(f"queue:{org_id}", f"org:{org_id}:locations")
    log.info("location.deployed", org=str(org_id), version=str(version.id), actor=str(actor.id))
    return version


def reload_location(*, org_id: UUID, deployment_id: UUID, name: str, actor: Actor) -> LocationVersion:
    """Deploy what is deployed once more: its code is imported anew, and the old version serves until that has worked."""
    with org_scope(org_id):
        location = find_location(org_id, deployment_id, name)
        if location.desired is None:
            raise ConflictError(f"{name} has no version to load again. Deploy it.")
        return _deploy(
            org_id=org_id,
            deployment_id=deployment_id,
            name=name,
            code=code_of(location.desired),
            actor=actor,
            queue=location.queue,
            action="code_location.reload",
            allowed=protecting.require_change(org_id, deployment_id, actor=actor),
        )


def rollback_location(
    *, org_id: UUID, deployment_id: UUID, name: str, to_number: int, actor: Actor, allowed: Allowed | None = None
) -> LocationVersion:
    """Deploy the code of an earlier version again, as a new version. The queue stays. `allowed` for whoever has been let through already.

    NotFoundError when there is no such version, ConflictError when it never loaded or is what is deployed now.
    """
    with org_scope(org_id):
        location = find_location(org_id, deployment_id, name)
        allowed = allowed or protecting.require_change(org_id, deployment_id, actor=actor)
        version = versions(org_id, location.id).filter(number=to_number).first()
        if version is None:
            raise NotFoundError(f"{name} has no version {to_number}.")
        if version.loaded_at is None:
            raise ConflictError(f"Version {to_number} of {name} has never loaded: there is nothing to go back to.")
        if location.desired_id == version.id:
            raise ConflictError(f"Version {to_number} of {name} is what is deployed now.")
        return _deploy(
            org_id=org_id,
            deployment_id=deployment_id,
            name=name,
            code=code_of(version),
            actor=actor,
            queue=location.queue,
            action="code_location.rollback",
            allowed=allowed,
            rolled_back_to=to_number,
        )


def promote_location(
    *, org_id: UUID, deployment_id: UUID, name: str, source: LocationVersion, queue: str, actor: Actor, allowed: Allowed
) -> LocationVersion:
    """Deploy the code of a version of another deployment; whoever calls it has asked the protection rules."""
    return _deploy(
        org_id=org_id,
        deployment_id=deployment_id,
        name=name,
        code=code_of(source),
        actor=actor,
        queue=queue,
        action="code_location.promote",
        allowed=allowed,
        promoted_from_id=source.id,
    )


def delete_location(
    *, org_id: UUID, deployment_id: UUID, name: str, actor: Actor, allowed: Allowed | None = None
) -> None:
    """Take a code location away. Agents unload it after its runs have ended; runs and history stay. `allowed` as `rollback_location`."""
    with org_scope(org_id):
        require_thawed(org_id, deployment_id)
        location = find_location(org_id, deployment_id, name)
        allowed = allowed or protecting.require_change(org_id, deployment_id, actor=actor)
        branches.keep_manifests(org_id, deployment_id, versions(org_id, location.id))
        if not CodeLocation.objects.for_org(org_id).filter(id=location.id).delete()[0]:
            raise NotFoundError(f"There is no code location {name} in this deployment.")
        audit_trail.note_location(
            location,
            actor,
            action="code_location.delete",
            before=audit_trail.deployed(location),
            after=None,
            reason=allowed.reason,
        )
        wakeups.wake(f"queue:{org_id}", f"org:{org_id}:locations")
        enqueue(FOLLOW_TASK, org_id=org_id, deployment_id=deployment_id)
    log.info("location.deleted", org=str(org_id), deployment=str(deployment_id), location=name, actor=str(actor.id))


def _check_location(name: str, target: Target, queue: str) -> None:
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise InvalidError(f"The name of a code location is 1 to {_MAX_NAME} printable characters.", attr="name")
    if name in {".", ".."}:
        # No address can end in it.
        raise InvalidError(
            f"{name!r} is a folder, not the name of a code location. Name it first: daggerboard deploy <name> {name}",
            attr="name",
        )
    if not queue.strip() or len(queue) > _MAX_QUEUE or not queue.isprintable():
        raise InvalidError(f"The name of a queue is 1 to {_MAX_QUEUE} printable characters.", attr="queue")
    given = [field for field in _NAMES if getattr(target, field)]
    if len(given) > 1:
        raise InvalidError(f"Name what to load in one way: not {' and '.join(given)} together.", attr="target")


def _locked_location(org_id: UUID, deployment_id: UUID, name: str, queue: str) -> CodeLocation:
    """The row, locked, so that two deploys get two numbers."""
    if not Deployment.objects.for_org(org_id).filter(id=deployment_id).exists():
        raise NotFoundError("There is no such deployment.")
    row = CodeLocation(org_id=org_id, deployment_id=deployment_id, name=name, queue=queue)
    CodeLocation.unscoped.bulk_create([row], ignore_conflicts=True)
    return CodeLocation.objects.for_org(org_id).select_for_update().get(deployment_id=deployment_id, name=name)


def _next_number(location: CodeLocation) -> int:
    versions = LocationVersion.objects.for_org(location.org_id).filter(location=location)
    return (versions.aggregate(last=Max("number"))["last"] or 0) + 1
