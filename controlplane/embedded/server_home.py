"""The folder of one embedded server: who uses it, its process, its port and its log."""

import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from controlplane.embedded.errors import AlreadyRunningError, PortInUseError, explain_os_error
from controlplane.embedded.files import FolderLock, open_log, private_folder, write_private
from controlplane.embedded.ports import free_port, port_is_free
from controlplane.embedded.processes import ProcessMark, record_process, recorded_process, stop_process
from controlplane.embedded.run_as import RunAs


class ServerHome:
    """What every embedded server keeps beside its data. One process at a time may hold it."""

    def __init__(self, path: Path, *, service: str) -> None:
        self.path = path.absolute()
        self.service = service
        self.log = self.path / f"{service.lower()}.log"
        self._lock = FolderLock(self.path / "lock")
        self._record = self.path / "process.json"
        self._memory = self.path / "memory.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._mark: ProcessMark | None = None
        self._log_start = 0

    def acquire(self) -> None:
        """Hold the folder until release, or raise AlreadyRunningError."""
        try:
            private_folder(self.path)
            free = self._lock.acquire()
        except OSError as error:
            raise self.explain(error) from error
        if not free:
            raise AlreadyRunningError(what=self.service, folder=self.path, pid=self._lock.holder())

    def release(self) -> None:
        self._lock.release()

    def remember(self, **facts: int | str) -> None:
        try:
            write_private(self._memory, json.dumps(self.remembered() | facts))
        except OSError as error:
            raise self.explain(error) from error

    def remembered(self) -> dict[str, int | str]:
        try:
            return dict(json.loads(self._memory.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def choose_port(self, fixed: int | None) -> int:
        """The fixed port or PortInUseError; else the one used last time, or a free one when that is taken."""
        wanted = fixed or int(self.remembered().get("port", 0))
        if fixed and not port_is_free(fixed):
            raise PortInUseError(service=self.service, port=fixed)
        port = wanted if wanted and port_is_free(wanted) else free_port()
        self.remember(port=port)
        return port

    def stop_leftover(self, *, gently: signal.Signals) -> bool:
        """Stop the process that an earlier, killed start left behind. Needs the lock: nobody else uses it."""
        mark = recorded_process(self._record)
        if mark is None or not mark.alive():
            return False
        stop_process(mark, gently=gently, seconds=20)
        return True

    def spawn(self, command: Sequence[str | Path], *, run_as: RunAs, death_signal: signal.Signals) -> None:
        with open_log(self.log) as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **run_as.popen_arguments(death_signal=death_signal),
            )
        self._mark = ProcessMark.of(self._process.pid)
        record_process(self._record, self._mark)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self.running() else None

    def stop(self, *, gently: signal.Signals, seconds: float) -> None:
        if self._process and self._mark:
            stop_process(self._mark, gently=gently, seconds=seconds)
            self._process.wait()
        self._record.unlink(missing_ok=True)
        self._process = None

    def log_since_start(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def explain(self, error: OSError) -> Exception:
        """The same error, or a clear one for a full disk and for somebody else's folder."""
        return explain_os_error(error, service=self.service, folder=self.path)
