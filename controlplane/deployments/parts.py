"""Which part of a deployment some targets cover once denials are taken away. Pure, and cached by the definitions and the targets."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.graph import AssetGraph, AssetNode
from controlplane.definitions.manifest import Asset
from controlplane.definitions.selection_syntax import parse_selection
from controlplane.deployments.current_definitions import DeploymentDefinitions
from tenants.errors import InvalidError
from tenants.grants import Target
from tenants.models import TargetKind

T = TypeVar("T")
# People with rules of their own who are at work at the same time; a part of 5,000 assets takes a megabyte.
_KEPT = 64


@dataclass(frozen=True)
class Rule:
    """What is granted and what is denied. `everywhere`: all of the deployment is granted, and `granted` adds nothing to it."""

    everywhere: bool
    granted: frozenset[Target] = frozenset()
    hidden: frozenset[Target] = frozenset()
    # Names under which the holder owns definitions; part of the rule only where a target asks for them.
    owner_names: frozenset[str] = frozenset()

    @property
    def covers_everything(self) -> bool:
        return self.everywhere and not self.hidden

    @property
    def covers_nothing(self) -> bool:
        return not self.everywhere and not self.granted

    @property
    def denies_assets(self) -> bool:
        """Whether a denial names assets, not only code locations."""
        return any(target.kind != TargetKind.LOCATION for target in self.hidden)


@dataclass(frozen=True)
class Part:
    """What a rule covers.

    `assets` are keys of defined assets; one that no code location defines is covered by a rule that covers everything, and by no other,
    because nothing tells whose it was. A location is covered wholly (it is granted itself: its jobs of ops, its runs of whatever), or
    only the assets in it are.
    """

    rule: Rule
    assets: frozenset[str] = frozenset()
    # Defined assets that are not covered.
    other_assets: frozenset[str] = frozenset()
    # Locations with an asset that is covered.
    hosts: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        return self.rule.covers_everything

    @property
    def denied_locations(self) -> frozenset[str]:
        return _locations_in(self.rule.hidden)

    @property
    def granted_locations(self) -> frozenset[str]:
        """Locations granted by name and not denied; not those of a rule that holds everywhere."""
        return _locations_in(self.rule.granted) - self.denied_locations

    def has_whole_location(self, name: str) -> bool:
        """Whether the location itself is covered, and what is in it but for denied assets."""
        return name not in self.denied_locations and (self.rule.everywhere or name in self.granted_locations)

    def has_location(self, name: str) -> bool:
        """Whether the location is covered, if only because of an asset in it."""
        return self.has_whole_location(name) or name in self.hosts

    def has_asset(self, key: str) -> bool:
        return self.is_everything or key in self.assets


EVERYTHING = Part(Rule(everywhere=True))
NOTHING = Part(Rule(everywhere=False))


class Kept:
    """The values made most recently, by their keys; for values that depend on nothing but the key."""

    def __init__(self, most: int = _KEPT) -> None:
        self._most, self._values, self._lock = most, OrderedDict[Hashable, object](), threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]  # type: ignore[return-value]  # one maker per key
        made = make()
        with self._lock:
            self._values[key] = made
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return made


_parts = Kept()


def part_of(definitions: DeploymentDefinitions, rule: Rule) -> Part:
    """What the rule covers of these definitions; the same object while neither changes."""
    if rule.covers_everything:
        return EVERYTHING
    if rule.covers_nothing:
        return NOTHING
    return _parts.get((definitions.fingerprint, rule), lambda: _resolved(definitions, rule))


def _resolved(definitions: DeploymentDefinitions, rule: Rule) -> Part:
    nodes = definitions.graph.nodes
    named = _covered(definitions, rule, rule.granted)
    granted = set(nodes) if rule.everywhere else named | _of_granted(definitions, _locations_in(rule.granted))
    denied = _covered(definitions, rule, rule.hidden, denies=True)
    denied |= _of_denied(definitions, _locations_in(rule.hidden))
    assets = granted - denied
    return Part(
        rule,
        assets=frozenset(assets),
        other_assets=frozenset(nodes.keys() - assets),
        hosts=frozenset(nodes[key].location for key in named - denied) - _locations_in(rule.hidden),
    )


def _of_granted(definitions: DeploymentDefinitions, locations: frozenset[str]) -> set[str]:
    """The assets of these locations, and those outside of dagster that their code refers to."""
    nodes = definitions.graph.nodes
    return {
        key
        for name in locations & definitions.by_location.keys()
        for key in _defined(definitions, name)
        if nodes[key].location == name or not nodes[key].asset.is_executable
    }


def _of_denied(definitions: DeploymentDefinitions, locations: frozenset[str]) -> set[str]:
    """The assets of these locations, but not those outside of dagster that others refer to as well."""
    there = {key: asset for name in locations for key, asset in _defined(definitions, name).items()}
    elsewhere = {key for name in definitions.by_location.keys() - locations for key in _defined(definitions, name)}
    return {key for key, asset in there.items() if asset.is_executable or key not in elsewhere}


def _defined(definitions: DeploymentDefinitions, location: str) -> dict[str, Asset]:
    """What the code of a location names as an asset, by key; nothing for one that has not loaded."""
    found = definitions.by_location.get(location)
    return {to_text(asset.key): asset for asset in found.manifest.assets} if found else {}


def _covered(
    definitions: DeploymentDefinitions, rule: Rule, targets: frozenset[Target], *, denies: bool = False
) -> set[str]:
    """Assets that targets name otherwise than by their code location."""
    graph, found = definitions.graph, set[str]()
    for target in targets:
        found |= _keys(graph, rule, target, denies=denies)
    return found


def _keys(graph: AssetGraph, rule: Rule, target: Target, *, denies: bool) -> set[str]:
    match target.kind:
        case TargetKind.LOCATION:
            return set()
        case TargetKind.GROUP:
            return _where(graph, lambda node: node.group == target.value)
        case TargetKind.TAG:
            return _where(graph, _has_tag(target.value))
        case TargetKind.OWNED:
            names = {name.casefold() for name in rule.owner_names}
            return _where(graph, lambda node: any(owner.casefold() in names for owner in node.asset.owners))
        case TargetKind.SELECTION:
            return _selected(graph, target.value, denies=denies)
        case _:
            # SECURITY: a kind that this version does not know. A denial then hides all, a grant gives nothing.
            return set(graph.nodes) if denies else set()


def _selected(graph: AssetGraph, text: str, *, denies: bool) -> set[str]:
    try:
        return parse_selection(text).keys(graph)
    except InvalidError:
        # SECURITY: a denial that cannot be read any more hides all assets; nothing would hide none.
        return set(graph.nodes) if denies else set()


def _has_tag(text: str) -> Callable[[AssetNode], bool]:
    """`key` for any value, or `key=value`."""
    name, equals, value = text.partition("=")
    return lambda node: name in node.asset.tags and (not equals or node.asset.tags[name] == value)


def _where(graph: AssetGraph, test: Callable[[AssetNode], bool]) -> set[str]:
    return {key for key, node in graph.nodes.items() if test(node)}


def _locations_in(targets: frozenset[Target]) -> frozenset[str]:
    return frozenset(target.value for target in targets if target.kind == TargetKind.LOCATION)
