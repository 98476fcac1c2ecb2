"""The manifest: one code location's definitions as JSON, written by the code worker, read here. Field names are the JSON's.

Condition trees, config types and partitions definitions are interned: written once under an id, named by that id. Asset keys are
lists of parts in the manifest and user strings (`a/b`) everywhere else in the control plane; see asset_keys.py.
"""

from __future__ import annotations

from typing import Any

import msgspec

MANIFEST_VERSION = 1


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every piece of a manifest; unknown fields are ignored, so a newer worker may add some."""


class PartitionMapping(Part, frozen=True):
    """How partitions of an upstream asset belong to partitions of a downstream one."""

    cls: str
    builtin: bool = False
    args: dict[str, Any] = {}


class Dependency(Part, frozen=True):
    """One upstream of an asset."""

    asset: list[str]
    mapping: PartitionMapping | None = None


class Dimension(Part, frozen=True):
    """One dimension of a multi-partitions definition."""

    name: str
    partitions: str


class PartitionsDefinition(Part, frozen=True):
    """`kind` is time_window, static, dynamic, multi or opaque; the other fields depend on it."""

    kind: str
    cls: str
    # time_window: ISO 8601 start and end, IANA zone, strftime format, cron, windows beyond now.
    start: str | None = None
    end: str | None = None
    timezone: str | None = None
    fmt: str | None = None
    cron: str | None = None
    end_offset: int = 0
    exclusions: list[Any] | None = None
    # static
    keys: list[str] | None = None
    # dynamic
    name: str | None = None
    # multi
    dimensions: list[Dimension] | None = None


class Asset(Part, frozen=True):
    """One asset. `metadata` holds metadata values as events do (docs/code-worker.md, Shapes)."""

    key: list[str]
    deps: list[Dependency] = []
    group: str | None = None
    kinds: list[str] = []
    owners: list[str] = []
    tags: dict[str, str] = {}
    description: str | None = None
    code_version: str | None = None
    # One of: materialization, observation, unexecutable.
    execution_type: str = "materialization"
    is_executable: bool = True
    is_external: bool = False
    is_materializable: bool = True
    is_observable: bool = False
    is_virtual: bool = False
    compute_kind: str | None = None
    metadata: dict[str, Any] = {}
    partitions: str | None = None
    backfill_policy: dict[str, Any] | None = None
    execution_set: str | None = None
    op_names: list[str] = []
    graph_name: str | None = None
    # The nodes of the graph, for a graph-backed asset.
    ops: list[Op] | None = None
    jobs: list[str] = []
    output_name: str | None = None
    io_manager_key: str | None = None
    resources: list[str] = []
    pools: list[str] = []
    automation: str | None = None
    freshness: dict[str, Any] | None = None


class Check(Part, frozen=True):
    """One asset check."""

    asset: list[str]
    name: str
    description: str | None = None
    blocking: bool = False
    jobs: list[str] = []
    deps: list[list[str]] = []
    execution_set: str | None = None
    automation: str | None = None
    partitions: str | None = None


class OpInput(Part, frozen=True):
    """Where an input of an op comes from."""

    name: str
    op: str
    output: str


class OpOutput(Part, frozen=True):
    """One output of an op; a dynamic one makes as many downstream steps as it has values."""

    name: str
    dynamic: bool = False


class Op(Part, frozen=True):
    """One node of a job's graph; `ops` holds the nodes of a nested graph."""

    name: str
    definition: str | None = None
    description: str | None = None
    deps: list[str] = []
    inputs: list[OpInput] = []
    outputs: list[OpOutput] = []
    tags: dict[str, str] = {}
    pools: list[str] = []
    max_retries: int = 0
    ops: list[Op] | None = None


class Job(Part, frozen=True):
    """One job. `implicit` is dagster's own job of all assets."""

    name: str
    implicit: bool = False
    description: str | None = None
    tags: dict[str, str] = {}
    run_tags: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    assets: list[list[str]] = []
    checks: list[tuple[list[str], str]] = []
    # None for a job of assets: its ops say nothing that its assets do not.
    ops: list[Op] | None = None
    op_count: int = 0
    is_single_step: bool = False
    config: str | None = None
    partitions: str | None = None
    executor: str | None = None
    has_own_executor: bool = False
    loggers: list[str] = []
    resources: list[str] = []


class Instigator(Part, frozen=True):
    """What schedules and sensors have in common. `assets` is null when the definition selects none itself."""

    name: str
    assets: list[list[str]] | None = None
    asset_selection: str | None = None
    description: str | None = None
    default_status: str | None = None
    tags: dict[str, str] = {}
    run_tags: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    owners: list[str] = []


class Schedule(Instigator, frozen=True, kw_only=True):
    """One schedule; `cron` is one string or several."""

    cron: list[str]
    timezone: str | None = None
    job: str | None = None


class Sensor(Instigator, frozen=True, kw_only=True):
    """One sensor; `sensor_type` is dagster's."""

    sensor_type: str | None = None
    min_interval_seconds: float | None = None
    jobs: list[str] = []
    watched_assets: list[list[str]] = []


class Resource(Part, frozen=True):
    """One top-level resource; `config` shows configured values, environment variables by name."""

    name: str
    type: str | None = None
    description: str | None = None
    is_top_level: bool = True
    fields: list[ConfigField] = []
    # By field: {"json": text} or {"env": name of a variable}.
    config: dict[str, Any] = {}
    # By attribute: the name of the resource it holds.
    nested: dict[str, str] = {}
    assets: list[list[str]] = []
    jobs: list[str] = []
    schedules: list[str] = []
    sensors: list[str] = []


class ConfigField(Part, frozen=True):
    """One field of a config type; `default` is JSON text."""

    name: str
    type: str
    required: bool = False
    default: str | None = None
    description: str | None = None


class ConfigType(Part, frozen=True):
    """A config type as dagster snapshots it. `kind` is dagster's ConfigTypeKind."""

    kind: str
    given_name: str | None = None
    description: str | None = None
    scalar: str | None = None
    enum: list[str] | None = None
    type_params: list[str] | None = None
    fields: list[ConfigField] | None = None


class Condition(Part, frozen=True):
    """One automation condition: a readable tree, and dagster's own serialization when it has one."""

    label: str | None = None
    tree: dict[str, Any] | None = None
    serializable: bool = False
    serdes: str | None = None


class Manifest(Part, frozen=True):
    """Everything one code location defines."""

    manifest_version: int
    location: str
    repository: str
    dagster_version: str
    python_version: str
    worker_version: str | None = None
    assets: list[Asset] = []
    checks: list[Check] = []
    jobs: list[Job] = []
    schedules: list[Schedule] = []
    sensors: list[Sensor] = []
    resources: list[Resource] = []
    loggers: list[str] = []
    env_vars: dict[str, list[str]] = {}
    partitions_definitions: dict[str, PartitionsDefinition] = {}
    config_types: dict[str, ConfigType] = {}
    conditions: dict[str, Condition] = {}
