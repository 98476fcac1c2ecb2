"""What a document would change, and changing it: all of it is checked before anything is done, and all of it is one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from controlplane.delivery.configuration.document import read
from controlplane.delivery.configuration.parts import Change, Context, Part, Wanted
from controlplane.deployments.models import Deployment, DeploymentKind
from tenants.errors import ConflictError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Plan:
    """The differences in the order in which they are made, and what a document cannot do."""

    changes: list[Change]
    warnings: list[str]


def plan(context: Context, text: str, *, prune: bool = False, path: str = "configuration") -> Plan:
    """What would change. ProjectError about the document, ForbiddenError about what the caller may not change."""
    with org_scope(context.org_id):
        return _plan(read(context, text, path=path), prune=prune)[0]


def apply(context: Context, text: str, *, prune: bool = False, path: str = "configuration") -> Plan:
    """Make it so; answers what was changed. Nothing is, when anything is refused. ConflictError for a branch deployment."""
    if context.deployment.kind != DeploymentKind.FULL:
        raise ConflictError(
            f"{context.deployment.name} is a branch deployment: it follows its full deployment, and has no configuration of its own."
        )
    with org_scope(context.org_id):
        # Two documents at once would each be compared with what the other changes.
        Deployment.objects.for_org(context.org_id).select_for_update(no_key=True).get(id=context.deployment.id)
        context.deployment.refresh_from_db()
        found, parts = _plan(read(context, text, path=path), prune=prune)
        for change in found.changes:
            parts[change.part].apply(change)
    log.info("configuration.applied", deployment=str(context.deployment.id), changes=len(found.changes))
    return found


def _plan(wanted: Mapping[Part, Wanted], *, prune: bool) -> tuple[Plan, dict[str, Part]]:
    changes, warnings = [], []
    for part, said in wanted.items():
        found = _differences(part, said, prune=prune)
        for change in found:
            part.require(change)
        changes += found
        warnings += said.warnings
    return Plan(changes, warnings), {part.key: part for part in wanted}


def _differences(part: Part, said: Wanted, *, prune: bool) -> list[Change]:
    current = part.current()
    changes = [
        Change(part.key, unit, current.get(unit), value)
        for unit, value in said.units.items()
        if current.get(unit) != value
    ]
    if prune and part.prunes:
        changes += [Change(part.key, unit, before, None) for unit, before in current.items() if unit not in said.units]
    return changes
