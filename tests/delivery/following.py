"""A repository whose pull requests get branch deployments, and the background work of it, done when a test says so.

The work is what the sweeps would wake: it is chosen by the product's own conditions, so that what would wait waits here too.
"""

import datetime
import uuid
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from agent.protocol import ErrorInfo, LocationReport, LocationState
from controlplane.delivery.branches import sweep as branch_sweep
from controlplane.delivery.connections import news, webhooks
from controlplane.delivery.connections.repositories import RepositorySettings, update_repository
from controlplane.delivery.models import PullRequest, Repository
from controlplane.delivery.pull_requests import attending as pull_requests
from controlplane.delivery.pull_requests import reconciling
from controlplane.deployments.branches import branch_of
from controlplane.deployments.loading import record_load
from controlplane.deployments.models import BranchDeployment, BranchState, CodeLocation, LocationVersion
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.delivery.connected import Connected, connect
from tests.delivery.hosts.host import FakeHost
from tests.delivery.hosts.repositories import FakePullRequest, FakeRepository
from tests.factories import load, make_manifest

PROJECT = {
    "dagster_cloud.yaml": "locations:\n- location_name: shop\n  code_source:\n    module_name: shop.definitions\n",
    "shop/__init__.py": "",
    "shop/definitions.py": "import dagster as dg\n\ndefs = dg.Definitions()\n",
}
_ROUNDS = 12


@dataclass(frozen=True)
class Followed:
    """One repository at a fake host, connected, with mode automatic unless a test says otherwise."""

    connected: Connected
    shop: FakeRepository

    @property
    def cast(self) -> Cast:
        return self.connected.cast

    @property
    def host(self) -> FakeHost:
        return self.connected.host

    @property
    def org_id(self) -> UUID:
        return self.cast.org_id

    @property
    def repository(self) -> Repository:
        return self.connected.repository(self.shop.id)

    def set(self, **values: Any) -> None:
        """Settings of the repository."""
        known: dict[str, Any] = {
            "mode": "automatic", "label": "preview", "exclude_labels": (), "comment_mode": "always",
            "sleep_after_seconds": 3600, "expire_after_seconds": 7 * 86_400, "deploys_default_branch": False,
        }  # fmt: skip
        known["base"] = self.cast.deployment
        settings = RepositorySettings(**{**known, **values})
        update_repository(
            org_id=self.org_id, repository_id=self.repository.id, settings=settings, actor=self.cast.actor
        )

    def open(
        self, branch: str = "feature", files: dict[str, str | None] | None = None, **fields: Any
    ) -> FakePullRequest:
        """A pull request of a branch with one commit."""
        self.shop.push(branch, files or {"shop/new.py": "x = 1\n"})
        return self.shop.open_pull_request(branch, **fields)

    def handle_news(self) -> None:
        """What the task of each webhook does."""
        with org_scope(self.org_id):
            waiting = webhooks.deliveries(self.org_id).filter(handled_at=None).order_by("received_at")
            found = list(waiting.values_list("connection_id", "delivery_id"))
        for connection_id, delivery_id in found:
            news.handle(org_id=self.org_id, connection_id=connection_id, delivery_id=delivery_id)

    def poll(self) -> None:
        """The period of every repository is over: what the sweep would wake."""
        with org_scope(self.org_id):
            rows = Repository.objects.for_org(self.org_id)
            rows.update(reconcile_due_at=Now() - datetime.timedelta(seconds=1))
            ids = list(rows.values_list("id", flat=True))
        for repository_id in ids:
            reconciling.reconcile(org_id=self.org_id, repository_id=repository_id)

    def work(self, *, rounds: int = _ROUNDS, patient: bool = True) -> None:
        """All work on pull requests and branches that is due; with `patient`, also what is due in a few seconds."""
        for _ in range(rounds):
            with org_scope(self.org_id):
                rows = PullRequest.objects.for_org(self.org_id).filter(work_due_at__isnull=False)
                if patient:
                    soon = datetime.timedelta(seconds=4)
                    rows.filter(leased_until=None, work_due_at__lte=Now() + soon).update(work_due_at=Now())
                due = list(rows.filter(leased_until=None, work_due_at__lte=Now()).values_list("id", flat=True))
            for pull_request_id in due:
                pull_requests.look_after(org_id=self.org_id, pull_request_id=pull_request_id)
            branch_sweep.sweep(self.org_id)
            if not due:
                return

    def settle(self) -> None:
        """Webhooks, and everything that follows."""
        self.handle_news()
        self.work()

    def pull(self, number: int = 1) -> PullRequest:
        with org_scope(self.org_id):
            return PullRequest.objects.for_org(self.org_id).get(repository_id=self.repository.id, number=number)

    def branch(self, number: int = 1) -> BranchDeployment:
        with org_scope(self.org_id):
            deployment_id = self.pull(number).deployment_id
            assert deployment_id is not None  # or the test asks too early
            return branch_of(self.org_id, deployment_id)

    def branches(self, *states: BranchState) -> list[str]:
        """Names of the branch deployments that are in these states, or in any."""
        with org_scope(self.org_id):
            rows = BranchDeployment.objects.for_org(self.org_id).select_related("deployment")
            found = rows.filter(state__in=states) if states else rows
            return sorted(found.values_list("deployment__name", flat=True))

    @property
    def living(self) -> list[str]:
        return self.branches(BranchState.ACTIVE, BranchState.SLEEPING, BranchState.HELD)

    def versions(self, number: int = 1) -> dict[str, LocationVersion]:
        """What is desired of the branch's code locations."""
        with org_scope(self.org_id):
            rows = CodeLocation.objects.for_org(self.org_id).filter(deployment_id=self.branch(number).deployment_id)
            return {row.name: row.desired for row in rows.select_related("desired") if row.desired}

    def load(self, number: int = 1) -> None:
        """An agent loads what is desired."""
        for name, version in self.versions(number).items():
            load(self.cast, version, make_manifest(location=name))

    def delivered(self, branch: str = "feature", **fields: Any) -> FakePullRequest:
        """A pull request whose branch deployment is ready."""
        made = self.open(branch, **fields)
        self.settle()
        self.load(made.number)
        self.work()
        return made


def follow(cast: Cast, host: FakeHost, files: dict[str, str] | None = None, **settings: Any) -> Followed:
    """A connected repository with a project in it."""
    shop = host.add_repository("acme/shop", files or PROJECT)
    found = Followed(connect(cast, host), shop)
    found.set(**settings)
    found.poll()
    return found


def fail_to_load(followed: Followed, message: str, stack: list[str]) -> None:
    """An agent could not load what is desired of the first pull request's branch."""
    for version in followed.versions().values():
        report = LocationReport(
            agent_id=str(uuid.uuid4()),
            version_id=str(version.id),
            state=LocationState.FAILED,
            error=ErrorInfo(message=message, cls="NameError", stack=stack),
        )
        record_load(org_id=followed.org_id, version_id=version.id, report=report, loaded_elsewhere=False)
