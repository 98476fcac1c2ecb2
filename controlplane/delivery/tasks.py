"""Background work of delivery: Git hosts, pull requests, branch deployments, and the end of deployments."""

from uuid import UUID

from celery import shared_task

from controlplane.delivery.branches import sweep as branch_sweep
from controlplane.delivery.connections import news, webhooks
from controlplane.delivery.full_deployments import deletion as deployment_deletion
from controlplane.delivery.promotions import services as promotions
from controlplane.delivery.promotions import sweep as promotion_sweep
from controlplane.delivery.pull_requests import attending as pull_requests
from controlplane.delivery.pull_requests import reconciling, waking
from controlplane.delivery.retention import sweep as old_history


@shared_task(name="delivery.delete_deployments")
def delete_deployments() -> None:
    deployment_deletion.sweep()


@shared_task(name=deployment_deletion.TASK)
def delete_deployment(org_id: str, deployment_id: str) -> None:
    deployment_deletion.go_on(org_id=UUID(org_id), deployment_id=UUID(deployment_id))


@shared_task(name=old_history.TASK)
def delete_old_history() -> None:
    old_history.sweep()


@shared_task(name="delivery.sweep_branches")
def sweep_branches() -> None:
    branch_sweep.sweep()


@shared_task(name="delivery.go_on_with_promotions")
def go_on_with_promotions() -> None:
    promotion_sweep.sweep()


@shared_task(name=promotions.TASK)
def go_on_with_promotion(org_id: str, promotion_id: str) -> None:
    promotions.go_on(org_id=UUID(org_id), promotion_id=UUID(promotion_id))


@shared_task(name="delivery.sweep_webhooks")
def sweep_webhooks() -> None:
    webhooks.sweep()


@shared_task(name="delivery.sweep_pull_requests")
def sweep_pull_requests() -> None:
    pull_requests.sweep()


@shared_task(name=waking.TASK)
def look_after_pull_request(org_id: str, pull_request_id: str) -> None:
    pull_requests.look_after(org_id=UUID(org_id), pull_request_id=UUID(pull_request_id))


@shared_task(name="delivery.sweep_repositories")
def sweep_repositories() -> None:
    reconciling.sweep()


@shared_task(name=reconciling.TASK)
def reconcile_repository(org_id: str, repository_id: str) -> None:
    reconciling.reconcile(org_id=UUID(org_id), repository_id=UUID(repository_id))


@shared_task(name="delivery.sweep_news")
def sweep_news() -> None:
    news.sweep()


@shared_task(name="delivery.handle_webhook")
def handle_webhook(org_id: str, connection_id: str, delivery_id: str) -> None:
    news.handle(org_id=UUID(org_id), connection_id=UUID(connection_id), delivery_id=delivery_id)
