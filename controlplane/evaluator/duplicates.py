"""Of assets and checks that several locations define, one definition counts: as `definitions.graph` has it for everybody else.

Dagster's merged graph leaves the dependencies of all definitions in it, and takes the last of equal checks.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from dagster._core.definitions.asset_key import AssetCheckKey, AssetKey
from dagster._core.definitions.assets.graph.remote_asset_graph import (
    RemoteAssetCheckNode,
    RemoteAssetJobNode,
    RemoteRepositoryAssetNode,
    RemoteWorkspaceAssetGraph,
    RemoteWorkspaceAssetNode,
    RepositoryScopedAssetInfo,
)
from dagster._core.remote_representation.external import RemoteRepository
from dagster_shared.record import replace

Infos = dict[AssetKey, list[RepositoryScopedAssetInfo]]


def settled(merged: RemoteWorkspaceAssetGraph, repositories: Iterable[RemoteRepository]) -> RemoteWorkspaceAssetGraph:
    """The merged graph in which the first of several repositories defines what several define. They are in the order of the merge."""
    assets: Infos = {key: list(node.repo_scoped_asset_infos) for key, node in merged.remote_asset_nodes_by_key.items()}
    for key in [key for key, infos in assets.items() if len(_makers(infos)) > 1]:
        _settle(assets, key)
    nodes = {
        key: node
        if infos == list(node.repo_scoped_asset_infos)
        else RemoteWorkspaceAssetNode(repo_scoped_asset_infos=infos)
        for key, node in merged.remote_asset_nodes_by_key.items()
        for infos in [assets[key]]
    }
    graphs = [repository.asset_graph for repository in repositories]
    jobs: dict[Any, RemoteAssetJobNode] = {}
    for graph in reversed(graphs):
        jobs.update(graph.remote_asset_job_nodes_by_key)
    return RemoteWorkspaceAssetGraph(
        remote_asset_nodes_by_key=nodes,
        remote_asset_check_nodes_by_key=_checks(nodes, [graph.remote_asset_check_nodes_by_key for graph in graphs]),
        remote_asset_job_nodes_by_key=jobs,
    )


def _makers(infos: Iterable[RepositoryScopedAssetInfo]) -> list[RepositoryScopedAssetInfo]:
    return [info for info in infos if info.asset_node.is_materializable]


def _settle(assets: Infos, key: AssetKey) -> None:
    """Leave out all definitions but the first, with what they depend on; what depends on them depends on that."""
    kept, *others = _makers(assets[key])
    dropped = {_location(other) for other in others}
    children, checks = set(kept.asset_node.child_keys), set(kept.asset_node.check_keys)
    for other in others:
        children |= other.asset_node.child_keys
        checks |= other.asset_node.check_keys
        for parent in other.asset_node.parent_keys:
            _change(assets, parent, _location(other), lambda node: {"child_keys": set(node.child_keys) - {key}})
    assets[key] = [info for info in assets[key] if _location(info) not in dropped]
    _change(assets, key, _location(kept), lambda _node: {"child_keys": children, "check_keys": checks})


def _change(assets: Infos, key: AssetKey, location: str, values: Any) -> None:
    """Change the node of this asset that one location has; `values` tells of the old one what the new one has other."""
    for place, info in enumerate(assets.get(key, ())):
        if _location(info) == location:
            node: RemoteRepositoryAssetNode = info.asset_node
            assets[key][place] = replace(info, asset_node=replace(node, **values(node)))


def _location(info: RepositoryScopedAssetInfo) -> str:
    return str(info.handle.location_name)


def _checks(
    assets: Mapping[AssetKey, RemoteWorkspaceAssetNode],
    by_repository: Iterable[Mapping[AssetCheckKey, RemoteAssetCheckNode]],
) -> dict[AssetCheckKey, RemoteAssetCheckNode]:
    """Each check as the location of its asset has it; where that has none such, as the first does."""
    found: dict[AssetCheckKey, RemoteAssetCheckNode] = {}
    for checks in by_repository:
        for key, node in checks.items():
            asset = assets.get(key.asset_key)
            home = asset and asset.resolve_to_singular_repo_scoped_node().repository_handle.location_name
            if key not in found or home == node.handle.location_name:
                found[key] = node
    return found
