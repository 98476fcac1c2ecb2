"""Reading runs: lists by filters, one run, its attempts. Fast with millions of runs: every filter has an index, pages go by id."""

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q, QuerySet

from controlplane.deployments.visibility import Visible
from controlplane.runs import labels
from controlplane.runs.deleted_history import why_gone
from controlplane.runs.models import Run, RunAttempt, RunLabel
from controlplane.runs.states import RunStatus
from controlplane.runs.visible_runs import covered_runs
from tenants.errors import InvalidError, NotFoundError
from tenants.ids import first_uuid7_at
from tenants.permissions import Permission
from tenants.scoping import read_scope

PAGE_MAX = 500
# Runs that were made from one another, as a run's page lists them.
GROUP_MAX = 50
# Between the making of a run's id and the database's idea of when the run was made.
_CLOCK_SLACK = datetime.timedelta(hours=1)
_HEX = frozenset("0123456789abcdef")
_UUID_DIGITS = 32


@dataclass(frozen=True)
class RunFilter:
    """What runs to show; everything that is set must hold. `id_prefix` is the beginning of an id, with or without dashes."""

    statuses: Sequence[RunStatus] = ()
    location: str | None = None
    job: str | None = None
    asset: str | None = None
    partition: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    launched_by: str | None = None
    created_after: datetime.datetime | None = None
    created_before: datetime.datetime | None = None
    id_prefix: str | None = None
    root_run_id: UUID | None = None


@dataclass(frozen=True)
class RunPage:
    """Some runs, the newest first. `cursor` is the id to go on from, None at the end."""

    runs: list[Run]
    cursor: UUID | None


def run(visible: Visible, run_id: UUID) -> Run:
    """One run; NotFoundError when the caller sees none by this id in the deployment."""
    with read_scope(visible.org_id):
        found = _seen(visible).filter(id=run_id).first()
    if found is None:
        gone = why_gone(visible.org_id, visible.deployment_id, run_id)
        raise NotFoundError(gone or "There is no such run in this deployment.")
    return found


def some_runs(visible: Visible, run_ids: Collection[UUID]) -> list[Run]:
    """Those of these runs that the caller sees."""
    with read_scope(visible.org_id):
        return list(_seen(visible).filter(id__in=list(run_ids)).defer("run_config"))


def queued_of(org_id: UUID, run_ids: Collection[UUID]) -> list[UUID]:
    """Those of these runs that no agent took yet."""
    with read_scope(org_id):
        rows = Run.objects.for_org(org_id).filter(id__in=list(run_ids), status=RunStatus.QUEUED)
        return list(rows.values_list("id", flat=True))


def attempts(org_id: UUID, run_id: UUID) -> list[RunAttempt]:
    """The attempts at a run, the first one first."""
    with read_scope(org_id):
        return list(RunAttempt.objects.for_org(org_id).filter(run_id=run_id).order_by("attempt"))


def run_group(visible: Visible, run: Run) -> list[Run]:
    """The run's root and what was run again from it, the first one first: of many the root and the newest, GROUP_MAX in all."""
    root = run.root_run_id or run.id
    with read_scope(visible.org_id):
        rows = _seen(visible).filter(root_run_id=root)
        # The ids first, from the index alone: of thousands, only what is shown is read whole.
        newest = list(rows.order_by("-id").values_list("id", flat=True)[:GROUP_MAX])
        shown = newest if len(newest) < GROUP_MAX else [root, *newest[:-1]]
        return list(_seen(visible).filter(id__in=shown).defer("run_config", "target_assets").order_by("id"))


def runs(visible: Visible, filters: RunFilter | None = None, *, cursor: UUID | None = None, limit: int = 50) -> RunPage:
    """A page of a deployment's runs, the newest first."""
    limit = max(1, min(limit, PAGE_MAX))
    with read_scope(visible.org_id):
        rows = narrowed(visible, filters or RunFilter())
        if cursor is not None:
            rows = rows.filter(id__lt=cursor)
        ids = list(rows.order_by("-id").values_list("id", flat=True)[: limit + 1])
        # What is deleted in between is missing here, and ends the list no earlier.
        found = list(without_config(visible).filter(id__in=ids[:limit]).order_by("-id"))
    return RunPage(found, ids[limit - 1] if len(ids) > limit else None)


def without_config(visible: Visible) -> QuerySet[Run]:
    """What a page of runs is read from; the page itself is found by `narrowed`, which says who sees what."""
    return Run.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id).defer("run_config")


def count_runs(visible: Visible, filters: RunFilter | None = None, *, most: int = 1000) -> int:
    """How many there are, counted up to `most`."""
    with read_scope(visible.org_id):
        return narrowed(visible, filters or RunFilter()).order_by("-id").values("id")[:most].count()


def filtered(visible: Visible, filters: RunFilter) -> QuerySet[Run]:
    """The runs that pass; read it inside org_scope."""
    rows = _seen(visible)
    for condition in _conditions(filters):
        rows = rows.filter(condition)
    return _of_ids(visible, rows, filters)


def narrowed(visible: Visible, filters: RunFilter) -> QuerySet[Run]:
    """The same runs, for the ids of the newest of them: `order_by("-id").values_list("id")` of it reads indexes side by side, and no runs.

    Where conditions hold together for little or nothing of a long history, looking at each run of one of them takes a second.
    """
    rows = _seen(visible)
    first, *others = _conditions(filters) or [Q()]
    rows = rows.filter(first)
    for condition in others:
        of_deployment = Run.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
        rows = rows.filter(id__in=of_deployment.filter(condition, **_made(filters, "id")).values("id"))
    return _of_ids(visible, rows, filters)


def _conditions(filters: RunFilter) -> list[Q]:
    """What columns of a run say, each with an index, a job and its code location together; what finds the least goes first."""
    found = [Q(root_run_id=filters.root_run_id)] if filters.root_run_id is not None else []
    named = {"job_name": filters.job, "location_name": filters.location}
    named = {name: value for name, value in named.items() if value is not None}
    found += [Q(**named)] if named else []
    return [*found, Q(status__in=list(filters.statuses))] if filters.statuses else found


def _of_ids(visible: Visible, rows: QuerySet[Run], filters: RunFilter) -> QuerySet[Run]:
    """What else must hold, which the ids decide."""
    for label in _labels(filters):
        holders = RunLabel.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id, label=label)
        # The planner does not carry the bounds of one side of a join over to the other.
        rows = rows.filter(id__in=holders.filter(**_made(filters, "run_id")).values("run_id"))
    return _by_id(_by_time(rows, filters), filters)


def _seen(visible: Visible) -> QuerySet[Run]:
    return covered_runs(visible, Permission.RUN_READ, Run.objects.for_org(visible.org_id))


def _labels(filters: RunFilter) -> list[UUID]:
    found = [labels.tag(name, value) for name, value in filters.tags.items()]
    if filters.asset is not None:
        found.append(labels.asset(filters.asset))
    if filters.partition is not None:
        found.append(labels.partition(filters.partition))
    if filters.launched_by is not None:
        found.append(labels.launched_by(filters.launched_by))
    return found


def _by_time(rows: QuerySet[Run], filters: RunFilter) -> QuerySet[Run]:
    """The id, which begins with the time, narrows; the column decides."""
    rows = rows.filter(**_made(filters, "id"))
    if filters.created_after is not None:
        rows = rows.filter(created_at__gte=filters.created_after)
    return rows if filters.created_before is None else rows.filter(created_at__lt=filters.created_before)


def _made(filters: RunFilter, column: str) -> dict[str, UUID]:
    """The ids that the times allow, as lookups of a column."""
    bounds = {}
    if filters.created_after is not None:
        bounds[f"{column}__gte"] = first_uuid7_at(filters.created_after - _CLOCK_SLACK)
    if filters.created_before is not None:
        bounds[f"{column}__lt"] = first_uuid7_at(filters.created_before + _CLOCK_SLACK)
    return bounds


def _by_id(rows: QuerySet[Run], filters: RunFilter) -> QuerySet[Run]:
    if not filters.id_prefix:
        return rows
    digits = filters.id_prefix.lower().replace("-", "")
    if not set(digits) <= _HEX or len(digits) > _UUID_DIGITS:
        raise InvalidError(f"{filters.id_prefix!r} is not the beginning of a run's id.", attr="id")
    return rows.filter(id__gte=UUID(digits.ljust(_UUID_DIGITS, "0")), id__lte=UUID(digits.ljust(_UUID_DIGITS, "f")))
