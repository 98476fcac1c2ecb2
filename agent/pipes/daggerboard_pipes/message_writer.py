"""The writer of the process elsewhere: messages go out in order, each once, and wait here while the control plane is away."""

import contextlib
import json
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from dagster_pipes import (
    PipesDefaultLogWriter,
    PipesLogWriter,
    PipesMessage,
    PipesMessageWriter,
    PipesMessageWriterChannel,
    PipesParams,
)

from daggerboard_pipes.requests import PipesRefusedError, PipesSessionOverError, Session, TryLaterError

INCLUDE_STDIO_KEY = "include_stdio_in_messages"
# What is collected before it is sent, so that a line of a log costs no request of its own.
_COLLECT_SECONDS = 0.2
_BATCH_MESSAGES = 500
_BATCH_BYTES = 2 * 1024 * 1024
# What may wait in memory; who writes more waits.
_WAITING_BYTES = 64 * 1024 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


class PipesHttpMessageWriter(PipesMessageWriter["PipesHttpMessageWriterChannel"]):
    """Writes to the session that the step opened: `open_dagster_pipes(message_writer=PipesHttpMessageWriter())`.

    `flush_seconds`: how long the end of the process waits for a control plane that is away before it gives up what is left.
    """

    def __init__(self, *, flush_seconds: float = 600.0) -> None:
        self.flush_seconds = flush_seconds

    @contextmanager
    def open(self, params: PipesParams) -> Iterator["PipesHttpMessageWriterChannel"]:
        channel = PipesHttpMessageWriterChannel(Session.of(params), flush_seconds=self.flush_seconds)
        try:
            with _captured_output(channel, params):
                yield channel
        finally:
            channel.close()


def _captured_output(channel: PipesMessageWriterChannel, params: PipesParams) -> Any:
    """What the process prints goes along where the step asked for it."""
    if not params.get(INCLUDE_STDIO_KEY):
        return nullcontext()
    writer = PipesDefaultLogWriter(message_channel=channel)
    return writer.open(params.get(PipesLogWriter.LOG_WRITER_KEY, {}))


class PipesHttpMessageWriterChannel(PipesMessageWriterChannel):
    """A queue and the thread that sends from it. Numbers rise by one from 1; the control plane takes each once."""

    def __init__(self, session: Session, *, flush_seconds: float) -> None:
        self._session = session
        self._flush_seconds = flush_seconds
        # Encoded messages; the first has the number `_first`.
        self._waiting: deque[str] = deque()
        self._first = 1
        self._bytes = 0
        # How many go out alone, because one of them was refused; and the number that a note has already.
        self._alone = 0
        self._noted = 0
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._send_all, name="daggerboard-pipes", daemon=True)
        self._thread.start()

    def write_message(self, message: PipesMessage) -> None:
        """Queue a message; waits only while more waits to be sent than memory is meant for."""
        text = json.dumps(message)
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < _WAITING_BYTES or self._is_over)
            if self._is_over:
                return
            self._waiting.append(text)
            self._bytes += len(text)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what is left; gives up after `flush_seconds`."""
        with self._changed:
            self._deadline = time.monotonic() + self._flush_seconds
            self._changed.notify_all()
        self._thread.join()

    def _send_all(self) -> None:
        pause = _FIRST_PAUSE
        while not self._is_over and (batch := self._next_batch()):
            try:
                self._settled(self._send(batch))
                pause = _FIRST_PAUSE
            except TryLaterError as error:
                if self._gives_up():
                    self._end(f"{len(self._waiting)} messages could not be delivered: {error}")
                    return
                # Full jitter: many processes that lost the same control plane do not come back at once.
                self._rest(error.after or random.uniform(0, pause))  # noqa: S311 - nothing depends on it
                pause = min(pause * 2, _LONGEST_PAUSE)
            except PipesRefusedError as error:
                self._refused(batch, str(error))
            except PipesSessionOverError as error:
                self._end(str(error))
                return

    def _next_batch(self) -> list[str]:
        """What is sent next, together; empty once all was sent and the channel is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._deadline is not None)
            if self._deadline is None:
                self._changed.wait_for(lambda: self._deadline is not None, timeout=_COLLECT_SECONDS)
            batch, size, most = list[str](), 0, 1 if self._alone else _BATCH_MESSAGES
            for text in self._waiting:
                size += len(text)
                if batch and (size > _BATCH_BYTES or len(batch) >= most):
                    break
                batch.append(text)
            return batch

    def _send(self, batch: list[str]) -> int:
        """How many of the batch are stored."""
        document = {"first": self._first, "messages": [json.loads(text) for text in batch]}
        stored = int(self._session.post("messages", document)["stored"])
        if stored < self._first - 1:
            # Restored from a backup, most likely. What it had told of is not here any more.
            raise PipesSessionOverError(f"The control plane has messages up to {stored} only, and told of more before.")
        if stored < self._first:
            raise TryLaterError("The control plane took none of the messages.")
        return stored - self._first + 1

    def _settled(self, count: int) -> None:
        with self._changed:
            for _ in range(min(count, len(self._waiting))):
                self._bytes -= len(self._waiting.popleft())
            self._first += count
            self._alone = max(0, self._alone - count)
            self._changed.notify_all()

    def _refused(self, batch: list[str], reason: str) -> None:
        """One of many is looked for by sending each alone; one alone gives its number to a note that it was left out."""
        with self._changed:
            if len(batch) > 1:
                self._alone = len(batch)
                return
        if self._noted == self._first:
            self._end(reason)
            return
        _say(f"A message was refused: {reason}")
        message = json.loads(batch[0])
        words = f"[pipes] a message ({message.get('method')}, {len(batch[0])} bytes) was left out: {reason}"
        note = json.dumps({**message, "method": "log", "params": {"message": words, "level": "WARNING"}})
        with self._changed:
            self._waiting[0], self._noted = note, self._first
            self._bytes += len(note) - len(batch[0])

    def _gives_up(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _rest(self, seconds: float) -> None:
        with self._changed:
            if self._deadline is not None:
                seconds = min(seconds, max(0.0, self._deadline - time.monotonic()))
                time.sleep(seconds)
            else:
                self._changed.wait_for(lambda: self._deadline is not None, timeout=seconds)

    def _end(self, reason: str) -> None:
        _say(reason)
        with self._changed:
            self._is_over = True
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()


def _say(text: str) -> None:
    """To the process's own error output: there is nobody else to tell."""
    with contextlib.suppress(OSError, ValueError):
        sys.__stderr__.write(f"daggerboard-pipes: {text}\n")  # type: ignore[union-attr]  # a process without one raises, and is let
