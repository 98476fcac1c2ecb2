"""The tasks of the queues `evaluator` and `backfills`: ids in, evaluation called. Celery ends the process of one that takes too long."""

from uuid import UUID

from celery import shared_task

from controlplane.automation.conditions.attempts import LIMIT_SECONDS
from controlplane.evaluator import backfills
from controlplane.evaluator.conditions import evaluating


@shared_task(name="evaluator.evaluate_conditions", time_limit=LIMIT_SECONDS)
def evaluate_conditions(org_id: str, deployment_id: str) -> None:
    evaluating.evaluate(UUID(org_id), UUID(deployment_id))


@shared_task(name="evaluator.advance_backfill", time_limit=LIMIT_SECONDS)
def advance_backfill(org_id: str, backfill_id: str) -> None:
    backfills.advance(UUID(org_id), UUID(backfill_id))
