"""What the palette finds: pages, deployments, branches by title or pull request, what is defined here by name, runs by their id."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from controlplane.automation.instigators import selectors as instigators
from controlplane.automation.instigators.selectors import InstigatorFilter
from controlplane.catalog import selectors as catalog
from controlplane.delivery.branches.selectors import BranchFilter, branches_for
from controlplane.deployments import selectors as deployments
from controlplane.deployments.models import DeploymentKind
from controlplane.runs import selectors as runs
from controlplane.runs.models import Run
from controlplane.runs.selectors import RunFilter
from controlplane.ui.branch_words import BranchLine
from controlplane.ui.links import Links
from controlplane.ui.pages.base import DeploymentPage
from controlplane.ui.pages.settings_base import SETTINGS_RAIL
from controlplane.ui.run_words import target_words
from controlplane.ui.status_words import word
from controlplane.ui.templatetags.ui_values import short_id
from tenants.permissions import Permission
from tenants.scoping import read_scope

_MOST = 8
_HEX = frozenset("0123456789abcdef-")
# Runs in which the end of an id, as lists show it, is looked for.
_RECENT = 500


class Palette(DeploymentPage):
    """Answers `?q=`."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_READ}

    def get(self, request: HttpRequest) -> HttpResponse:
        words = request.GET.get("q", "").casefold().split()
        items: list[dict[str, str]] = []
        if words:
            items = [
                *self._pages(words),
                *self._runs(words),
                *self._deployments(words),
                *self._branches(words),
                *self._assets(words),
                *self._jobs(words),
                *self._automation(words),
                *self._locations(words),
                *self._settings(words),
            ]
        return JsonResponse({"items": items})

    def _pages(self, words: list[str]) -> list[dict[str, str]]:
        """Those that no rail leads to; the browser knows the others."""
        known = [
            ("Promotions", Permission.LOCATION_WRITE, self.links.page("promote")),
            ("Add a code location", Permission.LOCATION_WRITE, self.links.page("location-new")),
            ("New deployment", Permission.FULL_DEPLOYMENT_WRITE, reverse("pages:deployment-new", args=[self._org])),
        ]
        return [
            self._item("Pages", label, "", url)
            for label, right, url in known
            if self.access.allows(right) and _has(label, words)
        ]

    def _settings(self, words: list[str]) -> list[dict[str, str]]:
        return [
            self._item("Organization settings", label, "", reverse(f"pages:{name}", args=[self._org]))
            for label, name, right, _heading in SETTINGS_RAIL
            if self.access.allows(right) and _has(f"{label} settings", words)
        ]

    def _deployments(self, words: list[str]) -> list[dict[str, str]]:
        full = [one for one in deployments.deployments_for(self.access) if one.kind == DeploymentKind.FULL]
        found = [one.name for one in full if one.id != self.deployment.id and _has(one.name, words)]
        return [self._item("Deployments", name, "", Links(self._org, name).overview) for name in found[:_MOST]]

    def _branches(self, words: list[str]) -> list[dict[str, str]]:
        lines = [BranchLine(view.branch, view.base) for view in branches_for(self.access, BranchFilter())]
        found = [line for line in lines if line.is_about(words)]
        # A whole number is most likely meant as one, then what lives, then what was active last.
        number = words[0].removeprefix("#")
        found.sort(
            key=lambda line: (
                str(line.branch.pull_request) != number,
                not line.is_living,
                -line.branch.active_at.timestamp(),
            )
        )
        return [
            self._item(
                "Branch deployments",
                line.title,
                f"{line.reference} · {line.state_word}",
                Links(self._org, line.name).overview,
            )
            for line in found[:_MOST]
        ]

    def _assets(self, words: list[str]) -> list[dict[str, str]]:
        nodes = self.visible.definitions(Permission.ASSET_READ).graph.nodes
        known = [*nodes, *catalog.undefined_keys(self.visible, max(words, key=len))]
        keys = [key for key in known if all(word in key.casefold() for word in words)]
        # What begins with the word, then what is shortest, is most likely meant.
        keys.sort(key=lambda key: (not key.casefold().startswith(words[0]), len(key), key))
        return [
            self._item("Assets", key, "asset" if key in nodes else "asset without a definition", self.links.asset(key))
            for key in keys[:_MOST]
        ]

    def _jobs(self, words: list[str]) -> list[dict[str, str]]:
        found = [
            (location, job.name)
            for location, of in self.visible.definitions(Permission.JOB_READ).by_location.items()
            for job in of.manifest.jobs
            if not job.implicit and all(word in job.name.casefold() for word in words)
        ]
        return [self._item("Jobs", name, location, self.links.job(location, name)) for location, name in found[:_MOST]]

    def _automation(self, words: list[str]) -> list[dict[str, str]]:
        longest = max(words, key=len)
        with read_scope(self.org_id):
            rows = instigators.rows(self.visible, InstigatorFilter(text=longest, deleted=False)).order_by("name", "id")[
                :_RECENT
            ]
            found = [row for row in rows if _has(row.name, words)][:_MOST]
        return [
            self._item("Automation", row.name, row.kind, self.links.page("instigator", instigator_id=row.id))
            for row in found
        ]

    def _locations(self, words: list[str]) -> list[dict[str, str]]:
        names = [row.name for row in self.visible.code_locations()]
        found = [name for name in names if all(word in name.casefold() for word in words)]
        return [self._item("Code locations", n, "", self.links.page("location", name=n)) for n in found[:_MOST]]

    def _runs(self, words: list[str]) -> list[dict[str, str]]:
        text = words[0]
        if len(words) > 1 or not set(text) <= _HEX or len(text) < 4 or len(text) > 36:
            return []
        found = runs.runs(self.visible, RunFilter(id_prefix=text), limit=_MOST).runs
        recent = runs.runs(self.visible, limit=_RECENT).runs if not found else []
        found += [run for run in recent if str(run.id).endswith(text)][:_MOST]
        return [self._item("Runs", _run_label(run), word(run.status), self.links.run(run.id)) for run in found]

    @property
    def _org(self) -> str:
        return self.access.org.slug

    def _item(self, group: str, label: str, note: str, url: str) -> dict[str, Any]:
        return {"group": group, "label": label, "note": note, "url": url}


def _has(text: str, words: list[str]) -> bool:
    return all(word in text.casefold() for word in words)


def _run_label(run: Run) -> str:
    return f"{short_id(run.id)} {target_words(run)}"
