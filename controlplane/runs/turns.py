"""Whose turn it is: which of the runs that could start do start. Pure.

Between deployments, the one with the fewest runs under way is next. Inside one, the highest priority; among runs of one priority the owner
with the fewest runs under way; and then who came first. What a limit keeps waiting is passed over.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from controlplane.runs.limit_usage import Needs, Usage


@dataclass(frozen=True)
class Candidate:
    """A queued run that this agent could start."""

    id: UUID
    version_id: UUID
    priority: int
    share: str
    needs: Needs


@dataclass
class Turns:
    """`room` is how many more runs each deployment may have (none: no limit), the counters what is under way already."""

    usage: Usage
    by_deployment: Counter[UUID]
    by_share: Counter[tuple[UUID, str]]
    room: dict[UUID, int]
    # Places of queues in which a run was passed over, or which ran dry while they may hold more.
    dry: set[tuple[UUID, str]] = field(default_factory=set)

    def choose(self, candidates: Iterable[Candidate], slots: int, page: int) -> list[Candidate]:
        """In the order in which they start. `page` is how many candidates each share of a queue came with at most."""
        lanes: dict[UUID, dict[str, deque[Candidate]]] = {}
        for candidate in candidates:
            lanes.setdefault(candidate.needs.deployment_id, {}).setdefault(candidate.share, deque()).append(candidate)
        full_pages = {(of, share) for of, own in lanes.items() for share, lane in own.items() if len(lane) >= page}
        chosen: list[Candidate] = []
        self.dry = set()
        while len(chosen) < slots:
            heads = [head for of in list(lanes) if (head := self._head(of, lanes[of]))]
            if not heads:
                break
            next_ = min(heads, key=self._between)
            lanes[next_.needs.deployment_id][next_.share].popleft()
            self._take(next_)
            chosen.append(next_)
        self.dry = {(of, share) for of, share in full_pages if not lanes[of][share] and self.has_room(of)}
        return chosen

    def has_room(self, deployment_id: UUID) -> bool:
        return self.room.get(deployment_id, 1) > 0

    def _head(self, deployment_id: UUID, lanes: Mapping[str, deque[Candidate]]) -> Candidate | None:
        """The deployment's next run; drops what a limit keeps waiting."""
        if not self.has_room(deployment_id):
            return None
        for lane in lanes.values():
            while lane and self.usage.block(lane[0].needs):
                lane.popleft()
        return min((lane[0] for lane in lanes.values() if lane), key=self._inside, default=None)

    def _inside(self, one: Candidate) -> tuple[int, int, UUID]:
        return (-one.priority, self.by_share[one.needs.deployment_id, one.share], one.id)

    def _between(self, one: Candidate) -> tuple[int, int, UUID]:
        return (self.by_deployment[one.needs.deployment_id], -one.priority, one.id)

    def _take(self, one: Candidate) -> None:
        deployment_id = one.needs.deployment_id
        self.usage.take(one.needs)
        self.by_deployment[deployment_id] += 1
        self.by_share[deployment_id, one.share] += 1
        if deployment_id in self.room:
            self.room[deployment_id] -= 1
