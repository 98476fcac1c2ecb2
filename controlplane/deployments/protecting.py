"""Protection rules, kept: every way of deploying asks here. And what changes the rules, or goes past them for a while."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from controlplane.deployments.code import Code, code_of, is_same_code
from controlplane.deployments.freeze_windows import Frozen, frozen_at, next_frozen
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind, LocationVersion, VersionState
from controlplane.deployments.protection import Checks, Deployers, Protection, mistakes, read, refuse, stored
from tenants.access import Actor, ActorKind
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.models import ApiToken, Membership, ServiceAccount, Team, TeamMembership, User
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

OVERRIDE_MINUTES = range(1, 241)
_REASON_MAX = 500


class DeploymentProtectedError(ForbiddenError):
    """The protection rules of the deployment do not allow this."""

    code = "deployment_protected"


@dataclass(frozen=True)
class Allowed:
    """The rules were asked. `reason` is why somebody went past them; empty when nobody had to."""

    reason: str = ""


@dataclass(frozen=True)
class Override:
    """An Admin who goes past the rules, until then. Nobody else does."""

    holder_id: UUID
    by: str
    reason: str
    until: datetime.datetime

    def document(self) -> dict[str, str]:
        """The stored form."""
        return {
            "holder_id": str(self.holder_id),
            "by": self.by,
            "reason": self.reason,
            "until": self.until.isoformat(),
        }


@dataclass(frozen=True)
class Outlook:
    """What the rules say now: the stretch without deploys that it is in, or the next; and who goes past them."""

    protection: Protection
    frozen: Frozen | None
    next_frozen: Frozen | None
    override: Override | None


def require_change(org_id: UUID, deployment_id: UUID, *, actor: Actor) -> Allowed:
    """DeploymentProtectedError when the rules let this actor change no code now; call it inside org_scope."""
    deployment = _deployment(org_id, deployment_id)
    if not deployment.protection:
        return Allowed()
    return _allowed(deployment, stored(deployment.protection), actor)


def require_deploy(org_id: UUID, deployment_id: UUID, *, name: str, code: Code, actor: Actor) -> Allowed:
    """As `require_change`, and the code must have loaded where the rules say; call it inside org_scope."""
    deployment = _deployment(org_id, deployment_id)
    if not deployment.protection:
        return Allowed()
    protection = stored(deployment.protection)
    allowed = _allowed(deployment, protection, actor)
    if not allowed.reason and protection.checks.loaded_in:
        _require_loaded(deployment, protection.checks.loaded_in, name, code)
    return allowed


def outlook(deployment: Deployment, now: datetime.datetime | None = None) -> Outlook:
    """The rules as they stand, for pages."""
    now = now or timezone.now()
    protection = stored(deployment.protection)
    windows = protection.windows
    return Outlook(protection, frozen_at(windows, now), next_frozen(windows, now), override_of(deployment))


def override_of(deployment: Deployment) -> Override | None:
    """Who goes past the rules now."""
    found = deployment.protection_override
    if not found:
        return None
    until = datetime.datetime.fromisoformat(found["until"])
    if until <= timezone.now():
        return None
    return Override(UUID(found["holder_id"]), found["by"], found["reason"], until)


def set_protection(*, org_id: UUID, deployment_id: UUID, document: Mapping[str, Any], actor: Actor) -> Deployment:
    """Make these the rules; an empty document lifts them all. InvalidError with every place that is wrong, or names nobody
    here.
    """
    protection = read(document)
    with org_scope(org_id):
        deployment = _locked(org_id, deployment_id)
        refuse([*mistakes(protection), *_wrong_names(deployment, protection)])
        before, deployment.protection = deployment.protection, protection.document()
        deployment.save(update_fields=["protection"])
        _record(deployment, actor, "deployment.protect", before=before, after=deployment.protection)
        return deployment


def require_unnamed(deployment: Deployment) -> None:
    """ConflictError while the rules of another deployment name this one: nothing could be deployed there any more. Call it inside org_scope."""
    others = Deployment.objects.for_org(deployment.org_id).exclude(id=deployment.id)
    naming = others.filter(protection__checks__loaded_in=deployment.name).order_by("name")
    names = list(naming.values_list("name", flat=True)[:3])
    if names:
        raise ConflictError(
            f"The protection rules of {', '.join(names)} take only what has loaded in {deployment.name}. Change them first."
        )


def override(*, org_id: UUID, deployment_id: UUID, reason: str, minutes: int, actor: Actor) -> Override:
    """Let an Admin, and nobody else, go past the rules for some minutes. InvalidError without a reason; whoever calls it has checked that
    they are one.
    """
    words = reason.strip()
    if not words or len(words) > _REASON_MAX or not words.isprintable():
        raise InvalidError(f"Say why, in one line of at most {_REASON_MAX} characters.", attr="reason")
    if minutes not in OVERRIDE_MINUTES:
        raise InvalidError(f"The rules are overridden for 1 to {OVERRIDE_MINUTES[-1]} minutes.", attr="minutes")
    with org_scope(org_id):
        deployment = _locked(org_id, deployment_id)
        holder = _holder_id(org_id, actor)
        if holder is None:
            raise ConflictError("Only people and service accounts override protection rules.")
        until = timezone.now() + datetime.timedelta(minutes=minutes)
        made = Override(holder, actor.label, words, until)
        deployment.protection_override = made.document()
        deployment.save(update_fields=["protection_override"])
        after = {"by": actor.label, "until": until.isoformat()}
        _record(deployment, actor, "deployment.override_protection", after=after, reason=words)
        return made


def _allowed(deployment: Deployment, protection: Protection, actor: Actor) -> Allowed:
    past = override_of(deployment)
    if past is not None and past.holder_id == _holder_id(deployment.org_id, actor):
        return Allowed(reason=past.reason)
    deployers = protection.deployers
    if deployers is not None and not _is_deployer(deployment.org_id, deployers, actor):
        raise DeploymentProtectedError(
            f"{deployment.name} is protected: only {deployers.words} may deploy there, and not {actor.label}. Ask one of them, or an "
            "Admin of the deployment, who can override this with a reason."
        )
    frozen = frozen_at(protection.windows, timezone.now())
    if frozen is not None:
        why = f" ({frozen.reason})" if frozen.reason else ""
        raise DeploymentProtectedError(
            f"{deployment.name} is in a freeze window{why}: nothing is deployed there until {frozen.end:%Y-%m-%d %H:%M} UTC. Wait, or "
            "ask an Admin of the deployment, who can override this with a reason."
        )
    return Allowed()


def _require_loaded(deployment: Deployment, elsewhere: str, name: str, code: Code) -> None:
    org_id = deployment.org_id
    rows = LocationVersion.objects.for_org(org_id).filter(
        location__deployment__name=elsewhere, location__name=name, state=VersionState.LOADED
    )
    if not any(is_same_code(code, code_of(version)) for version in rows.order_by("-number")[:200]):
        raise DeploymentProtectedError(
            f"{deployment.name} takes only what has loaded in {elsewhere}, and this code of {name} has not. Deploy it to {elsewhere} "
            "first, or ask an Admin of the deployment, who can override this with a reason."
        )


def _is_deployer(org_id: UUID, deployers: Deployers, actor: Actor) -> bool:
    if actor.kind == ActorKind.SYSTEM:
        return deployers.git
    holder = _holder_id(org_id, actor)
    if holder is None:
        return False
    people = {email.casefold() for email in deployers.people}
    email = User.objects.filter(id=holder).values_list("email", flat=True).first()
    if email is not None and email.casefold() in people:
        return True
    teams = TeamMembership.objects.for_org(org_id).filter(user_id=holder, team__name__in=deployers.teams)
    accounts = ServiceAccount.objects.for_org(org_id).filter(id=holder, name__in=deployers.service_accounts)
    return teams.exists() or accounts.exists()


def _holder_id(org_id: UUID, actor: Actor) -> UUID | None:
    """The person or the service account, behind a token too."""
    if actor.kind == ActorKind.USER:
        return actor.id
    if actor.id is None:
        return None
    token = ApiToken.objects.for_org(org_id).filter(id=actor.id).values_list("user_id", "service_account_id").first()
    return (token[0] or token[1]) if token else None


def _wrong_names(deployment: Deployment, protection: Protection) -> list[str]:
    """Whom and what the rules name that is not here."""
    org_id, deployers = deployment.org_id, protection.deployers or Deployers()
    members = Membership.objects.for_org(org_id).values_list("user__email", flat=True)
    emails = {email.casefold() for email in members}
    known = {
        "people": [email.casefold() in emails for email in deployers.people],
        "teams": _known(Team.objects.for_org(org_id), deployers.teams),
        "service_accounts": _known(ServiceAccount.objects.for_org(org_id), deployers.service_accounts),
    }
    wrong = [
        f"`$.deployers.{kind}[{at}]`: there is no {getattr(deployers, kind)[at]} in this organization."
        for kind, found in known.items()
        for at, is_known in enumerate(found)
        if not is_known
    ]
    return wrong + _wrong_checks(deployment, protection.checks)


def _wrong_checks(deployment: Deployment, checks: Checks) -> list[str]:
    org_id, wrong = deployment.org_id, []
    others = Deployment.objects.for_org(org_id).filter(kind=DeploymentKind.FULL).exclude(id=deployment.id)
    if checks.loaded_in and not others.filter(name=checks.loaded_in).exists():
        wrong.append(
            f"`$.checks.loaded_in`: there is no other full deployment called {checks.loaded_in}. Name one that stays; branch "
            "deployments end."
        )
    there = list(
        CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment.id).values_list("name", flat=True)
    )
    if checks.smoke_job is not None and checks.smoke_job.location not in there:
        possible = f"there are {', '.join(sorted(there))}" if there else "deploy it first"
        wrong.append(
            f"`$.checks.smoke_job.location`: {deployment.name} has no code location {checks.smoke_job.location}; {possible}."
        )
    return wrong


def _known(rows: Any, names: list[str]) -> list[bool]:
    there = set(rows.filter(name__in=names).values_list("name", flat=True))
    return [name in there for name in names]


def _deployment(org_id: UUID, deployment_id: UUID) -> Deployment:
    found = Deployment.objects.for_org(org_id).filter(id=deployment_id).first()
    if found is None:
        raise NotFoundError("There is no such deployment.")
    return found


def _locked(org_id: UUID, deployment_id: UUID) -> Deployment:
    found = Deployment.objects.for_org(org_id).select_for_update(no_key=True).filter(id=deployment_id).first()
    if found is None:
        raise NotFoundError("There is no such deployment.")
    require_thawed(org_id, deployment_id)
    if found.kind != DeploymentKind.FULL:
        raise ConflictError("Only full deployments have protection rules.")
    return found


def _record(
    deployment: Deployment,
    actor: Actor,
    action: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    record(
        org_id=deployment.org_id,
        actor=actor,
        action=action,
        target=AuditTarget("deployment", deployment.id, deployment.name),
        before=before,
        after=after,
        deployment_id=deployment.id,
        reason=reason,
    )
    log.info(action, org=str(deployment.org_id), deployment=deployment.name, actor=str(actor.id))
