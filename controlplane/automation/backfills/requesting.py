"""Starting a backfill: everything it will make is checked first, and stands in rows of its own before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from controlplane.automation.backfills import targets
from controlplane.automation.backfills.choice import Choice
from controlplane.automation.backfills.progress import note_assets
from controlplane.automation.backfills.rows import insert
from controlplane.automation.backfills.targets import Targets
from controlplane.automation.backfills.waking import wake
from controlplane.automation.models import Backfill, BackfillKind, PartitionProgress
from controlplane.definitions.asset_keys import to_text
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from controlplane.runs.requests import (
    BACKFILL_TAG,
    PARTITION_TAG,
    PRIORITY_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    check_config_size,
    check_tags,
)
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import InvalidError
from tenants.organizations import require_writable
from tenants.permissions import Permission
from tenants.scoping import org_scope

# Ours to set: with another value a run would count for another backfill, or make another partition.
RESERVED = (BACKFILL_TAG, PARTITION_TAG, RANGE_START_TAG, RANGE_END_TAG)
PRIORITY_MAX = 1_000_000
TITLE_MAX = 200
DESCRIPTION_MAX = 10_000
# Assets that the audit log names.
_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """Assets, or a job of a location; which partitions; and what its runs are given."""

    assets: Sequence[str] = ()
    location: str = ""
    job: str = ""
    choice: Choice = field(default_factory=Choice)
    title: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0


def preview(visible: Visible, asked: BackfillRequest) -> Targets:
    """What the backfill would make, within the caller's rights. InvalidError, NotFoundError and ForbiddenError as `request`."""
    if bool(asked.assets) == bool(asked.job):
        raise InvalidError("A backfill is of assets or of a job: name one of them.", attr="assets")
    if asked.job:
        return _of_job(visible, asked)
    definitions = visible.whole
    visible.require(Permission.BACKFILL_LAUNCH, assets=list(asked.assets))
    nodes, _added = targets.with_siblings(definitions, asked.assets)
    visible.require(Permission.BACKFILL_LAUNCH, assets=[node.key for node in nodes])
    return targets.of_assets(visible.org_id, visible.deployment_id, definitions, asked.assets, asked.choice)


def _of_job(visible: Visible, asked: BackfillRequest) -> Targets:
    location = asked.location or _location_of(visible, asked.job)
    require_on_job(visible, location, asked.job)
    found = visible.whole.location(location)
    return targets.of_job_partitions(visible.org_id, visible.deployment_id, found, asked.job, asked.choice)


def require_on_job(visible: Visible, location: str, name: str) -> None:
    """The right to launch all of a job: on its assets where it has any, on its location otherwise."""
    visible.known_definitions.job(location, name)
    keys = assets_of(visible, location, name)
    if keys:
        visible.require(Permission.BACKFILL_LAUNCH, assets=keys)
    else:
        visible.require(Permission.BACKFILL_LAUNCH, location=location)


def assets_of(visible: Visible, location: str, name: str) -> list[str]:
    """What a job makes; none for a job of ops."""
    return [to_text(key) for key in visible.whole.job(location, name).assets]


def _location_of(visible: Visible, job: str) -> str:
    holders = [name for name, found in visible.known_definitions.by_location.items() if job in found.jobs]
    if len(holders) == 1:
        return holders[0]
    raise InvalidError(
        f"No code location defines a job {job}."
        if not holders
        else "Several code locations have this job: name the location.",
        attr="location" if holders else "job",
    )


def request(visible: Visible, asked: BackfillRequest, *, actor: Actor) -> Backfill:
    """Start it. InvalidError when nothing is to be made or anything that is asked for does not exist; then nothing is started."""
    with org_scope(visible.org_id):
        require_writable(visible.org_id)
        require_thawed(visible.org_id, visible.deployment_id)
        found = preview(visible, asked)
        if not found.count and not found.mapped:
            raise InvalidError(_nothing(asked.choice), attr="partitions")
        return start(visible, asked, found, selection=asked.choice.document(), actor=actor)


def start(
    visible: Visible,
    asked: BackfillRequest,
    found: Targets,
    *,
    selection: Mapping[str, Any],
    actor: Actor,
    parent_id: UUID | None = None,
) -> Backfill:
    """Store a backfill of what was found, which the caller has checked. Joins the caller's transaction."""
    location = (asked.location or _location_of(visible, asked.job)) if asked.job else ""
    return store(
        visible.org_id,
        visible.deployment_id,
        found,
        actor=actor,
        kind=BackfillKind.JOB if asked.job else BackfillKind.ASSETS,
        title=check_text(asked.title, TITLE_MAX, "title"),
        description=check_text(asked.description, DESCRIPTION_MAX, "description"),
        location_name=location,
        job_name=asked.job,
        assets=assets_of(visible, location, asked.job) if asked.job else [*found.keys, *found.mapped],
        selection={**selection, **({"mapped": list(found.mapped)} if found.mapped else {})},
        tags=_checked(asked.tags),
        run_config=check_config_size(asked.run_config),
        priority=check_priority(asked.priority),
        parent_id=parent_id,
    )


def store(org_id: UUID, deployment_id: UUID, found: Targets, *, actor: Actor, **values: Any) -> Backfill:
    """A backfill with these values in its row, which the caller has checked; it begins once the caller's transaction commits."""
    backfill = Backfill.objects.create_in(
        org_id,
        deployment_id=deployment_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label[:254],
        created_at=Now(),
        looked_at=Now(),
        next_due_at=Now(),
        counts={PartitionProgress.TARGETED.value: found.count},
        **values,
    )
    insert(backfill, found.keys)
    note_assets(backfill)
    note(backfill, actor, "backfill.launch", after=_audited(backfill, found.count))
    wake(backfill)
    backfill.refresh_from_db()
    return backfill


def _nothing(choice: Choice) -> str:
    if choice.only:
        return f"There is nothing to do: none of these partitions is {choice.only.value.replace('_and_', ' or ')}."
    return "There is nothing to do: these assets have no partitions yet."


def _checked(tags: Mapping[str, str]) -> dict[str, str]:
    taken = [name for name in RESERVED if name in tags]
    if taken:
        raise InvalidError(f"The tag {taken[0]} is set by the backfill itself: leave it out.", attr="tags")
    if PRIORITY_TAG in tags:
        raise InvalidError(f"Give the priority as such, not as the tag {PRIORITY_TAG}.", attr="tags")
    return check_tags(tags)


def check_priority(priority: int) -> int:
    """InvalidError beyond a million."""
    if abs(priority) > PRIORITY_MAX:
        raise InvalidError(f"A priority lies between -{PRIORITY_MAX} and {PRIORITY_MAX}.", attr="priority")
    return priority


def check_text(text: str, most: int, name: str) -> str:
    """The text without space around it; InvalidError when it is too long or cannot be stored."""
    if len(text) > most or "\0" in text:
        raise InvalidError(f"The {name} has at most {most} characters, and no NUL.", attr=name)
    return text.strip()


def note(backfill: Backfill, actor: Actor, action: str, **changed: Any) -> None:
    """The audit row of a change of a backfill."""
    label = backfill.title or backfill.job_name or ", ".join(backfill.assets[:3])
    record(
        org_id=backfill.org_id,
        actor=actor,
        action=action,
        target=AuditTarget("backfill", backfill.id, label),
        deployment_id=backfill.deployment_id,
        **changed,
    )


def _audited(backfill: Backfill, count: int) -> dict[str, Any]:
    what: dict[str, Any] = {"partitions": count, "priority": backfill.priority}
    if backfill.job_name:
        what |= {"code_location": backfill.location_name, "job": backfill.job_name}
    else:
        what |= {"assets": backfill.assets[:_NAMED], "asset_count": len(backfill.assets)}
    return {**what, "parent": str(backfill.parent_id)} if backfill.parent_id else what
