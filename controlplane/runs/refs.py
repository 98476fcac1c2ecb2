"""References to attempts as agents write them, understood: ids that are none are nobody's attempt."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from controlplane.runs.event_bounds import INT4_MAX


class Ref(Protocol):
    """What AttemptRef, AttemptEvents and LogChunk have in common."""

    @property
    def run_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def epoch(self) -> int: ...


@dataclass(frozen=True, slots=True)
class UnderstoodRef:
    """An attempt and its epoch."""

    run_id: UUID
    attempt: int
    epoch: int

    @property
    def place(self) -> tuple[UUID, int]:
        return self.run_id, self.attempt


def understood(ref: Ref) -> UnderstoodRef | None:
    """None when this names no attempt that there could be."""
    try:
        run_id = UUID(ref.run_id)
    except ValueError:
        return None
    if not (0 < ref.attempt <= INT4_MAX and 0 <= ref.epoch <= INT4_MAX):
        return None
    return UnderstoodRef(run_id, ref.attempt, ref.epoch)
