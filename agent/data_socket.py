"""The unix socket that children speak to: lines in, lines out, in order. What they may say is in child_requests.py."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import stat
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent import log
from agent.child_requests import ChildRequests, RefusedError, Request
from agent.files import private_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agent.attempt import Attempt

# A line above this is not from our code worker: its events are below 1 MB.
LONGEST_LINE = 8 * 1024 * 1024
READ_BYTES = 256 * 1024
# sun_path has 108 bytes on Linux, 104 elsewhere, with a NUL.
LONGEST_PATH = 100

_requests = msgspec.json.Decoder(Request)


class ConnectionUnusableError(Exception):
    """The connection cannot go on; a child that keeps the contract connects again."""


def socket_path(home: Path) -> Path:
    """Answer the same short path for the same home after every restart."""
    path = home / "agent.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    folder = private_folder(Path(tempfile.gettempdir()) / f"daggerboard-agent-{os.getuid()}")
    owner = folder.stat()
    if owner.st_uid != os.getuid() or stat.S_IMODE(owner.st_mode) & 0o077:
        raise PermissionError(
            f"{folder} must belong to this user and be closed to others (chmod 700), because sockets live in it."
        )
    return folder / f"{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}.sock"


class DataSocket:
    """One connection per child process."""

    def __init__(self, path: Path, *, requests: ChildRequests) -> None:
        self._path = path
        self._requests = requests

    async def listen(self) -> asyncio.Server:
        """Take over the path of an earlier agent: children that lost it come back to the same name."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        server = await asyncio.start_unix_server(self._serve, path=str(self._path), backlog=1024)
        self._path.chmod(0o600)
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bound: set[Attempt] = set()
        try:
            async for lines in _lines(reader):
                answers = [await self._answer(line, bound) for line in lines]
                writer.write(b"".join(answers))
                await writer.drain()
        except ConnectionUnusableError as error:
            log.warning(
                "child.disconnected", reason=str(error), attempts=",".join(one.id for one in bound), pid=_peer(writer)
            )
        except ConnectionError:
            pass  # the child is gone, or will connect again
        finally:
            writer.close()
            for attempt in bound:
                attempt.connections -= 1
                attempt.changes.notify()

    async def _answer(self, line: bytes, bound: set[Attempt]) -> bytes:
        try:
            request = _requests.decode(line)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ConnectionUnusableError(f"a line of {len(line):,} bytes is not a request: {error}") from error
        self._bind(request, bound)
        try:
            return b'{"n":%d,"ok":%s}\n' % (request.n, await self._requests.answer(request))
        except RefusedError as refused:
            log.warning("child.refused", attempt=request.id, op=request.op, code=refused.code, error=str(refused)[:500])
            answer = {"n": request.n, "error": {"code": refused.code, "message": str(refused)}}
            return msgspec.json.encode(answer) + b"\n"
        except OSError as error:
            # A full disk, most likely. The child connects again and repeats its request with the same key.
            raise ConnectionUnusableError(f"{request.op} could not be stored: {error}") from error

    def _bind(self, request: Request, bound: set[Attempt]) -> None:
        """Count the connections of an attempt: its end waits until they are read to their ends."""
        attempt = self._requests.attempt_of(request)
        if attempt is not None and attempt not in bound:
            bound.add(attempt)
            attempt.connections += 1


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[list[bytes]]:
    """Yield all complete lines that have arrived, together."""
    rest: list[bytes] = []
    length = 0
    while chunk := await reader.read(READ_BYTES):
        *lines, tail = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join([*rest, lines[0]])
            rest, length = [], 0
            yield lines
        rest.append(tail)
        length += len(tail)
        if length > LONGEST_LINE:
            raise ConnectionUnusableError(f"a line is longer than {LONGEST_LINE:,} bytes")


def _peer(writer: asyncio.StreamWriter) -> int | None:
    """Answer the process on the other side, where the system tells."""
    try:
        credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except (AttributeError, OSError):
        return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
