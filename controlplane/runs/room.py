"""How many more runs may start: of the organization, of an agent, of all branches together, of one deployment.

Branches never crowd out production: the runs of full deployments are claimed first, and runs of branches hold at most half of the slots of
an agent that serves full deployments too, and at most half of the runs that the organization may have at once.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from controlplane.core import recordsets
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.settings_document import MAX_RUNS_PATH
from controlplane.runs.limit_usage import RUNS_UNDER_WAY
from tenants.limits.models import QuotaName
from tenants.limits.quotas import limit_lately
from tenants.reach import Reach

UNLIMITED = 2**31 - 1
_Key = TypeVar("_Key")

# Runs that some agent has, by deployment; one that was deleted meanwhile is no branch.
_UNDER_WAY = f"""
    SELECT r.deployment_id, coalesce(d.kind = 'branch', false), r.share, count(*), count(*) FILTER (WHERE r.agent_id = %(agent)s)
    FROM {RUNS_UNDER_WAY} LEFT JOIN deployment d ON d.org_id = %(org)s AND d.id = r.deployment_id
    GROUP BY 1, 2, 3
"""  # noqa: S608 - the parts are SQL of this repository

# The limit of a full deployment, from its settings; null for none. `d` is the deployment.
LIMIT_OF_DEPLOYMENT = f"(d.settings #>> '{{{','.join(MAX_RUNS_PATH)}}}')::int"


@dataclass(frozen=True)
class UnderWay:
    """Runs of one deployment and share that some agent has; `here` are those of one agent."""

    deployment_id: UUID
    is_branch: bool
    share: str
    runs: int
    here: int


@dataclass(frozen=True)
class Room:
    """How many runs may start now, and how many of these of branches; what each deployment and each share in it has already; the most of
    one branch.
    """

    runs: int
    of_branches: int
    by_deployment: Counter[UUID]
    by_share: Counter[tuple[UUID, str]]
    per_branch: int


def runs_under_way(org_id: UUID, agent_id: UUID | None = None) -> list[UnderWay]:
    """By deployment and share, of those that have any. Call it inside org_scope."""
    return [UnderWay(*row) for row in recordsets.fetch(_UNDER_WAY, {"org": org_id, "agent": agent_id})]


def room(org_id: UUID, agent_id: UUID, reach: Reach, slots: int) -> Room:
    """For an agent with so many free slots. Call it inside org_scope, while nobody else claims runs of the organization."""
    under_way = runs_under_way(org_id, agent_id)
    of_all = _limit(org_id, QuotaName.CONCURRENT_RUNS)
    everywhere = sum(part.runs for part in under_way if part.is_branch)
    here = sum(part.here for part in under_way if part.is_branch)
    of_branches = [limit_of_branches(org_id) - everywhere]
    if serves_full(org_id, reach):
        of_branches.append(share_of_branches(slots + sum(part.here for part in under_way)) - here)
    return Room(
        runs=min(slots, of_all - sum(part.runs for part in under_way)),
        of_branches=min(of_branches),
        by_deployment=_counted((part.deployment_id, part.runs) for part in under_way),
        by_share=_counted(((part.deployment_id, part.share), part.runs) for part in under_way),
        per_branch=_limit(org_id, QuotaName.RUNS_PER_BRANCH),
    )


def _counted(counts: Iterable[tuple[_Key, int]]) -> Counter[_Key]:
    found: Counter[_Key] = Counter()
    for key, count in counts:
        found[key] += count
    return found


def limit_of_branches(org_id: UUID) -> int:
    """How many runs of branches may go on at once in the organization: its quota, and its share of all runs."""
    of_all = _limit(org_id, QuotaName.CONCURRENT_RUNS)
    share = of_all if of_all == UNLIMITED else share_of_branches(of_all)
    return min(_limit(org_id, QuotaName.BRANCH_RUNS), share)


def share_of_branches(runs: int) -> int:
    """What branches may have of so many places that production wants too: half, and one where there is only one."""
    return max(1, runs // 2)


def serves_full(org_id: UUID, reach: Reach) -> bool:
    """Whether production is within the reach."""
    if reach.has_all_full or not reach.deployments:
        return reach.has_all_full
    named = Deployment.objects.for_org(org_id).filter(id__in=reach.deployments, kind=DeploymentKind.FULL)
    return named.exists()


def total(under_way: Iterable[UnderWay]) -> int:
    """Of all deployments together."""
    return sum(part.runs for part in under_way)


def _limit(org_id: UUID, name: QuotaName) -> int:
    found = limit_lately(org_id, name)
    return UNLIMITED if found is None else found
