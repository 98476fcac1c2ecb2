"""One version of a code location on this agent: load it, keep a worker for it, replace the worker when it died or is distrusted."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from agent import log
from agent.adoption import leave_behind, take_over
from agent.changes import Changes, first_of
from agent.environment import Environment, EnvironmentNotResolvedError
from agent.executors import CodeNotLoadedError
from agent.files import private_folder
from agent.masks import NO_MASKS, Masks
from agent.protocol import DeployPhase, DesiredLocation, ErrorInfo, LocationState
from agent.sources.archives import SourceNotFetchedError
from agent.worker_link import LinkLostError
from agent.worker_process import WorkerProcess, WorkerSettings, serving_command, spawn_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.environment import Environments
    from agent.processes import Reaper
    from agent.sources.preparing import Preparation

# Seconds. A worker that lived shorter than this is restarted ever more slowly.
STABLE_AFTER = 60.0
LONGEST_RESTART_WAIT = 60.0
# A worker that died this often while loading is not tried again until somebody reloads.
LOAD_ATTEMPTS = 3
# Seconds after which a load is tried again that failed for want of a variable's value.
ENVIRONMENT_RETRY = 30.0
# The same where its archive could not be fetched; that was tried several times before.
FETCH_RETRY = 30.0


class Location:
    """Keeps one loaded worker. A new worker is loaded beside the old one, which serves until then."""

    def __init__(
        self,
        *,
        desired: DesiredLocation,
        folder: Path,
        settings: WorkerSettings,
        reaper: Reaper,
        load_timeout: float,
        loading_slots: asyncio.Semaphore,
        environments: Environments,
        preparation: Preparation,
        on_change: Callable[[Location], None],
    ) -> None:
        self.desired = desired
        self.state = LocationState.LOADING
        self.facts: dict[str, Any] = {}
        self.failure: CodeNotLoadedError | None = None
        self.worker: WorkerProcess | None = None
        self.environment = Environment()
        # As it was deployed, with paths of this machine; None until it was loaded once.
        self.prepared: DesiredLocation | None = None
        # Seconds that each phase of the load took that is under way, or was last.
        self.phases: dict[DeployPhase, float] = {}
        self._mode: str | None = None
        self._distrusted_because: str | None = None
        self._log_path = private_folder(folder) / "worker.log"
        self._record = folder / "worker.json"
        self._settings = settings
        self._reaper = reaper
        self._load_timeout = load_timeout
        self._loading_slots = loading_slots
        self._environments = environments
        self._preparation = preparation
        self._on_change = on_change
        self._changes = Changes()
        self._reload = asyncio.Event()
        self._generation = 0
        self._loading = False
        self._tasks: set[asyncio.Task[Any]] = set()

    async def keep(self) -> None:
        """Load, and load again whenever the worker died or somebody asks."""
        deaths = 0
        while True:
            self._reload.clear()
            started = time.monotonic()
            self._loading = True
            await self._load()
            gone = await self._until_reload_or_death()
            if not gone:
                deaths = 0
                continue
            deaths = 1 if time.monotonic() - started > STABLE_AFTER else deaths + 1
            log.warning("location.worker_died", **self.ids, deaths=deaths)
            await first_of(self._reload.wait(), timeout=min(LONGEST_RESTART_WAIT, 0.1 * 4 ** (deaths - 1)))

    async def ready(self) -> WorkerProcess:
        """Wait for a worker; raise CodeNotLoadedError when the code cannot be loaded.

        While a changed environment is being loaded, this waits for it: a run that starts now must see it.
        """
        await self._changes.until(lambda: self._current() is not None or self.failure is not None)
        worker = self._usable()
        if worker is None:
            assert self.failure is not None
            raise self.failure
        return worker

    async def reload(self) -> None:
        """Load again beside the current worker; return when that ended well or badly."""
        # A load that is under way may have read the old code: wait for the one after it.
        wanted = self._generation + (2 if self._loading else 1)
        self._reload.set()
        await self._changes.until(lambda: self._generation >= wanted)

    def distrust(self, reason: str) -> None:
        """Use no warm forks of this version any more."""
        if self._mode is None:
            self._mode, self._distrusted_because = "lukewarm", reason
            log.warning("location.demoted", **self.ids, reason=reason)
            self.worker = None
            self._reload.set()

    async def retire(self) -> None:
        """Let the worker go when its attempts have ended."""
        self.state = LocationState.UNLOADED
        self._record.unlink(missing_ok=True)
        if self.worker is not None:
            await self.worker.leave()
            await self.worker.link.closed.wait()
        self._on_change(self)

    def kill(self) -> None:
        if self.worker is not None:
            self.worker.kill()

    @property
    def masks(self) -> Masks:
        """Answer what must not be told of this location."""
        return self._environments.masks(self.desired.version_id) or NO_MASKS

    @property
    def ids(self) -> dict[str, str]:
        return {
            "deployment": self.desired.deployment,
            "location": self.desired.name,
            "version": self.desired.version_id,
        }

    def _usable(self) -> WorkerProcess | None:
        return self.worker if self.worker is not None and not self.worker.link.closed.is_set() else None

    def _current(self) -> WorkerProcess | None:
        """Answer the worker if it has the environment that is wanted now."""
        worker = self._usable()
        return worker if worker is not None and worker.environment_wanted == self.desired.environment else None

    async def _until_reload_or_death(self) -> bool:
        """Answer whether the worker died."""
        waits = [self._reload, *([self.worker.link.closed] if self.worker is not None else [])]
        while not await first_of(*(event.wait() for event in waits), timeout=self._patience()):
            if await self._environment_is_new():
                break
        return self.worker is not None and self.worker.link.closed.is_set()

    def _patience(self) -> float | None:
        """Answer when to look whether secrets have changed: nobody tells us that those of other stores did."""
        if isinstance(self.failure, EnvironmentNotResolvedError):
            return ENVIRONMENT_RETRY
        if isinstance(self.failure, SourceNotFetchedError):
            return FETCH_RETRY
        return self._environments.ttl if self.environment.has_references else None

    async def _environment_is_new(self) -> bool:
        """Say whether to load again."""
        if isinstance(self.failure, SourceNotFetchedError):
            return True
        try:
            return (await self._environments.of(self.desired)).values != self.environment.values
        except EnvironmentNotResolvedError as error:
            log.warning("location.secrets_unavailable", **self.ids, error=str(error), effect="the known values stay")
            return False

    async def _load(self) -> None:
        self.phases = {}
        if self._usable() is None:
            self._changed(LocationState.LOADING)
        for tried in range(1, LOAD_ATTEMPTS + 1):
            try:
                code = await self._preparation.prepared(self.desired, self._ended)
                async with self._loading_slots:
                    await self._load_once(code)
                break
            except LinkLostError:
                if tried == LOAD_ATTEMPTS:
                    self._failed(CodeNotLoadedError(self._died_while_loading()))
            except CodeNotLoadedError as failure:
                self._failed(failure)
                break
        self._generation += 1
        self._loading = False
        self._changes.notify()

    async def _load_once(self, desired: DesiredLocation) -> None:
        since = time.monotonic()
        environment = await self._environments.of(desired)
        command = serving_command(desired, environment, self._settings)
        common: dict[str, Any] = {"location": desired, "environment": environment, "reaper": self._reaper}
        taken = None
        if not self._generation:
            taken = await take_over(command, record=self._record, settings=self._settings, **common)
        worker = taken or spawn_worker(command, mode=self._mode, log_path=self._log_path, **common)
        self._in_background(worker.run())
        self._ended(DeployPhase.STARTED, time.monotonic() - since)
        since = time.monotonic()
        facts = self.facts = await self._facts_of(worker)
        if facts["t"] == "load_failed":
            await worker.link.stop()
            raise CodeNotLoadedError("The code failed to load.", _error_info(facts))
        await leave_behind(worker, command, record=self._record, settings=self._settings)
        self.prepared = desired
        self.phases[DeployPhase.LOADED] = time.monotonic() - since
        self._take(worker, facts, taken_over=taken is not None)

    async def _facts_of(self, worker: WorkerProcess) -> dict[str, Any]:
        """What it says once the code has loaded, or has not; whatever ends the wait ends the worker."""
        try:
            return await asyncio.wait_for(worker.link.loaded, self._load_timeout)
        except TimeoutError:
            worker.kill()
            raise CodeNotLoadedError(
                f"The code did not finish loading in {self._load_timeout:.0f} s; the agent stopped it. "
                "Look for slow work at import time, or raise load_timeout on the agent."
            ) from None
        except asyncio.CancelledError:
            worker.kill()
            raise

    def _take(self, worker: WorkerProcess, facts: dict[str, Any], *, taken_over: bool) -> None:
        worker.mode = str(facts.get("mode", "unknown"))
        worker.mode_reason = self._distrusted_because or facts.get("mode_reason")
        old, self.worker, self.failure = self.worker, worker, None
        self.environment = worker.environment
        if old is not None:
            self._in_background(old.leave())
        self._changed(LocationState.LOADED)
        event = "location.taken_over" if taken_over else "location.loaded"
        log.info(event, **self.ids, mode=worker.mode, seconds=facts.get("load_seconds"), pid=worker.pid)

    def _ended(self, phase: DeployPhase, seconds: float) -> None:
        """A phase of loading has ended. Who waits for the deploy is told; a worker that serves meanwhile goes on to be loaded."""
        self.phases[phase] = seconds
        if self._usable() is None:
            self._changed(LocationState.LOADING)

    def _failed(self, failure: CodeNotLoadedError) -> None:
        """Note a failed load. A worker that is still there goes on serving, and the report says both."""
        failure = masked_failure(failure, self.masks)
        self.failure = failure
        self._changed(LocationState.LOADED if self._usable() else LocationState.FAILED)
        detail = failure.error.message if failure.error else str(failure)
        log.warning("location.load_failed", **self.ids, error=detail)

    def _changed(self, state: LocationState) -> None:
        self.state = state
        self._changes.notify()
        self._on_change(self)

    def _died_while_loading(self) -> str:
        tail = self._log_path.read_bytes()[-2000:].decode(errors="replace").strip() if self._log_path.exists() else ""
        return (
            f"The code worker died {LOAD_ATTEMPTS} times while loading the code. Its last output:\n{tail or '(none)'}"
        )

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def masked_failure(failure: CodeNotLoadedError, masks: Masks) -> CodeNotLoadedError:
    """Answer the same without values of secrets: what code says when it fails may hold them."""
    if not masks:
        return failure
    error = failure.error and msgspec.convert(masks.json(msgspec.to_builtins(failure.error)), ErrorInfo)
    return type(failure)(masks.text(str(failure)), error)


def _error_info(facts: dict[str, Any]) -> ErrorInfo:
    try:
        return msgspec.convert(facts.get("error"), ErrorInfo)
    except msgspec.ValidationError:
        return ErrorInfo(message=str(facts.get("error")))
