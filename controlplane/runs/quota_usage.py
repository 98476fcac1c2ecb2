"""How much of its quotas an organization uses now."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.deployments.branches import living_branches
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.source_archives import kept_bytes
from controlplane.runs.room import runs_under_way, total
from tenants.limits.models import QuotaName
from tenants.limits.quotas import Quota, quotas
from tenants.scoping import org_scope
from tenants.token_services import live_tokens


@dataclass(frozen=True)
class QuotaUse:
    """A quota and what is used of it; None for rates, of which nothing is used up."""

    quota: Quota
    used: int | None

    @property
    def share(self) -> float | None:
        """From 0 to 1; None without a limit or a count."""
        if self.used is None or self.quota.limit is None:
            return None
        return min(1.0, self.used / self.quota.limit)


def quota_use(org_id: UUID) -> list[QuotaUse]:
    """Every quota with its use, in the order of QuotaName."""
    with org_scope(org_id):
        under_way = runs_under_way(org_id)
        branches = [part.runs for part in under_way if part.is_branch]
        used = {
            QuotaName.CONCURRENT_RUNS: total(under_way),
            QuotaName.BRANCH_RUNS: sum(branches),
            # Of the branch that has the most.
            QuotaName.RUNS_PER_BRANCH: max(branches, default=0),
            QuotaName.BRANCH_DEPLOYMENTS: living_branches(org_id),
            QuotaName.DEPLOYMENTS: Deployment.objects.for_org(org_id).filter(kind=DeploymentKind.FULL).count(),
            QuotaName.SOURCE_BYTES: kept_bytes(org_id),
            QuotaName.TOKENS: live_tokens(org_id).count(),
        }
        return [QuotaUse(quota, used.get(quota.name)) for quota in quotas(org_id)]
