"""A small process that outlives a killed supervisor just long enough to stop what it had started.

Its standard input is a pipe whose other end only the supervisor holds: end of file means the supervisor is gone.
"""

import signal
import subprocess
import sys
from pathlib import Path

from controlplane.embedded.files import open_log
from controlplane.embedded.groups import GroupRecords
from controlplane.embedded.processes import ProcessMark


def start_guard(folder: Path, *, supervisor: ProcessMark, log: Path) -> subprocess.Popen[bytes]:
    """Started once for each supervisor; closing its standard input is what tells it that the supervisor is gone."""
    command = [
        sys.executable,
        "-m",
        "controlplane.embedded.guard",
        str(folder),
        str(supervisor.pid),
        supervisor.started,
    ]
    with open_log(log) as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        )


def main(folder: str, pid: str, started: str) -> None:
    """Wait for the end of the supervisor with this id and start, whatever signal comes, then stop what it had started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    supervisor = ProcessMark(int(pid), started)
    records = GroupRecords(Path(folder))
    # Only those of this supervisor: the next one may be starting its own already.
    records.stop(group for group in records.all() if group.supervisor == supervisor)


if __name__ == "__main__":
    main(*sys.argv[1:])
