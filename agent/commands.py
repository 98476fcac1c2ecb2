"""The durable set of command ids this agent has taken: what makes a redelivered command harmless."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agent import log
from agent.files import PRIVATE_FILE, write_all, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

# Ids kept: far more than the control plane can have in flight for one agent.
REMEMBERED = 20_000


class CommandLog:
    """An append-only file, one id per line. Only ids that are `durable` may be accepted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: dict[str, None] = dict.fromkeys(_complete_lines(path)[-REMEMBERED:])
        self._unsaved: dict[str, None] = {}
        self._compact()

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._ids

    def durable(self, command_id: str) -> bool:
        return command_id in self._ids and command_id not in self._unsaved

    def remember(self, command_id: str) -> None:
        """Also on disk with the next ids that are added."""
        if command_id not in self._ids:
            self._ids[command_id] = self._unsaved[command_id] = None

    def add(self, command_ids: list[str], *, synced: bool = True) -> None:
        """Remember ids; also on disk, with one fsync, if there is room, else with the next ones.

        Not `synced` they survive the end of this process, but not a power cut.
        """
        for command_id in command_ids:
            self.remember(command_id)
        if self._unsaved:
            self._save(synced=synced)
        if len(self._ids) > 2 * REMEMBERED and not self._unsaved:
            self._ids = dict.fromkeys(list(self._ids)[-REMEMBERED:])
            self.close()
            self._compact()

    def close(self) -> None:
        os.close(self._file)

    def _save(self, *, synced: bool) -> None:
        size = os.fstat(self._file).st_size
        try:
            write_all(self._file, "".join(f"{command_id}\n" for command_id in self._unsaved).encode())
            if synced:
                os.fdatasync(self._file)
        except OSError as error:
            os.ftruncate(self._file, size)
            log.error("command.not_saved", error=str(error), effect="commands are taken later")
        else:
            self._unsaved.clear()

    def _compact(self) -> None:
        """Write what is remembered anew; this also drops a torn last line."""
        write_atomically(self._path, "".join(f"{command_id}\n" for command_id in self._ids).encode(), durable=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)


def _complete_lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return data[: data.rfind(b"\n") + 1].decode().splitlines()
