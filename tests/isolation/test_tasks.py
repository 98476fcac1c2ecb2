"""Background tasks and organizations: what each may touch is written down, and a quiet organization is as it was after all of them.

A new task fails until it is placed here.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from django.db import connection, connections

from controlplane.automation.instigators import reconciling
from controlplane.config.celery import app
from controlplane.deployments.models import Deployment
from controlplane.runs import leases, timeouts
from tenants.scoping import org_scope
from tests.catalog.sweeping import sweep_freshness
from tests.isolation.database import TENANT_TABLES
from tests.isolation.world import World, make_world

# Woken by the clock, without words: they find by themselves what is due, in whichever organization.
SWEEPS = {
    "automation.sweep_conditions": "deployments whose conditions are to be evaluated, and runs that conditions requested",
    "automation.catch_up": "schedules with missed ticks",
    "automation.launch_waiting": "runs that ticks asked for and nobody launched",
    "automation.sweep_definitions": "deployments whose definitions changed",
    "audit_log.deliver_streams": "audit streams that are behind their log",
    "core.delete_organizations": "organizations whose grace period is over",
    "core.ensure_partitions": "no rows at all",
    "delivery.sweep_news": "webhooks whose wake-up was lost",
    "delivery.sweep_pull_requests": "pull requests about which something has to be done",
    "delivery.sweep_repositories": "repositories to be asked for their pull requests",
    "delivery.sweep_branches": "branch deployments whose time has come",
    "core.send_mail": "mail that waits; of people, not of organizations",
    "core.forget_ended_sessions": "sessions; of people, not of organizations",
    "delivery.go_on_with_promotions": "promotions that are under way",
    "delivery.delete_deployments": "deployments that were deleted and have history left",
    "delivery.delete_old_history": "history that is kept no longer",
    "deployments.sweep_source_archives": "source archives that no version is made of",
    "delivery.sweep_webhooks": "webhooks that are kept no longer",
    "dispatch.sweep_commands": "commands past their deadline",
    "external.forget_deliveries": "ids of reported events that are remembered no longer",
    "external.go_on_with_wipes": "wipes of assets that are under way",
    "external.sweep_pipes": "Pipes sessions of runs that are over",
    "catalog.sweep_freshness": "assets whose freshness changes by time, by events or by their definition",
    "runs.sweep_leases": "attempts whose lease has lapsed",
    "runs.sweep_bulk_actions": "what is done to many runs and has not ended",
    "runs.sweep_timeouts": "runs that took too long",
    "runs.compact_logs": "output that has ended",
}
# Woken with ids; the organization is among them, or follows from them.
ABOUT_ONE = {
    "automation.follow_definitions": "one deployment of the organization that is named with it",
    "automation.launch_tick": "one tick of the organization that is named with it",
    "delivery.handle_webhook": "one webhook of the organization that is named with it",
    "delivery.look_after_pull_request": "one pull request of the organization that is named with it",
    "delivery.reconcile_repository": "one repository of the organization that is named with it",
    "audit_log.deliver_stream": "one stream of the organization that is named with it",
    "delivery.go_on_with_promotion": "one promotion, of the organization that is named with it",
    "delivery.delete_deployment": "one deployment that was deleted, of the organization that is named with it",
    "external.wipe_asset": "one wipe of the organization that is named with it",
    "runs.go_on_with_bulk_action": "one bulk action of the organization that is named with it",
    "core.record_failed_sign_in": "the organizations of one person",
}
# These act only while the control plane has been up for a while, which it is not in a test.
WITHOUT_PULSE = {"runs.sweep_leases": leases.sweep, "runs.sweep_timeouts": timeouts.sweep}


@pytest.fixture(scope="module")
def quiet() -> World:
    """An organization with one of everything, of which nothing is due."""
    world = make_world()
    with org_scope(world.alice.org_id):
        deployments = list(Deployment.objects.for_org(world.alice.org_id).values_list("id", flat=True))
    for deployment_id in deployments:
        reconciling.reconcile(org_id=world.alice.org_id, deployment_id=deployment_id)
    # What the definitions say of freshness is taken over once, and what happened meanwhile by the next look.
    app.autodiscover_tasks(force=True)
    sweep_freshness()
    with org_scope(world.alice.org_id), connection.cursor() as cursor:
        # However long the tests take, the lease of the run that goes on does not lapse by itself.
        cursor.execute("UPDATE run_attempt SET lease_until = now() + interval '1 day' WHERE ended_at IS NULL")
    return world


def test_every_task_is_placed() -> None:
    app.autodiscover_tasks(force=True)
    known = {name for name in current_app.tasks if not name.startswith("celery.")}

    assert known == set(SWEEPS) | set(ABOUT_ONE), "Place these tasks in tests/isolation/test_tasks.py."


@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps_leave_a_quiet_organization_alone(quiet: World, name: str) -> None:
    before = rows_of(quiet.alice.org_id)
    WITHOUT_PULSE.get(name, current_app.tasks[name].run)()

    assert changed(before, rows_of(quiet.alice.org_id)) == set()


def test_a_stream_of_another_organization_is_not_delivered(quiet: World) -> None:
    before = rows_of(quiet.alice.org_id)
    current_app.tasks["audit_log.deliver_stream"].run(str(quiet.mallory.org_id), quiet.known["stream_id"])

    assert changed(before, rows_of(quiet.alice.org_id)) == set()


def test_a_failed_sign_in_is_told_to_the_persons_organizations_only(quiet: World) -> None:
    alice, mallory = rows_of(quiet.alice.org_id), rows_of(quiet.mallory.org_id)
    arguments = {"user_id": str(quiet.mallory.owner.id), "address": "192.0.2.1", "how": "password"}
    current_app.tasks["core.record_failed_sign_in"].run(**arguments)

    assert changed(alice, rows_of(quiet.alice.org_id)) == set()
    assert changed(mallory, rows_of(quiet.mallory.org_id)) == {"audit_event", "audit_seal"}


def test_a_sweep_that_has_something_to_do_is_seen() -> None:
    """The control: a lapsed lease is found, and shows in the rows."""
    due = make_world()
    with org_scope(due.alice.org_id), connection.cursor() as cursor:
        cursor.execute("UPDATE run_attempt SET lease_until = now() - interval '1 hour' WHERE ended_at IS NULL")
    before = rows_of(due.alice.org_id)
    leases.sweep()

    assert {"run", "run_attempt"} <= changed(before, rows_of(due.alice.org_id))


def rows_of(org_id: UUID) -> dict[str, str]:
    """A digest of the organization's rows in each table of tenants."""
    with connections["door"].cursor() as cursor:
        cursor.execute(TENANT_TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        return dict(_digests(cursor, tables, org_id))


def _digests(cursor: Any, tables: list[str], org_id: UUID) -> Iterator[tuple[str, str]]:
    for table in tables:
        cursor.execute(
            f"SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t WHERE org_id = %s",
            [org_id],
        )
        yield table, cursor.fetchone()[0]


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {table for table in before if before[table] != after[table]}
