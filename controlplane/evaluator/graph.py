"""Dagster's asset graph of a whole deployment, rebuilt from the snapshots that its locations were stored with.

SECURITY: a snapshot is what user code wrote. Its size is bounded where it was taken in and where it is unpacked; it becomes objects by
dagster's serdes alone, which builds the classes that dagster registered, by name, and imports and calls nothing of the user's.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import structlog
from dagster._core.definitions.asset_key import AssetKey, EntityKey
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteWorkspaceAssetGraph
from dagster._core.remote_origin import RegisteredCodeLocationOrigin
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.remote_representation.handle import RepositoryHandle
from dagster._serdes import deserialize_value

from controlplane.definitions.selectors import file_content
from controlplane.deployments.models import CodeLocation
from controlplane.evaluator.conditions.watching import Watches, conditioned
from controlplane.evaluator.duplicates import settled
from controlplane.evaluator.limits import TakesTooLongError
from tenants.errors import NotFoundError

log = structlog.get_logger(__name__)

# A graph of 1,000 assets takes some 30 MB.
_GRAPHS = 8
_graphs: OrderedDict[Hashable, "DeploymentGraph"] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class DeploymentGraph:
    """The merged graph, each location's repository, and why locations that have loaded are not in it."""

    asset_graph: RemoteWorkspaceAssetGraph
    repositories: Mapping[str, RemoteRepository]
    errors: Mapping[str, str]
    # Whether the same snapshots would come to the same at any time.
    is_final: bool = True

    @cached_property
    def watches(self) -> Watches:
        return Watches(self.asset_graph)

    @cached_property
    def conditioned(self) -> frozenset[EntityKey]:
        return frozenset(conditioned(self.asset_graph))

    @cached_property
    def observed(self) -> frozenset[AssetKey]:
        """What is observed every so many minutes."""
        every = self.asset_graph.get_all_asset_keys()
        return frozenset(key for key in every if self.asset_graph.get(key).auto_observe_interval_minutes)


@dataclass(frozen=True)
class ServingSnapshot:
    """Which snapshot one location serves with."""

    location: str
    sha256: str
    dagster_version: str


def serving_snapshots(org_id: UUID, deployment_id: UUID) -> list[ServingSnapshot]:
    """Of every location that has loaded, in the order in which they were added. Call it inside org_scope."""
    rows = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id, current__isnull=False)
    found = rows.order_by("id").values_list("name", "current__snapshot_sha256", "current__dagster_version")
    return [ServingSnapshot(*row) for row in found]


def deployment_graph(org_id: UUID, snapshots: list[ServingSnapshot]) -> DeploymentGraph:
    """The graph of these; kept by their hashes. Reads the object store: not inside a transaction.

    ObjectStoreError when that is away: a graph without a location's assets would be taken for what the deployment has.
    """
    key = (org_id, tuple(snapshots))
    with _lock:
        if key in _graphs:
            _graphs.move_to_end(key)
            return _graphs[key]
    graph = _build(org_id, snapshots)
    if not graph.is_final:
        return graph
    with _lock:
        _graphs[key] = graph
        while len(_graphs) > _GRAPHS:
            _graphs.popitem(last=False)
    return graph


def _build(org_id: UUID, snapshots: list[ServingSnapshot]) -> DeploymentGraph:
    repositories: dict[str, RemoteRepository] = {}
    errors: dict[str, str] = {}
    missing = 0
    for snapshot in snapshots:
        try:
            content = file_content(org_id, snapshot.sha256)
        except NotFoundError as error:
            errors[snapshot.location] = error.message
            missing += 1
            continue
        try:
            repositories[snapshot.location] = repository_of(snapshot.location, content.decode())
        except (TakesTooLongError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - dagster raises whatever its classes do; the other locations go on
            log.warning("evaluator.snapshot_unreadable", location=snapshot.location, error=str(error)[:500])
            errors[snapshot.location] = (
                f"Its definitions, written by dagster {snapshot.dagster_version}, cannot be read here: {str(error)[:500]}. "
                "Its assets are left out of automation until it is deployed with another dagster, or this installation is upgraded."
            )
    return DeploymentGraph(merged(repositories), repositories, errors, is_final=not missing)


def repository_of(location: str, serialized: str) -> RemoteRepository:
    """One location's definitions as dagster's hosts see them; any exception when the text is none."""
    snap = deserialize_value(serialized, RepositorySnap)
    handle = RepositoryHandle(
        repository_name=snap.name,
        code_location_origin=RegisteredCodeLocationOrigin(location_name=location),
        repository_python_origin=None,
        display_metadata={},
    )
    repository = RemoteRepository(snap, handle, auto_materialize_use_sensors=True, ref_to_data_fn=_no_job_data)
    # Built lazily otherwise, and then its faults would be everybody's.
    _ = repository.asset_graph
    return repository


def merged(repositories: Mapping[str, RemoteRepository]) -> RemoteWorkspaceAssetGraph:
    """One graph of several locations, as dagster's own workspace makes it, but that the first of them defines what several do."""
    # Dagster goes by these names, and by nothing but their order.
    entries = {
        name: SimpleNamespace(
            code_location=SimpleNamespace(name=f"{number:06}", get_repositories=lambda found=found: {found.name: found})
        )
        for number, (name, found) in enumerate(repositories.items())
    }
    workspace: Any = SimpleNamespace(code_location_entries=entries)
    graph: RemoteWorkspaceAssetGraph = RemoteWorkspaceAssetGraph.build(workspace)
    return settled(graph, repositories.values())


def _no_job_data(_ref: Any) -> Any:
    raise NotImplementedError("Snapshots are stored without the data of their jobs: the evaluator needs none.")
