"""Runs a few lines of Python in a process of their own, which says when it is ready and can then be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@contextmanager
def program(source: str, *arguments: object, **popen: Any) -> Iterator["Program"]:
    """`say(value)` in the source reaches `hear()` here; standard input stays open until the end."""
    prelude = "import sys, json\ndef say(value): print(json.dumps(value, default=str), flush=True)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", prelude + source, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        **popen,
    )
    try:
        yield Program(process)
    finally:
        process.kill()
        process.communicate()


class Program:
    """A running program."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.pid = process.pid

    def hear(self) -> Any:
        """The next value it says; an error when it ended instead."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"it ended with {self.process.wait()}"
        return json.loads(line)

    def end(self, number: signal.Signals) -> None:
        """Send this signal, and wait for the end that it brings."""
        self.process.send_signal(number)
        try:
            self.process.wait(100)
        except subprocess.TimeoutExpired:
            state = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
            raise AssertionError(f"it goes on after {number.name}:\n{state}") from None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def gone(pid: int) -> bool:
    """No such process, or only its entry, which its parent has not read yet."""
    try:
        return "(zombie)" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True


def as_user(uid: int, gid: int, work: Callable[[], str]) -> str:
    """What the work says when another user does it, in a fork: that user need not be able to read this interpreter."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        try:
            said = work()
        except BaseException as error:  # noqa: BLE001 - the parent tells it
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said
