"""Streams of the audit log: where they lead, how they fare, and setting them up."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from controlplane.audit_log import services
from controlplane.audit_log.models import AuditStream, StreamKind
from controlplane.audit_log.selectors import streams
from controlplane.audit_log.syslog import TRANSPORTS
from controlplane.ui.pages.settings_base import SettingsPage
from tenants.audit.selectors import last_number
from tenants.errors import AppError
from tenants.permissions import Permission

_SETUP = (
    "url",
    "authorization",
    "bucket",
    "prefix",
    "region",
    "endpoint_url",
    "access_key_id",
    "secret_access_key",
    "host",
    "port",
    "transport",
)
_SECRET = frozenset({"authorization", "secret_access_key"})


class AuditStreams(SettingsPage):
    """The list, and the form for a new one."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ, "POST": Permission.ORGANIZATION_WRITE}
    section = "settings-audit"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, kind=request.GET.get("kind", ""))

    def post(self, request: HttpRequest) -> HttpResponse:
        given = {name: request.POST.get(name, "") for name in ("name", "kind", *_SETUP)}
        try:
            made = services.create_stream(
                org_id=self.access.org.id,
                name=given["name"],
                kind=given["kind"],
                setup={name: given[name] for name in _SETUP},
                from_beginning=request.POST.get("from") != "now",
                actor=self.access.actor,
            )
        except AppError as error:
            shown = {name: value for name, value in given.items() if name not in _SECRET}
            return self._page(request, kind=given["kind"], given=shown, problem=error, status=error.status)
        if made.signing_secret is None:
            messages.success(request, f"{made.stream.name} is set up. The first events are on their way.")
            return redirect(_address(self.access.org.slug))
        response = self.render(request, "audit/stream_secret.html", stream=made.stream, secret=made.signing_secret)
        # SECURITY: the secret stays out of every cache.
        response["Cache-Control"] = "no-store"
        return response

    def _page(self, request: HttpRequest, *, status: int = 200, kind: str, **context: Any) -> HttpResponse:
        org_id = self.access.org.id
        last = last_number(org_id)
        rows = [(stream, last - stream.position) for stream in streams(org_id).order_by("name")]
        chosen = StreamKind(kind) if kind in StreamKind.values else None
        context |= {"rows": rows, "kinds": list(StreamKind), "kind": chosen, "transports": TRANSPORTS}
        return self.render(request, "audit/streams.html", status=status, **context)


class ChangeAuditStream(SettingsPage):
    """The buttons of one stream: pause, go on, delete."""

    permissions: ClassVar = {"POST": Permission.ORGANIZATION_WRITE}

    def post(self, request: HttpRequest, stream_id: UUID) -> HttpResponse:
        org, actor = self.access.org, self.access.actor
        services.access_stream(org.id, stream_id)
        match request.POST.get("do"):
            case "delete":
                services.delete_stream(org_id=org.id, stream_id=stream_id, actor=actor)
                messages.success(request, "The stream is deleted. What its receiver has, it keeps.")
            case "pause":
                services.set_paused(org_id=org.id, stream_id=stream_id, paused=True, actor=actor)
            case "resume":
                services.set_paused(org_id=org.id, stream_id=stream_id, paused=False, actor=actor)
            case _:
                messages.error(request, "A stream can be paused, resumed and deleted.")
        return redirect(_address(org.slug))


class TestAuditStream(SettingsPage):
    """The button that sends a test."""

    permissions: ClassVar = {"POST": Permission.ORGANIZATION_WRITE}

    def post(self, request: HttpRequest, stream_id: UUID) -> HttpResponse:
        org = self.access.org
        stream: AuditStream = services.access_stream(org.id, stream_id)
        problem = services.send_test(org=org, stream_id=stream_id, actor=self.access.actor)
        if problem:
            messages.error(request, f"{stream.name} did not take the test: {problem}")
        else:
            messages.success(request, f"{stream.name} took the test.")
        return redirect(_address(org.slug))


def _address(slug: str) -> str:
    return reverse("pages:settings-audit-streams", args=[slug])
