"""Reading assets: definitions beside what happened to them. Lists of assets are sorted by key, histories newest first.

Everything is of what the caller may see: a hidden asset is as unknown as one that never was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from controlplane.catalog.asset_filter import AssetFilter
from controlplane.catalog.asset_health import Health
from controlplane.catalog.asset_status import AssetStatus, status_of
from controlplane.catalog.check_view import CheckView
from controlplane.catalog.models import AssetEvent, AssetEventKind, AssetState, CheckEvaluation, CheckState
from controlplane.catalog.queued_plans import queued_plans
from controlplane.catalog.staleness import Staleness
from controlplane.definitions.graph import AssetNode
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.visibility import Visible
from tenants.errors import NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope

# Dagster's tags `<this><asset key>`.
_OF_INPUTS = ("dagster/input_data_version/", "dagster/input_event_pointer/")


@dataclass(frozen=True)
class AssetView:
    """An asset as it stands. `node` is None when no code location defines it, and only its history is known."""

    key: str
    node: AssetNode | None
    state: AssetState | None
    # Code locations that can materialize it too, and are not asked to (definitions.graph).
    also_defined_in: tuple[str, ...] = ()
    checks: tuple[CheckView, ...] = ()
    # None until health_selectors.with_health judged it.
    health: Health | None = None
    # None until staleness_selectors.with_staleness judged it, and where that cannot be told.
    staleness: Staleness | None = None
    # The runs in the queue, of those that plan to make what is asked about.
    queued: frozenset[UUID] = frozenset()

    @property
    def status(self) -> AssetStatus:
        return status_of(self.state, self.queued)

    @property
    def checks_failed(self) -> int:
        return sum(check.status in {"failed", "warn"} for check in self.checks)

    @property
    def was_planned(self) -> bool:
        """Whether a run planned to make it, for which code must have defined it then."""
        return self.state is not None and self.state.planned_id is not None

    @property
    def origin(self) -> str:
        """`defined` by code, `gone` when it was, `reported` when all that is known of it are events."""
        return "defined" if self.node is not None else "gone" if self.was_planned else "reported"


def asset_definitions(visible: Visible) -> DeploymentDefinitions:
    """What the code defines, as far as the caller may read assets of it."""
    return visible.definitions(Permission.ASSET_READ)


def assets(visible: Visible, wanted: AssetFilter | None = None) -> list[AssetView]:
    """The assets that a filter lets through: what code defines, and what only has a history."""
    states = asset_states(visible)
    queued = _queued(visible, states.values())
    filter_ = wanted or AssetFilter()
    graph = asset_definitions(visible).graph
    keys = sorted({*graph.nodes, *states, *_checked_keys(visible)})
    found = [key for key in keys if filter_.matches(key, graph.nodes.get(key), status_of(states.get(key), queued))]
    checks = _check_views(visible, found)
    return [
        AssetView(
            key=key,
            node=graph.nodes.get(key),
            state=states.get(key),
            also_defined_in=graph.duplicates.get(key, ()),
            checks=checks.get(key, ()),
            queued=queued,
        )
        for key in found
    ]


def neighbours(visible: Visible, keys: Sequence[str]) -> list[AssetView]:
    """These defined assets in this order, without their checks."""
    nodes, states = asset_definitions(visible).graph.nodes, asset_states(visible) if keys else {}
    queued = _queued(visible, [states[key] for key in keys if key in states])
    return [AssetView(key=key, node=nodes[key], state=states.get(key), queued=queued) for key in keys]


def undefined_keys(visible: Visible, text: str) -> list[str]:
    """The assets with this text in their key that no code location defines, by key."""
    nodes = asset_definitions(visible).graph.nodes
    with read_scope(visible.org_id):
        keys = {*_states(visible).filter(asset_key__icontains=text).values_list("asset_key", flat=True)}
        keys |= {*_check_states(visible).filter(asset_key__icontains=text).values_list("asset_key", flat=True)}
    return sorted(key for key in keys if key not in nodes and _sees(visible, key))


def asset(visible: Visible, key: str) -> AssetView:
    """One asset; NotFoundError when nothing defines it and nothing ever happened to it."""
    graph = asset_definitions(visible).graph
    node = graph.nodes.get(key)
    with read_scope(visible.org_id):
        state = _states(visible).filter(asset_key=key).first()
    checks = _check_views(visible, [key]).get(key, ())
    if not _sees(visible, key) or (node is None and state is None and not checks):
        raise NotFoundError(f"There is no asset {key} in this deployment.")
    queued = _queued(visible, [state] if state else [])
    others = graph.duplicates.get(key, ())
    return AssetView(key=key, node=node, state=state, also_defined_in=others, checks=checks, queued=queued)


def asset_states(visible: Visible) -> dict[str, AssetState]:
    """The latest state of every asset that has one. Metadata and serializations stay in the database until asked for."""
    with read_scope(visible.org_id):
        heavy = ("materialization_metadata", "materialization_tags", "materialization_serdes", "observation_serdes")
        return {row.asset_key: row for row in _states(visible).defer(*heavy) if _sees(visible, row.asset_key)}


def materializations(visible: Visible, key: str, *, partition: str | None = None) -> QuerySet[AssetEvent]:
    """The materializations of an asset, newest first; read inside org_scope."""
    return _events_of_asset(visible, key, AssetEventKind.MATERIALIZATION, partition)


def observations(visible: Visible, key: str, *, partition: str | None = None) -> QuerySet[AssetEvent]:
    """The observations of an asset, newest first; read inside org_scope."""
    return _events_of_asset(visible, key, AssetEventKind.OBSERVATION, partition)


def check_evaluations(visible: Visible, key: str, *, name: str | None = None) -> QuerySet[CheckEvaluation]:
    """The evaluations of the checks of an asset, or of one of them, newest first; read inside org_scope."""
    rows = _evaluations(visible).filter(asset_key=key)
    return (rows if name is None else rows.filter(check_name=name)).defer("serdes").order_by("-id")


def events_of_run(visible: Visible, run_id: UUID) -> QuerySet[AssetEvent]:
    """What a run did to assets, in order; read inside org_scope."""
    rows = events(visible).filter(run_id=run_id).exclude(kind=AssetEventKind.PLANNED)
    return rows.defer("serdes").order_by("id")


def evaluations_of_run(visible: Visible, run_id: UUID) -> QuerySet[CheckEvaluation]:
    """The asset checks that a run evaluated, in order; read inside org_scope."""
    return _evaluations(visible).filter(run_id=run_id).defer("serdes").order_by("id")


def events(visible: Visible) -> QuerySet[AssetEvent]:
    """Every event of assets that the caller may read; read inside org_scope."""
    rows = AssetEvent.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
    return rows.filter(_seen_keys(visible))


def shown_tags(visible: Visible, tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a materialization without those by which dagster notes the version of an input that the caller may not see."""
    return {
        name: value
        for name, value in tags.items()
        if not name.startswith(_OF_INPUTS) or _sees(visible, name.split("/", 2)[2])
    }


def _events_of_asset(visible: Visible, key: str, kind: AssetEventKind, partition: str | None) -> QuerySet[AssetEvent]:
    rows = events(visible).filter(asset_key=key, kind=kind)
    return (rows if partition is None else rows.filter(partition_key=partition)).defer("serdes").order_by("-id")


def _evaluations(visible: Visible) -> QuerySet[CheckEvaluation]:
    rows = CheckEvaluation.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
    return rows.filter(_seen_keys(visible))


def _queued(visible: Visible, states: Iterable[AssetState]) -> frozenset[UUID]:
    with read_scope(visible.org_id):
        return queued_plans(visible.org_id, states)


def _states(visible: Visible) -> QuerySet[AssetState]:
    return AssetState.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)


def _check_states(visible: Visible) -> QuerySet[CheckState]:
    return CheckState.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)


def _checked_keys(visible: Visible) -> set[str]:
    """The assets of which a check was evaluated."""
    with read_scope(visible.org_id):
        keys = set(_check_states(visible).values_list("asset_key", flat=True).distinct())
    return {key for key in keys if _sees(visible, key)}


def _sees(visible: Visible, key: str) -> bool:
    return visible.part(Permission.ASSET_READ).has_asset(key)


def _seen_keys(visible: Visible) -> Q:
    part = visible.part(Permission.ASSET_READ)
    return Q() if part.is_everything else Q(asset_key__in=sorted(part.assets))


def _check_views(visible: Visible, keys: Iterable[str]) -> Mapping[str, tuple[CheckView, ...]]:
    """The checks of these assets, which the caller sees: the defined ones, then those that only have a state."""
    wanted, definitions = set(keys), asset_definitions(visible)
    with read_scope(visible.org_id):
        rows = _check_states(visible)
        if len(wanted) == 1:
            rows = rows.filter(asset_key__in=wanted)
        states = {(row.asset_key, row.check_name): row for row in rows.defer("serdes", "metadata")}
    found: dict[str, dict[str, CheckView]] = {}
    for key in wanted:
        for check in definitions.checks_by_asset.get(key, []):
            view = CheckView(name=check.name, definition=check, state=states.get((key, check.name)))
            found.setdefault(key, {})[check.name] = view
    for (key, name), state in sorted(states.items()):
        if key in wanted:
            found.setdefault(key, {}).setdefault(name, CheckView(name=name, definition=None, state=state))
    return {key: tuple(views.values()) for key, views in found.items()}
