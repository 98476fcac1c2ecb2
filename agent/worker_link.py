"""The control channel to one code worker: JSON lines over a socketpair. Knows the messages, not what they mean for attempts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from agent import log
from agent.processes import Exit, start_ticks

if TYPE_CHECKING:
    import socket

# `ready` and `load_failed` carry counts and a bounded error, never the definitions themselves.
LONGEST_LINE = 8 * 1024 * 1024


class LinkLostError(Exception):
    """The code worker closed its end, or died."""


class Fork:
    """One child of the worker: its pid when known, its exit when it came."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.forked: asyncio.Future[tuple[int, int]] = loop.create_future()
        self.exited: asyncio.Future[Exit] = loop.create_future()

    def lost(self) -> None:
        for future in (self.forked, self.exited):
            if not future.done():
                future.set_exception(LinkLostError())
                future.exception()  # nobody may be waiting: that is not an error


class WorkerLink:
    """Sends `run`, `call`, `stay` and `stop`; hears `ready` or `load_failed` once, `forked` and `exited` per child.

    A worker that was taken over says `ready` with the `children` it has.
    """

    def __init__(self) -> None:
        self._forks: dict[str, Fork] = {}
        self._writer: asyncio.StreamWriter | None = None
        self.loaded: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()

    async def serve(self, ours: socket.socket) -> None:
        """Read until the worker closes its end."""
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        try:
            while line := await reader.readline():
                self._heard(line)
        except (ConnectionError, ValueError) as error:
            log.warning("worker.link_broken", error=str(error))
        finally:
            self._writer.close()
            self._lose()

    async def fork(self, kind: str, fork_id: str, **fields: Any) -> Fork:
        """Ask for a child; its pid and its exit come later."""
        fork = self._forks[fork_id] = Fork()
        self.idle.clear()
        await self._send({"t": kind, "id": fork_id, **fields})
        return fork

    async def stay(self, address: str, seconds: float) -> None:
        """Have the worker wait there for another process of this agent, should this one be gone."""
        with contextlib.suppress(LinkLostError):
            await self._send({"t": "stay", "address": address, "seconds": seconds})

    async def stop(self) -> None:
        """Ask the worker to leave; its children run on."""
        with contextlib.suppress(LinkLostError):
            await self._send({"t": "stop"})

    async def _send(self, message: dict[str, Any]) -> None:
        if self._writer is None or self.closed.is_set():
            raise LinkLostError
        self._writer.write(msgspec.json.encode(message) + b"\n")
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise LinkLostError from error

    def _heard(self, line: bytes) -> None:
        try:
            message = msgspec.json.decode(line, type=dict[str, Any])
            kind = message["t"]
            if kind in {"ready", "load_failed"}:
                for child in message.get("children", []):
                    self._forks[child["id"]] = Fork()
                    self.idle.clear()
                if not self.loaded.done():
                    self.loaded.set_result(message)
            elif kind == "forked":
                pid = int(message["pid"])
                _resolve(
                    self._forks[message["id"]].forked, (pid, start_ticks(pid) or int(message.get("start_ticks", 0)))
                )
            elif kind == "exited":
                _resolve(self._forks.pop(message["id"]).exited, _exit(message))
                self._note_idle()
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            log.warning(
                "worker.message_ignored",
                error=f"{type(error).__name__}: {error}",
                line=line[:200].decode(errors="replace"),
            )

    def _lose(self) -> None:
        self.closed.set()
        if not self.loaded.done():
            self.loaded.set_exception(LinkLostError())
            self.loaded.exception()
        for fork in self._forks.values():
            fork.lost()
        self._forks.clear()
        self._note_idle()

    def _note_idle(self) -> None:
        if not self._forks:
            self.idle.set()


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _exit(message: dict[str, Any]) -> Exit:
    return Exit(
        exit_code=message.get("exit_code"),
        signal=message.get("signal"),
        cpu_seconds=message.get("cpu_seconds"),
        max_rss_bytes=message.get("max_rss_bytes"),
    )
