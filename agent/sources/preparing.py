"""From a version as it was deployed to one that can be started here: its archive's folder, its virtualenv, paths of this machine."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent import log
from agent.executors import CodeNotLoadedError
from agent.files import read_or_none, write_atomically
from agent.protocol import DeployPhase
from agent.sources.requirements import code_folders, find_requirements
from agent.sources.unpacking import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from agent.protocol import DesiredLocation, Source, Target
    from agent.sources.archives import SourceArchives
    from agent.sources.kept import KeptFolders
    from agent.sources.virtualenvs import Virtualenvs


class _Used(msgspec.Struct):
    """Keys of the folders that a version's processes need; kept on disk, for runs outlive the agent."""

    source: str
    virtualenv: str | None = None


class Preparation:
    """Prepares versions, and makes room by what nobody uses."""

    def __init__(
        self,
        *,
        archives: SourceArchives,
        virtualenvs: Virtualenvs,
        kept_sources: KeptFolders,
        kept_virtualenvs: KeptFolders,
        locations: Path,
        cache_bytes: int,
        inherited_env: Mapping[str, str],
        used_versions: Callable[[], Collection[str]],
    ) -> None:
        self._archives = archives
        self._virtualenvs = virtualenvs
        self._kept_sources = kept_sources
        self._kept_virtualenvs = kept_virtualenvs
        self._locations = locations
        self._cache_bytes = cache_bytes
        self._inherited_env = inherited_env
        self._used_versions = used_versions

    async def prepared(self, desired: DesiredLocation, ended: Callable[[DeployPhase, float], None]) -> DesiredLocation:
        """Answer the version with paths of this machine; `ended` is told each phase and its seconds. Raise CodeNotLoadedError."""
        if desired.image and (desired.isolated or not _is_on_this_machine(desired.target)):
            raise CodeNotLoadedError(
                f"{desired.name} was deployed as the image {desired.image}. This agent runs code as processes of its machine: "
                "deploy to the queue of an agent for Kubernetes, Docker or ECS, deploy the source instead of an image, or give "
                "executable_path and working_directory as paths of this machine."
            )
        if desired.source is None:
            return desired
        return await self._of_source(desired, desired.source, ended)

    async def _of_source(
        self, desired: DesiredLocation, source: Source, ended: Callable[[DeployPhase, float], None]
    ) -> DesiredLocation:
        self._note_used(desired, _Used(self._archives.name(source)))
        since = time.monotonic()
        root = await self._archives.folder(source)
        ended(DeployPhase.PULLED, time.monotonic() - since)
        folder = _working_directory(desired.target, root)
        needs = find_requirements(folder, root)
        target = msgspec.structs.replace(desired.target, working_directory=str(folder))
        if needs is None or target.executable_path:
            return self._located(desired, _with_own_python(target, folder), code_folders(folder))
        since = time.monotonic()
        virtualenv = await self._virtualenvs.folder(needs, source=source.sha256, isolated=desired.isolated)
        self._note_used(desired, _Used(self._archives.name(source), virtualenv.name))
        ended(DeployPhase.BUILT, time.monotonic() - since)
        await self._make_room()
        target = msgspec.structs.replace(target, executable_path=str(virtualenv / "bin" / "python"))
        return self._located(desired, target, [*code_folders(folder), *needs.import_paths])

    def _located(self, desired: DesiredLocation, target: Target, import_paths: list[Path]) -> DesiredLocation:
        inherited = "" if desired.isolated else self._inherited_env.get("PYTHONPATH", "")
        paths = dict.fromkeys([*map(str, import_paths), *filter(None, inherited.split(os.pathsep))])
        env = {**desired.env, "PYTHONPATH": os.pathsep.join(paths)}
        return msgspec.structs.replace(desired, target=target, env=env)

    def _note_used(self, desired: DesiredLocation, used: _Used) -> None:
        write_atomically(self._locations / desired.version_id / "code.json", msgspec.json.encode(used))

    async def _make_room(self) -> None:
        """Remove what was used longest ago, until the rest is within the limit; never what a version needs that is here or runs."""
        gone = self._taken_away()
        for folder in gone:
            await asyncio.to_thread(remove_tree, folder)
        if gone:
            await self._virtualenvs.forget_downloads()

    def _needed(self) -> set[Path]:
        needed = set[Path]()
        for version_id in list(self._used_versions()):
            data = read_or_none(self._locations / version_id / "code.json")
            used = msgspec.json.decode(data, type=_Used) if data else None
            if used is not None:
                needed.add(self._kept_sources.path(used.source))
                needed |= {self._kept_virtualenvs.path(used.virtualenv)} if used.virtualenv else set()
        return needed

    def _taken_away(self) -> list[Path]:
        """In one go, without a pause in which somebody could begin to use one of them."""
        gone, needed = list[Path](), self._needed()
        found = [(kept, folders) for folders in (self._kept_sources, self._kept_virtualenvs) for kept in folders.all()]
        total = sum(kept.bytes for kept, _folders in found)
        for kept, folders in sorted(found, key=lambda one: one[0].used_at):
            if total <= self._cache_bytes:
                return gone
            if kept.folder not in needed:
                gone.append(folders.take_away(kept))
                total -= kept.bytes
                log.info("sources.removed", folder=kept.folder, bytes=kept.bytes)
        if total > self._cache_bytes:
            log.warning("sources.above_limit", bytes=total, limit=self._cache_bytes, reason="all of it is in use")
        return gone


def _is_on_this_machine(target: Target) -> bool:
    """Whether both the code and its Python are where the deploy says: then its image is for other agents, and only informs here."""
    paths = [Path(path) for path in (target.executable_path, target.working_directory) if path]
    return len(paths) == 2 and all(path.is_absolute() and path.exists() for path in paths)


def _working_directory(target: Target, root: Path) -> Path:
    """SECURITY: what was deployed was checked by the control plane, and links of the archive are in it: looked at again here."""
    folder = (root / (target.working_directory or "")).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise CodeNotLoadedError(
            f"The working directory {target.working_directory} is outside of the source archive. Give one inside of it."
        )
    if not folder.is_dir():
        raise CodeNotLoadedError(
            f"There is no folder {target.working_directory} in the source archive. Is its name right, and is it packed?"
        )
    return folder


def _with_own_python(target: Target, folder: Path) -> Target:
    """An executable that was named lies in the archive; without one it is the agent's own."""
    if not target.executable_path:
        return target
    # Not resolved: python finds its virtualenv by the path that it is called by.
    return msgspec.structs.replace(target, executable_path=str(folder / target.executable_path))
