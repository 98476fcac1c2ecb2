"""The asset checks of a deployment, filtered, and the partitions of one check."""

from dataclasses import dataclass

from controlplane.catalog.check_view import CheckView
from controlplane.catalog.models import CheckPartitionState
from controlplane.catalog.selectors import asset_definitions, assets
from controlplane.definitions.asset_keys import check_text, to_parts
from controlplane.deployments.visibility import Visible
from tenants.scoping import read_scope

STATUSES = ("failed", "warn", "missing", "passed")
# Of partitions that are not well, those that a page names.
_NAMED = 100


@dataclass(frozen=True)
class CheckFilter:
    """What a list of checks shows; empty means all. `q` is words of the asset's key or the check's name."""

    q: str = ""
    status: str = ""
    severity: str = ""
    location: str = ""

    def matches(self, line: "CheckLine") -> bool:
        text = line.key.casefold()
        state = line.check.state
        return (
            all(word in text for word in self.q.casefold().split())
            and self.status in {"", line.check.status}
            and self.location in {"", line.location}
            and (not self.severity or (state is not None and state.severity == self.severity))
        )


@dataclass(frozen=True)
class CheckLine:
    """A check that the code has. `key` is `<asset>:<name>`."""

    key: str
    asset_key: str
    location: str
    check: CheckView


@dataclass(frozen=True)
class CheckPartitions:
    """How the partitions of a check stand: how many passed, and those that did not, the newest first."""

    passed: int
    unwell: list[CheckPartitionState]
    unwell_count: int


def checks(visible: Visible, wanted: CheckFilter | None = None) -> list[CheckLine]:
    """The defined checks that a filter lets through: failed ones first, then by key."""
    where = asset_definitions(visible).check_locations
    lines = [
        CheckLine(key, view.key, where[key], check)
        for view in assets(visible)
        for check in view.checks
        if (key := check_text(to_parts(view.key), check.name)) in where
    ]
    filter_ = wanted or CheckFilter()
    shown = [line for line in lines if filter_.matches(line)]
    return sorted(shown, key=lambda line: (STATUSES.index(line.check.status), line.key))


def check_partitions(visible: Visible, asset_key: str, name: str) -> CheckPartitions | None:
    """None when no partition was ever evaluated; of an asset that was found before."""
    with read_scope(visible.org_id):
        rows = CheckPartitionState.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id, asset_key=asset_key, check_name=name
        )
        unwell = rows.filter(passed=False).order_by("-evaluation_id")
        passed, failed = rows.filter(passed=True).count(), unwell.count()
        return CheckPartitions(passed, list(unwell[:_NAMED]), failed) if passed or failed else None
