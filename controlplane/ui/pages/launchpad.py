"""The launchpad: a job or assets, a config that the user's own dagster has checked, a partition, tags; then a run."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from controlplane.runs import selectors as runs
from controlplane.runs.errors import InvalidRunConfigError
from controlplane.runs.launching import launch
from controlplane.ui import launch_keys
from controlplane.ui.launch_check import Checked, Problem, check
from controlplane.ui.launch_form import LaunchForm
from controlplane.ui.launch_plan import LaunchPlan, plan
from controlplane.ui.pages.base import DeploymentPage
from tenants.errors import AppError, InvalidError
from tenants.permissions import Permission

# Rows for tags that are still empty; scripts add more.
_EMPTY_TAGS = 2


class Launchpad(DeploymentPage):
    """GET shows the form, filled in as the address says; POST launches, or shows the form again with what is wrong."""

    permissions: ClassVar = {"GET": Permission.RUN_LAUNCH, "POST": Permission.RUN_LAUNCH}
    section = "jobs"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = LaunchForm.of_query(request.GET)
        if "run" in request.GET:
            return self._page(request, self._form_of_run(request.GET["run"]))
        if not form.job and not form.assets:
            return redirect(self.links.page("jobs"))
        return self._page(request, form, fresh=not form.config)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = LaunchForm.of_query(request.POST)
        try:
            asked = form.request()
            found = plan(self.visible, form)
            checked = check(
                self.org_id, found.found, found.selection, partition=asked.partition, config=asked.run_config
            )
            if checked.refuses:
                return self._page(request, form, checked=checked)
            run = launch(self.visible, asked, actor=self.access.actor)
        except InvalidRunConfigError as error:
            problems = [Problem(list(one.path), one.message) for one in error.errors]
            return self._page(request, form, checked=Checked(problems=problems, by="the stored config types"))
        except InvalidError as error:
            return self._page(request, form, error=error)
        return redirect(self.links.run(run.id))

    def _form_of_run(self, run_id: str) -> LaunchForm:
        try:
            run = runs.run(self.visible, UUID(run_id))
        except ValueError as error:
            raise InvalidError(f"{run_id[:40]!r} is not the id of a run.") from error
        job = plan(self.visible, LaunchForm.of_run(run, {})).selection.job
        form = LaunchForm.of_run(run, job.run_tags)
        return replace(form, job="") if job.implicit else form

    def _page(
        self,
        request: HttpRequest,
        form: LaunchForm,
        *,
        fresh: bool = False,
        checked: Checked | None = None,
        error: AppError | None = None,
    ) -> HttpResponse:
        try:
            found = plan(self.visible, form)
        except InvalidError as problem:
            # Only its own field can be mistaken: everything else of the form is shown as it was.
            error = error or problem
            found = plan(self.visible, form, lenient=True)
        return self.render(
            request,
            "launchpad/launchpad.html",
            status=400 if (error or checked) and request.method == "POST" else 200,
            form=replace(form, config=found.starting_config) if fresh else form,
            plan=found,
            checked=checked,
            checked_json=checked.as_json() if checked else None,
            error=error,
            tag_rows=[*form.tags, *[("", "")] * _EMPTY_TAGS],
            partition_first=found.partitions.search("") if found.partitions else None,
            partition_source=self._partition_source(form),
        )

    def _partition_source(self, form: LaunchForm) -> str:
        query = {"kind": "partition", "location": form.location, "job": form.job, "assets": form.assets}
        return self.links.page("launchpad-keys", query={name: value for name, value in query.items() if value})


class Validate(DeploymentPage):
    """Answers the config editor: what is wrong with the config as it is now."""

    permissions: ClassVar = {"POST": Permission.RUN_LAUNCH}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = LaunchForm.of_json(_body(request))
        try:
            config = form.parsed_config()
            found = plan(self.visible, form)
        except InvalidError as error:
            return JsonResponse(Checked(problems=[Problem([], error.message)], by="Daggerboard").as_json())
        checked = check(self.org_id, found.found, found.selection, partition=form.partition or None, config=config)
        return JsonResponse({**checked.as_json(), "value": config})


class Keys(DeploymentPage):
    """Answers the pickers: partitions, assets or ops that match."""

    permissions: ClassVar = {"GET": Permission.RUN_LAUNCH}

    def get(self, request: HttpRequest) -> HttpResponse:
        found = plan(self.visible, LaunchForm.of_query(request.GET))
        keys = _search(found, request.GET.get("kind", ""), request.GET.get("q", ""))
        return JsonResponse({"keys": keys.keys, "total": keys.total, "more": keys.more})


def _search(found: LaunchPlan, kind: str, text: str) -> launch_keys.FoundKeys:
    if kind == "asset":
        return launch_keys.search_assets(found.selection.job, text)
    if kind == "op":
        return launch_keys.search_ops(found.selection.job, text)
    if kind == "partition" and found.partitions is not None:
        return found.partitions.search(text)
    raise InvalidError("kind is partition, asset or op, and a partition needs something partitioned.", attr="kind")


def _body(request: HttpRequest) -> Mapping[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise InvalidError("Send a JSON object.") from error
    if not isinstance(body, dict):
        raise InvalidError("Send a JSON object.")
    return body
