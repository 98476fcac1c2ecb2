"""A deleted deployment is gone from sight at once and leaves no row behind, whatever was in it and whenever the worker was killed."""

import datetime
from contextlib import suppress

import pytest
from django.db import connection, connections

from controlplane.core.objects import store
from controlplane.delivery.full_deployments import deletion
from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.deployments.freezing import DeploymentFrozenError, freeze, thaw
from controlplane.deployments.models import BranchDeployment, Deployment, DeploymentDeletion
from controlplane.deployments.services import create_deployment
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from controlplane.runs.states import RunStatus
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import Grant, GrantScope, Role
from tenants.people.grants import Holder, HolderKind, store_grant
from tenants.people.terms import GrantTerms
from tenants.scoping import org_scope
from tests.environment.variables import make_branch, set_variable
from tests.factories import make_location, queue_run
from tests.isolation.changes import childless
from tests.isolation.world import make_world
from tests.runs.scripts import make_stage

COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND a.atttypid = 'uuid'::regtype AND a.attname = ANY(%s)
"""
# What tells of the past on purpose.
HISTORY = {"audit_event"}


def rows_with(ids, *columns):
    """How many rows each table has with one of these ids in one of these columns; tables without any are left out."""
    counts = {}
    with connections["door"].cursor() as cursor:
        cursor.execute(COLUMNS, [list(columns)])
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = ANY(%s)', [list(ids)])
            counts[table] = counts.get(table, 0) + cursor.fetchone()[0]
    return {table: count for table, count in counts.items() if count and table not in HISTORY}


def objects_of(run_id):
    return list(store()._folder.glob(f"logs/*/{run_id.hex}/**/*-*"))


def delete(cast, **fields):
    given = {"typed_name": cast.deployment.name, "actor": cast.actor, **fields}
    delete_deployment(org_id=cast.org_id, deployment_id=cast.deployment.id, **given)


def work_until_done(cast, deployment_id):
    """As the clock would."""
    for _ in range(50):
        with org_scope(cast.org_id):
            rows = DeploymentDeletion.objects.for_org(cast.org_id).filter(deployment_id=deployment_id)
            if not rows.exists():
                return
            rows.update(due_at=rows.get().asked_at)
        deletion.go_on(org_id=cast.org_id, deployment_id=deployment_id)
    raise AssertionError("It does not come to an end.")


@pytest.fixture
def stage():
    return make_stage()


def test_no_row_and_no_object_is_left_and_the_neighbours_are_untouched(monkeypatch):
    monkeypatch.setattr(deletion, "_ROWS", 2)
    world = make_world()
    cast = world.alice
    childless(world)
    run_ids = _run_ids(cast)
    set_variable(cast, "TOKEN")
    terms = GrantTerms(scope=GrantScope.DEPLOYMENT, role=Role.ADMIN, deployment_id=cast.deployment.id)
    holder = Holder(HolderKind.USER, cast.viewer.pk)
    store_grant(org_id=cast.org_id, actor=cast.actor, holder=holder, terms=terms)
    neighbour = create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    make_location(type(cast)(**{**vars(cast), "deployment": neighbour}), "shop")
    before = rows_with([neighbour.id], "deployment_id")
    had = rows_with([cast.deployment.id], "deployment_id", "base_id", "branch_id")
    assert {"run", "code_location", "environment_variable", "access_grant", "run_label", "asset_state"} <= set(had)
    assert {"instigator", "tick", "backfill"} <= set(had)
    assert any(objects_of(run_id) for run_id in run_ids)

    delete(cast, cancel_runs=True)
    _end_canceled(cast)
    work_until_done(cast, cast.deployment.id)

    ids = [cast.deployment.id]
    assert rows_with(ids, "deployment_id", "base_id", "branch_id", "parent_id", "source_id", "id") == {}
    assert rows_with(run_ids, "run_id", "id") == {}
    assert not any(objects_of(run_id) for run_id in run_ids)
    assert rows_with([neighbour.id], "deployment_id") == before


def _run_ids(cast):
    with org_scope(cast.org_id):
        return list(Run.objects.for_org(cast.org_id).values_list("id", flat=True))


def _end_canceled(cast):
    """The agent does not answer any more in these tests: its runs end as its leases would end them."""
    deletion.go_on(org_id=cast.org_id, deployment_id=cast.deployment.id)
    with org_scope(cast.org_id):
        Run.objects.for_org(cast.org_id).filter(status=RunStatus.CANCELING).update(status=RunStatus.CANCELED)


def test_runs_under_way_refuse_it_until_they_are_canceled(stage):
    cast, sender = stage.cast, stage.claimed(assets=["raw"])
    with pytest.raises(ConflictError, match="1 run is under way"):
        delete(cast)

    delete(cast, cancel_runs=True)
    deletion.go_on(org_id=cast.org_id, deployment_id=cast.deployment.id)

    assert sender.run.status == RunStatus.CANCELING
    [left] = deletion.deletions(cast.org_id)
    assert (left.name, left.runs_left, left.note) == ("prod", 1, "Waiting for 1 run to end.")
    assert left.due_at > left.asked_at + datetime.timedelta(seconds=4)


def test_it_is_out_of_sight_at_once_and_its_name_is_free(stage):
    cast = stage.cast
    delete(cast)

    assert cast.api().get(cast.api_path("code-locations/")).status_code == 404
    assert create_deployment(org_id=cast.org_id, name="prod", actor=cast.actor).id != cast.deployment.id
    with pytest.raises(NotFoundError):
        delete(cast)
    with org_scope(cast.org_id):
        [event] = AuditEvent.objects.for_org(cast.org_id).filter(action="deployment.delete")
    assert event.before["code_locations"] == ["shop"]


def test_nothing_is_launched_into_a_deployment_that_is_gone(stage):
    cast, run = stage.cast, queue_run(stage.cast)
    delete(cast, cancel_runs=True)

    with pytest.raises(NotFoundError):
        request_run(
            org_id=cast.org_id,
            deployment_id=cast.deployment.id,
            request=RunRequest(job="nightly"),
            actor=cast.actor,
        )
    assert stage.run(run.id).status == RunStatus.QUEUED


@pytest.mark.parametrize("typed", ["", "staging", "PROD", None])
def test_a_full_deployment_is_deleted_by_its_name_only(cast, typed):
    with pytest.raises(InvalidError):
        delete(cast, typed_name=typed)


def test_branch_deployments_are_deleted_first_and_need_no_name(cast):
    branch = make_branch(cast, "pr-7")
    with org_scope(cast.org_id):
        BranchDeployment.objects.create_in(cast.org_id, deployment=branch, repository="acme/shop", branch="x")
    with pytest.raises(ConflictError, match="pr-7"):
        delete(cast)

    delete_deployment(org_id=cast.org_id, deployment_id=branch.id, typed_name=None, actor=cast.actor)
    work_until_done(cast, branch.id)
    delete(cast)
    work_until_done(cast, cast.deployment.id)

    assert rows_with([branch.id, cast.deployment.id], "deployment_id", "id") == {}
    with org_scope(cast.org_id):
        assert not Deployment.objects.for_org(cast.org_id).exists()
        assert not Grant.objects.for_org(cast.org_id).filter(deployment_id=cast.deployment.id).exists()


def test_a_frozen_deployment_is_thawed_first(cast):
    freeze(org_id=cast.org_id, deployment_id=cast.deployment.id, reason="Quarter end", actor=cast.actor)
    with pytest.raises(DeploymentFrozenError, match="Quarter end"):
        delete(cast)

    thaw(org_id=cast.org_id, deployment_id=cast.deployment.id, actor=cast.actor)
    delete(cast)


class Killed(BaseException):
    """The worker process is gone."""


def killed_at(number):
    """Dies at its n-th statement."""
    left = iter(range(number))

    def execute(run, *arguments):
        if next(left, None) is None:
            raise Killed
        return run(*arguments)

    return execute


def test_a_worker_killed_at_any_bite_loses_nothing_and_leaves_nothing(stage, monkeypatch):
    """It dies before its n-th statement, for every n; the next one goes on where it was."""
    cast = stage.cast
    for _ in range(3):
        stage.claimed(assets=["raw"]).say("PIPELINE_START", data={"mode": "warm", "executor": "in_process", "plan": []})
    with org_scope(cast.org_id):
        Run.objects.for_org(cast.org_id).update(status=RunStatus.SUCCESS)
    run_ids = _run_ids(cast)
    delete(cast)
    monkeypatch.setattr(deletion, "_RUNS", 1)
    monkeypatch.setattr(deletion, "_ROWS", 1)
    kills = 0
    for at in range(1, 2000, 7):
        with org_scope(cast.org_id):
            rows = DeploymentDeletion.objects.for_org(cast.org_id)
            if not rows.exists():
                break
            rows.update(due_at=rows.get().asked_at)
        with suppress(Killed), connection.execute_wrapper(killed_at(at)):
            deletion.go_on(org_id=cast.org_id, deployment_id=cast.deployment.id)
            continue
        kills += 1

    assert kills >= 3
    assert rows_with([cast.deployment.id], "deployment_id") == {}
    assert rows_with(run_ids, "run_id", "id") == {}
