"""One process of ours: its command, where it logs, when it is ready, and how it stops."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.embedded.errors import StartError
from controlplane.embedded.files import open_log
from controlplane.embedded.processes import wait_until


@dataclass(frozen=True)
class ChildSpec:
    """What to start. The environment is complete: nothing is inherited."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    # What ends is told of at once: this is for what hangs, and a small machine that starts everything together is slow.
    ready_within: float = 180.0
    working_directory: Path | None = None
    gently: signal.Signals = signal.SIGTERM
    # Seconds between the gentle signal and KILL.
    patience: float = 10.0
    # Children with the same word here, started one after another, are asked to stop at the same time.
    stops_with: str = ""


class Child:
    """A started ChildSpec, in a session of its own, so that a terminal's Ctrl-C reaches only its supervisor."""

    def __init__(self, spec: ChildSpec, *, log: Path) -> None:
        self.spec = spec
        self.name = spec.name
        self.log = log
        self.gently = spec.gently
        self.patience = spec.patience
        self._process: subprocess.Popen[bytes] | None = None
        self._asked_at: float | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self.running() else None

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "still running"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def spawn(self) -> None:
        self._asked_at = None
        with open_log(self.log) as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                [str(part) for part in self.spec.command],
                env=dict(self.spec.environment),
                cwd=self.spec.working_directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def restart(self) -> None:
        """After a crash. Does not wait: others may need to be started again too."""
        self.spawn()

    def wait_ready(self, *, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Returns when it is ready or the wait was interrupted; raises StartError when it ended or took too long."""
        settled = wait_until(
            lambda: interrupted() or not self.running() or self.spec.ready(), seconds=self.spec.ready_within, every=0.05
        )
        if interrupted() or (settled and self.running()):
            return
        why = f"it was not ready after {self.spec.ready_within:.0f} s" if self.running() else self.ended
        raise StartError(
            what=f"{self.name} did not start", why=f"{why}: {self.last_line()}", remedy=f"Its log is {self.log}."
        )

    def wait_end(self, *, interrupted: Callable[[], bool] = lambda: False) -> None:
        """For a process that does one thing: returns when it has, raises StartError when it failed."""
        while self.running() and not interrupted():
            wait_until(lambda: not self.running() or interrupted(), seconds=60, every=0.02)
        if not interrupted() and self._process and self._process.returncode != 0:
            raise StartError(
                what=f"{self.name} failed", why=f"{self.ended}: {self.last_line()}", remedy=f"Its log is {self.log}."
            )

    def ask_to_stop(self) -> None:
        """Send the gentle signal, once: for some a second one means to drop everything. `stop` waits from here on."""
        if self._process and self.running() and self._asked_at is None:
            self._asked_at = time.monotonic()
            self._process.send_signal(self.gently)

    def stop(self) -> None:
        self.ask_to_stop()
        if self._process and self.running():
            waited = time.monotonic() - (self._asked_at or 0.0)
            if not wait_until(lambda: not self.running(), seconds=self.patience - waited):
                self._process.kill()
            self._process.wait()

    def last_line(self) -> str:
        """The last thing it said since its start."""
        with self.log.open("rb") as log:
            log.seek(max(self._log_start, self.log.stat().st_size - 20_000))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"
