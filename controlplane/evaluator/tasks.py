"""The tasks of the queue `evaluator`: ids in, evaluation called."""

from uuid import UUID

from celery import shared_task

from controlplane.evaluator import backfills
from controlplane.evaluator.conditions import evaluating


@shared_task(name="evaluator.evaluate_conditions")  # type: ignore[untyped-decorator, unused-ignore]  # celery ships no types
def evaluate_conditions(org_id: str, deployment_id: str) -> None:
    evaluating.evaluate(UUID(org_id), UUID(deployment_id))


@shared_task(name="evaluator.advance_backfill")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def advance_backfill(org_id: str, backfill_id: str) -> None:
    backfills.advance(UUID(org_id), UUID(backfill_id))
