"""What a condition looks at: whose changes it must be evaluated for, and which moments of time. Found by walking its tree, once a graph.

A condition that is evaluated again while nothing that it looks at has changed says what it said before (docs/decisions/0010).
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dagster import MultiPartitionsDefinition, TimeWindowPartitionsDefinition
from dagster._core.definitions.asset_key import AssetJobKey, AssetKey, EntityKey
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.declarative_automation.automation_condition import AutomationCondition
from dagster._core.definitions.declarative_automation.legacy.rule_condition import RuleCondition
from dagster._core.definitions.declarative_automation.operands.operands import CronTickPassedCondition
from dagster._core.definitions.declarative_automation.operators.any_downstream_conditions_operator import (
    AnyDownstreamConditionsCondition,
)
from dagster._core.definitions.declarative_automation.operators.check_operators import ChecksAutomationCondition
from dagster._core.definitions.declarative_automation.operators.dep_operators import (
    DepsAutomationCondition,
    EntityMatchesCondition,
)
from dagster._core.definitions.declarative_automation.operators.job_operators import JobRootAssetsAutomationCondition
from dagster._core.definitions.partitions.definition import DynamicPartitionsDefinition, PartitionsDefinition
from dagster._utils.schedules import cron_string_iterator

# Rules of before conditions look at whatever they like: they are evaluated as dagster's daemon does.
LEGACY_SECONDS = 30.0


@dataclass
class Watch:
    """Of one condition. `entities` has its own asset, check or job, and all whose state or requests it asks for."""

    entities: set[EntityKey] = field(default_factory=set)
    # Each with its timezone.
    crons: set[tuple[str, str]] = field(default_factory=set)
    is_legacy: bool = False


class Watches:
    """Of every condition of a graph."""

    def __init__(self, graph: BaseAssetGraph[Any]) -> None:
        self._graph = graph
        self._found: dict[EntityKey, Watch] = {}

    def of(self, key: EntityKey) -> Watch:
        """What the condition of `key` looks at; nothing but itself when it cannot be told, which its evaluation will say."""
        if key not in self._found:
            watch = Watch({key})
            condition = self._graph.get(key).automation_condition
            if condition is not None:
                self._walk(condition, key, watch, set())
            self._found[key] = watch
        return self._found[key]

    def _walk(
        self, condition: AutomationCondition[Any], key: EntityKey, watch: Watch, seen: set[tuple[int, EntityKey]]
    ) -> None:
        if (id(condition), key) in seen:
            return
        seen.add((id(condition), key))
        watch.entities.add(key)
        if isinstance(condition, CronTickPassedCondition):
            watch.crons.add((condition.cron_schedule, condition.cron_timezone))
        if isinstance(condition, RuleCondition):
            watch.is_legacy = True
            watch.entities |= self._neighbours(key)
        for below, target in self._below(condition, key):
            self._walk(below, target, watch, seen)

    def _below(
        self, condition: AutomationCondition[Any], key: EntityKey
    ) -> Iterator[tuple[AutomationCondition[Any], EntityKey]]:
        """The conditions inside, each with what it is asked about; dagster's own operators decide about whom."""
        if not self._graph.has(key):
            return
        graph = self._graph
        targets: Iterable[EntityKey] = (key,)
        if isinstance(condition, DepsAutomationCondition):
            targets = condition._get_dep_keys(key, graph)  # noqa: SLF001 - dagster keeps the rule there alone
        elif isinstance(condition, EntityMatchesCondition):
            targets = (condition.key,)
        elif isinstance(condition, ChecksAutomationCondition) and isinstance(key, AssetKey):
            targets = condition._get_check_keys(key, graph)  # noqa: SLF001 - as above
        elif isinstance(condition, JobRootAssetsAutomationCondition) and isinstance(key, AssetJobKey):
            targets = condition._get_root_asset_keys(key, graph)  # noqa: SLF001 - as above
        elif isinstance(condition, AnyDownstreamConditionsCondition) and isinstance(key, AssetKey):
            yield from ((below, key) for below in graph.get_downstream_automation_conditions(asset_key=key))
        operand = getattr(condition, "operand", None)
        inside = [operand] if isinstance(operand, AutomationCondition) else condition.children
        yield from ((below, target) for below in inside for target in targets)

    def _neighbours(self, key: EntityKey) -> set[EntityKey]:
        if not isinstance(key, AssetKey) or not self._graph.has(key):
            return set()
        node = self._graph.get(key)
        parents = [self._graph.get(parent) for parent in node.parent_keys if self._graph.has(parent)]
        grandparents = {key for parent in parents for key in parent.parent_keys}
        return {*node.parent_keys, *node.child_keys, *grandparents}

    @cached_property
    def followers(self) -> Mapping[EntityKey, frozenset[EntityKey]]:
        """Who looks at whom, the other way around."""
        found: dict[EntityKey, set[EntityKey]] = defaultdict(set)
        for key in conditioned(self._graph):
            for watched in self.of(key).entities:
                found[watched].add(key)
        return {key: frozenset(keys) for key, keys in found.items()}

    @cached_property
    def by_asset(self) -> Mapping[AssetKey, frozenset[EntityKey]]:
        """Whom a change of an asset concerns; its checks are the asset's changes too."""
        found: dict[AssetKey, set[EntityKey]] = defaultdict(set)
        for watched, keys in self.followers.items():
            asset = watched if isinstance(watched, AssetKey) else getattr(watched, "asset_key", None)
            if asset is not None:
                found[asset] |= keys
        return {key: frozenset(keys) for key, keys in found.items()}

    @cached_property
    def with_dynamic_partitions(self) -> frozenset[EntityKey]:
        """Whom a change of dynamic partitions concerns."""
        return frozenset(
            key
            for watched, keys in self.followers.items()
            if any(isinstance(one, DynamicPartitionsDefinition) for one in self._dimensions(watched))
            for key in keys
        )

    def next_moment(self, key: EntityKey, now: datetime.datetime) -> datetime.datetime | None:
        """When time alone may change what the condition of `key` says, after `now`; None for never."""
        watch = self.of(key)
        windows = (one for watched in watch.entities for one in self._dimensions(watched))
        # Partitions come to be at the ticks of their definition, however they are offset.
        timed = {
            (one.cron_schedule, one.timezone) for one in windows if isinstance(one, TimeWindowPartitionsDefinition)
        }
        moments = [_next_tick(cron, zone, now) for cron, zone in watch.crons | timed]
        if watch.is_legacy:
            moments.append(now + datetime.timedelta(seconds=LEGACY_SECONDS))
        return min(moments, default=None)

    def _dimensions(self, key: EntityKey) -> list[PartitionsDefinition]:
        if not self._graph.has(key):
            return []
        definition = self._graph.get(key).partitions_def
        if isinstance(definition, MultiPartitionsDefinition):
            return [dimension.partitions_def for dimension in definition.partitions_defs]
        return [definition] if definition is not None else []


def _next_tick(cron: str, zone: str, now: datetime.datetime) -> datetime.datetime:
    """After `now`: what is at a tick has been evaluated with it."""
    ticks: Iterator[datetime.datetime] = cron_string_iterator(now.timestamp(), cron, zone)
    return next(tick for tick in ticks if tick > now)


def conditioned(graph: BaseAssetGraph[Any]) -> set[EntityKey]:
    """All that has a condition which is evaluated here."""
    assets_and_checks = graph.get_all_asset_keys() | graph.asset_check_keys
    keys: set[EntityKey] = {key for key in assets_and_checks if graph.get(key).automation_condition is not None}
    return keys | set(graph.automatable_asset_job_keys)
