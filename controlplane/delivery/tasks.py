"""Background work of delivery: the end of deployments."""

from uuid import UUID

from celery import shared_task

from controlplane.delivery import branch_sweep, deployment_deletion, promotions, webhooks


@shared_task(name="delivery.delete_deployments")  # type: ignore[untyped-decorator, unused-ignore]  # celery ships no types
def delete_deployments() -> None:
    deployment_deletion.sweep()


@shared_task(name=deployment_deletion.TASK)  # type: ignore[untyped-decorator, unused-ignore]  # as above
def delete_deployment(org_id: str, deployment_id: str) -> None:
    deployment_deletion.go_on(org_id=UUID(org_id), deployment_id=UUID(deployment_id))


@shared_task(name="delivery.sweep_branches")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def sweep_branches() -> None:
    branch_sweep.sweep()


@shared_task(name="delivery.go_on_with_promotions")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def go_on_with_promotions() -> None:
    promotions.sweep()


@shared_task(name=promotions.TASK)  # type: ignore[untyped-decorator, unused-ignore]  # as above
def go_on_with_promotion(org_id: str, promotion_id: str) -> None:
    promotions.go_on(org_id=UUID(org_id), promotion_id=UUID(promotion_id))


@shared_task(name="delivery.sweep_webhooks")  # type: ignore[untyped-decorator, unused-ignore]  # as above
def sweep_webhooks() -> None:
    webhooks.sweep()
