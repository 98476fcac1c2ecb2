"""Blocking checks that failed in a run: they keep what is downstream of their asset from being made. Pure, but for finding them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from controlplane.catalog.models import CheckEvaluation
from controlplane.catalog.selectors import asset_definitions, evaluations_of_run
from controlplane.deployments.visibility import Visible
from tenants.scoping import org_scope

# Dagster blocks by this severity alone.
_BLOCKS = "ERROR"


class PlannedStep(Protocol):
    """A step of a run as far as it matters here."""

    @property
    def key(self) -> str: ...
    @property
    def depends_on(self) -> Sequence[str]: ...
    @property
    def started_at(self) -> object: ...


@dataclass(frozen=True)
class Blocked:
    """A check, and the steps that it kept from running."""

    check: CheckEvaluation
    steps: list[str]


def failed_blocking_checks(visible: Visible, run_id: UUID) -> list[CheckEvaluation]:
    """Those that the caller may see, in order."""
    with org_scope(visible.org_id):
        rows = evaluations_of_run(visible, run_id).filter(blocking=True, passed=False, severity=_BLOCKS)
        return list(rows.defer("serdes", "metadata"))


def blocked_steps(checks: Iterable[CheckEvaluation], steps: Iterable[PlannedStep]) -> list[Blocked]:
    """What each of the checks kept from running."""
    found = list(steps)
    by_key: dict[str, list[str]] = {}
    for step in found:
        for upstream in step.depends_on:
            by_key.setdefault(upstream, []).append(step.key)
    waited = {step.key for step in found if step.started_at is None}
    return [
        Blocked(check, [key for key in _reached(by_key, check.step_key or "") if key in waited]) for check in checks
    ]


def blocking_upstream(visible: Visible, key: str, run_id: UUID) -> list[CheckEvaluation]:
    """Of the blocking checks that failed in a run, those of assets that this one is made from."""
    failed = failed_blocking_checks(visible, run_id)
    upstream = _reached(asset_definitions(visible).graph.upstream, key) if failed else []
    return [check for check in failed if check.asset_key in upstream]


def _reached(neighbours: Mapping[str, Sequence[str]], start: str) -> list[str]:
    """All that follows, however far, in the order in which it is found."""
    seen, front = {start}, [start]
    found: list[str] = []
    while front:
        for key in neighbours.get(front.pop(), ()):
            if key not in seen:
                seen.add(key)
                found.append(key)
                front.append(key)
    return found
