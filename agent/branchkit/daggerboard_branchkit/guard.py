"""A second belt for files: in a branch deployment, opening a file of the base for writing fails, whoever tries.

Python tells of each file that it opens, renames or deletes (PEP 578). Libraries that open files from C do not pass here; for databases
the belt is a role that may not write to the base's schemas.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from daggerboard_branchkit.branch import Branch, current_branch
from daggerboard_branchkit.errors import BaseWriteRefusedError
from daggerboard_branchkit.files import BRANCHES

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Event: which of its arguments are paths that change.
_CHANGES = {
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.truncate": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "shutil.rmtree": (0,),
}


class BaseGuard:
    """Guards folders of the base. Nothing happens in a full deployment. An installed guard stays until the process ends."""

    def __init__(self, folders: Iterable[str | Path], branch: Branch | None = None) -> None:
        self.branch = branch
        self._folders = [os.path.realpath(folder) for folder in folders]
        self._allowed = [str(Path(folder, BRANCHES, branch.prefix)) for folder in self._folders] if branch else []

    @classmethod
    def install(cls, *folders: str | Path) -> BaseGuard:
        """Guard these folders of the base from now on, if this is a branch deployment."""
        guard = cls(folders, current_branch())
        if guard.branch is not None:
            sys.addaudithook(guard.watch)
        return guard

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What Python calls for each event."""
        if event == "open":
            path, _mode, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self.require_writable(path)
        elif event in _CHANGES:
            for position in _CHANGES[event]:
                self.require_writable(arguments[position])

    def require_writable(self, path: Any) -> None:
        """BaseWriteRefusedError when the path belongs to the base."""
        if self.branch is None or not isinstance(path, (str, bytes, os.PathLike)):
            return
        place = os.path.realpath(os.fsdecode(path))
        if any(_is_in(place, allowed) or _is_in(allowed, place) for allowed in self._allowed):
            return
        if any(_is_in(place, folder) for folder in self._folders):
            raise BaseWriteRefusedError(
                f"{place} belongs to the base: {self.branch.deployment} is a branch deployment and writes to "
                f"{self._allowed[0]} only. Use BranchFolder.for_writing."
            )


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)
