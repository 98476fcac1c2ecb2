"""Virtualenvs made with uv from what a project says it needs, each once, shared by all code that needs the same.

uv's own variables on the agent (UV_INDEX_URL, UV_PYTHON_…, proxies, certificates) say where packages come from. What installs packages
may run code of these packages: it gets nothing else of the agent's environment.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from agent import log
from agent.executors import CodeNotLoadedError
from agent.processes import Reaper, kill_family, start_ticks
from agent.sources.requirements import UV_LOCK
from agent.sources.unpacking import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.sources.kept import KeptFolders
    from agent.sources.requirements import Requirements

# What uv and what builds packages need of an environment.
_NEEDED = (
    *("PATH", "HOME", "LANG", "LC_*", "TMPDIR", "UV_*", "NETRC", "SSL_CERT_*", "REQUESTS_CA_BUNDLE", "XDG_*"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("CC", "CXX", "CFLAGS", "LDFLAGS", "GIT_SSH*", "SSH_AUTH_SOCK"),
)
# SECURITY: strangers may name an index of their own, or a repository or an address in our network. So uv gets nothing for them that
# holds, or leads to, a password: no proxy, no netrc, no keyring, no folder of the user's.
_FOR_STRANGERS = (
    *("PATH", "LANG", "LC_*", "TMPDIR", "SSL_CERT_*", "REQUESTS_CA_BUNDLE"),
    *(
        "UV_CACHE_DIR",
        "UV_OFFLINE",
        "UV_NATIVE_TLS",
        "UV_SYSTEM_CERTS",
        "UV_LINK_MODE",
        "UV_HTTP_TIMEOUT",
        "UV_CONCURRENT_*",
    ),
    *(
        "UV_INDEX",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_INDEX_STRATEGY",
        "UV_NO_INDEX",
    ),
    *("UV_INSECURE_HOST", "UV_EXCLUDE_NEWER", "UV_PYTHON_DOWNLOADS"),
)
# Bytes of uv's output that people get to see when it failed.
TAIL = 3000


class Virtualenvs:
    """Makes them, two at a time: each takes the network and the disk for itself."""

    def __init__(
        self, *, kept: KeptFolders, uv_cache: Path, environment: Mapping[str, str], reaper: Reaper, build_timeout: float
    ) -> None:
        self._kept = kept
        self._own_cache = None if "UV_CACHE_DIR" in environment else uv_cache
        self._environment = {"UV_CACHE_DIR": str(uv_cache), **_matching(environment, _NEEDED)}
        self._reaper = reaper
        self._build_timeout = build_timeout
        self._slots = asyncio.Semaphore(2)

    async def folder(self, needs: Requirements, *, source: str, isolated: bool) -> Path:
        """Answer the virtualenv for these requirements; raise CodeNotLoadedError with the end of uv's output."""
        key = needs.key(python=sys.version, source=source, isolated=isolated)
        return await self._kept.get(key, lambda folder: self._make(needs, folder, isolated=isolated))

    async def forget_downloads(self) -> None:
        """Make room: what was downloaded is downloaded again when it is needed. The virtualenvs that were made of it stay whole."""
        if self._own_cache is not None:
            async with self._slots:
                gone = self._own_cache.with_suffix(".old")
                await asyncio.to_thread(_remove, self._own_cache, gone)

    async def _make(self, needs: Requirements, folder: Path, *, isolated: bool) -> None:
        if isolated and needs.names_files:
            # SECURITY: uv would build an editable package even where it may build nothing.
            raise CodeNotLoadedError(
                f"{needs.file.name} names files or folders of the project itself. Code of a fork is not built on this agent: "
                "name packages that an index has."
            )
        # Empty: nothing of the user's own folder is looked at for strangers.
        with tempfile.TemporaryDirectory(prefix="daggerboard-home-") as home:
            environment = for_strangers(self._environment, home=home) if isolated else self._environment
            await self._install(needs, folder, environment, isolated=isolated)
        log.info("virtualenv.built", file=needs.file.name, folder=folder.name)

    async def _install(
        self, needs: Requirements, folder: Path, environment: Mapping[str, str], *, isolated: bool
    ) -> None:
        async with self._slots:
            # Relocatable: it is renamed when it is whole.
            make = ["venv", "--quiet", "--relocatable", "--python", sys.executable, str(folder)]
            await self._uv(needs, folder, make, environment)
            # SECURITY: to build a package is to run its code.
            install = [*_install(needs, folder), *(["--no-build"] if isolated else [])]
            await self._uv(needs, folder, install, environment)

    async def _uv(
        self, needs: Requirements, folder: Path, arguments: list[str], environment: Mapping[str, str]
    ) -> None:
        output = folder.with_suffix(".log")
        try:
            environment = {**environment, "UV_PROJECT_ENVIRONMENT": str(folder), "UV_NO_PROGRESS": "1"}
            ended = await self._run(arguments, needs.folder, output, environment)
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

    async def _run(self, arguments: list[str], where: Path, output: Path, environment: Mapping[str, str]) -> int | None:
        """Answer the exit code; None when it took too long."""
        with output.open("wb") as file:
            popen = subprocess.Popen(  # noqa: ASYNC220 - the reaper waits for every child of ours
                [uv.find_uv_bin(), *arguments],
                cwd=where,
                env=environment,
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


def for_strangers(environment: Mapping[str, str], *, home: str) -> dict[str, str]:
    """Answer what uv gets of the environment to install what a fork asks for: of addresses only those without a password."""
    found = {name: text for name, text in _matching(environment, _FOR_STRANGERS).items() if not _has_password(text)}
    return {**found, "HOME": home, "UV_KEYRING_PROVIDER": "disabled"}


def _has_password(text: str) -> bool:
    """Whether an address in it names a user."""
    return any("@" in part.partition("://")[2].partition("/")[0] for part in text.split())


def _matching(environment: Mapping[str, str], patterns: Iterable[str]) -> dict[str, str]:
    patterns = tuple(patterns)
    return {name: text for name, text in environment.items() if any(fnmatchcase(name, one) for one in patterns)}


def _remove(folder: Path, gone: Path) -> None:
    if folder.exists():
        remove_tree(gone)
        folder.rename(gone)
        remove_tree(gone)


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
