"""What changed between two sets of definitions, each a manifest by code location. Pure.

Assets and checks are compared by key over all locations, everything else by its location and name. A change that moves data (a new
code version, other dependencies…) affects everything downstream; one of a description does not.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from controlplane.definitions import content
from controlplane.definitions.asset_keys import check_parts, check_text, to_text
from controlplane.definitions.content import ConfigComparison
from controlplane.definitions.differences import Change, Detail, Difference, Kind, Reason
from controlplane.definitions.graph import AssetGraph, AssetNode
from controlplane.definitions.manifest import Asset, Check, Instigator, Job, Manifest, Resource, Schedule, Sensor

T = TypeVar("T")
Manifests = Mapping[str, Manifest]
# Where the code stands on the machine that loaded it: other for each unpacked archive, though nothing changed.
_METADATA_OF_PLACE = frozenset({"dagster/code_references"})
# Fields of details whose values name assets or checks by key.
_NAMING_ASSETS = frozenset({"deps", "partition_mappings", "assets", "checks", "watched_assets"})
# Dagster makes it for assets with an automation condition and no sensor; it targets every asset there is.
_DAGSTERS_OWN_SENSOR = "default_automation_condition_sensor"


@dataclass(frozen=True)
class Affected:
    """An asset that did not change itself, but is downstream of one whose data does."""

    key: str
    location: str


@dataclass(frozen=True)
class Comparison:
    """Everything that differs, by kind, change, and name; and the assets affected by it, upstreams first."""

    differences: tuple[Difference, ...] = ()
    affected: tuple[Affected, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.differences

    def of(self, kind: Kind, change: Change | None = None) -> tuple[Difference, ...]:
        """The differences of one kind, or of one kind and change."""
        return tuple(d for d in self.differences if d.kind == kind and change in (None, d.change))

    @cached_property
    def assets(self) -> dict[str, Difference]:
        """The differences of assets, by key."""
        return {difference.name: difference for difference in self.of(Kind.ASSET)}

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many, by kind and change, every kind named; `affected` assets beside the others."""
        found = {kind.value: {change.value: 0 for change in Change} for kind in Kind}
        for difference in self.differences:
            found[difference.kind.value][difference.change.value] += 1
        found[Kind.ASSET.value]["affected"] = len(self.affected)
        return found

    @property
    def totals(self) -> dict[str, int]:
        """How many definitions of any kind were added, changed and removed."""
        return {change.value: sum(self.counts[kind.value][change.value] for kind in Kind) for change in Change}

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "counts": self.counts,
            "differences": [difference.document() for difference in self.differences],
            "affected": [{"key": one.key, "location": one.location} for one in self.affected],
        }


def compare(before: Manifests, after: Manifests) -> Comparison:
    """What `after` has that `before` had not, or had otherwise. A location on one side only is added or removed with all that is in it."""
    old, new = AssetGraph.of(before), AssetGraph.of(after)
    assets = _each(Kind.ASSET, _placed(old, before), _placed(new, after), _asset_details)
    others = [
        *_each(Kind.CHECK, _checks(before), _checks(after), _check_details),
        *_each(Kind.JOB, _jobs(before), _jobs(after), _JobDetails()),
        *_each(Kind.SCHEDULE, *_named(before, after, lambda m: m.schedules), _schedule_details),
        *_each(Kind.SENSOR, *_named(before, after, _written_sensors), _sensor_details),
        *_each(Kind.RESOURCE, *_named(before, after, _top_level_resources), _resource_details),
    ]
    return Comparison(differences=(*assets, *others), affected=tuple(_affected(assets, old, new)))


def without_assets(comparison: Comparison, keys: Container[str]) -> Comparison:
    """The same as if there were no such assets: no difference of them or their checks, and no mention of them in others."""
    left = [_without(difference, keys) for difference in comparison.differences]
    return Comparison(
        differences=tuple(difference for difference in left if difference is not None),
        affected=tuple(one for one in comparison.affected if one.key not in keys),
    )


def _without(difference: Difference, keys: Container[str]) -> Difference | None:
    named = difference.name if difference.kind != Kind.CHECK else to_text(check_parts(difference.name)[0])
    if difference.kind in {Kind.ASSET, Kind.CHECK} and named in keys:
        return None
    details = tuple(left for detail in difference.details if (left := _detail_without(detail, keys)) is not None)
    return None if difference.details and not details else replace(difference, details=details)


def _detail_without(detail: Detail, keys: Container[str]) -> Detail | None:
    if detail.field not in _NAMING_ASSETS:
        return detail
    sides = [_values_without(value, keys) for value in (detail.before, detail.after)]
    return _detail(detail.reason, detail.field, *sides)


def _values_without(value: Any, keys: Container[str]) -> Any:
    if isinstance(value, dict):
        return {key: content for key, content in value.items() if key not in keys}
    return None if value is None else [key for key in value if key not in keys and _checked(key) not in keys]


def _checked(text: str) -> str:
    """The asset of a check's key; an asset's key may have a colon as well, and is looked up as it is."""
    return text.rpartition(":")[0]


def _affected(assets: Iterable[Difference], old: AssetGraph, new: AssetGraph) -> list[Affected]:
    """Descendants of whatever moves data, in the new graph and, of what is gone, in the old one."""
    named = {difference.name for difference in assets}
    moved = [difference.name for difference in assets if difference.moves_data]
    direct = {key for gone in moved if gone not in new.nodes for key in old.descendants([gone])}
    found = new.descendants([*(key for key in moved if key in new.nodes), *(direct & new.nodes.keys())]) | direct
    return [Affected(key, new.nodes[key].location) for key in new.order if key in found and key not in named]


@dataclass(frozen=True)
class _Placed(Generic[T]):
    """A definition with the location and the manifest that it is in."""

    location: str
    manifest: Manifest
    value: T


_Details = Callable[[_Placed[T], _Placed[T]], Iterable[Detail | None]]


def _each(
    kind: Kind, before: Mapping[Any, _Placed[T]], after: Mapping[Any, _Placed[T]], details: _Details[T]
) -> list[Difference]:
    """The differences of one kind, sorted by change and name; keys are names, or a location and a name."""
    found = []
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        name = key[1] if isinstance(key, tuple) else key
        if old is None and new is not None:
            found.append(Difference(kind, Change.ADDED, new.location, name))
        elif new is None and old is not None:
            found.append(Difference(kind, Change.REMOVED, old.location, name))
        elif old is not None and new is not None:
            differing = tuple(detail for detail in details(old, new) if detail is not None)
            if differing:
                found.append(Difference(kind, Change.CHANGED, new.location, name, differing))
    order = list(Change)
    return sorted(found, key=lambda one: (order.index(one.change), one.name, one.location))


def _placed(graph: AssetGraph, manifests: Manifests) -> dict[str, _Placed[AssetNode]]:
    return {key: _Placed(node.location, manifests[node.location], node) for key, node in graph.nodes.items()}


def _detail(reason: Reason, name: str, before: Any, after: Any) -> Detail | None:
    return None if before == after else Detail(reason, name, before, after)


def _unsaid(reason: Reason, name: str, before: Any, after: Any) -> Detail | None:
    """As `_detail` for what is too long to show, or not for everybody's eyes: only that it differs."""
    return None if before == after else Detail(reason, name, None, None)


def _asset_details(old: _Placed[AssetNode], new: _Placed[AssetNode]) -> Iterable[Detail | None]:
    one, other = old.value.asset, new.value.asset
    yield _detail(Reason.CODE_VERSION, "code_version", one.code_version, other.code_version)
    yield _detail(Reason.DEPENDENCIES, "deps", sorted(old.value.upstream), sorted(new.value.upstream))
    yield _detail(Reason.DEPENDENCIES, "partition_mappings", _mappings(one), _mappings(other))
    yield _partitions(old, new, one.partitions, other.partitions)
    yield _automation(old, new, one.automation, other.automation)
    yield _detail(Reason.TAGS, "tags", one.tags, other.tags)
    for name in ("group", "description", "kinds", "owners"):
        yield _detail(Reason.METADATA, name, getattr(one, name), getattr(other, name))
    yield from _metadata(one.metadata, other.metadata)
    yield _detail(Reason.FRESHNESS, "freshness", one.freshness, other.freshness)
    for name in ("execution_type", "is_executable", "io_manager_key", "resources", "pools", "backfill_policy"):
        yield _detail(Reason.EXECUTION, name, getattr(one, name), getattr(other, name))
    yield _unsaid(Reason.EXECUTION, "ops", one.ops, other.ops)
    yield _detail(Reason.LOCATION, "location", old.location, new.location)


def _mappings(asset: Asset) -> dict[str, Any]:
    return {to_text(dep.asset): _plain(dep.mapping) for dep in asset.deps if dep.mapping is not None}


def _metadata(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Detail | None]:
    for name in sorted((old.keys() | new.keys()) - _METADATA_OF_PLACE):
        yield _detail(Reason.METADATA, f"metadata.{name}", old.get(name), new.get(name))


def _partitions(old: _Placed[Any], new: _Placed[Any], one: str | None, other: str | None) -> Detail | None:
    before, after = content.partitions(old.manifest, one), content.partitions(new.manifest, other)
    return _detail(Reason.PARTITIONS, "partitions", before, after)


def _automation(old: _Placed[Any], new: _Placed[Any], one: str | None, other: str | None) -> Detail | None:
    before, after = content.condition(old.manifest, one), content.condition(new.manifest, other)
    same = before == after
    if same and old.manifest.dagster_version == new.manifest.dagster_version:
        # What a tree does not show, dagster's own form does; only the same dagster writes it alike.
        same = content.exact_condition(old.manifest, one) == content.exact_condition(new.manifest, other)
    return None if same else Detail(Reason.AUTOMATION, "automation", _label(before), _label(after))


def _label(condition: Mapping[str, Any] | None) -> str | None:
    return None if condition is None else condition.get("label") or (condition.get("tree") or {}).get("description")


def _checks(manifests: Manifests) -> dict[str, _Placed[Check]]:
    return {
        check_text(check.asset, check.name): _Placed(location, manifest, check)
        for location, manifest in sorted(manifests.items())
        for check in manifest.checks
    }


def _check_details(old: _Placed[Check], new: _Placed[Check]) -> Iterable[Detail | None]:
    one, other = old.value, new.value
    yield _detail(Reason.BLOCKING, "blocking", one.blocking, other.blocking)
    yield _detail(Reason.DEPENDENCIES, "deps", _texts(one.deps), _texts(other.deps))
    yield _partitions(old, new, one.partitions, other.partitions)
    yield _automation(old, new, one.automation, other.automation)
    yield _detail(Reason.METADATA, "description", one.description, other.description)
    yield _detail(Reason.LOCATION, "location", old.location, new.location)


def _jobs(manifests: Manifests) -> dict[tuple[str, str], _Placed[Job]]:
    """Without dagster's own job of all assets, which nobody wrote."""
    found = _of_all(manifests, lambda manifest: manifest.jobs)
    return {key: placed for key, placed in found.items() if not placed.value.implicit}


@dataclass
class _JobDetails:
    """Compares jobs; keeps what it found out about the config types of each pair of manifests."""

    configs: dict[str, ConfigComparison] = field(default_factory=dict)

    def __call__(self, old: _Placed[Job], new: _Placed[Job]) -> Iterable[Detail | None]:
        one, other = old.value, new.value
        yield _unsaid(Reason.OPS, "ops", one.ops, other.ops)
        yield _detail(Reason.SELECTION, "assets", _texts(one.assets), _texts(other.assets))
        yield _detail(Reason.SELECTION, "checks", _check_texts(one), _check_texts(other))
        config = self.configs.setdefault(new.location, ConfigComparison(old.manifest, new.manifest))
        if not config.of_jobs(one, other):
            yield Detail(Reason.CONFIG, "config", None, None)
        yield _partitions(old, new, one.partitions, other.partitions)
        yield _detail(Reason.TAGS, "tags", one.tags, other.tags)
        yield _detail(Reason.TAGS, "run_tags", one.run_tags, other.run_tags)
        yield _detail(Reason.METADATA, "description", one.description, other.description)
        yield from _metadata(one.metadata, other.metadata)
        yield _detail(Reason.EXECUTION, "executor", one.executor, other.executor)


def _check_texts(job: Job) -> list[str]:
    return sorted(check_text(asset, name) for asset, name in job.checks)


def _instigator_details(one: Instigator, other: Instigator) -> Iterable[Detail | None]:
    yield _detail(Reason.TARGET, "assets", _texts(one.assets), _texts(other.assets))
    yield _detail(Reason.STATUS, "default_status", one.default_status, other.default_status)
    yield _detail(Reason.TAGS, "tags", one.tags, other.tags)
    yield _detail(Reason.TAGS, "run_tags", one.run_tags, other.run_tags)
    yield _detail(Reason.METADATA, "description", one.description, other.description)
    yield _detail(Reason.METADATA, "owners", one.owners, other.owners)
    yield from _metadata(one.metadata, other.metadata)


def _schedule_details(old: _Placed[Schedule], new: _Placed[Schedule]) -> Iterable[Detail | None]:
    one, other = old.value, new.value
    yield _detail(Reason.CRON, "cron", one.cron, other.cron)
    yield _detail(Reason.TIMEZONE, "timezone", one.timezone, other.timezone)
    yield _detail(Reason.TARGET, "job", one.job, other.job)
    yield from _instigator_details(one, other)


def _sensor_details(old: _Placed[Sensor], new: _Placed[Sensor]) -> Iterable[Detail | None]:
    one, other = old.value, new.value
    yield _detail(Reason.TYPE, "sensor_type", one.sensor_type, other.sensor_type)
    yield _detail(Reason.INTERVAL, "min_interval_seconds", one.min_interval_seconds, other.min_interval_seconds)
    yield _detail(Reason.TARGET, "jobs", one.jobs, other.jobs)
    yield _detail(Reason.TARGET, "watched_assets", _texts(one.watched_assets), _texts(other.watched_assets))
    yield from _instigator_details(one, other)


def _written_sensors(manifest: Manifest) -> list[Sensor]:
    return [sensor for sensor in manifest.sensors if sensor.name != _DAGSTERS_OWN_SENSOR]


def _top_level_resources(manifest: Manifest) -> list[Resource]:
    return [resource for resource in manifest.resources if resource.is_top_level]


def _resource_details(old: _Placed[Resource], new: _Placed[Resource]) -> Iterable[Detail | None]:
    one, other = old.value, new.value
    yield _detail(Reason.TYPE, "type", one.type, other.type)
    for name in sorted(one.config.keys() | other.config.keys()):
        yield _unsaid(Reason.CONFIG, f"config.{name}", one.config.get(name), other.config.get(name))
    yield _detail(Reason.DEPENDENCIES, "nested", one.nested, other.nested)
    yield _detail(Reason.METADATA, "description", one.description, other.description)


_Named = TypeVar("_Named", Job, Schedule, Sensor, Resource)


def _named(
    before: Manifests, after: Manifests, get: Callable[[Manifest], list[_Named]]
) -> tuple[dict[tuple[str, str], _Placed[_Named]], dict[tuple[str, str], _Placed[_Named]]]:
    return _of_all(before, get), _of_all(after, get)


def _of_all(manifests: Manifests, get: Callable[[Manifest], list[_Named]]) -> dict[tuple[str, str], _Placed[_Named]]:
    return {
        (location, one.name): _Placed(location, manifest, one)
        for location, manifest in manifests.items()
        for one in get(manifest)
    }


def _texts(keys: list[list[str]] | None) -> list[str] | None:
    return None if keys is None else sorted(map(to_text, keys))


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
