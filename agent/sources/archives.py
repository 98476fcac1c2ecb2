"""Source archives on this machine: fetched from the control plane, checked, unpacked, and kept by a name made of their sha256."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from agent import log
from agent.disk import is_full
from agent.executors import CodeNotLoadedError
from agent.files import read_or_none, write_atomically
from agent.retry import Backoff, ControlPlaneError, describe, is_retryable
from agent.sources.unpacking import Limits, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from agent.client import Client
    from agent.disk import Disk
    from agent.protocol import Source
    from agent.sources.kept import KeptFolders

# Failures in a row after which people are told; it is tried again later (agent/location.py).
TRIES = 6


class SourceNotFetchedError(CodeNotLoadedError):
    """The archive could not be had now; it may be had later."""


class SourceNames:
    """What unpacked archives are called on this machine, by a key in this file, which is made when it is missing.

    SECURITY: paths are in stack traces, which many may read. The sha256 itself would let them deploy the archive, and so read it.
    """

    def __init__(self, path: Path) -> None:
        key = read_or_none(path)
        if key is None:
            key = secrets.token_bytes(32)
            write_atomically(path, key, durable=True)
        self._key = key

    def name(self, sha256: str) -> str:
        return hmac.new(self._key, sha256.encode(), "sha256").hexdigest()


class SourceArchives:
    """Fetches and unpacks each archive once."""

    def __init__(self, *, client: Client, kept: KeptFolders, names: SourceNames, disk: Disk, limits: Limits) -> None:
        self._client = client
        self._names = names
        self._kept = kept
        self._disk = disk
        self._limits = limits

    async def folder(self, source: Source) -> Path:
        """Answer the unpacked archive. Raise SourceNotFetchedError, or BadArchiveError about what is in it."""
        return await self._kept.get(self.name(source), lambda folder: self._make(source, folder))

    def name(self, source: Source) -> str:
        """Answer what its folder is called among the kept ones."""
        return self._names.name(source.sha256)

    async def _make(self, source: Source, folder: Path) -> None:
        archive = folder.with_suffix(".tar.gz")
        try:
            await self._fetch(source, archive)
            has_room = self._disk.has_room
            size = await asyncio.to_thread(unpack, archive, folder, limits=self._limits, has_room=has_room)
            log.info("source.unpacked", sha256=source.sha256, bytes=source.bytes, unpacked_bytes=size)
        finally:
            archive.unlink(missing_ok=True)

    async def _fetch(self, source: Source, archive: Path) -> None:
        """The network may fail, and is tried again, ever more slowly; an answer that says no is one."""
        if not self._disk.has_room(source.bytes):
            raise SourceNotFetchedError(
                f"There is no room on the agent's disk for the source archive ({source.bytes} bytes). Free some space."
            )
        backoff = Backoff()
        while True:
            try:
                await self._fetch_once(source, archive)
            except Exception as error:
                if not isinstance(error, _WrongBytesError) and not is_retryable(error):
                    raise _refused(source, error) from error
                if is_full(error) or backoff.failures + 1 >= TRIES:
                    raise SourceNotFetchedError(
                        f"The source archive {source.sha256[:12]} could not be fetched: {describe(error)}. "
                        "The agent tries again in a while."
                    ) from error
                await backoff.failed(error, doing="fetching a source archive")
            else:
                return

    async def _fetch_once(self, source: Source, archive: Path) -> None:
        digest, size = hashlib.sha256(), 0
        with archive.open("wb") as file:
            async for chunk in self._client.source(source.sha256):
                size += len(chunk)
                if size > source.bytes:
                    break
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
        if size != source.bytes or digest.hexdigest() != source.sha256:
            raise _WrongBytesError(
                f"what came ({size} bytes) is not what was deployed ({source.bytes} bytes, by its sha256)"
            )


class _WrongBytesError(Exception):
    """Cut off or changed on its way."""


def _refused(source: Source, error: Exception) -> Exception:
    if isinstance(error, ControlPlaneError) and error.status == HTTPStatus.NOT_FOUND:
        return CodeNotLoadedError(
            f"The control plane has no source archive {source.sha256[:12]} for this agent. Deploy the code location again."
        )
    if isinstance(error, ControlPlaneError | httpx.HTTPError | OSError):
        return CodeNotLoadedError(f"The source archive {source.sha256[:12]} could not be fetched: {describe(error)}")
    return error
