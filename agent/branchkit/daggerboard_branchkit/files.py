"""Files: a branch writes into a folder of its own below the base's, and reads the base's file where it has none."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from daggerboard_branchkit.branch import Branch, current_branch
from daggerboard_branchkit.errors import BaseWriteRefusedError, NotABranchError

BRANCHES = "branches"


@dataclass(frozen=True)
class BranchFolder:
    """A folder of the base. Paths are relative to it; in a full deployment it is just that folder."""

    base: Path
    branch: Branch | None = None

    @classmethod
    def here(cls, base: str | Path) -> BranchFolder:
        """The folder as the deployment of this process sees it."""
        return cls(Path(base), current_branch())

    @property
    def root(self) -> Path:
        """Where this deployment writes: `<base>/branches/pr_123`, or the base itself."""
        return self.base / BRANCHES / self.branch.prefix if self.branch else self.base

    def for_writing(self, path: str | Path) -> Path:
        """Where to write; its folder is made. BaseWriteRefusedError for a path that leads out of this deployment's folder."""
        wanted = self.root / path
        root = self.root.resolve()
        if root not in wanted.resolve().parents:
            raise BaseWriteRefusedError(
                f"{path} is outside of {root}, the folder of this deployment. Give a path relative to it."
            )
        wanted.parent.mkdir(parents=True, exist_ok=True)
        return wanted

    def for_reading(self, path: str | Path) -> Path:
        """The branch's file, or the base's where the branch has none. It need not be there."""
        own = self.root / path
        return own if own.exists() else self.base / path

    def glob(self, pattern: str) -> list[Path]:
        """Files of the pattern: those of the base, each replaced by the branch's where it has one, and what only the branch has."""
        found = {path.relative_to(self.base): path for path in self.base.glob(pattern)}
        found = {name: path for name, path in found.items() if name.parts[0] != BRANCHES}
        if self.branch is not None:
            found |= {path.relative_to(self.root): path for path in self.root.glob(pattern)}
        return [found[name] for name in sorted(found)]

    def drop(self) -> int:
        """Delete all that the branch wrote, and answer how many files that were. NotABranchError in a full deployment."""
        if self.branch is None:
            raise NotABranchError("A full deployment's folder is not dropped: only branch deployments are.")
        if not self.root.exists():
            return 0
        count = sum(1 for path in self.root.rglob("*") if path.is_file())
        shutil.rmtree(self.root)
        with contextlib.suppress(OSError):
            # The last branch takes the folder of all branches along; others are in it still, or it is being used.
            self.root.parent.rmdir()
        return count
