"""Folders that take long to make and are kept: made once, whole or not at all, named by what they were made of."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from agent.files import private_folder, read_or_none, write_atomically
from agent.sources.unpacking import remove_tree

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class _Record(msgspec.Struct):
    """Lies beside a finished folder; when it was used last is the file's time."""

    bytes: int


@dataclass(frozen=True)
class Kept:
    """One finished folder. `used_at` is in Unix seconds."""

    folder: Path
    bytes: int
    used_at: float


class KeptFolders:
    """Finished folders below one folder, by key."""

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder)
        self._making: dict[str, asyncio.Task[Path]] = {}
        self._drop_unfinished()

    async def get(self, key: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        """Answer the folder of this key, made by `make` at a name of its own if it is not there. Who asks meanwhile waits for the same."""
        folder = self._folder / key
        if self._is_finished(key):
            os.utime(self._record(key))
            return folder
        if key not in self._making:
            self._making[key] = asyncio.create_task(self._make(key, make))
            self._making[key].add_done_callback(lambda task: self._made(key, task))
        # Whoever is not interested any more must not take it away from the others.
        return await asyncio.shield(self._making[key])

    def path(self, key: str) -> Path:
        return self._folder / key

    def all(self) -> list[Kept]:
        """Every finished folder, the one that was used longest ago first."""
        found = []
        for record in self._folder.glob("*.json"):
            data = read_or_none(record)
            if data is not None:
                size = msgspec.json.decode(data, type=_Record).bytes
                found.append(Kept(record.with_suffix(""), size, record.stat().st_mtime))
        return sorted(found, key=lambda kept: kept.used_at)

    def take_away(self, kept: Kept) -> Path:
        """Nobody finds it any more; answer where it lies now, to be removed. The record goes first: without it a folder is unfinished."""
        self._record(kept.folder.name).unlink(missing_ok=True)
        return kept.folder.rename(self._new_name(kept.folder.name))

    async def _make(self, key: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        temporary = self._new_name(key)
        try:
            await make(temporary)
            size = await asyncio.to_thread(_bytes_of, temporary)
            temporary.rename(self._folder / key)
        except BaseException:
            await asyncio.to_thread(remove_tree, temporary)
            raise
        write_atomically(self._record(key), msgspec.json.encode(_Record(bytes=size)))
        return self._folder / key

    def _made(self, key: str, task: asyncio.Task[Path]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # told to whoever waited; nobody may have

    def _is_finished(self, key: str) -> bool:
        return self._record(key).exists() and self.path(key).is_dir()

    def _record(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _new_name(self, key: str) -> Path:
        return self._folder / f"{key}.{secrets.token_hex(4)}.new"

    def _drop_unfinished(self) -> None:
        """What an earlier process of this agent was making, or removing, when it ended."""
        for found in self._folder.iterdir():
            if found.is_dir() and not self._is_finished(found.name):
                remove_tree(found)
            elif found.is_file() and found.suffix != ".json":
                found.unlink()


def _bytes_of(folder: Path) -> int:
    """Answer what the files take; one with several names in the folder counts once."""
    seen: dict[tuple[int, int], int] = {}
    for top, _folders, names in os.walk(folder):
        for name in names:
            facts = os.lstat(os.path.join(top, name))  # noqa: PTH118 - many files: no objects made of each
            seen[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
    return sum(seen.values())
