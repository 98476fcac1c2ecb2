"""Starts the processes of one machine in order, starts crashed ones again, and stops all in reverse order."""

import os
import secrets
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from controlplane.embedded.backoff import Backoff
from controlplane.embedded.child import Child, ChildSpec
from controlplane.embedded.errors import EmbeddedError
from controlplane.embedded.groups import MARK_VARIABLE, GroupRecords, ProcessGroup
from controlplane.embedded.guard import start_guard
from controlplane.embedded.processes import ProcessMark
from controlplane.embedded.progress import Progress
from controlplane.embedded.signals import StopAtOnce, StopRequested, StopSignals
from controlplane.embedded.state import StateFolder

if TYPE_CHECKING:
    import subprocess

WATCH_SECONDS = 0.2
Said_co = TypeVar("Said_co", covariant=True)


class Service(Protocol):
    """Something with one process: a server or a child."""

    name: str
    gently: signal.Signals
    patience: float

    @property
    def pid(self) -> int | None: ...
    def running(self) -> bool: ...
    def restart(self) -> None: ...
    def stop(self) -> None: ...


class Server(Service, Protocol[Said_co]):
    """A service that starts by itself and then says something, such as its URL."""

    def start(self) -> Said_co: ...


class Supervisor:
    """Use it as a context, in the main thread, with the state folder open. Leaving it stops everything it started.

    A guard process does the same if this process is killed; and what even that leaves, the next supervisor stops.
    """

    def __init__(self, *, state: StateFolder, progress: Progress) -> None:
        self._state = state
        self._progress = progress
        self._records = GroupRecords(state.processes)
        self._me = ProcessMark.of(os.getpid())
        self._mark = state.secret("supervisor_mark", make=lambda: secrets.token_hex(16))
        self._signals = StopSignals()
        self._services: list[Service] = []
        self._groups: dict[str, ProcessGroup] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if left := self._records.stop(self._records.all()):
            self._progress.line(f"Stopped what an earlier start, since killed, had left running: {', '.join(left)}.")
        self._guard = start_guard(self._state.processes, supervisor=self._me, log=self._state.logs / "guard.log")
        self._signals.install()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._signals.deferred():
            try:
                self._stop_in_reverse(patiently=kind is not StopAtOnce)
            except StopAtOnce:
                self._stop_in_reverse(patiently=False)
        self._signals.restore()
        self._dismiss_guard()
        if kind is StopAtOnce:
            raise StopRequested from None

    @property
    def stopping(self) -> signal.Signals | None:
        """The signal that asked to stop, if one did."""
        return self._signals.received

    def tell(self, text: str) -> None:
        """A line between the steps."""
        self._progress.line(text)

    def start(self, server: Server[Said_co]) -> Said_co:
        """Returns what the server says when it is ready. Raises StopRequested, or the server's own EmbeddedError."""
        self._refuse_when_stopping()
        with self._signals.deferred(), self._progress.step(server.name) as step:
            said = server.start()
            self._keep(server)
            self._refuse_when_stopping()
            step.detail = "ready"
        return said

    def start_together(self, specs: Sequence[ChildSpec]) -> None:
        """Starts all at once, then waits until each is ready. Raises StopRequested or a StartError."""
        self._refuse_when_stopping()
        with self._signals.deferred():
            for child in [self._spawn(spec) for spec in specs]:
                with self._progress.step(child.name) as step:
                    child.wait_ready(interrupted=self._asked_to_stop)
                    self._refuse_when_stopping()
                    step.detail = "ready"

    def run(self, spec: ChildSpec, *, label: str) -> None:
        """One process that does its work and ends. Raises StopRequested, or StartError when it failed."""
        self._refuse_when_stopping()
        with self._signals.deferred(), self._progress.step(label):
            child = self._spawn(spec)
            child.wait_end(interrupted=self._asked_to_stop)
            self._refuse_when_stopping()
            self._forget(child)

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Returns when asked to stop, or when the condition holds. Crashed services are started again meanwhile."""
        with self._signals.deferred():
            while not self._asked_to_stop() and not until():
                for service in self._services:
                    if not service.running():
                        self._start_again(service)
                self._signals.wait(WATCH_SECONDS)

    def _spawn(self, spec: ChildSpec) -> Child:
        environment = {**spec.environment, MARK_VARIABLE: self._mark}
        child = Child(replace(spec, environment=environment), log=self._state.logs / f"{spec.name}.log")
        child.spawn()
        self._keep(child)
        return child

    def _keep(self, service: Service) -> None:
        self._services.append(service)
        self._backoffs[service.name] = Backoff()
        self._write_down(service)

    def _forget(self, service: Service) -> None:
        self._services.remove(service)
        self._records.remove(self._groups.pop(service.name))

    def _write_down(self, service: Service) -> None:
        group = ProcessGroup(
            name=service.name,
            order=self._services.index(service),
            leader=ProcessMark.of(service.pid or 0),
            supervisor=self._me,
            mark=self._mark,
            gently=service.gently,
            patience=service.patience,
        )
        self._groups[service.name] = group
        self._records.add(group)

    def _start_again(self, service: Service) -> None:
        backoff = self._backoffs[service.name]
        if (delay := backoff.crashed()) is not None:
            ended = f" ({service.ended})" if isinstance(service, Child) else ""
            self._progress.line(f"{service.name} ended{ended}; starting it again in {delay:.1f} s.")
            # What the dead leader left must not meet its successor.
            self._groups[service.name].stop()
        if not backoff.due():
            return
        backoff.started()
        try:
            service.restart()
        except (EmbeddedError, OSError) as error:
            self._progress.line(str(error))
        else:
            self._write_down(service)

    def _stop_in_reverse(self, *, patiently: bool) -> None:
        if not patiently:
            self._signals.ignore()
        while self._services:
            service = self._services[-1]
            if patiently:
                self._ask_with(service)
            group = self._groups[service.name]
            if patiently:
                service.stop()
                group.stop()
            else:
                group.kill()
                service.stop()
            self._records.remove(group)
            self._services.pop()

    def _ask_with(self, last: Service) -> None:
        """Those that stop with it need their time at the same time."""
        if not isinstance(last, Child) or not last.spec.stops_with:
            return
        for service in reversed(self._services):
            if not isinstance(service, Child) or service.spec.stops_with != last.spec.stops_with:
                break
            service.ask_to_stop()

    def _dismiss_guard(self) -> None:
        # The end of its input tells the guard that we are gone; the records are empty by now, so it only leaves.
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()
            self._guard.wait(timeout=10)

    def _asked_to_stop(self) -> bool:
        return self._signals.received is not None

    def _refuse_when_stopping(self) -> None:
        if self._asked_to_stop():
            raise StopRequested
