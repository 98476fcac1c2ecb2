"""The definitions of one deployment as they serve now: by location, and as one graph. The graph is cached by the hashes."""

import functools
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from controlplane.definitions.asset_keys import check_text, to_text
from controlplane.definitions.graph import AssetGraph, AssetNode, ordered
from controlplane.definitions.manifest import Check, Job, Manifest
from controlplane.deployments.models import CodeLocation, LocationVersion
from tenants.errors import NotFoundError

_GRAPHS = 64
_graphs: OrderedDict[Hashable, AssetGraph] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class LocationDefinitions:
    """One location, the version that serves, and what that defines."""

    location: CodeLocation
    version: LocationVersion
    manifest: Manifest

    @functools.cached_property
    def jobs(self) -> dict[str, Job]:
        return {job.name: job for job in self.manifest.jobs}

    @functools.cached_property
    def checks(self) -> dict[str, Check]:
        """Asset checks by their key `<asset>:<name>`."""
        return {check_text(check.asset, check.name): check for check in self.manifest.checks}


@dataclass(frozen=True)
class DeploymentDefinitions:
    """All locations that serve, by name. A location that never loaded is not among them.

    `cut_from` tells definitions from which something was left out, for somebody who may not see all (filtered_definitions.py), from
    whole ones. `order` names the locations as they were added: it decides who defines what several define.
    """

    by_location: Mapping[str, LocationDefinitions]
    cut_from: Hashable = None
    order: tuple[str, ...] = ()

    @functools.cached_property
    def fingerprint(self) -> Hashable:
        """Equal for equal definitions."""
        if self.cut_from is not None:
            return self.cut_from
        versions = frozenset((name, found.version.manifest_sha256) for name, found in self.by_location.items())
        return versions, self.order

    @functools.cached_property
    def graph(self) -> AssetGraph:
        """The merged graph; the same object as long as no location changes."""
        manifests = {name: found.manifest for name, found in self.by_location.items()}
        return _graph(self.fingerprint, manifests, self.order)

    def location(self, name: str) -> LocationDefinitions:
        """NotFoundError when there is no such location, or it has not loaded yet."""
        if name not in self.by_location:
            raise NotFoundError(f"There is no code location {name} that has loaded.")
        return self.by_location[name]

    def job(self, location: str, name: str) -> Job:
        """One job; NotFoundError when the location defines none of this name."""
        jobs = self.location(location).jobs
        if name not in jobs:
            raise NotFoundError(f"{location} defines no job {name}.")
        return jobs[name]

    def asset(self, key: str) -> AssetNode:
        """One asset by its key as text; NotFoundError when no location defines it."""
        if key not in self.graph.nodes:
            raise NotFoundError(f"No code location defines the asset {key}.")
        return self.graph.nodes[key]

    @functools.cached_property
    def check_locations(self) -> dict[str, str]:
        """By its key `<asset>:<name>`, the location that evaluates a check: that of its asset; if that has none such, the first added."""
        found: dict[str, str] = {}
        for name in ordered(self.by_location, self.order):
            for key, check in self.by_location[name].checks.items():
                node = self.graph.nodes.get(to_text(check.asset))
                if key not in found or (node is not None and node.location == name):
                    found[key] = name
        return found

    @functools.cached_property
    def checks_by_asset(self) -> dict[str, list[Check]]:
        """The checks of each asset, from whichever location, by name."""
        found: dict[str, list[Check]] = {}
        for key, name in self.check_locations.items():
            check = self.by_location[name].checks[key]
            found.setdefault(to_text(check.asset), []).append(check)
        return {key: sorted(checks, key=lambda check: check.name) for key, checks in found.items()}


def _graph(fingerprint: Hashable, manifests: Mapping[str, Manifest], order: tuple[str, ...]) -> AssetGraph:
    """Content-addressed: equal fingerprints, equal graphs."""
    with _lock:
        if fingerprint in _graphs:
            _graphs.move_to_end(fingerprint)
            return _graphs[fingerprint]
    graph = AssetGraph.of(manifests, order)
    with _lock:
        _graphs[fingerprint] = graph
        while len(_graphs) > _GRAPHS:
            _graphs.popitem(last=False)
    return graph
