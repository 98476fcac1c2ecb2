"""Says what is going on, a line per step: with a spinner and colour on a terminal, in plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from controlplane.embedded.signals import StopRequested

if TYPE_CHECKING:
    from rich.console import Console


class Step:
    """One step under way; `detail` is shown beside its name when it is done."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since


class Progress(Protocol):
    """Where steps and single lines are shown."""

    def step(self, name: str) -> AbstractContextManager[Step]: ...

    def line(self, text: str) -> None: ...


class PlainProgress:
    """One line per step, when it has ended."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        try:
            yield step
        except BaseException as error:
            ended = "stopped" if isinstance(error, StopRequested) else "failed"
            self.line(f"{name}: {ended} ({step.seconds:.1f} s)")
            raise
        self.line(f"{name}: {step.detail or 'done'} ({step.seconds:.1f} s)")

    def line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class TerminalProgress:
    """A spinner while a step is under way, then a tick or a cross."""

    def __init__(self, console: "Console") -> None:
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        try:
            with self._console.status(name):
                yield step
        except BaseException:
            self._show("[red]✗[/]", step)
            raise
        self._show("[green]✓[/]", step)

    def line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def _show(self, sign: str, step: Step) -> None:
        self._console.print(sign, end=" ")
        self._console.print(f"{step.name:<28}{step.detail}", end=" ", markup=False, highlight=False)
        self._console.print(f"[dim]{step.seconds:.1f} s[/]")


def progress_for(stream: TextIO = sys.stdout) -> Progress:
    """With signs and colors on a terminal, plain lines elsewhere."""
    if not stream.isatty():
        return PlainProgress(stream)
    # Imported late: only a terminal needs it.
    from rich.console import Console

    return TerminalProgress(Console(file=stream))
