"""Which limit keeps a queued run waiting, in words: of the organization, of branches, of its deployment."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.deployments.models import CodeLocation, DeploymentKind
from controlplane.deployments.settings_document import MAX_RUNS_PATH, value_at
from controlplane.fleet.selectors import AgentView
from controlplane.runs.room import (
    UNLIMITED,
    UnderWay,
    limit_of_branches,
    runs_under_way,
    serves_full,
    share_of_branches,
)
from controlplane.runs.waiting_codes import WaitingCode, WaitingReason
from tenants.limits.models import QuotaName
from tenants.limits.quotas import exceeded, limit
from tenants.models import ApiToken
from tenants.reach import Reach


def no_room(location: CodeLocation, ready: Sequence[AgentView]) -> WaitingReason | None:
    """None when no limit stands in the way. `ready` are the agents that could start it. Call it inside org_scope."""
    org_id = location.org_id
    under_way = runs_under_way(org_id)
    return (
        _of_organization(org_id, under_way)
        or (_of_branch(location, under_way) if _is_branch(location) else _of_full(location, under_way))
        or (_of_share(org_id, ready) if _is_branch(location) else None)
    )


def _is_branch(location: CodeLocation) -> bool:
    return location.deployment.kind == DeploymentKind.BRANCH


def _of_organization(org_id: UUID, under_way: Sequence[UnderWay]) -> WaitingReason | None:
    allowed, used = limit(org_id, QuotaName.CONCURRENT_RUNS), sum(part.runs for part in under_way)
    if allowed is None or used < allowed:
        return None
    return WaitingReason(WaitingCode.QUOTA, exceeded(QuotaName.CONCURRENT_RUNS, used=used, limit=allowed))


def _of_branch(location: CodeLocation, under_way: Sequence[UnderWay]) -> WaitingReason | None:
    org_id = location.org_id
    own = sum(part.runs for part in under_way if part.deployment_id == location.deployment_id)
    allowed = limit(org_id, QuotaName.RUNS_PER_BRANCH)
    if allowed is not None and own >= allowed:
        return WaitingReason(
            WaitingCode.BRANCH_LIMIT,
            f"Waiting because {own} of {allowed} runs of this branch go on. The next starts when one of them ends; the quota "
            "runs_per_branch of the organization allows no more at once.",
        )
    together, most = sum(part.runs for part in under_way if part.is_branch), limit_of_branches(org_id)
    if most == UNLIMITED or together < most:
        return None
    return WaitingReason(
        WaitingCode.BRANCH_RUNS,
        f"Waiting because {together} of {most} runs of branch deployments go on. The next starts when one of them ends; the quota "
        "branch_runs, or half of concurrent_runs, allows no more at once.",
    )


def _of_full(location: CodeLocation, under_way: Sequence[UnderWay]) -> WaitingReason | None:
    own = sum(part.runs for part in under_way if part.deployment_id == location.deployment_id)
    allowed = value_at(location.deployment.settings, MAX_RUNS_PATH)
    if allowed is None or own < allowed:
        return None
    name = location.deployment.name
    if allowed == 0:
        message = f"Waiting because the settings of {name} let no run start: concurrency.runs.max_concurrent_runs is 0."
    else:
        message = (
            f"Waiting because {own} of {allowed} runs of {name} go on. Its setting concurrency.runs.max_concurrent_runs "
            "allows no more at once."
        )
    return WaitingReason(WaitingCode.DEPLOYMENT_LIMIT, message)


def _of_share(org_id: UUID, ready: Sequence[AgentView]) -> WaitingReason | None:
    """Every agent that could start it keeps its other slots for full deployments."""
    tokens = ApiToken.objects.for_org(org_id).filter(id__in={view.agent.token_id for view in ready})
    reaches = {token_id: Reach.parse(stored) for token_id, stored in tokens.values_list("id", "reach")}
    if not ready:
        return None
    for view in ready:
        here = runs_under_way(org_id, view.agent.id)
        slots = view.agent.free_slots + sum(part.here for part in here)
        held = sum(part.here for part in here if part.is_branch)
        reach = reaches.get(view.agent.token_id)
        if reach is None or not serves_full(org_id, reach) or held < share_of_branches(slots):
            return None
    names = ", ".join(view.agent.name for view in ready[:3])
    return WaitingReason(
        WaitingCode.BRANCH_SHARE,
        f"Waiting because runs of branches hold half of the slots of {names}; the others are kept for full deployments. Give branches "
        "an agent of their own, or this one more slots.",
    )
