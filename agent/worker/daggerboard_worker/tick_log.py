"""What one tick logs and prints, in order and bounded: `[[seconds, level, text]]`."""

import contextlib
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daggerboard_worker.bounds import clean_text
from daggerboard_worker.compute_logs import STREAMS, flush_output

# The beginning and the end are kept, half of each bound for each.
LINES = 1000
TEXT_BYTES = 256 * 1024
LINE_BYTES = 16 * 1024

Line = list[Any]


class TickLog(logging.Handler):
    """A handler for `context.log`; while it captures, prints of this process and of those it starts are in it too."""

    def __init__(self) -> None:
        super().__init__()
        self._first: list[Line] = []
        self._last: deque[Line] = deque()
        self._first_bytes = 0
        self._last_bytes = 0
        self._left_out = 0
        self._printed = -1
        self._read_up_to = 0

    def listen_to(self, logger: logging.Logger) -> None:
        """Be its only handler: dagster's own would print what is logged once more."""
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._take_prints()
        self._add(record.created, int(record.levelno), message_of(record))

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Take what is written to stdout and stderr; it goes to a nameless file, which cannot block whoever writes."""
        with tempfile.TemporaryFile() as file:
            self._printed = file.fileno()
            flush_output()
            saved = {descriptor: os.dup(descriptor) for descriptor in STREAMS}
            for descriptor in STREAMS:
                os.dup2(self._printed, descriptor)
            try:
                yield
            finally:
                self._take_prints()
                for descriptor, original in saved.items():
                    os.dup2(original, descriptor)
                    os.close(original)
                self._printed = -1

    def lines(self) -> list[Line]:
        """All of it; where lines had to be left out, one in their place says how many."""
        if not self._left_out:
            return [*self._first, *self._last]
        note = [self._last[0][0], logging.WARNING, f"… {self._left_out:,} more lines are left out here …"]
        return [*self._first, note, *self._last]

    def _take_prints(self) -> None:
        if self._printed < 0:
            return
        flush_output()
        size = os.fstat(self._printed).st_size
        unread = size - self._read_up_to
        if unread <= 0:
            return
        text = os.pread(self._printed, min(unread, TEXT_BYTES), self._read_up_to).decode(errors="replace")
        self._read_up_to = size
        lines = text.splitlines()
        for line in lines:
            self._add(time.time(), logging.INFO, line)
        if unread > TEXT_BYTES:
            self._add(time.time(), logging.WARNING, f"… {unread - TEXT_BYTES:,} bytes of output are left out here …")

    def _add(self, seconds: float, level: int, text: str) -> None:
        line = [seconds, level, clean_text(text, LINE_BYTES)]
        size = len(line[2].encode())
        if not self._last and len(self._first) < LINES // 2 and self._first_bytes + size <= TEXT_BYTES // 2:
            self._first.append(line)
            self._first_bytes += size
            return
        self._last.append(line)
        self._last_bytes += size
        while len(self._last) > LINES // 2 or self._last_bytes > TEXT_BYTES // 2:
            self._last_bytes -= len(self._last.popleft()[2].encode())
            self._left_out += 1


def message_of(record: logging.LogRecord) -> str:
    """The user's own words: dagster writes names of repository and sensor before them."""
    meta = getattr(record, "dagster_meta", None)
    text = meta["orig_message"] if isinstance(meta, dict) and "orig_message" in meta else None
    if text is None:
        with contextlib.suppress(Exception):
            text = record.getMessage()
    text = str(record.msg) if text is None else text
    if record.exc_info and record.exc_info[0] is not None:
        return f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
    return text
