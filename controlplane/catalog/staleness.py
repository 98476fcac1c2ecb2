"""Whether an asset is out of sync with its code and its inputs, as dagster's CachingStaleStatusResolver judges, from the tags of its
latest materialization. Pure. Partitioned assets are judged by partition elsewhere or not at all, as inputs too; virtual ones are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controlplane.catalog.models import AssetState
from controlplane.definitions.graph import AssetNode

CODE_VERSION_TAG = "dagster/code_version"
_DATA_VERSION_TAGS = ("dagster/data_version", "dagster/logical_version")
_INPUT_VERSIONS = ("dagster/input_data_version/", "dagster/input_logical_version/")
_INPUT_POINTERS = "dagster/input_event_pointer/"
_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
# Of an asset that something else makes and nobody observed, and of one that was never made.
_INITIAL, _NULL = "INITIAL", "NULL"


class Sync(StrEnum):
    """Dagster's StaleStatus."""

    MISSING = "MISSING"
    STALE = "STALE"
    FRESH = "FRESH"


class Category(StrEnum):
    """Dagster's StaleCauseCategory."""

    CODE = "CODE"
    DATA = "DATA"
    DEPENDENCIES = "DEPENDENCIES"


@dataclass(frozen=True)
class StaleCause:
    """Why; `upstream` is the input that it is about."""

    category: Category
    reason: str
    upstream: str | None = None


@dataclass(frozen=True)
class Staleness:
    status: Sync
    causes: tuple[StaleCause, ...] = ()

    @property
    def is_unsynced(self) -> bool:
        return self.status == Sync.STALE


@dataclass(frozen=True)
class _Record:
    """The latest event that says which data there is."""

    tags: Mapping[str, str]
    at: float

    @property
    def data_version(self) -> str:
        return next((self.tags[name] for name in _DATA_VERSION_TAGS if self.tags.get(name)), _INITIAL)

    @property
    def has_provenance(self) -> bool:
        return CODE_VERSION_TAG in self.tags

    @property
    def input_versions(self) -> dict[str, str]:
        return {name.split("/", 2)[2]: value for name, value in self.tags.items() if name.startswith(_INPUT_VERSIONS)}

    @property
    def is_user_provided(self) -> bool:
        return self.has_provenance and self.tags.get(_USER_PROVIDED_TAG) == "true"


def staleness(key: str, nodes: Mapping[str, AssetNode], states: Mapping[str, AssetState]) -> Staleness | None:
    """How the asset stands; `states` has it and its upstreams. None where this cannot be told: partitioned, virtual or unknown assets."""
    node = nodes.get(key)
    if node is None or node.asset.is_virtual or node.asset.partitions is not None:
        return None
    record = _record(node, states.get(key))
    if node.asset.is_external:
        return Staleness(Sync.FRESH)
    if record is None:
        return Staleness(Sync.MISSING)
    causes = tuple(_causes(node, record, nodes, states))
    return Staleness(Sync.STALE if causes else Sync.FRESH, causes)


def _record(node: AssetNode | None, state: AssetState | None) -> _Record | None:
    if state is None:
        return None
    made = _Record(state.materialization_tags, state.materialized_at.timestamp()) if state.materialized_at else None
    if node is None or not node.asset.is_observable or state.observed_at is None:
        return made
    seen = _Record(state.observation_tags, state.observed_at.timestamp())
    return seen if made is None or seen.at > made.at else made


def _causes(
    node: AssetNode, record: _Record, nodes: Mapping[str, AssetNode], states: Mapping[str, AssetState]
) -> list[StaleCause]:
    found: list[StaleCause] = []
    if record.has_provenance:
        version = node.asset.code_version
        if version and version != record.tags[CODE_VERSION_TAG]:
            found.append(StaleCause(Category.CODE, "has a new code version"))
        gone = sorted(record.input_versions.keys() - set(node.upstream))
        found.extend(StaleCause(Category.DEPENDENCIES, f"removed dependency on {key}", key) for key in gone)
    for upstream in sorted(node.upstream):
        other = nodes.get(upstream)
        if other is not None and (other.asset.partitions is not None or other.asset.is_virtual):
            continue
        judge = _by_versions if record.has_provenance else _by_times
        cause = judge(upstream, record, other, _record(other, states.get(upstream)))
        if cause is not None:
            found.append(cause)
    return found


def _by_versions(upstream: str, record: _Record, node: AssetNode | None, other: _Record | None) -> StaleCause | None:
    known = record.input_versions
    if upstream not in known or f"{_INPUT_POINTERS}{upstream}" not in record.tags:
        return StaleCause(Category.DEPENDENCIES, f"has a new dependency on {upstream}", upstream)
    is_external = node is None or node.asset.is_external
    current = other.data_version if other is not None else _INITIAL if is_external else _NULL
    if known[upstream] == current or (known[upstream], current) == (_INITIAL, _NULL):
        return None
    versioned = is_external or node is None or node.asset.code_version is not None
    by_version = versioned or (other is not None and other.is_user_provided)
    what = "data version" if by_version else "materialization"
    return StaleCause(Category.DATA, f"has a new dependency {what}", upstream)


def _by_times(upstream: str, record: _Record, node: AssetNode | None, other: _Record | None) -> StaleCause | None:
    """Materializations of long ago say nothing of their inputs."""
    if node is None or node.asset.is_external:
        return None
    if other is None:
        return StaleCause(Category.DATA, "has a new input", upstream)
    if other.at > record.at:
        return StaleCause(Category.DATA, "has a new dependency materialization", upstream)
    return None
