"""What is asked of a long history: every list that grows with it, over REST and by page, with every filter of it.

Every filter of runs is asked for alone and with each of the others: some of the pairs find much, some little, some nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

Question = tuple[str, dict[str, str]]

# Names of filters of runs on pages, where they differ from the API's.
_PAGE_NAMES = {"launched_by": "by", "created_after": "after", "created_before": "before"}
_ALONE: tuple[dict[str, str], ...] = (
    {},
    {"status": "SUCCESS"},
    {"status": "STARTED"},
    {"job": "nowhere"},
    {"location": "nowhere"},
    {"asset": "nowhere"},
    {"partition": "nowhere"},
    {"launched_by": "nobody"},
    {"tag": "rare=yes"},
    {"tag": "no=such"},
)
# What is found by each of these is about a tenth, and about a thousandth for a partition.
_PAIRED = {
    "status": "FAILURE",
    "job": "job_3",
    "location": "other",
    "asset": "asset_7",
    "partition": "p12",
    "tag": "team=t3",
    "launched_by": "person-4",
    "created_before": "{middle}",
    "created_after": "{middle}",
    "id": "{prefix}",
}
_THREE: tuple[dict[str, str], ...] = (
    {"job": "job_3", "location": "other", "status": "FAILURE"},
    {"asset": "asset_7", "tag": "team=t3", "status": "FAILURE"},
    {"tag": "team=t4", "launched_by": "person-3", "status": "CANCELED"},
)
_TICKS = (
    "",
    "?status=FAILURE",
    "?status=STARTED",
    "?before={middle}",
    "?after={middle}",
    "?before={middle}&status=FAILURE",
)
_API = (
    "runs/?cursor={cursor}",
    "runs/?status=FAILURE&cursor={cursor}",
    "runs/?status=STARTED&status=QUEUED",
    "runs/?root_run={run_id}",
    "runs/{run_id}/",
    "runs/{run_id}/events/",
    "runs/{run_id}/events/?level=40",
    "runs/{run_id}/events/?type=STEP_FAILURE",
    "runs/{run_id}/events/?step=step&after=5",
    "runs/{run_id}/events/?q=nothing",
    "runs/{run_id}/steps/",
    "materializations/?asset=asset_7",
    "materializations/?asset=asset_7&partition=p12",
    "materializations/?asset=asset_7&partition=nowhere",
    "materializations/?run={run_id}",
    "observations/?asset=asset_10",
    "observations/?asset=asset_7",
    "observations/?asset=asset_10&partition=nowhere",
    "check-evaluations/?asset=asset_7",
    "check-evaluations/?asset=asset_7&check=not_empty",
    "check-evaluations/?asset=asset_7&check=nowhere",
    "check-evaluations/?run={run_id}",
    "asset-evaluations/?asset=asset_7",
    "freshness-changes/?asset=asset_7",
    "assets/",
    "checks/",
    "asset-graph/",
    "queue/",
    "backfills/",
    *(f"{of}{asked}" for of in ("ticks/", "sensors/shop/sensor_3/ticks/") for asked in _TICKS),
)
_PAGES = (
    "",
    "runs?status=active",
    "runs/{run_id}",
    "assets",
    "asset?key=asset_7",
    "asset?key=asset_7&tab=history",
    "asset?key=asset_7&tab=history&partition=p12",
    "asset?key=asset_7&tab=history&kind=observation",
    "asset?key=asset_7&tab=checks",
    "asset?key=asset_7&tab=automation",
    "checks",
    "jobs",
    "queue",
    "backfills",
    "automation",
    "automation/{sensor_id}",
    "automation/{sensor_id}?status=FAILURE",
)
# What is shown of the run timeline at once, by each of its groups.
SHOWN = 10_000
_GROUPS = ("job", "automation", "location", "owner")


def lists(made: Mapping[str, Any]) -> Iterator[Question]:
    """Addresses and what they are asked with. `made` is what history_rows.make answers."""
    middle = datetime.fromtimestamp(made["middle"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = {**made, "middle": middle, "prefix": made["run_id"][:8]}
    api, page = _places(made)
    for filters in _filters():
        asked = {name: value.format(**words) for name, value in filters.items()}
        yield f"{api}runs/", asked
        yield f"{page}runs", {_PAGE_NAMES.get(name, name): value for name, value in asked.items()}
    yield from ((api + path.format(**words), {}) for path in _API)
    yield from ((page + path.format(**words), {}) for path in _PAGES)


def timelines(made: Mapping[str, Any]) -> Iterator[Question]:
    """The timeline over SHOWN runs about the middle of the history, by each group and with a filter."""
    _api, page = _places(made)
    half = made["step"] * SHOWN / 2
    since, until = (
        datetime.fromtimestamp(made["middle"] + by, UTC).strftime("%Y-%m-%dT%H:%M:%S") for by in (-half, half)
    )
    for group in _GROUPS:
        yield f"{page}timeline", {"from": since, "to": until, "group": group}
    yield f"{page}timeline", {"from": since, "to": until, "by": "person-4"}
    yield f"{page}timeline", {"from": since, "to": until, "status": "FAILURE"}


def _filters() -> Iterator[dict[str, str]]:
    yield from _ALONE
    yield from ({name: value} for name, value in _PAIRED.items())
    yield from (dict(pair) for pair in combinations(_PAIRED.items(), 2))
    yield from _THREE


def _places(made: Mapping[str, Any]) -> tuple[str, str]:
    return f"/api/v1/organizations/{made['slug']}/deployments/prod/", f"/{made['slug']}/prod/"
