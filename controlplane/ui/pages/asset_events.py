"""What somebody says about an asset, or has forgotten of it, on a page: reporting an event, and wiping."""

import json
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from controlplane.catalog import selectors as catalog
from controlplane.catalog.selectors import AssetView
from controlplane.external.reports.reporting import report_as
from controlplane.external.reports.values import ReportKind, report
from controlplane.external.wipes.requests import wipe_as, wipes_of
from controlplane.ui.pages.base import DeploymentPage
from tenants.errors import InvalidError
from tenants.permissions import Permission
from tenants.scoping import org_scope

_FIELDS = ("kind", "partition", "data_version", "description", "metadata", "check_name", "passed", "severity")
_DONE = {
    ReportKind.MATERIALIZATION: "The materialization was recorded.",
    ReportKind.OBSERVATION: "The observation was recorded.",
    ReportKind.CHECK: "The check result was recorded.",
}


class _AssetAction(DeploymentPage):
    """Base of what is done to the asset that `key` names."""

    section = "assets"

    def asset(self, request: HttpRequest, permission: Permission) -> AssetView:
        """The asset; NotFoundError and ForbiddenError as for acting on it."""
        key = request.POST.get("key", "") or request.GET.get("key", "")
        view = catalog.asset(self.visible, key)
        self.visible.require(permission, assets=[view.key])
        return view


class ReportEvent(_AssetAction):
    """Records that an asset was made, seen or checked elsewhere."""

    permissions: ClassVar = {"GET": Permission.ASSET_REPORT, "POST": Permission.ASSET_REPORT}
    # It asks Redis how much may be sent.
    in_one_scope = False

    def get(self, request: HttpRequest) -> HttpResponse:
        with org_scope(self.org_id):
            view = self.asset(request, Permission.ASSET_REPORT)
            given = {"kind": "materialization", "partition": request.GET.get("partition", "")}
            return self._form(request, view, given)

    def post(self, request: HttpRequest) -> HttpResponse:
        with org_scope(self.org_id):
            view = self.asset(request, Permission.ASSET_REPORT)
        given = {name: request.POST.get(name, "").strip() for name in _FIELDS}
        try:
            kind = ReportKind(given["kind"]) if given["kind"] in list(ReportKind) else ReportKind.MATERIALIZATION
            event = report(kind, asset=view.key, given=_event(given))
            report_as(self.visible, [event], actor=self.access.actor)
        except InvalidError as problem:
            with org_scope(self.org_id):
                return self._form(request, view, given, problem)
        messages.success(request, _DONE[kind])
        tab = {"tab": "checks"} if kind is ReportKind.CHECK else {"tab": "history", "kind": kind.value}
        return redirect(self.links.asset(view.key, query=tab))

    def _form(
        self, request: HttpRequest, view: AssetView, given: dict[str, str], problem: InvalidError | None = None
    ) -> HttpResponse:
        is_partitioned = view.node is not None and view.node.asset.partitions is not None
        context: dict[str, Any] = {"asset": view, "given": given, "problem": problem, "is_partitioned": is_partitioned}
        response = self.render(request, "assets/report.html", status=400 if problem else 200, **context)
        assert isinstance(response, TemplateResponse)  # what render makes; its queries belong inside the scope
        return response.render()


class WipeAsset(_AssetAction):
    """Forgets what is known of an asset, or of some of its partitions."""

    permissions: ClassVar = {"GET": Permission.ASSET_WIPE, "POST": Permission.ASSET_WIPE}

    def get(self, request: HttpRequest) -> HttpResponse:
        view = self.asset(request, Permission.ASSET_WIPE)
        partition = request.GET.get("partition", "")
        given = {"what": "partitions" if partition else "all", "partitions": partition}
        return self._form(request, view, given)

    def post(self, request: HttpRequest) -> HttpResponse:
        view = self.asset(request, Permission.ASSET_WIPE)
        given = {name: request.POST.get(name, "").strip() for name in ("what", "partitions", "start", "end", "typed")}
        try:
            _check_typed(given["typed"], view.key)
            partitions, span = _partitions(given)
            wipe_as(
                self.visible,
                asset=view.key,
                partitions=partitions,
                partition_range=span,
                actor=self.access.actor,
            )
        except InvalidError as problem:
            return self._form(request, view, given, problem)
        messages.success(request, f"{view.key} is being wiped.")
        return redirect(self.links.asset(view.key, query={"tab": "history"}))

    def _form(
        self, request: HttpRequest, view: AssetView, given: dict[str, str], problem: InvalidError | None = None
    ) -> HttpResponse:
        context: dict[str, Any] = {"asset": view, "given": given, "problem": problem}
        context["is_partitioned"] = view.node is not None and view.node.asset.partitions is not None
        context["wipes"] = wipes_of(self.visible, view.key)
        return self.render(request, "assets/wipe.html", status=400 if problem else 200, **context)


def _event(given: dict[str, str]) -> dict[str, Any]:
    """The event of a form: what was left empty is not said."""
    event: dict[str, Any] = {name: value for name, value in given.items() if value and name not in {"kind", "metadata"}}
    if "passed" in event:
        event["passed"] = event["passed"] == "yes"
    if given["metadata"]:
        try:
            event["metadata"] = json.loads(given["metadata"])
        except (ValueError, RecursionError) as error:
            raise InvalidError(f"The metadata is not JSON: {error}.", attr="metadata") from error
    return event


def _check_typed(text: str, key: str) -> None:
    if text != key:
        raise InvalidError("Type the asset's key exactly.", attr="typed")


def _partitions(given: dict[str, str]) -> tuple[list[str] | None, tuple[str, str] | None]:
    if given["what"] == "all":
        return None, None
    if given["what"] == "range":
        if not given["start"] or not given["end"]:
            raise InvalidError("Say from which partition to which.", attr="start")
        return None, (given["start"], given["end"])
    names = [name.strip() for name in given["partitions"].splitlines() if name.strip()]
    if not names:
        raise InvalidError("Name at least one partition, one on each line.", attr="partitions")
    return names, None
