"""Starting a backfill: of assets or of a job, which partitions, and what that comes to before anything starts."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.automation.backfills import requesting
from controlplane.automation.backfills.choice import Choice, Only, parse
from controlplane.automation.backfills.requesting import BackfillRequest
from controlplane.catalog import current_partitions
from controlplane.catalog.asset_filter import AssetFilter
from controlplane.catalog.health_selectors import healthy_assets
from controlplane.catalog.partition_keys import DELIMITER, MultiPartitions, OpaquePartitions, Partitions
from controlplane.runs.requests import PRIORITY_TAG
from controlplane.ui.pages.backfills import whole_number
from controlplane.ui.pages.base import DeploymentPage, wants_part
from tenants.errors import AppError, InvalidError
from tenants.permissions import Permission

# Keys that an input offers: the first and the last of each list.
_OFFERED = 200
# Assets that the form names.
_NAMED = 30
# Assets of one form.
_ASSETS_MAX = 2000
_COMBINATIONS_MAX = 200_000
_PRESETS = {
    "missing": Only.MISSING,
    "failed": Only.FAILED,
    "missing_and_failed": Only.MISSING_AND_FAILED,
}


@dataclass(frozen=True)
class Picker:
    """One list of keys to choose from: all of it, or one dimension. `field` is the name of its input."""

    field: str
    name: str
    count: int | None
    first: str
    last: str
    offered: Sequence[str]


class LaunchBackfill(DeploymentPage):
    """The form, its preview and the launch."""

    permissions: ClassVar = {"GET": Permission.RUN_READ, "POST": Permission.BACKFILL_LAUNCH}
    section = "backfills"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = {name: request.GET.get(name, "") for name in ("location", "job", "what", "partitions", "title")}
        assets = self._filtered(request) if request.GET.get("of") == "these" else request.GET.getlist("assets")
        return self._form(request, {"priority": "0", **form}, assets)

    def _filtered(self, request: HttpRequest) -> list[str]:
        """What the list of assets showed with this filter, as far as it can be materialized."""
        wanted = AssetFilter(**{field.name: request.GET.get(field.name, "") for field in fields(AssetFilter)})
        views = healthy_assets(self.visible, wanted)
        return [
            view.key
            for view in views
            if view.node and view.node.asset.is_executable and view.node.asset.execution_type == "materialization"
        ][:_ASSETS_MAX]

    def post(self, request: HttpRequest) -> HttpResponse:
        assets = request.POST.getlist("assets")
        form = {
            name: request.POST.get(name, "") for name in request.POST if name not in {"assets", "csrfmiddlewaretoken"}
        }
        try:
            asked = self._asked(request, assets)
            if wants_part(request, "backfill-preview"):
                found = requesting.preview(self.visible, asked)
                return self.render_part(request, "backfills/_preview.html", found=found, assets=_counted(found.keys))
            made = requesting.request(self.visible, asked, actor=self.access.actor)
        except AppError as error:
            if wants_part(request, "backfill-preview"):
                return self.render_part(request, "backfills/_preview.html", problem=error.message)
            if error.status in {403, 404}:
                raise
            return self._form(request, form, assets, status=error.status, problem=error.message)
        return redirect(self.links.page("backfill", backfill_id=made.id))

    def _asked(self, request: HttpRequest, assets: Sequence[str]) -> BackfillRequest:
        given = request.POST
        tags = _tags(given.get("tags", ""))
        tags.pop(PRIORITY_TAG, None)
        return BackfillRequest(
            assets=assets,
            location=given.get("location", ""),
            job=given.get("job", ""),
            choice=self._choice(request, assets),
            title=given.get("title", ""),
            description=given.get("description", ""),
            tags=tags,
            priority=whole_number(given.get("priority", "0")),
        )

    def _choice(self, request: HttpRequest, assets: Sequence[str]) -> Choice:
        given = request.POST
        what = given.get("what", "all")
        if what == "latest":
            return Choice(latest=True)
        only = _PRESETS.get(what)
        if what == "all":
            return Choice()
        partitions = self._partitions(assets, given.get("location", ""), given.get("job", ""))
        if isinstance(partitions, MultiPartitions):
            texts = [given.get(f"partitions-{part.name}", "") for part in partitions.dimensions]
            if not any(text.strip() for text in texts) and only:
                return Choice(only=only)
            return Choice(keys=_combined(partitions, texts), only=only)
        typed = parse(given.get("partitions", ""), only=only)
        if typed.is_all and only is None:
            raise InvalidError("Say which partitions, or choose all of them.", attr="partitions")
        return typed

    def _partitions(self, assets: Sequence[str], location: str, job: str) -> Partitions | None:
        """Those of the first partitioned asset that the person sees, or of the job."""
        known = self.visible.known_definitions
        definition, where = None, location
        if job:
            definition = known.job(location, job).partitions
        for key in assets:
            node = known.asset(key)
            if node.asset.partitions:
                definition, where = node.asset.partitions, node.location
                break
        if definition is None:
            return None
        manifest = known.location(where).manifest
        return current_partitions.partitions(self.org_id, self.deployment.id, manifest, definition)

    def _form(
        self, request: HttpRequest, form: dict[str, str], assets: Sequence[str], *, status: int = 200, problem: str = ""
    ) -> HttpResponse:
        partitions = (
            self._partitions(assets, form.get("location", ""), form.get("job", ""))
            if assets or form.get("job")
            else None
        )
        context: dict[str, Any] = {
            "form": form,
            "assets": assets,
            "named": assets[:_NAMED],
            "more": max(0, len(assets) - _NAMED),
            "pickers": _pickers(partitions, form) if partitions is not None else [],
            "is_partitioned": partitions is not None,
            "is_multi": isinstance(partitions, MultiPartitions),
            "problem": problem,
            "what": form.get("what") or ("range" if form.get("partitions") else "missing"),
        }
        return self.render(request, "backfills/new.html", status=status, **context)


def _pickers(partitions: Partitions, form: dict[str, str]) -> list[tuple[Picker, str]]:
    if isinstance(partitions, MultiPartitions):
        found = [_picker(f"partitions-{part.name}", part.name, part.partitions) for part in partitions.dimensions]
    else:
        found = [_picker("partitions", "", partitions)]
    return [(picker, form.get(picker.field, "")) for picker in found]


def _picker(field: str, name: str, partitions: Partitions) -> Picker:
    if isinstance(partitions, OpaquePartitions):
        return Picker(field, name, None, "", "", [])
    count = partitions.count()
    if not count:
        return Picker(field, name, 0, "", "", [])
    first = list(partitions.page(0, _OFFERED))
    last = list(partitions.page(max(0, count - _OFFERED), _OFFERED))
    return Picker(field, name, count, first[0], last[-1], list(dict.fromkeys([*reversed(last), *first])))


def _combined(partitions: MultiPartitions, texts: Sequence[str]) -> list[str]:
    """Every combination of what was typed for each dimension; an empty one means all of it."""
    sides = [_side(part.name, part.partitions, text) for part, text in zip(partitions.dimensions, texts, strict=True)]
    total = 1
    for side in sides:
        total *= len(side)
    if total > _COMBINATIONS_MAX:
        raise InvalidError(
            f"These are {total:,} combinations; at most {_COMBINATIONS_MAX:,} at once.", attr="partitions"
        )
    return [DELIMITER.join(parts) for parts in itertools.product(*sides)]


def _side(name: str, partitions: Partitions, text: str) -> list[str]:
    typed = parse(text)
    if typed.is_all:
        return list(partitions.page())
    wanted = list(typed.keys)
    for key in typed.keys:
        if not partitions.has(key):
            raise InvalidError(f"In {name}: {partitions.refusal(key)}", attr="partitions")
    for first, last in typed.ranges:
        try:
            wanted += partitions.between(first, last)
        except ValueError as error:
            raise InvalidError(f"In {name}: {error}", attr="partitions") from error
    return list(dict.fromkeys(wanted))


def _tags(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if line.strip():
            if not equals:
                raise InvalidError(f"Write a tag as name=value, not {line[:40]}.", attr="tags")
            found[name.strip()] = value.strip()
    return found


def _counted(keys: Any) -> list[tuple[str, int]]:
    return [(key, len(rows)) for key, rows in itertools.islice(keys.items(), _NAMED)]
