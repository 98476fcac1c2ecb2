"""The agent's folder on disk: what is where, and that only one agent uses it."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from agent.files import PRIVATE_FILE, PRIVATE_FOLDER, private_folder

if TYPE_CHECKING:
    from pathlib import Path


class HomeError(Exception):
    """The home folder cannot be used."""


class Home:
    """Paths below the home folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attempts = folder / "attempts"
        self.locations = folder / "locations"
        self.calls = folder / "calls"
        self.sources = folder / "sources"
        self.source_key = folder / "sources.key"
        self.virtualenvs = folder / "virtualenvs"
        self.uv_cache = folder / "uv-cache"
        self.commands = folder / "commands.log"
        self.identity = folder / "identity.json"
        self.renewal = folder / "renewal.json"
        self.status = folder / "status.json"
        self.box_key = folder / "box.key"
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folders and lock them; raise HomeError with what to do."""
        try:
            for folder in (self.folder, self.attempts, self.locations, self.calls):
                private_folder(folder)
            self.folder.chmod(PRIVATE_FOLDER)
            self._lock = os.open(self.folder / "agent.lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise HomeError(
                f"The home folder {self.folder} cannot be used: {error}. The agent must own it and may write to it."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeError(
                f"Another agent uses the home folder {self.folder}. Stop it, or give this one another --home and --name."
            ) from None

    def is_in_use(self) -> bool:
        """Say whether an agent process holds this folder."""
        try:
            descriptor = os.open(self.folder / "agent.lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
