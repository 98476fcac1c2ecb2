"""What can go wrong when embedded services start. Every message is one line: what happened, why, and what to do."""

import errno
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_ACCESS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


class EmbeddedError(Exception):
    """An embedded service could not do what was asked."""

    def __init__(self, *, what: str, why: str, remedy: str) -> None:
        self.what, self.why, self.remedy = what, why, remedy
        super().__init__(" ".join(f"{what}: {why}. {remedy}".split()))


class BinariesMissingError(EmbeddedError):
    """No server binary for this machine."""


class PortInUseError(EmbeddedError):
    """Another program listens on the port."""

    def __init__(self, *, service: str, port: int) -> None:
        self.port = port
        super().__init__(
            what=f"{service} cannot listen on 127.0.0.1:{port}",
            why="another program uses that port",
            remedy="Stop that program, or choose another port.",
        )


class DiskFullError(EmbeddedError):
    """No space is left where the service keeps its data."""

    def __init__(self, *, service: str, folder: Path) -> None:
        super().__init__(
            what=f"{service} cannot write to {folder}",
            why="no space is left on that disk",
            remedy="Free some space, or set DAGGERBOARD_HOME to a folder on another disk, and start again.",
        )


class BrokenDataError(EmbeddedError):
    """The data directory exists, but the server cannot use it."""


class DataVersionError(EmbeddedError):
    """The data directory was written by another major version."""


class AlreadyRunningError(EmbeddedError):
    """Somebody else uses the folder right now."""

    def __init__(self, *, what: str, folder: Path, pid: int | None) -> None:
        self.pid = pid
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            what=f"{what} is already running",
            why=f"{holder} uses {folder}",
            remedy=f"Stop it{f' (kill {pid})' if pid else ''}, or use another DAGGERBOARD_HOME.",
        )


class FolderAccessError(EmbeddedError):
    """A folder cannot be used by the user that has to use it."""


def explain_os_error(error: OSError, *, service: str, folder: Path) -> Exception:
    """The clear error for a full disk or a folder that cannot be used; else the same error."""
    if error.errno in _FULL:
        return DiskFullError(service=service, folder=folder)
    if error.errno in _NO_ACCESS:
        return FolderAccessError(
            what=f"{service} cannot keep its data in {folder}",
            why=f"{error.strerror}: {error.filename or folder}",
            remedy="Set DAGGERBOARD_HOME to a folder you own, or make this one writable for you.",
        )
    return error


class StartError(EmbeddedError):
    """The service ended, or was not ready in time, for a reason given in its log."""
