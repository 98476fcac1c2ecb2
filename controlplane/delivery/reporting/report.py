"""What there is to tell of a pull request, as plain values: gathered in `gathering`, said in `comment`, `checks` and `host_deployments`."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from controlplane.delivery.hosts.base import Annotation


class Stage(StrEnum):
    """Where a pull request's branch deployment is, in the words of the comment."""

    QUEUED = "Queued"
    BUILDING = "Building"
    LOADING = "Loading"
    READY = "Ready"
    SLEEPING = "Sleeping"
    FAILED = "Failed"
    HELD = "Waiting for approval"
    CLOSING = "Closing"
    CLOSED = "Closed"


@dataclass(frozen=True)
class Changes:
    """How many assets a location adds, changes and removes against the base, and how many are affected by that."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    affected: int = 0
    # Definitions of other kinds that differ: jobs, schedules, sensors, checks, resources.
    others: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed or self.others)


@dataclass(frozen=True)
class Row:
    """One code location. `updated_at` is when its version was deployed or loaded; `changes` None while that is not known."""

    location: str
    stage: Stage
    url: str
    logs_url: str
    updated_at: datetime.datetime
    changes: Changes | None = None
    cost: str = ""
    error: str = ""
    annotations: tuple[Annotation, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True)
class Report:
    """All of it. `note` says why it is so, `expires_at` None for never; `url` is empty while there is no branch deployment."""

    stage: Stage
    # Of the pull request's row: nobody knows it who has not seen the comment.
    id: UUID
    number: int
    sha: str
    commit_url: str
    name: str = ""
    url: str = ""
    note: str = ""
    base_note: str = ""
    expires_at: datetime.datetime | None = None
    is_warned: bool = False
    is_kept_awake: bool = False
    # Whether the pull request is open: one that ended is not built again.
    is_open: bool = True
    # What the jobs at the beginning and at the end had to say, when they failed.
    job_problems: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    rows: Sequence[Row] = field(default_factory=tuple)

    @property
    def has_failed(self) -> bool:
        return self.stage == Stage.FAILED or bool(self.job_problems)

    @property
    def has_changes(self) -> bool:
        return any(row.changes is not None and not row.changes.is_empty for row in self.rows)
