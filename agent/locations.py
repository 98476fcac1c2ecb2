"""From desired location versions to hosted ones: load the new beside the old, let the old go when the new is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent import log
from agent.adoption import has_let_go
from agent.changes import Changes
from agent.environment import Environment
from agent.executors import CodeNotLoadedError
from agent.files import is_safe_name
from agent.location import Location
from agent.protocol import Desired, DesiredLocation, LocationState

if TYPE_CHECKING:
    from pathlib import Path

    from agent.environment import Environments
    from agent.processes import Reaper
    from agent.reports import LocationReports
    from agent.sources.preparing import Preparation
    from agent.worker_process import WorkerProcess, WorkerSettings

# Importing user code is heavy: more at once would only make each slower.
LOADING_AT_ONCE = 2


class Locations:
    """All location versions of this agent, by version id."""

    def __init__(
        self,
        *,
        folder: Path,
        settings: WorkerSettings,
        reaper: Reaper,
        load_timeout: float,
        reports: LocationReports,
        environments: Environments,
        preparation: Preparation,
    ) -> None:
        self.etag: str | None = None
        self._folder = folder
        self._settings = settings
        self._reaper = reaper
        self._load_timeout = load_timeout
        self._reports = reports
        self._environments = environments
        self._preparation = preparation
        self._hosted: dict[str, Location] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, DesiredLocation] = {}
        self._loading_slots = asyncio.Semaphore(LOADING_AT_ONCE)
        self._changes = Changes()
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the tasks of all locations."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.Event().wait()

    def reconcile(self, desired: Desired) -> None:
        self._wanted = {wanted.version_id: wanted for wanted in desired.locations if is_safe_name(wanted.version_id)}
        for wanted in self._wanted.values():
            self._host(wanted)
        self._retire_replaced()
        self.etag = desired.etag
        self._changes.notify()

    async def ready(self, version_id: str) -> WorkerProcess:
        """Wait for a worker of this version; raise CodeNotLoadedError when its code cannot be loaded."""
        await self._changes.until(lambda: version_id in self._hosted)
        return await self._hosted[version_id].ready()

    async def reload(self, version_id: str) -> Location:
        """Load a version again; raise CodeNotLoadedError if that fails or nobody wants it here."""
        location = self._hosted.get(version_id)
        if location is None:
            raise CodeNotLoadedError(f"This agent does not serve the location version {version_id}.")
        await location.reload()
        if location.failure is not None:
            raise location.failure
        return location

    def distrust(self, version_id: str, reason: str) -> None:
        if location := self._hosted.get(version_id):
            location.distrust(reason)

    def desired(self, version_id: str) -> DesiredLocation | None:
        location = self._hosted.get(version_id)
        return location.desired if location else self._wanted.get(version_id)

    async def startable(self, version_id: str) -> DesiredLocation | None:
        """Answer a version with paths of this machine, for a process that is started apart from a worker; None: nobody wants it here."""
        location = self._hosted.get(version_id)
        if location is not None and location.prepared is not None:
            return location.prepared
        desired = self.desired(version_id)
        return desired and await self._preparation.prepared(desired, lambda _phase, _seconds: None)

    def environment(self, version_id: str) -> Environment:
        """Answer what a process that is started apart from a worker gets: what the last worker got."""
        location = self._hosted.get(version_id)
        return location.environment if location else Environment()

    async def has_let_go(self, pid: int, ticks: int) -> bool:
        """Wait until no request of an earlier agent can be under way any more in this worker; False when that takes too long."""
        return await has_let_go(pid, ticks, self._settings, is_ours=lambda: self._has_worker(pid, ticks))

    def _has_worker(self, pid: int, ticks: int) -> bool:
        """Say whether it was taken over: then it is ours, and has done all that it was asked before."""
        return any(location.worker and location.worker.identity == (pid, ticks) for location in self._hosted.values())

    def all(self) -> list[Location]:
        return list(self._hosted.values())

    def kill(self) -> None:
        """End all workers, at the end of the agent. Their children run on."""
        for location in self._hosted.values():
            location.kill()

    def _host(self, wanted: DesiredLocation) -> None:
        known = self._hosted.get(wanted.version_id)
        if known is not None:
            if known.desired != wanted:
                known.desired = wanted
                self._start(known.reload())
            return
        location = Location(
            desired=wanted,
            folder=self._folder / wanted.version_id,
            settings=self._settings,
            reaper=self._reaper,
            load_timeout=self._load_timeout,
            loading_slots=self._loading_slots,
            environments=self._environments,
            preparation=self._preparation,
            on_change=self._location_changed,
        )
        self._hosted[wanted.version_id] = location
        self._keepers[wanted.version_id] = self._start(location.keep())

    def _location_changed(self, location: Location) -> None:
        self._reports.put(location)
        self._retire_replaced()

    def _retire_replaced(self) -> None:
        """Let go what is not wanted any more, unless its successor has not loaded yet."""
        for version_id, location in list(self._hosted.items()):
            if version_id in self._wanted or self._successor_is_coming(location):
                continue
            del self._hosted[version_id]
            self._keepers.pop(version_id).cancel()
            log.info("location.unloading", **location.ids)
            self._start(location.retire())

    def _successor_is_coming(self, old: Location) -> bool:
        name = (old.desired.deployment, old.desired.name)
        successors = [
            location
            for version_id, location in self._hosted.items()
            if version_id in self._wanted and (location.desired.deployment, location.desired.name) == name
        ]
        return bool(successors) and all(location.state is not LocationState.LOADED for location in successors)

    def _start(self, work: object) -> asyncio.Task[None]:
        assert self._group is not None, "locations change only while `run` runs"
        return self._group.create_task(work)  # type: ignore[arg-type]  # every caller passes a coroutine
