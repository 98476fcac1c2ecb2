"""Where the code may look beyond one organization. A new place fails until somebody writes it down here, with its reason."""

import re

from tests.architecture.source import name_of, python_files

ACROSS = re.compile(r"across_orgs\(|using=\"door\"|connections\[\"door\"\]|using\(\"door\"\)")
# bulk_create is the one use of the plain manager for writing: the rows carry their organization, and the policies check it.
UNSCOPED = re.compile(r"\.unscoped\.(?!bulk_create\()\w+")

CROSS_ORGANIZATION_JOBS = {
    "tenants/scoping.py": "where the door is made",
    "tenants/audit/deletion.py": "the log of an organization that is deleted",
    "tenants/sealing.py": "which organizations' data keys an older master key wraps",
    "controlplane/core/organization_deletion.py": "every row of an organization whose grace period is over",
    "controlplane/automation/instigators/reconciling.py": "deployments whose definitions changed",
    "controlplane/automation/backfills/waking.py": "backfills that are due",
    "controlplane/automation/ticks/firing.py": "schedules and sensors that are due",
    "controlplane/automation/ticks/overdue.py": "open ticks that wait or take too long",
    "controlplane/automation/ticks/catching_up.py": "schedules with missed ticks",
    "controlplane/automation/ticks/launching.py": "runs that ticks asked for and nobody launched",
    "controlplane/catalog/changes.py": "deployments whose assets changed",
    "controlplane/catalog/freshness_sweep.py": "assets whose freshness changes by time, and deployments whose definitions changed",
    "controlplane/audit_log/delivery.py": "audit streams that are behind their log",
    "controlplane/delivery/connections/news.py": "webhooks whose wake-up was lost",
    "controlplane/delivery/pull_requests/attending.py": "pull requests about which something has to be done",
    "controlplane/delivery/pull_requests/reconciling.py": "repositories to be asked for their pull requests",
    "controlplane/delivery/branches/sweep.py": "branch deployments whose time has come",
    "controlplane/core/old_partitions.py": "partitions are of the installation, not of an organization",
    "controlplane/delivery/retention/policies.py": "how long each deployment keeps its history",
    "controlplane/delivery/retention/bites.py": "whether anybody has history of a week still",
    "controlplane/delivery/retention/dropping.py": "whether anybody needs a week of history still",
    "controlplane/core/partitioning.py": "partitions are of the installation, not of an organization",
    "controlplane/delivery/promotions/sweep.py": "promotions that are under way",
    "controlplane/delivery/connections/webhooks.py": "whose connection a webhook names, and webhooks that are kept no longer",
    "controlplane/delivery/full_deployments/deletion.py": "deployments that were deleted and have history left",
    "controlplane/deployments/source_sweep.py": "source archives that no version is made of",
    "controlplane/external/reports/forgetting.py": "ids of reported events that are remembered no longer",
    "controlplane/external/wipes/services.py": "wipes of assets that are under way",
    "controlplane/external/pipes/sweep.py": "Pipes sessions of runs that are over",
    "controlplane/automation/conditions/waking.py": "deployments whose conditions are to be evaluated",
    "controlplane/automation/conditions/launching.py": "runs that conditions requested and nobody has launched",
    "controlplane/dispatch/selectors.py": "which agents and queues to wake after lost wake-ups",
    "controlplane/dispatch/sweeps.py": "commands that nobody will fetch any more",
    "controlplane/runs/bulk_actions.py": "what is done to many runs and has not ended",
    "controlplane/runs/retries.py": "retries of failed runs that are due",
    "controlplane/runs/leases.py": "leases that nobody renewed",
    "controlplane/runs/log_compaction.py": "ended output whose many small chunks become few",
    "controlplane/runs/timeouts.py": "phases of runs that took too long",
}
PLAIN_MANAGER = {
    "tenants/access.py": "a person's own memberships, by a policy of their own",
    "tenants/token_verification.py": "one token by its id, by a policy of its own",
    "tenants/people/acceptance.py": "one invitation by its id, by a policy of its own",
    "tenants/sso/selectors.py": "one verified domain by its name, by a policy of its own",
    "controlplane/deployments/source_sweep.py": "a subquery, tied to the organization of the row around it",
    "controlplane/dispatch/sweeps.py": "a subquery, tied to the organization of the row around it",
}


def places(pattern):
    files = [path for path in python_files("tenants", "controlplane") if "migrations" not in path.parts]
    return {name_of(path) for path in files if pattern.search(path.read_text())}


def test_jobs_that_cross_organizations_are_written_down():
    assert places(ACROSS) == set(CROSS_ORGANIZATION_JOBS)


def test_reads_through_the_plain_manager_are_written_down():
    assert places(UNSCOPED) == set(PLAIN_MANAGER)
