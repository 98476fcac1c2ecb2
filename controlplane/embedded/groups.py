"""Process groups that we started, written down so that whoever comes later can stop exactly those and no others."""

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from controlplane.embedded.files import write_private
from controlplane.embedded.processes import ProcessMark, wait_until

# In the environment of every process we start: proves that a group is ours when its leader is gone.
MARK_VARIABLE = "DAGGERBOARD_SUPERVISED_BY"
KILL_SECONDS = 5.0
# What a leader leaves behind gets this long to notice that it is gone.
ORPHAN_SECONDS = 1.0


@dataclass(frozen=True)
class ProcessGroup:
    """A leader (its pid is the group's number), who started it, and how it wants to be stopped."""

    name: str
    order: int
    leader: ProcessMark
    supervisor: ProcessMark
    mark: str
    gently: int
    patience: float

    def members(self) -> list[int]:
        """Every living process that is provably of this group."""
        leader_lives = self.leader.alive()
        return [pid for pid in psutil.pids() if _in_group(pid, self.leader.pid) and (leader_lives or self._marked(pid))]

    def stop(self) -> None:
        """The gentle signal to the leader, patience, then KILL to whoever is left. Returns when none is left."""
        if self.leader.alive():
            _signal(self.leader.pid, self.gently)
            wait_until(lambda: not self.leader.alive(), seconds=self.patience)
        if not self.leader.alive():
            wait_until(lambda: not self.members(), seconds=ORPHAN_SECONDS)
        self.kill()

    def kill(self) -> None:
        def gone() -> bool:
            left = self.members()
            for pid in left:
                _signal(pid, signal.SIGKILL)
            return not left

        wait_until(gone, seconds=KILL_SECONDS)

    def _marked(self, pid: int) -> bool:
        try:
            return psutil.Process(pid).environ().get(MARK_VARIABLE) == self.mark
        except psutil.Error:
            return False


def _in_group(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group and ProcessMark.of(pid).alive()
    except (ProcessLookupError, PermissionError):
        return False


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


class GroupRecords:
    """One file per group, in the state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, group: ProcessGroup) -> None:
        write_private(self._file(group), json.dumps(asdict(group)))

    def remove(self, group: ProcessGroup) -> None:
        self._file(group).unlink(missing_ok=True)

    def all(self) -> list[ProcessGroup]:
        """In the order in which to stop them: last started first."""
        found = (_read(path) for path in self.folder.glob("*.json"))
        return sorted((group for group in found if group), key=lambda group: group.order, reverse=True)

    def stop(self, groups: Iterable[ProcessGroup]) -> list[str]:
        """Names of those that were still there."""
        stopped = []
        for group in groups:
            if group.members():
                group.stop()
                stopped.append(group.name)
            self.remove(group)
        return stopped

    def _file(self, group: ProcessGroup) -> Path:
        return self.folder / f"{group.name}.json"


def _read(path: Path) -> ProcessGroup | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        leader, supervisor = (ProcessMark(**content.pop(key)) for key in ("leader", "supervisor"))
        return ProcessGroup(leader=leader, supervisor=supervisor, **content)
    except (OSError, ValueError, TypeError, KeyError):
        return None
