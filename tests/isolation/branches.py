"""What Alice's organization has of branch deployments: one that lives, and what must have happened before some changes of it."""

from typing import Any

from django.utils import timezone

from controlplane.delivery.branches import closing
from controlplane.delivery.branches.ci import create_or_update
from controlplane.delivery.models import DeliveryState, GitConnection, PullRequest, PullRequestState, Repository
from controlplane.deployments.branches import BranchFacts, branch_of, sleep
from controlplane.deployments.selectors import deployment
from tenants.scoping import org_scope
from tests.cast import Cast

SHA = "a" * 40


def branch_name(alice: Cast) -> str:
    """Make a branch deployment, as CI does."""
    facts = BranchFacts(repository="acme/shop", branch="feature", pull_request=4711, head_sha=SHA)
    made = create_or_update(org_id=alice.org_id, parent=alice.deployment, facts=facts, actor=alice.actor)
    return made.deployment.name


def hold(world: Any) -> None:
    """Its pull request is a fork's, and waits for approval."""
    alice = world.alice
    with org_scope(alice.org_id):
        connection = GitConnection.objects.create_in(
            alice.org_id, provider="github", name="held", api_url="https://git.example.com", created_by="test",
            sealed_credential=b"x", sealed_webhook_secret=b"x",
        )  # fmt: skip
        repository = Repository.objects.create_in(
            alice.org_id, connection=connection, external_id="1", full_name="acme/shop", default_branch="main",
            web_url="https://git.example.com/acme/shop",
        )  # fmt: skip
        PullRequest.objects.create_in(
            alice.org_id, repository=repository, number=4711, state=PullRequestState.OPEN, title="x", url="", author="x",
            head_sha=SHA, head_branch="feature", head_repository="fork/shop", base_branch="main", is_fork=True,
            updated_at=timezone.now(), delivery_state=DeliveryState.HELD,
            deployment_id=deployment(alice.org_id, world.known["branch"]).id,
        )  # fmt: skip


def archive(world: Any) -> None:
    """It has ended."""
    alice = world.alice
    deployment_id = deployment(alice.org_id, world.known["branch"]).id
    closing.close(org_id=alice.org_id, deployment_id=deployment_id, reason="over", actor=alice.actor)


def put_to_sleep(world: Any) -> None:
    """Nobody needs it now."""
    alice = world.alice
    with org_scope(alice.org_id):
        row = branch_of(alice.org_id, deployment(alice.org_id, world.known["branch"]).id)
        sleep(org_id=alice.org_id, deployment_id=row.deployment_id)
