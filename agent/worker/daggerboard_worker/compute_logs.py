"""stdout and stderr of a step as two files in the attempt directory, by file descriptor, so that subprocesses are in them."""

import contextlib
import os
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from dagster._core.storage.compute_log_manager import (
    CapturedLogContext,
    CapturedLogMetadata,
    ComputeIOType,
    ComputeLogManager,
)

from daggerboard_worker.storage_config import AgentBacked
from daggerboard_worker.unsupported import complete

STREAMS = {1: "out", 2: "err"}
ENDINGS = {ComputeIOType.STDOUT: "out", ComputeIOType.STDERR: "err"}
NAME_BYTES = 200


@complete(ComputeLogManager)
class AttemptLogs(AgentBacked, ComputeLogManager):
    def log_path(self, log_key: Sequence[str], ending: str) -> Path:
        return Path(self.attempt_dir, "logs", f"{file_name(log_key[-1])}.{ending}")

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        flush_output()
        saved = {descriptor: os.dup(descriptor) for descriptor in STREAMS}
        for descriptor, ending in STREAMS.items():
            redirect(descriptor, self.log_path(log_key, ending))
        try:
            yield CapturedLogContext(log_key)
        finally:
            flush_output()
            for descriptor, original in saved.items():
                os.dup2(original, descriptor)
                os.close(original)

    @contextmanager
    def open_log_stream(self, log_key: Sequence[str], io_type: ComputeIOType) -> Iterator[IO[Any] | None]:
        path = self.log_path(log_key, ENDINGS[io_type])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream

    def get_log_data_for_type(
        self, log_key: Sequence[str], io_type: ComputeIOType, offset: int = 0, max_bytes: int | None = None
    ) -> tuple[bytes | None, int]:
        path = self.log_path(log_key, ENDINGS[io_type])
        if not path.is_file():
            return None, offset
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(-1 if max_bytes is None else max_bytes)
        return data, offset + len(data)

    def get_log_metadata(self, log_key: Sequence[str]) -> CapturedLogMetadata:
        return CapturedLogMetadata(
            stdout_location=str(self.log_path(log_key, "out")), stderr_location=str(self.log_path(log_key, "err"))
        )

    def is_capture_complete(self, log_key: Sequence[str]) -> bool:
        return False


def file_name(name: str) -> str:
    """One file name, whatever the key holds: it comes from dagster and, through step names, from user code."""
    return quote(name, safe="")[:NAME_BYTES]


def redirect(descriptor: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)


def flush_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        # User code may have replaced or closed it.
        with contextlib.suppress(Exception):
            stream.flush()
