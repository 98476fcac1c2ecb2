"""The loop that ships captured output as it grows, and closes every stream when its attempt has ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from agent import log
from agent.changes import first_of
from agent.company import linger
from agent.log_files import LogFiles
from agent.protocol import LogBatch, LogChunk, LogStored
from agent.retry import Backoff, ControlPlaneError, is_retryable

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.attempt import Attempt
    from agent.client import Client
    from agent.identity import Identity
    from agent.masks import Masks

MOST_BYTES = 1024 * 1024
# The least of a batch that one stream may take: a flood must not hold up the others.
FAIR_SHARE = 64 * 1024
# Nobody's turn depends on the end of a stream: it waits longer for company than events do, and no longer than what is being written.
END_PATIENCE = 5


@dataclass(frozen=True)
class _Sent:
    attempt: Attempt
    files: LogFiles
    name: str
    chunk: LogChunk


class LogShipper:
    """Follows the log files of all attempts."""

    def __init__(
        self,
        *,
        client: Client,
        identity: Identity,
        attempts: Callable[[], list[Attempt]],
        masks: Callable[[Attempt], Masks | None],
        on_fenced: Callable[[Attempt], None],
        spool_limit: int,
    ) -> None:
        self._client = client
        self._identity = identity
        self._attempts = attempts
        self._masks = masks
        self._on_fenced = on_fenced
        # Bytes of output that may wait for the control plane, of all attempts together.
        self._spool_limit = spool_limit
        self._most_bytes = MOST_BYTES
        self._files: dict[str, LogFiles] = {}
        self._finishing: set[str] = set()
        # Those of them whose folder was looked at after their end: no file can be missing.
        self._closable: set[str] = set()
        self._wake = asyncio.Event()
        self._turn = 0

    def finish(self, attempt: Attempt) -> None:
        """Nothing is written any more: have `attempt.logs_shipped` set when all streams are closed."""
        self._finishing.add(attempt.id)
        self._wake.set()

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            flush = self._identity.timing.log_flush
            if await first_of(self._wake.wait(), timeout=flush):
                await asyncio.sleep(min(flush, END_PATIENCE * linger(len(self._attempts()))))
            self._wake.clear()
            while batch := self._take_batch():
                try:
                    await self._ship(batch)
                except Exception as error:
                    if not is_retryable(error) and not isinstance(error, ControlPlaneError):
                        raise
                    self._learn(error)
                    await backoff.failed(error, doing="sending logs")
                else:
                    backoff.succeeded()
            self._note_finished()

    def _learn(self, error: Exception) -> None:
        if isinstance(error, ControlPlaneError) and error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            self._most_bytes = max(1024, self._most_bytes // 2)

    def _look(self) -> None:
        """Find new files, forget attempts that are gone, keep the unsent within its limit."""
        attempts = {attempt.id: attempt for attempt in self._attempts()}
        self._files = {an_id: self._files.get(an_id) or LogFiles(attempt.folder) for an_id, attempt in attempts.items()}
        self._finishing &= attempts.keys()
        for an_id, files in self._files.items():
            masks = self._masks(attempts[an_id])
            files.discover(masks=masks, at_end=an_id in self._finishing)
        self._closable = {an_id for an_id in self._finishing if not self._files[an_id].unmasked}
        self._keep_within_limit()

    def _keep_within_limit(self) -> None:
        waiting = [(files.unsent(name), name, files) for files in self._files.values() for name in files.files]
        excess = sum(unsent for unsent, _, _ in waiting) - self._spool_limit
        for unsent, name, files in sorted(waiting, key=lambda one: -one[0]):
            if excess <= 0:
                return
            excess -= files.drop_oldest(name, max(0, unsent - excess - self._spool_limit // 10))
            files.save()

    def _take_batch(self) -> list[_Sent]:
        self._look()
        batch: list[_Sent] = []
        room, attempts = self._most_bytes, self._in_turn()
        share = max(FAIR_SHARE, room // max(1, len(attempts)))
        for attempt in attempts:
            files = self._files[attempt.id]
            for name, file in files.files.items():
                if room <= 0:
                    return batch
                if not file.closed and (chunk := self._chunk(attempt, files, name, min(room, share))):
                    batch.append(_Sent(attempt, files, name, chunk))
                    room -= len(chunk.data)
        return batch

    def _in_turn(self) -> list[Attempt]:
        """Answer the attempts in an order that gives each its turn to be first."""
        attempts = [
            attempt for attempt in self._attempts() if attempt.id in self._files and not attempt.dropped.is_set()
        ]
        self._turn += 1
        first = self._turn % max(1, len(attempts))
        return attempts[first:] + attempts[:first]

    def _chunk(self, attempt: Attempt, files: LogFiles, name: str, most_bytes: int) -> LogChunk | None:
        file = files.files[name]
        had_marker = bool(file.marker)
        data = files.read(name, most_bytes)
        at_end = not had_marker and (file.full or len(data) >= files.unsent(name))
        final = at_end and attempt.id in self._closable
        if not data and not final:
            return None
        ref = attempt.ref
        return LogChunk(
            run_id=ref.run_id,
            attempt=ref.attempt,
            epoch=ref.epoch,
            log_key=file.log_key,
            stream=file.stream,
            offset=file.sent,
            data=data,
            final=final,
        )

    async def _ship(self, batch: list[_Sent]) -> None:
        message = LogBatch(agent_id=self._identity.agent_id, chunks=[sent.chunk for sent in batch])
        answer = await self._client.logs(message)
        for sent, stored in zip(batch, answer.chunks, strict=False):
            self._note_stored(sent, stored)
        for files in {id(sent.files): sent.files for sent in batch if not sent.attempt.dropped.is_set()}.values():
            files.save()
        self._most_bytes = min(MOST_BYTES, self._most_bytes * 2)

    def _note_stored(self, sent: _Sent, stored: LogStored) -> None:
        file = sent.files.files[sent.name]
        if stored.fenced:
            self._on_fenced(sent.attempt)
            return
        if stored.full and not file.full:
            file.full = True
            log.warning("log.full", attempt=sent.attempt.id, file=sent.name, size=stored.size)
        sent.files.stored(sent.name, len(sent.chunk.data), stored.size)
        file.closed = sent.chunk.final and (file.full or file.sent >= sent.chunk.offset + len(sent.chunk.data))

    def _note_finished(self) -> None:
        for attempt in self._attempts():
            files = self._files.get(attempt.id)
            if files and attempt.id in self._closable and all(file.closed for file in files.files.values()):
                attempt.logs_shipped.set()
