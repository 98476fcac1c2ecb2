"""The data directory of the embedded Postgres: made whole or not at all, checked, and given our settings."""

import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from controlplane.embedded.binaries import PostgresBinaries, find_postgres
from controlplane.embedded.errors import DataVersionError, DiskFullError, StartError
from controlplane.embedded.files import write_private
from controlplane.embedded.postgres_diagnosis import broken_data, last_complaint
from controlplane.embedded.run_as import RunAs

# From this version on, C.UTF-8 is part of Postgres itself and needs no locale of the system.
BUILTIN_LOCALE_MAJOR = 17
# From this version on, reads may go through helper processes, which a small machine does not need.
IO_METHOD_MAJOR = 18

LAPTOP_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "password_encryption": "'scram-sha-256'",
    "max_connections": "100",
    "shared_buffers": "'128MB'",
    "work_mem": "'8MB'",
    "maintenance_work_mem": "'64MB'",
    "effective_cache_size": "'1GB'",
    "huge_pages": "off",
    "jit": "off",
    "random_page_cost": "1.1",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "'1GB'",
    # History is partitioned by time: a query or a backup may lock many partitions at once.
    "max_locks_per_transaction": "256",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    # The log is read by our diagnosis, so its language is fixed.
    "lc_messages": "'C'",
    "log_line_prefix": "'%m [%p] %q%u@%d '",
    "log_checkpoints": "off",
}


def binaries_for(data: Path) -> PostgresBinaries:
    """Those of the version that wrote the data directory; the newest for a new one."""
    written_by = data_major(data) if data.exists() else None
    binaries = find_postgres(major=written_by)
    newest = find_postgres()
    assert newest  # find_postgres raises when there are no binaries at all
    if binaries:
        return binaries
    raise DataVersionError(
        what=f"Postgres {newest.major} cannot open {data}",
        why=f"Postgres {written_by} wrote it, and another major version cannot read that",
        remedy=f"Install Postgres {written_by} beside it, or move the folder away and restore a dump into a new one.",
    )


def data_major(data: Path) -> int:
    """The major version that wrote a data directory; BrokenDataError when it does not say."""
    try:
        text = (data / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        raise broken_data(data, why="it has no file PG_VERSION, so it is not a Postgres data directory") from None
    if not text.isdigit():
        raise broken_data(data, why=f"its file PG_VERSION says {text[:40]!r} instead of a version")
    return int(text)


def create_data(data: Path, *, binaries: PostgresBinaries, run_as: RunAs, password: str) -> None:
    """Made beside its place and then renamed: a half-made one is never taken for a database."""
    draft = data.with_name(f"{data.name}.new")
    password_file = data.with_name("first-password")
    shutil.rmtree(draft, ignore_errors=True)
    write_private(password_file, password)
    run_as.take_over_file(password_file)
    try:
        _initdb(draft, binaries=binaries, run_as=run_as, password_file=password_file)
    finally:
        password_file.unlink(missing_ok=True)
    draft.rename(data)


def _initdb(draft: Path, *, binaries: PostgresBinaries, run_as: RunAs, password_file: Path) -> None:
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    locale = builtin if binaries.major >= BUILTIN_LOCALE_MAJOR else ["--locale=C.UTF-8"]
    options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", *locale]
    answer = subprocess.run(
        # Not flushed to disk here: whoever crashes now has an unfinished draft, which the next start throws away.
        [binaries.initdb, f"--pgdata={draft}", "--no-sync", "--no-instructions", *options],
        check=False,
        cwd="/",
        capture_output=True,
        text=True,
        **run_as.popen_arguments(death_signal=signal.SIGKILL),
    )
    if answer.returncode == 0:
        return
    shutil.rmtree(draft, ignore_errors=True)
    if "No space left on device" in answer.stderr:
        raise DiskFullError(service="Postgres", folder=draft.parent)
    raise StartError(
        what="Postgres could not create its data directory",
        why=last_complaint(answer.stderr),
        remedy=f"Check that {draft.parent} can be written to, and start again.",
    )


def configure(data: Path, *, binaries: PostgresBinaries, run_as: RunAs, port: int, extra: Mapping[str, str]) -> None:
    """Settings are ours and written at every start; ALTER SYSTEM still wins, from its own file."""
    settings = {**LAPTOP_SETTINGS, "port": str(port)}
    if binaries.major >= IO_METHOD_MAJOR:
        settings["io_method"] = "sync"
    lines = [f"{name} = {value}" for name, value in {**settings, **extra}.items()]
    target = data / "postgresql.conf"
    write_private(
        target, "\n".join(["# Written by Daggerboard at every start; use ALTER SYSTEM for your own.", *lines, ""])
    )
    run_as.take_over_file(target)


def remove_stale_pid_file(data: Path) -> int | None:
    """Remove what a killed server left. Returns the pid of a server that really runs on this directory, if one does.

    Postgres itself only asks whether that pid exists, and so mistakes any process that got the number later for itself.
    """
    pid_file = data / "postmaster.pid"
    try:
        first = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except FileNotFoundError:
        return None
    pid = int(first) if re.fullmatch(r"\d+", first) else 0
    if pid and _works_in(pid, data):
        return pid
    pid_file.unlink()
    return None


def _works_in(pid: int, data: Path) -> bool:
    """A server's working directory is its data directory."""
    try:
        process = psutil.Process(pid)
        try:
            return process.status() != psutil.STATUS_ZOMBIE and data.samefile(process.cwd())
        except psutil.AccessDenied:
            # A server belongs to the user who owns its data; nobody else's process can be it.
            return process.uids().real == data.stat().st_uid
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
