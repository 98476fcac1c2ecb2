"""What changes an organization itself: name, slug, logo, sessions, networks, state, and its coming deletion; and reads of it."""

import datetime
import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants.access import Actor, Org
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.models import Organization, OrganizationState
from tenants.networks import is_inside, parse_networks
from tenants.organization_states import check_own_move, check_writable
from tenants.services import check_slug

NAME_MAX = 200
REASON_MAX = 500
# A session shorter than an hour ends in the middle of work; one longer than a year never ends.
SESSION_HOURS = range(1, 24 * 365 + 1)
LOGO_MAX_BYTES = 256 * 1024
# What a browser shows as an image and never runs; SVG is a document with scripts.
_LOGO_STARTS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def organization(org_id: UUID) -> Organization:
    """The row without its logo; NotFoundError when the organization is gone."""
    found = Organization.objects.defer("logo").filter(id=org_id).first()
    if found is None:
        raise NotFoundError("There is no such organization.")
    return found


def logo(org_id: UUID) -> tuple[bytes, str]:
    """The logo and its media type; NotFoundError when there is none."""
    found = Organization.objects.filter(id=org_id).exclude(logo_type="").values_list("logo", "logo_type").first()
    if found is None or found[0] is None:
        raise NotFoundError("This organization has no logo.")
    return bytes(found[0]), found[1]


def require_writable(org_id: UUID) -> None:
    """The error of the organization's state unless it is active: for what is launched or changed without a request of somebody."""
    check_writable(Org.of(organization(org_id)))


def is_writable(org_id: UUID) -> bool:
    """Whether it is active, so that something may be launched or changed in it."""
    try:
        require_writable(org_id)
    except ForbiddenError:
        return False
    return True


@transaction.atomic
def rename(*, org_id: UUID, name: str, actor: Actor) -> None:
    """Call it otherwise. InvalidError for a name that is none."""
    wanted = name.strip()
    if not wanted or len(wanted) > NAME_MAX or _CONTROL.search(wanted):
        raise InvalidError(f"A name is one line of 1 to {NAME_MAX} characters.", attr="name")
    _change(org_id, actor, "organization.rename", name=wanted)


@transaction.atomic
def change_slug(*, org_id: UUID, slug: str, actor: Actor) -> None:
    """Move it to another address, at once: the old one answers 404 and is free for others. ConflictError when the new one is taken."""
    check_slug(slug)
    try:
        with transaction.atomic():
            _change(org_id, actor, "organization.change_slug", slug=slug)
    except IntegrityError as error:
        raise ConflictError(f"There is already an organization at {slug}. Choose another slug.", attr="slug") from error


@transaction.atomic
def set_session_hours(*, org_id: UUID, hours: int | None, actor: Actor) -> None:
    """How long sessions live here; None for as long as the installation lets them."""
    if hours is not None and hours not in SESSION_HOURS:
        raise InvalidError(f"A session lives 1 to {SESSION_HOURS[-1]} hours.", attr="session_hours")
    _change(org_id, actor, "organization.set_session_hours", session_hours=hours)


@transaction.atomic
def set_allowed_networks(*, org_id: UUID, networks: Iterable[str], actor: Actor, force: bool = False) -> None:
    """Admit people and programs from these networks only; none for everywhere.

    ConflictError when the caller's own address would be shut out, unless `force`.
    """
    wanted = parse_networks(networks)
    if not force and not is_inside(actor.address, wanted):
        raise ConflictError(
            f"Your own address ({actor.address or 'unknown'}) is in none of these networks: you would lock yourself out. "
            "Add it, or say that you mean it.",
            attr="allowed_networks",
        )
    _change(org_id, actor, "organization.set_allowed_networks", allowed_networks=wanted)


@transaction.atomic
def set_logo(*, org_id: UUID, data: bytes, actor: Actor) -> None:
    """Show this image beside the name. InvalidError unless it is a small PNG, JPEG or WebP by its content."""
    if len(data) > LOGO_MAX_BYTES:
        raise InvalidError(f"A logo is at most {LOGO_MAX_BYTES // 1024} KiB; this one is larger.", attr="logo")
    kind = next((kind for kind, start in _LOGO_STARTS.items() if start.match(data)), None)
    if kind is None:
        raise InvalidError("A logo is a PNG, JPEG or WebP image. SVG is not shown: it can carry scripts.", attr="logo")
    check_writable(Org.of(_locked(org_id)))
    Organization.objects.filter(id=org_id).update(logo=data, logo_type=kind)
    _record(org_id, actor, "organization.set_logo", after={"logo_type": kind, "bytes": len(data)})


@transaction.atomic
def remove_logo(*, org_id: UUID, actor: Actor) -> None:
    """Show none any more."""
    check_writable(Org.of(_locked(org_id)))
    Organization.objects.filter(id=org_id).update(logo=None, logo_type="")
    _record(org_id, actor, "organization.remove_logo")


@transaction.atomic
def set_own_state(*, org_id: UUID, state: OrganizationState, reason: str, actor: Actor) -> None:
    """What an Organization Admin may do: make it read-only, and active again. ForbiddenError and ConflictError say what else is not."""
    row = _locked(org_id)
    old = OrganizationState(row.state)
    if old == state:
        return
    check_own_move(old, state)
    _move(row, state, reason=reason, actor=actor)


@transaction.atomic
def set_state(*, org_id: UUID, state: OrganizationState, reason: str, actor: Actor) -> None:
    """What whoever runs the installation may do: suspend an organization, and lift what anybody has done to its state."""
    row = _locked(org_id)
    if state == OrganizationState.PENDING_DELETION:
        raise ConflictError("A deletion is asked for by an Organization Admin, in the settings.", attr="state")
    _move(row, state, reason=reason, actor=actor)


@transaction.atomic
def request_deletion(*, org_id: UUID, typed_name: str, reason: str, actor: Actor) -> datetime.datetime:
    """Close it now and delete it after the grace period; returns when. InvalidError unless the name was typed exactly."""
    row = _locked(org_id)
    if typed_name.strip() != row.name:
        raise InvalidError(f"Type the organization's name, {row.name}, exactly.", attr="name")
    if row.state == OrganizationState.PENDING_DELETION:
        raise ConflictError("The organization is going to be deleted already.")
    delete_after = timezone.now() + datetime.timedelta(days=settings.DELETION_GRACE_DAYS)
    state = OrganizationState.PENDING_DELETION
    _move(row, state, reason=reason, actor=actor, delete_after=delete_after, state_before=row.state)
    return delete_after


@transaction.atomic
def undo_deletion(*, org_id: UUID, actor: Actor) -> None:
    """Back to the state before. ConflictError when no deletion is coming, or when it has begun."""
    row = _locked(org_id)
    if row.state != OrganizationState.PENDING_DELETION:
        raise ConflictError("No deletion of this organization is coming.")
    if row.delete_after is None or row.delete_after <= timezone.now():
        raise ConflictError("The deletion has begun; it cannot be undone any more.")
    _move(row, OrganizationState(row.state_before or OrganizationState.ACTIVE), reason="", actor=actor)


def _locked(org_id: UUID) -> Organization:
    found = Organization.objects.select_for_update(no_key=True).defer("logo").filter(id=org_id).first()
    if found is None:
        raise NotFoundError("There is no such organization.")
    return found


def _change(org_id: UUID, actor: Actor, action: str, **fields: Any) -> None:
    """Change columns of an active organization, and say so in the audit log; what is so already changes nothing."""
    row = _locked(org_id)
    check_writable(Org.of(row))
    before = {name: getattr(row, name) for name in fields}
    if before == fields:
        return
    Organization.objects.filter(id=org_id).update(**fields)
    _record(org_id, actor, action, before=before, after=fields)


def _move(
    row: Organization,
    state: OrganizationState,
    *,
    reason: str,
    actor: Actor,
    delete_after: datetime.datetime | None = None,
    state_before: str = "",
) -> None:
    if len(reason) > REASON_MAX:
        raise InvalidError(f"A reason has at most {REASON_MAX} characters.", attr="reason")
    before = {"state": row.state, "delete_after": _moment(row.delete_after)}
    Organization.objects.filter(id=row.id).update(
        state=state,
        state_reason=reason.strip(),
        state_changed_at=timezone.now(),
        delete_after=delete_after,
        state_before=state_before,
    )
    after = {"state": str(state), "delete_after": _moment(delete_after)}
    _record(row.id, actor, "organization.set_state", before=before, after=after, reason=reason.strip())


def _moment(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _record(
    org_id: UUID,
    actor: Actor,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    name = Organization.objects.values_list("name", flat=True).get(id=org_id)
    target = AuditTarget("organization", org_id, name)
    record(org_id=org_id, actor=actor, action=action, target=target, before=before, after=after, reason=reason)
