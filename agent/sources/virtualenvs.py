"""Virtualenvs made with uv from what a project says it needs, each once, shared by all code that needs the same.

uv's own variables on the agent (UV_INDEX_URL, UV_PYTHON_…, proxies, certificates) say where packages come from. What installs packages
may run code of these packages: it gets nothing else of the agent's environment.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from agent import log
from agent.executors import CodeNotLoadedError
from agent.processes import Reaper, kill_family, start_ticks
from agent.sources.requirements import UV_LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.sources.kept import KeptFolders
    from agent.sources.requirements import Requirements

# What uv and what builds packages need of an environment.
_NEEDED = (
    *("PATH", "HOME", "LANG", "LC_*", "TMPDIR", "UV_*", "NETRC", "SSL_CERT_*", "REQUESTS_CA_BUNDLE", "XDG_*"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("CC", "CXX", "CFLAGS", "LDFLAGS", "GIT_SSH*", "SSH_AUTH_SOCK"),
)
# Bytes of uv's output that people get to see when it failed.
TAIL = 3000


class Virtualenvs:
    """Makes them, two at a time: each takes the network and the disk for itself."""

    def __init__(
        self, *, kept: KeptFolders, uv_cache: Path, environment: Mapping[str, str], reaper: Reaper, build_timeout: float
    ) -> None:
        self._kept = kept
        self._environment = {
            "UV_CACHE_DIR": str(uv_cache),
            **{name: value for name, value in environment.items() if any(fnmatchcase(name, one) for one in _NEEDED)},
        }
        self._reaper = reaper
        self._build_timeout = build_timeout
        self._slots = asyncio.Semaphore(2)

    async def folder(self, needs: Requirements, *, source: str, isolated: bool) -> Path:
        """Answer the virtualenv for these requirements; raise CodeNotLoadedError with the end of uv's output."""
        key = needs.key(python=sys.version, source=source, isolated=isolated)
        return await self._kept.get(key, lambda folder: self._make(needs, folder))

    async def _make(self, needs: Requirements, folder: Path) -> None:
        async with self._slots:
            # Relocatable: it is renamed when it is whole.
            await self._uv(needs, folder, ["venv", "--quiet", "--relocatable", "--python", sys.executable, str(folder)])
            await self._uv(needs, folder, _install(needs, folder))
        log.info("virtualenv.built", file=needs.file.name, folder=folder.name)

    async def _uv(self, needs: Requirements, folder: Path, arguments: list[str]) -> None:
        output = folder.with_suffix(".log")
        try:
            ended = await self._run(arguments, needs.folder, folder, output)
            text = output.read_bytes()[-TAIL:].decode(errors="replace").strip() or "(no output)"
        finally:
            output.unlink(missing_ok=True)
        if ended is None:
            raise CodeNotLoadedError(
                f"The virtualenv from {needs.file.name} was not made in {self._build_timeout:.0f} s; the agent stopped it. "
                f"Raise build_timeout on the agent if it takes that long. The end of uv's output:\n{text}"
            )
        if ended != 0:
            raise CodeNotLoadedError(
                f"The virtualenv could not be made from {needs.file.name}. The end of uv's output:\n{text}"
            )

    async def _run(self, arguments: list[str], where: Path, folder: Path, output: Path) -> int | None:
        """Answer the exit code; None when it took too long."""
        with output.open("wb") as file:
            popen = subprocess.Popen(  # noqa: ASYNC220 - the reaper waits for every child of ours
                [uv.find_uv_bin(), *arguments],
                cwd=where,
                env={**self._environment, "UV_PROJECT_ENVIRONMENT": str(folder), "UV_NO_PROGRESS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        ticks = start_ticks(popen.pid) or 0
        try:
            async with asyncio.timeout(self._build_timeout):
                ended = await self._reaper.wait(popen.pid, ticks)
        except TimeoutError:
            return None
        finally:
            kill_family(popen.pid, ticks)
            popen.returncode = 0  # collected by the reaper: Popen must not look for it
        return ended.exit_code if ended.exit_code is not None else -(ended.signal or os.EX_SOFTWARE)


def _install(needs: Requirements, folder: Path) -> list[str]:
    if needs.file.name == UV_LOCK:
        return [
            "sync",
            "--quiet",
            "--frozen",
            "--no-dev",
            "--no-install-workspace",
            "--no-install-local",
            "--project",
            str(needs.folder),
        ]
    return ["pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "--requirement", str(needs.file)]
