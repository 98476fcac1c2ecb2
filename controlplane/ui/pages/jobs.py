"""Jobs: the list, and one of them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from controlplane.definitions.asset_keys import check_text, to_text
from controlplane.definitions.manifest import Job as JobDefinition
from controlplane.definitions.manifest import Manifest, Op, PartitionsDefinition, Schedule, Sensor
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.runs import selectors as runs
from controlplane.runs.job_runs import latest_runs
from controlplane.runs.selectors import RunFilter
from controlplane.ui.config_outline import outline
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.paging import asked
from tenants.paging import page_of_list
from tenants.permissions import Permission

_ROWS = 100
_RUNS = 10


@dataclass(frozen=True)
class JobRow:
    """A job where it is defined, with what starts it."""

    location: str
    job: JobDefinition
    manifest: Manifest

    @property
    def schedules(self) -> list[Schedule]:
        return [schedule for schedule in self.manifest.schedules if schedule.job == self.job.name]

    @property
    def sensors(self) -> list[Sensor]:
        return [sensor for sensor in self.manifest.sensors if self.job.name in sensor.jobs]

    @property
    def starters(self) -> int:
        """How many schedules and sensors name it."""
        return len(self.schedules) + len(self.sensors)

    @property
    def partitions(self) -> PartitionsDefinition | None:
        return self.manifest.partitions_definitions.get(self.job.partitions or "")

    @property
    def op_count(self) -> int:
        return _count(self.job.ops or [])


class JobBase(DeploymentPage):
    """What the pages of jobs share."""

    def may_launch(self, location: str, job: JobDefinition) -> bool:
        """Whether the person may launch the job, or some of its assets."""
        keys = {to_text(key) for key in job.assets} | {to_text(asset) for asset, _name in job.checks}
        if keys:
            return self.visible.permits_some(Permission.RUN_LAUNCH, keys)
        return self.visible.permits(Permission.RUN_LAUNCH, location=location)


class Jobs(JobBase):
    """Every job but dagster's own job of all assets."""

    permissions: ClassVar = {"GET": Permission.JOB_READ}
    section = "jobs"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = job_rows(self.visible.definitions(Permission.JOB_READ))
        found = [row for row in rows if _matches(row, request)]
        page = page_of_list(found, asked(request, size=_ROWS), key=lambda row: (row.job.name, row.location))
        latest = latest_runs(self.visible, [(row.location, row.job.name) for row in page.results])
        context: dict[str, Any] = {
            "page": page,
            "rows": [
                (row, latest.get((row.location, row.job.name)), self.may_launch(row.location, row.job))
                for row in page.results
            ],
            "found": len(found),
            "total": len(rows),
        }
        if wants_part(request, "job-list"):
            return self.render_part(request, "jobs/_list.html", **context)
        locations = self.visible.code_locations()
        return self.render(request, "jobs/list.html", **context, locations=[row.name for row in locations])


class Job(JobBase):
    """One job: what it does, what starts it, its runs."""

    permissions: ClassVar = {"GET": Permission.JOB_READ}
    section = "jobs"

    def get(self, request: HttpRequest, location: str = "", name: str = "") -> HttpResponse:
        location, name = location or request.GET.get("location", ""), name or request.GET.get("name", "")
        definitions = self.visible.definitions(Permission.JOB_READ)
        job = definitions.job(location, name)
        row = JobRow(location, job, definitions.location(location).manifest)
        page = runs.runs(self.visible, RunFilter(job=name, location=location), limit=_RUNS)
        if wants_part(request, "job-runs"):
            return self.render_part(request, "jobs/_runs.html", row=row, runs=page.runs)
        may = self.may_with() | {"run_launch": self.may_launch(location, job)}
        return self.render(request, "jobs/job.html", row=row, runs=page.runs, may=may, **_definition(row))


def job_rows(definitions: DeploymentDefinitions) -> list[JobRow]:
    """The jobs that people wrote."""
    return [
        JobRow(location, job, found.manifest)
        for location, found in definitions.by_location.items()
        for job in found.manifest.jobs
        if not job.implicit
    ]


def _matches(row: JobRow, request: HttpRequest) -> bool:
    words = request.GET.get("q", "").casefold().split()
    text = f"{row.job.name} {row.job.description or ''}".casefold()
    return all(word in text for word in words) and request.GET.get("location", "") in {"", row.location}


def _definition(row: JobRow) -> dict[str, Any]:
    return {
        "assets": sorted(to_text(key) for key in row.job.assets),
        "checks": sorted(check_text(asset, check) for asset, check in row.job.checks),
        "outline": outline(row.manifest.config_types, row.job.config),
    }


def _count(ops: list[Op]) -> int:
    return sum(_count(op.ops) if op.ops else 1 for op in ops)
