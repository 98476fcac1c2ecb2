"""Telling the control plane what became of each location version, after uploading the definitions it does not have yet."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agent import log
from agent.protocol import DefinitionsFile, DefinitionsHave, LocationReport, LocationState
from agent.retry import Backoff, ControlPlaneError, is_retryable

if TYPE_CHECKING:
    from agent.client import Client
    from agent.identity import Identity
    from agent.location import Location


class LocationReports:
    """The newest state of each version, until it is told."""

    def __init__(self, *, client: Client, identity: Identity) -> None:
        self._client = client
        self._identity = identity
        self._waiting: dict[str, tuple[LocationReport, list[dict[str, Any]]]] = {}
        self._wake = asyncio.Event()

    def put(self, location: Location) -> None:
        report = _report(location, agent_id=self._identity.agent_id)
        files = [location.facts[name] for name in ("manifest", "snapshot") if location.facts.get(name)]
        self._waiting[report.version_id] = (report, files if report.state is LocationState.LOADED else [])
        self._wake.set()

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            await self._wake.wait()
            self._wake.clear()
            for version_id, waiting in list(self._waiting.items()):
                try:
                    await self._tell(*waiting)
                except Exception as error:  # noqa: BLE001 - a loop's edge: `_give_up` raises what is not of the outside world
                    if not self._give_up(error, version_id):
                        self._wake.set()
                        await backoff.failed(error, doing="reporting a code location")
                        continue
                backoff.succeeded()
                if self._waiting.get(version_id) is waiting:
                    del self._waiting[version_id]

    async def _tell(self, report: LocationReport, files: list[dict[str, Any]]) -> None:
        if files:
            await self._upload_missing({file["sha256"]: Path(file["path"]) for file in files})
        await self._client.report_location(report)

    async def _upload_missing(self, paths: dict[str, Path]) -> None:
        missing = await self._client.definitions_missing(DefinitionsHave(sha256s=list(paths)))
        for sha256 in missing.sha256s:
            if sha256 in paths:
                data = await asyncio.to_thread(paths[sha256].read_bytes)
                await self._client.upload_definitions(sha256, data)
                log.info("definitions.uploaded", sha256=sha256, bytes=len(data))

    @staticmethod
    def _give_up(error: Exception, version_id: str) -> bool:
        """Say whether a report is refused for good; raise what is not an answer of the outside world."""
        if is_retryable(error):
            return False
        if isinstance(error, ControlPlaneError | OSError):
            log.warning("location.report_refused", version=version_id, error=str(error))
            return True
        raise error


def _report(location: Location, *, agent_id: str) -> LocationReport:
    loaded = location.state is LocationState.LOADED
    tried = loaded or location.state is LocationState.FAILED
    facts, failed = (location.facts, location.failure) if tried else ({}, None)
    return LocationReport(
        agent_id=agent_id,
        version_id=location.desired.version_id,
        state=location.state,
        load_seconds=facts.get("load_seconds"),
        dagster_version=facts.get("dagster_version"),
        python_version=facts.get("python_version"),
        worker_version=facts.get("worker_version"),
        mode=location.worker.mode if loaded and location.worker else None,
        mode_reason=location.worker.mode_reason if loaded and location.worker else None,
        counts=facts.get("counts") or {},
        manifest=_file(facts.get("manifest")),
        snapshot=_file(facts.get("snapshot")),
        rss_bytes=facts.get("rss_bytes"),
        error=failed.as_error_info() if failed else None,
    )


def _file(facts: Any) -> DefinitionsFile | None:
    return msgspec.convert(facts, DefinitionsFile) if facts else None
