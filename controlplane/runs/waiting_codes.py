"""Everything a queued run can wait for."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class WaitingCode(StrEnum):
    """For programs."""

    LOCATION_DELETED = "location_deleted"
    NO_AGENT = "no_agent"
    OUT_OF_REACH = "out_of_reach"
    AGENT_LOST = "agent_lost"
    AGENT_DRAINING = "agent_draining"
    BRANCH_WAKING = "branch_waking"
    LOCATION_LOADING = "location_loading"
    LOCATION_FAILED = "location_failed"
    BACKFILL_PAUSED = "backfill_paused"
    QUOTA = "quota"
    DEPLOYMENT_LIMIT = "deployment_limit"
    BRANCH_LIMIT = "branch_limit"
    BRANCH_RUNS = "branch_runs"
    BRANCH_SHARE = "branch_share"
    TAG_LIMIT = "tag_limit"
    POOL_LIMIT = "pool_limit"
    AGENT_FULL = "agent_full"
    IN_QUEUE = "in_queue"


@dataclass(frozen=True)
class WaitingReason:
    """What a run waits for, for people. `ahead` is how many runs of its deployment's queue come first; `holders` are runs that have what
    it waits for, a few of them, the first one first; `backfill_id` is the paused backfill that it is of.
    """

    code: WaitingCode
    message: str
    ahead: int = 0
    holders: tuple[UUID, ...] = ()
    backfill_id: UUID | None = None
