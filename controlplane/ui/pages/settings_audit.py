"""The audit log: who changed what, with filters, old and new values, and exports."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse

from controlplane.audit_log.exporting import export_answer
from controlplane.ui.audit_diff import DiffLine, diff
from controlplane.ui.pages.base import wants_part
from controlplane.ui.pages.settings_base import SettingsPage
from controlplane.ui.paging import asked
from tenants.audit import documents, selectors
from tenants.audit.filters import RESULTS, read_filter
from tenants.audit.models import AuditEvent
from tenants.paging import page_of_rows
from tenants.people.places import NamedPlace
from tenants.permissions import Permission

_FILTERS = ("actor", "action", "deployment", "since", "until", "address", "result", "target")
_WORDS_OF_ACTORS = {"token": "token", "service": "service account", "agent": "agent", "system": "the system"}


@dataclass(frozen=True)
class EventLine:
    """An event as a line of the list, with what is behind it."""

    event: AuditEvent
    deployment: NamedPlace | None

    @property
    def actor_word(self) -> str:
        """What kind of actor it is, unless it is a person."""
        return _WORDS_OF_ACTORS.get(self.event.actor_kind, "")

    @property
    def changes(self) -> list[DiffLine]:
        return diff(self.event.before, self.event.after)

    @property
    def seal(self) -> str:
        """The event's place in the chain, as `number:hash`."""
        sealed: Any = self.event
        return f"{sealed.number}:{bytes(sealed.hash).hex()}" if sealed.hash is not None else ""


class Audit(SettingsPage):
    """The list."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}
    section = "settings-audit"

    def get(self, request: HttpRequest) -> HttpResponse:
        org_id = self.access.org.id
        page = page_of_rows(
            selectors.events(org_id, read_filter(org_id, request.GET.dict())), asked(request), by=["-id"]
        )
        known = documents.named_places(org_id)
        context: dict[str, Any] = {
            "page": page,
            "lines": [_line(event, known) for event in page.results],
            "filtered": any(request.GET.get(name) for name in _FILTERS),
            "org": self.access.org,
        }
        if wants_part(request, "audit-list"):
            return TemplateResponse(request, "audit/_list.html", context)
        context |= {"actions": _by_subject(selectors.actions(org_id)), "results": RESULTS}
        return self.render(request, "audit/list.html", **context, places=list(known.values()))


class AuditEventPage(SettingsPage):
    """One event, for links to it."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}
    section = "settings-audit"

    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        org_id = self.access.org.id
        line = _line(selectors.event(org_id, event_id), documents.named_places(org_id))
        return self.render(request, "audit/event.html", line=line)


class AuditExport(SettingsPage):
    """The list as a file, with the same filters."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}

    def get(self, request: HttpRequest) -> StreamingHttpResponse:
        org = self.access.org
        return export_answer(
            request, org, read_filter(org.id, request.GET.dict()), form=request.GET.get("form", "jsonl")
        )


def _line(event: AuditEvent, known: dict[UUID, NamedPlace]) -> EventLine:
    return EventLine(event, known.get(event.deployment_id) if event.deployment_id else None)


def _by_subject(actions: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for action in actions:
        found.setdefault(action.partition(".")[0], []).append(action)
    return found
