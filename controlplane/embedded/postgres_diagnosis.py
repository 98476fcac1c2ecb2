"""From the words in Postgres's log to one clear error."""

import re
from pathlib import Path

from controlplane.embedded.errors import (
    AlreadyRunningError,
    BrokenDataError,
    DiskFullError,
    EmbeddedError,
    FolderAccessError,
    PortInUseError,
    StartError,
)

_BROKEN = re.compile(
    r"could not (?:open|read) file \"(?:global/|base/|pg_wal|\S*PG_VERSION)"
    r"|invalid (?:primary )?checkpoint|could not locate a (?:valid|required) checkpoint"
    r"|could not find the database system|required WAL directory|control file"
    r"|database files are incompatible|is not a valid data directory|invalid page in block"
)
_OTHER_USER = re.compile(r"has wrong ownership|has invalid permissions|Permission denied", re.IGNORECASE)
_IN_USE = re.compile(r"Is another (?:postmaster|postgres) \(PID (\d+)\)")
_SHARED_MEMORY = "pre-existing shared memory block"


def still_letting_go(log: str) -> bool:
    """Backends of a killed server have not ended yet; they will within moments."""
    return _SHARED_MEMORY in log


def diagnose(log: str, *, data: Path, log_file: Path, port: int) -> EmbeddedError:
    """Why a server did not start, from its log since that start."""
    if "No space left on device" in log:
        return DiskFullError(service="Postgres", folder=data)
    if "Address already in use" in log:
        return PortInUseError(service="Postgres", port=port)
    if other := _IN_USE.search(log):
        return AlreadyRunningError(what="Postgres", folder=data, pid=int(other.group(1)))
    if _BROKEN.search(log):
        return broken_data(data, why=last_complaint(log))
    if _OTHER_USER.search(log):
        return FolderAccessError(
            what=f"Postgres cannot use {data}",
            why=last_complaint(log),
            remedy="Start Daggerboard as the user who owns that folder, or set DAGGERBOARD_HOME to another one.",
        )
    return StartError(what="Postgres did not start", why=last_complaint(log), remedy=f"See {log_file}.")


def broken_data(data: Path, *, why: str) -> BrokenDataError:
    """The error of a data directory that Postgres does not open, with the way out."""
    return BrokenDataError(
        what=f"Postgres cannot use its data directory {data}",
        why=why,
        remedy="Restore it from a backup, or move it away to begin with an empty database.",
    )


def last_complaint(log: str) -> str:
    """The last error line, without its time and level."""
    lines = [line for line in log.splitlines() if re.search(r"\b(PANIC|FATAL|ERROR|error):", line)]
    complaint = re.sub(r"^.*?\b(PANIC|FATAL|ERROR|error):\s*", "", lines[-1]) if lines else ""
    return complaint or (log.strip().splitlines() or ["it ended without a word"])[-1].removeprefix("but ")
