"""Finds an identity that reaches both the server's binaries and its folder, and moves what has to move for that."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controlplane.embedded.binaries import PostgresBinaries, copy_postgres
from controlplane.embedded.errors import BrokenDataError, FolderAccessError
from controlplane.embedded.run_as import RunAs, RunAsKind, candidates

# Where data goes when nobody cannot enter the state folder; a link in the state folder points there.
OUTSIDE = Path("/var/lib/daggerboard")


@dataclass(frozen=True)
class Placement:
    """As whom the server runs, with which binaries, and the folder that holds its data."""

    run_as: RunAs
    binaries: PostgresBinaries
    folder: Path


@dataclass(frozen=True)
class Placer:
    """Tries the identities, best first. The folder is made when it is missing.

    For nobody's sake, others get the right to pass through the folder's parent and `may_open`, not to list them.
    """

    folder: Path
    binaries: PostgresBinaries
    may_open: Path | None
    notice: Callable[[str], None]
    outside: Path = OUTSIDE

    def place(self, *, only: RunAsKind | None = None) -> Placement:
        """Raises FolderAccessError when no identity will do."""
        self._make_folder()
        for run_as in candidates():
            if only in (None, run_as.kind) and (placement := self._try(run_as)):
                return placement
        raise FolderAccessError(
            what=f"Postgres cannot use {self.folder}",
            why=f"{only or 'this user'} may not write there, or may not execute {self.binaries.postgres}",
            remedy="Set DAGGERBOARD_HOME to a folder of your own, or start as the user who owns this one.",
        )

    def _make_folder(self) -> None:
        if self.folder.is_symlink() and not self.folder.exists():
            raise BrokenDataError(
                what=f"Postgres's data in {self.folder.readlink()} is gone",
                why=f"{self.folder} points there",
                remedy=f"Restore it, or remove {self.folder.parent} to begin with an empty database.",
            )
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def _try(self, run_as: RunAs) -> Placement | None:
        run_as.take_over(self.folder.resolve())
        if self.folder.stat().st_uid != run_as.uid:
            return None
        if run_as.kind is RunAsKind.NOBODY:
            return self._place_for_nobody(run_as)
        reached = run_as.reaches(binary=self.binaries.postgres, folder=self.folder)
        return Placement(run_as, self.binaries, self.folder) if reached else None

    def _place_for_nobody(self, run_as: RunAs) -> Placement | None:
        self._let_pass(run_as)
        if not self._entered_by(run_as):
            self._move_outside(run_as)
        real, binaries = self.folder.resolve(), self.binaries
        if not run_as.reaches(binary=binaries.postgres, folder=real):
            binaries = copy_postgres(binaries, into=real)
        return Placement(run_as, binaries, real) if run_as.reaches(binary=binaries.postgres, folder=real) else None

    def _entered_by(self, run_as: RunAs) -> bool:
        return run_as.reaches(binary=Path("/bin/sh"), folder=self.folder.resolve())

    def _let_pass(self, run_as: RunAs) -> None:
        for folder in (self.folder.parent, self.may_open):
            if folder and not self._entered_by(run_as):
                folder.chmod(folder.stat().st_mode & 0o777 | 0o011)

    def _move_outside(self, run_as: RunAs) -> None:
        self.outside.mkdir(mode=0o755, parents=True, exist_ok=True)
        outside = Path(tempfile.mkdtemp(prefix="postgres-", dir=self.outside))
        for entry in self.folder.iterdir():
            shutil.move(entry, outside)
        if self.folder.is_symlink():
            self.folder.unlink()
        else:
            self.folder.rmdir()
        self.folder.symlink_to(outside)
        run_as.take_over(outside)
        self.notice(f"The user nobody cannot enter {self.folder.parent}, so the database lives in {outside}.")
