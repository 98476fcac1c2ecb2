"""General settings of an organization: name and address, logo, sessions, networks, state, export, deletion."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from controlplane.core.export_api import export_attachment
from controlplane.ui.pages.settings_base import SettingsPage
from tenants import organizations
from tenants.access import Access, Org
from tenants.errors import ConflictError, InvalidError
from tenants.models import OrganizationState
from tenants.organization_api import logo_response
from tenants.permissions import Permission

# Refusals that are about what was typed, and are shown beside it.
_SHOWN = (InvalidError, ConflictError)


class General(SettingsPage):
    """What the organization is called, who gets in, and what state it is in."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ, "POST": Permission.ORGANIZATION_WRITE}
    section = "settings"
    # What the form is about; it is shown with what was typed when it is refused.
    part: ClassVar[str] = "identity"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            # All of a form, or nothing.
            with transaction.atomic():
                done = _CHANGES[self.part](self.access, request)
        except _SHOWN as error:
            refused = {"part": self.part, "message": error.message, "attr": error.attr or "", "typed": request.POST}
            return self.shown(request, status=error.status, refused=refused)
        messages.success(request, done)
        return redirect("pages:settings", org=organizations.organization(self.access.org.id).slug)

    def shown(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        row = organizations.organization(self.access.org.id)
        org = Org.of(row)
        return self.render(
            request,
            "settings/general.html",
            status=status,
            networks="\n".join(org.allowed_networks),
            address=self.access.actor.address,
            created_at=row.created_at,
            state_label=OrganizationState(row.state).label,
            pending=org.state == OrganizationState.PENDING_DELETION,
            suspended=org.state == OrganizationState.SUSPENDED,
            read_only=org.state == OrganizationState.READ_ONLY,
            editable=org.state == OrganizationState.ACTIVE and self.access.allows(Permission.ORGANIZATION_WRITE),
            **context,
        )


class ChangeSessions(General):
    part = "sessions"

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("pages:settings", org=self.access.org.slug)


class ChangeNetworks(ChangeSessions):
    part = "networks"


class ChangeLogo(ChangeSessions):
    """The image itself, and its change."""

    part = "logo"

    def get(self, request: HttpRequest) -> HttpResponse:
        return logo_response(self.access.org)


class RemoveLogo(ChangeSessions):
    part = "no-logo"


class ChangeState(ChangeSessions):
    part = "state"
    in_any_state = True


class Delete(ChangeSessions):
    part = "delete"
    in_any_state = True


class UndoDeletion(ChangeSessions):
    part = "undo"
    in_any_state = True


class Export(SettingsPage):
    """Everything of the organization, as a file."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_WRITE}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return export_attachment(request, self.access)


def _identity(access: Access, request: HttpRequest) -> str:
    name, slug = request.POST.get("name", ""), request.POST.get("slug", "").strip()
    organizations.rename(org_id=access.org.id, name=name, actor=access.actor)
    organizations.change_slug(org_id=access.org.id, slug=slug, actor=access.actor)
    if slug != access.org.slug:
        return f"Saved. The organization's pages begin with /{slug} from now on; links to /{access.org.slug} do not work any more."
    return "Saved."


def _sessions(access: Access, request: HttpRequest) -> str:
    text = request.POST.get("hours", "").strip()
    if text and not (text.isascii() and text.isdigit()):
        raise InvalidError(
            "Hours are a whole number; nothing for as long as the installation lets them.", attr="session_hours"
        )
    organizations.set_session_hours(org_id=access.org.id, hours=int(text) if text else None, actor=access.actor)
    return "Saved. It holds for sessions that are open already, too."


def _networks(access: Access, request: HttpRequest) -> str:
    wanted = [line for line in request.POST.get("networks", "").replace(",", "\n").splitlines() if line.strip()]
    organizations.set_allowed_networks(
        org_id=access.org.id, networks=wanted, force=bool(request.POST.get("force")), actor=access.actor
    )
    return (
        "Saved. Whoever comes from elsewhere is refused within seconds."
        if wanted
        else "Saved. Everybody may come from anywhere."
    )


def _logo(access: Access, request: HttpRequest) -> str:
    file = request.FILES.get("logo")
    data = file.read(organizations.LOGO_MAX_BYTES + 1) if file is not None else b""
    if not data:
        raise InvalidError("Choose an image.", attr="logo")
    organizations.set_logo(org_id=access.org.id, data=data, actor=access.actor)
    return "The logo is set."


def _no_logo(access: Access, _request: HttpRequest) -> str:
    organizations.remove_logo(org_id=access.org.id, actor=access.actor)
    return "The logo is gone."


def _state(access: Access, request: HttpRequest) -> str:
    text = request.POST.get("state", "")
    if text not in OrganizationState.values:
        raise InvalidError("There is no such state.", attr="state")
    organizations.set_own_state(
        org_id=access.org.id,
        state=OrganizationState(text),
        reason=request.POST.get("reason", ""),
        actor=access.actor,
    )
    return f"The organization is {OrganizationState(text).label.lower()} now."


def _delete(access: Access, request: HttpRequest) -> str:
    due = organizations.request_deletion(
        org_id=access.org.id,
        typed_name=request.POST.get("typed", ""),
        reason=request.POST.get("reason", ""),
        actor=access.actor,
    )
    return f"The organization is closed, and will be deleted on {due:%Y-%m-%d at %H:%M} UTC. Until then you can undo it here."


def _undo(access: Access, _request: HttpRequest) -> str:
    organizations.undo_deletion(org_id=access.org.id, actor=access.actor)
    return "The organization is back."


_CHANGES: dict[str, Callable[[Access, HttpRequest], str]] = {
    "identity": _identity,
    "sessions": _sessions,
    "networks": _networks,
    "logo": _logo,
    "no-logo": _no_logo,
    "state": _state,
    "delete": _delete,
    "undo": _undo,
}
