"""Telling the control plane what became of each location version, after uploading the definitions it does not have yet."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
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
    from agent.masks import Masks


_Masked = tuple[DefinitionsFile, bytes]


class LocationReports:
    """The newest state of each version, until it is told."""

    def __init__(self, *, client: Client, identity: Identity) -> None:
        self._client = client
        self._identity = identity
        self._waiting: dict[str, tuple[LocationReport, dict[str, Path], Masks]] = {}
        self._wake = asyncio.Event()

    def put(self, location: Location) -> None:
        report = _report(location, agent_id=self._identity.agent_id)
        files = {
            name: Path(location.facts[name]["path"]) for name in ("manifest", "snapshot") if location.facts.get(name)
        }
        loaded = report.state is LocationState.LOADED
        self._waiting[report.version_id] = (report, files if loaded else {}, location.masks)
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

    async def _tell(self, report: LocationReport, paths: dict[str, Path], masks: Masks) -> None:
        """Upload what the definitions are, without values of secrets, then say that they are loaded."""
        if paths:
            files = await asyncio.to_thread(_masked_files, paths, masks) if masks else {}
            report = msgspec.structs.replace(report, **{name: file for name, (file, _) in files.items()})
            known = {"manifest": report.manifest, "snapshot": report.snapshot}
            uploads = {file.sha256: (paths[name], files.get(name)) for name, file in known.items() if file}
            await self._upload_missing(uploads)
        await self._client.report_location(report)

    async def _upload_missing(self, uploads: dict[str, tuple[Path, _Masked | None]]) -> None:
        missing = await self._client.definitions_missing(DefinitionsHave(sha256s=list(uploads)))
        for sha256 in missing.sha256s:
            if sha256 in uploads:
                path, masked = uploads[sha256]
                data = masked[1] if masked else await asyncio.to_thread(path.read_bytes)
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


def _masked_files(paths: dict[str, Path], masks: Masks) -> dict[str, _Masked]:
    """Answer those files that hold values of secrets, masked: what each is called then, and its gzipped bytes."""
    found = {}
    for name, path in paths.items():
        content = gzip.decompress(path.read_bytes())
        masked = masks.manifest(content) if name == "manifest" else masks.encoded(content)
        if masked is not content:
            file = DefinitionsFile(sha256=hashlib.sha256(masked).hexdigest(), bytes=len(masked))
            found[name] = (file, gzip.compress(masked, compresslevel=6, mtime=0))
    return found


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
        phases=dict(location.phases),
    )


def _file(facts: Any) -> DefinitionsFile | None:
    return msgspec.convert(facts, DefinitionsFile) if facts else None
