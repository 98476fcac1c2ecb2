"""What a launchpad form is about: the location, the job, what of it runs, its partitions, its config types, the agents it needs."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from controlplane.catalog import current_partitions
from controlplane.deployments.current_definitions import LocationDefinitions
from controlplane.deployments.job_serializers import JobView
from controlplane.deployments.visibility import Visible
from controlplane.fleet import selectors as fleet
from controlplane.runs.launching import permitted
from controlplane.runs.requests import RunRequest
from controlplane.runs.selection import Selection, resolve
from controlplane.runs.targets import location_of, partitions_definition
from controlplane.ui import config_text
from controlplane.ui.launch_defaults import starting_config
from controlplane.ui.launch_form import LaunchForm
from controlplane.ui.launch_keys import PartitionChoice, is_timed
from controlplane.ui.location_lines import LocationLine, location_line

# Beyond this a form would be slower to draw and to read than JSON is to write.
_MAX_FORM_BYTES = 1_000_000


@dataclass(frozen=True)
class LaunchPlan:
    """A form, resolved against the definitions that serve now."""

    org_id: UUID
    form: LaunchForm
    found: LocationDefinitions
    selection: Selection
    partitions: PartitionChoice | None
    line: LocationLine

    @property
    def title(self) -> str:
        """What is about to be launched, in a few words."""
        if not self.selection.job.implicit:
            return self.selection.job.name
        count = len(self.selection.assets or [])
        return (self.selection.assets or [""])[0] if count == 1 else f"{count} assets"

    @property
    def deed(self) -> str:
        """What a run of these does, in a word."""
        selection = self.selection
        if not selection.job.implicit:
            return "Launch"
        return "Observe" if selection.touched and not selection.targets else "Materialize"

    @property
    def together(self) -> list[str]:
        """Assets that come along, because they are computed together with a chosen one."""
        return [key for key in self.selection.assets or [] if key not in self.form.assets]

    @cached_property
    def hosts(self) -> list[str]:
        """The agents that can be asked about this code now."""
        views = fleet.hosts(self.org_id, [self.found.version.id])[self.found.version.id]
        return [view.agent.name for view in views if view.is_working]

    @property
    def why_not_asked(self) -> str:
        """Why the user's own code cannot be asked now."""
        if not self.line.here:
            return self.line.why_waiting
        names = ", ".join(view.agent.name for view in self.line.here[:3])
        return f"{names}: connected, but version {self.found.version.number} is not loaded there."

    @cached_property
    def form_types(self) -> dict[str, Any] | None:
        """Types and root for the config form; None when there is nothing to fill in, or too much for a form."""
        job = self.selection.job
        if job.config is None or job.config not in self.found.manifest.config_types:
            return None
        types = JobView(self.found.location.name, job, self.found.manifest).config_types
        made = {"root": job.config, "types": _selected(types, job.config, self._op_names)}
        return made if len(msgspec.json.encode(made)) <= _MAX_FORM_BYTES else None

    @property
    def starting_config(self) -> str:
        """The text to begin with, where the job has a config of its own."""
        job, types = self.selection.job, self.found.manifest.config_types
        return config_text.write(starting_config(types, job.config, ops=self._op_names))

    @property
    def _op_names(self) -> set[str] | None:
        """The outermost ops of the selected assets; None when all of the job runs."""
        if self.selection.assets is None:
            return None
        return {asset.graph_name or name.split(".")[0] for asset in self.selection.touched for name in asset.op_names}


def plan(visible: Visible, form: LaunchForm, *, lenient: bool = False) -> LaunchPlan:
    """Resolve a form; InvalidError or NotFoundError says what is wrong, ForbiddenError what the person may not launch. `lenient` leaves the
    selection out, to show the form again.

    Of a job that the person sees only in part, that part is selected.
    """
    definitions = visible.known_definitions
    request = RunRequest(location=form.location or None, job=form.job or None, assets=form.assets or None)
    found = location_of(definitions, request)
    known = set(definitions.graph.nodes)
    if lenient:
        form = replace(form, ops=(), assets=() if form.job else tuple(key for key in form.assets if key in known)[:1])
        request = replace(request, assets=form.assets or None)
    form = replace(form, assets=tuple(permitted(visible, replace(request, ops=form.ops or None)).assets or ()))
    selection = resolve(
        found.manifest, job_name=form.job or None, assets=form.assets or None, checks=None, ops=form.ops or None
    )
    return LaunchPlan(
        org_id=visible.org_id,
        form=form,
        found=found,
        selection=selection,
        partitions=None if lenient else _partitions(visible.org_id, visible.deployment_id, found, selection),
        line=location_line(found.location, fleet.agents(visible.org_id)),
    )


def _partitions(
    org_id: UUID, deployment_id: UUID, found: LocationDefinitions, selection: Selection
) -> PartitionChoice | None:
    definition = partitions_definition(selection)
    if definition is None:
        return None
    keys = current_partitions.partitions(org_id, deployment_id, found.manifest, definition)
    return PartitionChoice(keys, is_timed(found.manifest, definition), required=bool(selection.touched))


def _selected(types: dict[str, dict[str, Any]], root: str, ops: set[str] | None) -> dict[str, dict[str, Any]]:
    """Only the ops that run: a job of thousands of assets has as many fields. The table stays open for the others."""
    field = next((one for one in types[root]["fields"] or [] if one["name"] == "ops"), None)
    if ops is None or field is None or field["type"] not in types:
        return types
    table = types[field["type"]]
    kept = [one for one in table["fields"] or [] if one["name"] in ops]
    narrowed = {**types, field["type"]: {**table, "kind": "PERMISSIVE_SHAPE", "narrowed": True, "fields": kept}}
    return _reached(narrowed, root)


def _reached(types: dict[str, dict[str, Any]], root: str) -> dict[str, dict[str, Any]]:
    reached: dict[str, dict[str, Any]] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in types and name not in reached:
            one = reached[name] = types[name]
            waiting += [*(one["type_params"] or []), *(field["type"] for field in one["fields"] or [])]
    return reached
