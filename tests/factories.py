"""Boring makers of rows, through the services that make them in the product."""

import gzip
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from agent.protocol import PROTOCOL_VERSION, DefinitionsFile, HostFacts, LocationReport, LocationState, Register, Target
from controlplane.definitions.asset_keys import to_parts
from controlplane.definitions.manifest import Asset, Check, Dependency, Job, Manifest
from controlplane.definitions.services import store_file
from controlplane.deployments.code import Code
from controlplane.deployments.loading import record_load
from controlplane.deployments.models import CodeLocation, LocationVersion
from controlplane.deployments.selectors import location as find_location
from controlplane.deployments.services import deploy_location
from controlplane.fleet.models import Agent
from controlplane.fleet.services import record_location, register_agent
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from tests.cast import Cast

HOST = HostFacts(hostname="box", platform="linux", python_version="3.11.9", cpus=2, memory_bytes=8 * 2**30)


def asset(key: str, *upstream: str, **fields: Any) -> Asset:
    """An asset with a key as text and its upstreams."""
    return Asset(
        key=to_parts(key), deps=[Dependency(asset=to_parts(up)) for up in upstream], jobs=["__ASSET_JOB"], **fields
    )


def make_manifest(
    assets: Sequence[Asset] = (),
    *,
    location: str = "shop",
    checks: Sequence[Check] = (),
    jobs: Sequence[Job] = (),
    **fields: Any,
) -> Manifest:
    """A manifest; without arguments `raw -> daily -> report`, a check of `daily`, and a job `nightly` of all three."""
    assets = assets or [asset("raw"), asset("daily", "raw"), asset("report", "daily")]
    keys = [known.key for known in assets]
    if not jobs:
        jobs = [Job(name="nightly", assets=keys), Job(name="__ASSET_JOB", implicit=True, assets=keys)]
    return Manifest(
        manifest_version=1,
        location=location,
        repository="__repository__",
        dagster_version="1.13.27",
        python_version="3.11.9",
        assets=list(assets),
        checks=list(checks) or [Check(asset=keys[min(1, len(keys) - 1)], name="not_empty", jobs=["__ASSET_JOB"])],
        jobs=list(jobs),
        **fields,
    )


def manifest_bytes(manifest: Manifest) -> bytes:
    return msgspec.json.encode(manifest, order="sorted")


def store_manifest(org_id: uuid.UUID, manifest: Manifest) -> DefinitionsFile:
    content = manifest_bytes(manifest)
    file = definitions_file(content)
    store_file(org_id=org_id, sha256=file.sha256, gzip_bytes=gzip.compress(content))
    return file


def definitions_file(content: bytes) -> DefinitionsFile:
    return DefinitionsFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def register_message(name: str = "agent-1", **fields: Any) -> Register:
    given = {"boot_id": uuid.uuid4().hex, "agent_version": "0.1.0", "queues": ["default"], "host": HOST, **fields}
    return Register(name=name, **given)


def make_agent(cast: Cast, name: str = "agent-1", *, protocol_version: str = PROTOCOL_VERSION, **fields: Any) -> Agent:
    """A registered agent; its boot id is `agent.boot_id`."""
    return register_agent(
        org_id=cast.org_id,
        token_id=cast.agent_token.token.id,
        protocol_version=protocol_version,
        message=register_message(name, **fields),
    )


def deploy(cast: Cast, name: str = "shop", *, queue: str = "default", **fields: Any) -> LocationVersion:
    """A new version that nobody has loaded yet."""
    code = Code(**{"target": Target(module_name=name), **fields})
    return deploy_location(
        org_id=cast.org_id, deployment_id=cast.deployment.id, name=name, code=code, queue=queue, actor=cast.actor
    )


def loaded_report(
    agent_id: uuid.UUID | str, version_id: uuid.UUID | str, manifest: DefinitionsFile, **fields: Any
) -> LocationReport:
    return LocationReport(
        agent_id=str(agent_id),
        version_id=str(version_id),
        state=LocationState.LOADED,
        load_seconds=0.5,
        dagster_version="1.13.27",
        python_version="3.11.9",
        worker_version="0.1.0",
        mode="warm",
        manifest=manifest,
        **fields,
    )


def load(cast: Cast, version: LocationVersion, manifest: Manifest, agents: Iterable[Agent] = ()) -> None:
    """Let the agents report the version as loaded with this manifest."""
    file = store_manifest(cast.org_id, manifest)
    for agent in agents:
        report = loaded_report(agent.id, version.id, file)
        record_location(org_id=cast.org_id, agent_id=agent.id, version_id=version.id, report=report)
    report = loaded_report(uuid.uuid4(), version.id, file)
    record_load(org_id=cast.org_id, version_id=version.id, report=report, loaded_elsewhere=False)


def queue_run(cast: Cast, **request: Any) -> Run:
    """A run in the queue; of the job `nightly` unless the request says otherwise."""
    asked = RunRequest(**(request or {"job": "nightly"}))
    return request_run(org_id=cast.org_id, deployment_id=cast.deployment.id, request=asked, actor=cast.actor)


def make_location(
    cast: Cast,
    name: str = "shop",
    *,
    manifest: Manifest | None = None,
    agents: Iterable[Agent] = (),
    deployed: Mapping[str, Any] | None = None,
) -> CodeLocation:
    """A code location whose newest version has loaded, on these agents."""
    version = deploy(cast, name, **(deployed or {}))
    load(cast, version, manifest or make_manifest(location=name), agents)
    return find_location(cast.org_id, cast.deployment.id, name)
