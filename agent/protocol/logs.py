"""Captured standard output and error of attempts."""

from __future__ import annotations

from enum import StrEnum

from agent.protocol.message import Message


class LogStream(StrEnum):
    """The captured file descriptors."""

    STDOUT = "stdout"
    STDERR = "stderr"


class LogChunk(Message, frozen=True):
    """Bytes appended to one captured stream at `offset`. `final` closes the stream at its end."""

    run_id: str
    attempt: int
    epoch: int
    log_key: str
    stream: LogStream
    offset: int
    data: bytes
    final: bool = False


class LogBatch(Message, frozen=True):
    """Chunks of any attempts, at most MAX_BODY_BYTES together."""

    agent_id: str
    chunks: list[LogChunk]


class LogStored(Message, frozen=True):
    """`size` is the length now stored: continue from there (a repeated or overlapping chunk is not an error)."""

    run_id: str
    attempt: int
    log_key: str
    stream: LogStream
    size: int
    fenced: bool = False
    # The stream reached its cap; what follows is counted but not stored.
    full: bool = False


class LogsStored(Message, frozen=True):
    """Answer to a LogBatch, in the same order."""

    chunks: list[LogStored]
