"""One evaluation of a deployment's automation conditions: what can have changed is evaluated in one snapshot of the database, and what
came of it is stored in one transaction: cursors, history, requested runs and backfills, and the changes that were heeded. Then the runs
are launched; the backfills go on by themselves.
"""

import datetime
import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog
from dagster._core.definitions.asset_key import EntityKey
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from controlplane.automation import requests
from controlplane.automation.conditions import attempts, backfilling, launching
from controlplane.automation.conditions.fingerprint import fingerprint
from controlplane.automation.models import AssetEvaluation, ConditionEvaluator, RequestSource
from controlplane.catalog import changes
from controlplane.catalog.event_order import snapshot
from controlplane.definitions.asset_keys import entity_text
from controlplane.deployments.models import Deployment
from controlplane.deployments.settings_document import CONDITIONS_TAGS_PATH, value_at
from controlplane.evaluator import graph as graphs
from controlplane.evaluator.conditions import observing, sensors, standing
from controlplane.evaluator.conditions.backfilling import in_progress
from controlplane.evaluator.conditions.following import concerned, due_next
from controlplane.evaluator.conditions.requesting import asked
from controlplane.evaluator.conditions.selective import Evaluated, Evaluation
from controlplane.evaluator.conditions.sensors import ConditionSensor
from controlplane.evaluator.conditions.trees import tree
from controlplane.evaluator.entities import entity_of
from controlplane.evaluator.instance import instance_of
from controlplane.evaluator.limits import at_most
from controlplane.evaluator.renewing import renewed
from controlplane.runs.instance_scope import Scope
from tenants.ids import uuid7
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# One condition; dagster's own take milliseconds.
CONDITION_SECONDS = 20.0
GRAPH_SECONDS = 120.0
PARTITIONS_MAX = 100

Moments = dict[EntityKey, datetime.datetime | None]
# The number that counts, the definitions as they were before the snapshots were read, the tags of runs, and the snapshots that serve.
Begun = tuple[int, str, dict[str, str], list[graphs.ServingSnapshot]]


@dataclass(frozen=True)
class Found:
    """What one evaluation came to, before it is stored."""

    number: int
    definitions: str
    tick_id: UUID
    now: datetime.datetime
    # Those that have conditions, or are observed by the clock, as they are stored; whoever is not among them begins anew some day.
    conditioned: list[str]
    # Those that a running sensor selects.
    eligible: frozenset[str]
    evaluated: list[tuple[ConditionSensor, Evaluated, Moments]]
    # What is observed by the clock: the runs for it, and when each is next.
    observations: list[tuple[list[requests.Asked], observing.Observations]]
    changes: changes.Changes
    graph_errors: dict[str, str]


def evaluate(org_id: UUID, deployment_id: UUID) -> int:
    """Evaluate what can have changed, store what came of it, launch what was requested; how many runs that were.

    Nothing happens while the deployment is paused, frozen or asleep, or when another evaluation was quicker. One that fails says so in
    the deployment's ConditionEvaluator and waits.
    """
    started = time.monotonic()
    # What was requested and is no run yet would be requested again.
    begun = _begin(org_id, deployment_id) if launching.launch_left(org_id, deployment_id) else None
    if begun is None:
        return 0
    try:
        with renewed(lambda: attempts.renew(org_id, deployment_id)):
            return _evaluate(org_id, deployment_id, begun)
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - dagster raises whatever it does; it is this deployment's alone
        attempts.failed(org_id, deployment_id, error, seconds=time.monotonic() - started)
        return 0


def _evaluate(org_id: UUID, deployment_id: UUID, begun: Begun) -> int:
    started = time.monotonic()
    with at_most(GRAPH_SECONDS):
        graph = graphs.deployment_graph(org_id, begun[-1])
    found = _find(org_id, deployment_id, begun, graph)
    request_ids = _store(org_id, deployment_id, found, time.monotonic() - started)
    launched = launching.launch(org_id, deployment_id, request_ids)
    attempts.release(org_id, deployment_id, number=found.number + 1)
    log.info(
        "conditions.evaluated",
        deployment=str(deployment_id),
        number=found.number,
        conditions=sum(len(one.outcomes) for _, one, _ in found.evaluated),
        failed=sum(len(one.errors) for _, one, _ in found.evaluated),
        launched=launched,
        backfills=sum(len(one.backfills) for _, one, _ in found.evaluated),
        seconds=round(time.monotonic() - started, 3),
    )
    return launched


def _begin(org_id: UUID, deployment_id: UUID) -> Begun | None:
    """None when nothing is to be evaluated, or an evaluation is under way."""
    with org_scope(org_id):
        deployments = Deployment.objects.for_org(org_id)
        deployment = deployments.filter(id=deployment_id).first()
        evaluators = ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id)
        evaluator = evaluators.select_for_update(no_key=True).first()
        if deployment is None or evaluator is None or evaluator.is_paused or evaluator.began_at is not None:
            return None
        if deployment.frozen_at is not None or not deployment.is_awake:
            return None
        definitions = fingerprint(org_id, deployment_id)
        # Changes from here on are kept: what came before is in the states that are read.
        changes.watch(org_id, deployment_id, changes.Consumer.CONDITIONS, wanted=bool(definitions))
        if not definitions:
            evaluators.update(definitions="", next_due_at=None, lease_until=None)
            return None
        evaluators.update(began_at=Now(), began_with=definitions, lease_until=Now() + attempts.LEASE)
        full = deployments.filter(id=deployment.parent_id).first() if deployment.parent_id else deployment
        tags = value_at(full.settings, CONDITIONS_TAGS_PATH) if full else None
        return evaluator.number, definitions, dict(tags or {}), graphs.serving_snapshots(org_id, deployment_id)


def _find(org_id: UUID, deployment_id: UUID, begun: Begun, graph: graphs.DeploymentGraph) -> Found:
    number, definitions, tags, _snapshots = begun
    scope = Scope(org_id, deployment_id)
    with snapshot(org_id), org_scope(org_id), instance_of(scope) as instance:
        now = _now()
        before = ConditionEvaluator.objects.for_org(org_id).get(deployment_id=deployment_id).definitions
        read = changes.read(org_id, deployment_id, changes.Consumer.CONDITIONS)
        chosen = sensors.resolved(graph, sensors.running(org_id, deployment_id))
        eligible = {entity_of(key): key for sensor in chosen for key in sensor.entities}
        changed = concerned(graph.watches, read) if definitions == before else set(eligible.values())
        dirty = standing.due(org_id, deployment_id, eligible, now) | changed
        tick_id, backfilling = uuid7(), functools.cache(functools.partial(in_progress, scope, graph.asset_graph))
        evaluated, observations = [], []
        for sensor in chosen:
            seen = observing.look(org_id, deployment_id, graph.asset_graph, sensor.observed, now)
            observations.append((observing.asked(graph.asset_graph, sensor.location, seen.due, sensor.run_tags), seen))
            evaluation = Evaluation(
                instance=instance,
                graph=graph.asset_graph,
                watches=graph.watches,
                eligible=sensor.entities,
                number=number + 1,
                now=now,
                cursors=standing.cursors(org_id, deployment_id),
                run_tags={**tags, **sensor.run_tags, requests.TICK_TAG: str(tick_id)},
                emit_backfills=sensor.emits_backfills,
                backfilling=backfilling,
                limit=lambda: at_most(CONDITION_SECONDS),
            )
            outcome = evaluation.of(dirty)
            moments = due_next(outcome, graph.watches, sensor.entities, now, changed=changed)
            evaluated.append((sensor, outcome, moments))
    observed = {observing.entity(key) for sensor in chosen for key in sensor.observed}
    return Found(
        number=number,
        definitions=definitions,
        tick_id=tick_id,
        now=now,
        conditioned=sorted({*map(entity_of, graph.conditioned), *map(observing.entity, graph.observed)}),
        eligible=frozenset(eligible) | observed,
        evaluated=evaluated,
        observations=observations,
        changes=read,
        graph_errors=dict(graph.errors),
    )


def _now() -> datetime.datetime:
    """By the database's clock, which all of an installation share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime.datetime = cursor.fetchone()[0]
    return now.astimezone(datetime.UTC)


def _store(org_id: UUID, deployment_id: UUID, found: Found, seconds: float) -> list[UUID]:
    """All of it or nothing; nothing when another evaluation was stored first."""
    with org_scope(org_id):
        evaluators = ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id)
        held = evaluators.select_for_update(no_key=True).first()
        if held is None or held.number != found.number or held.is_paused:
            log.info("conditions.too_late", deployment=str(deployment_id), number=found.number)
            evaluators.filter(is_paused=True).update(began_at=None)
            return []
        request_ids: list[UUID] = []
        asker = requests.Asker(RequestSource.EVALUATION, found.tick_id, deployment_id)
        for sensor, evaluated, moments in found.evaluated:
            started = [backfilling.store(org_id, deployment_id, found.number + 1, one) for one in evaluated.backfills]
            making = {entity_text(asset): backfill.id for backfill in started for asset in backfill.assets}
            _keep_history(org_id, deployment_id, found, sensor, evaluated, making=making)
            standing.store(
                org_id, deployment_id, number=found.number + 1, now=found.now, evaluated=evaluated, moments=moments
            )
            wanted = [asked(sensor.location, found.number + 1, request) for request in evaluated.requests]
            request_ids += requests.store(org_id, asker, wanted, first=len(request_ids))
        for wanted, observations in found.observations:
            observing.store(org_id, deployment_id, found.number + 1, observations)
            request_ids += requests.store(org_id, asker, wanted, first=len(request_ids))
        # What cannot be read just now is not gone.
        if held.definitions != found.definitions and not found.graph_errors:
            standing.forget(org_id, deployment_id, found.conditioned)
        changes.forget(org_id, found.changes)
        evaluators.update(
            number=found.number + 1,
            definitions=found.definitions,
            # Until its runs are launched.
            lease_until=Now() + attempts.LEASE,
            began_at=None,
            stopped=0,
            retry_at=None,
            evaluated_at=found.now,
            seconds=seconds,
            next_due_at=standing.next_due(org_id, deployment_id, found.eligible),
            error={"locations": found.graph_errors} if found.graph_errors else None,
        )
    return request_ids


def _keep_history(
    org_id: UUID,
    deployment_id: UUID,
    found: Found,
    sensor: ConditionSensor,
    evaluated: Evaluated,
    *,
    making: Mapping[str, UUID],
) -> None:
    """Where something was requested, or the outcome is other than before, or a condition failed of something else than before.

    `making` are the backfills that make what was requested, by entity.
    """
    shared = {
        "org_id": org_id,
        "deployment_id": deployment_id,
        "tick_id": found.tick_id,
        "number": found.number + 1,
        "instigator_id": sensor.instigator_id,
        "at": found.now,
    }
    rows = [
        AssetEvaluation(
            entity=entity_of(key),
            tree=tree(outcome.evaluation),
            requested=outcome.requested,
            partitions=outcome.partitions and outcome.partitions[:PARTITIONS_MAX],
            backfill_id=making.get(entity_of(key)) if outcome.requested else None,
            **shared,
        )
        for key, outcome in evaluated.outcomes.items()
        if outcome.is_news or outcome.requested
    ]
    known = standing.errors(org_id, deployment_id, map(entity_of, evaluated.errors))
    failed = {entity_of(key): standing.error_of(error) for key, error in evaluated.errors.items()}
    rows += [
        AssetEvaluation(entity=entity, error=error, **shared)
        for entity, error in failed.items()
        if known.get(entity) != error
    ]
    AssetEvaluation.unscoped.bulk_create(rows, batch_size=500)
