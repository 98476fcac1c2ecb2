"""The same to many runs: as far as one may, in bites that survive their worker, audited once; and the queue's and the pools' REST."""

from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from controlplane.deployments.freezing import DeploymentFrozenError, freeze
from controlplane.deployments.visibility import Visible, all_of
from controlplane.runs import bulk_actions
from controlplane.runs.bulk_actions import Wanted
from controlplane.runs.models import BulkAction, BulkKind, Run, RunEvent
from controlplane.runs.selectors import RunFilter
from controlplane.runs.states import RunStatus
from tenants.audit.models import AuditEvent
from tenants.errors import InvalidError
from tenants.grants import Rights, Target
from tenants.models import Role, TargetKind
from tenants.permissions import ROLE_PERMISSIONS
from tenants.scoping import org_scope
from tests.runs.scripts import Stage, make_stage
from tests.runs.test_limits import configure, pooled_stage
from tests.runs.test_retries import failing
from tests.tenants.people import deny, person


def start(stage: Stage, kind: BulkKind, **what: Any) -> BulkAction:
    visible = all_of(stage.org_id, stage.cast.deployment.id)
    return bulk_actions.start(visible, kind, Wanted(**what), actor=stage.cast.actor)


def ended(stage: Stage, action: BulkAction) -> BulkAction:
    bulk_actions.go_on(stage.org_id, action.id)
    with org_scope(stage.org_id):
        return BulkAction.objects.for_org(stage.org_id).get(id=action.id)


def statuses(stage: Stage) -> list[str]:
    with org_scope(stage.org_id):
        return list(Run.objects.for_org(stage.org_id).order_by("id").values_list("status", flat=True))


def test_cancel_all_of_a_filter_in_bites_audited_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_actions, "_BITE", 2)
    stage = make_stage()
    over = failing(stage, "raw", assets=["raw"], tags={"team": "a"})
    for team in ("a", "a", "a", "b"):
        stage.request(tags={"team": team})
    action = start(stage, BulkKind.CANCEL, filters=RunFilter(tags={"team": "a"}))
    # A worker dies after a bite; the next goes on where it was.
    bulk_actions._bite(stage.org_id, action.id)
    done = ended(stage, action)
    assert (done.total, done.done, done.skipped, done.ended_at is None) == (4, 3, 1, False)
    assert done.skipped_why == [{"run": str(over.run_id), "why": "The run has already ended, with FAILURE."}]
    assert statuses(stage) == ["FAILURE", "CANCELED", "CANCELED", "CANCELED", "QUEUED"]
    with org_scope(stage.org_id):
        actions = AuditEvent.objects.for_org(stage.org_id).filter(action__startswith="run.")
        noted = [one for one in actions.values_list("action", flat=True) if one != "run.launch"]
    assert noted == ["run.bulk_cancel"]


def test_organizations_take_turns_and_one_that_fails_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_actions, "_BITE", 2)
    long, short = make_stage(), make_stage()
    for stage, count in ((long, 5), (short, 2)):
        for _ in range(count):
            stage.request()
    broken, action = (start(long, BulkKind.CANCEL, filters=RunFilter()) for _ in range(2))
    other = start(short, BulkKind.CANCEL, filters=RunFilter())
    with org_scope(long.org_id):
        BulkAction.objects.for_org(long.org_id).filter(id=broken.id).update(run_ids=["no id"] * 5)

    monkeypatch.setattr(bulk_actions, "_SLICE_SECONDS", -1.0)
    assert progress(ended(long, action)) == (2, False), "the rest is the sweep's, which others share"
    # However busy the machine is, and whatever others have left open.
    monkeypatch.setattr(bulk_actions, "_SWEEP_SECONDS", 600.0)
    bulk_actions.sweep()
    with org_scope(long.org_id):
        BulkAction.objects.for_org(long.org_id).filter(id=broken.id).update(ended_at=timezone.now())

    assert progress(ended(short, other)) == (2, True)
    assert progress(ended(long, action)) == (5, True)


def test_a_sweep_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make_stage()
    stage.request()
    action = start(stage, BulkKind.CANCEL, filters=RunFilter())
    monkeypatch.setattr(bulk_actions, "_SWEEP_SECONDS", -1.0)
    bulk_actions.sweep()
    assert statuses(stage) == ["QUEUED"]
    assert progress(ended(stage, action)) == (1, True)


def progress(action: BulkAction) -> tuple[int, bool]:
    return action.done, action.ended_at is not None


@pytest.mark.parametrize("kind", [kind for kind in BulkKind if kind != BulkKind.CANCEL])
def test_a_frozen_deployment_lets_runs_be_canceled_only(kind: BulkKind) -> None:
    stage = make_stage()
    run = failing(stage, "raw", assets=["raw"])
    freeze(org_id=stage.org_id, deployment_id=stage.cast.deployment.id, reason="Quarter end", actor=stage.cast.actor)
    with pytest.raises(DeploymentFrozenError):
        start(stage, kind, run_ids=[run.run_id])
    assert start(stage, BulkKind.CANCEL, run_ids=[run.run_id]).total == 1


def test_run_again_from_failure_makes_exactly_what_failed() -> None:
    stage = make_stage()
    runs = [failing(stage, "raw", "daily", job="nightly"), failing(stage, "raw", "daily", "report", job="nightly")]
    done = ended(stage, start(stage, BulkKind.REEXECUTE_FROM_FAILURE, run_ids=[run.run_id for run in runs]))
    assert (done.done, done.skipped) == (2, 0)
    with org_scope(stage.org_id):
        again = Run.objects.for_org(stage.org_id).filter(status=RunStatus.QUEUED)
        made = dict(again.values_list("parent_run_id", "asset_selection"))
    assert made == {runs[0].run_id: ["daily", "report"], runs[1].run_id: ["report"]}


def test_delete_takes_ended_runs_with_all_they_wrote_and_leaves_the_others() -> None:
    stage = make_stage()
    over, waiting = failing(stage, "raw", assets=["raw"]), stage.request()
    done = ended(stage, start(stage, BulkKind.DELETE, run_ids=[over.run_id, waiting.id]))
    assert (done.done, done.skipped, done.skipped_why[0]["run"]) == (1, 1, str(waiting.id))
    assert statuses(stage) == ["QUEUED"]
    with org_scope(stage.org_id):
        assert not RunEvent.objects.for_org(stage.org_id).filter(run_id=over.run_id).exists()


def test_no_runs_are_refused() -> None:
    with pytest.raises(InvalidError, match="no run among these"):
        start(make_stage(), BulkKind.CANCEL, filters=RunFilter(job="nothing"))


def address(stage: Stage, rest: str) -> str:
    return f"/api/v1/organizations/{stage.cast.org.slug}/deployments/{stage.cast.deployment.name}/{rest}"


def test_queue_and_priority_over_rest() -> None:
    stage = make_stage()
    first, second = stage.request(), stage.request()
    api = stage.cast.api()
    moved = api.put(
        address(stage, f"runs/{second.id}/priority/"), {"priority": 7}, content_type="application/json"
    ).json()
    assert (moved["priority"], moved["tags"]["dagster/priority"]) == (7, "7")
    queue = api.get(address(stage, "queue/")).json()
    found = [(one["run"]["id"], one["ahead"]) for one in queue["results"]]
    assert (queue["total"], found) == (2, [(str(second.id), 0), (str(first.id), 1)])
    assert all(one["waiting_reason"] for one in queue["results"])
    assert [claim.run_id for claim in stage.claim(2)] == [second.id, first.id]
    refused = api.put(address(stage, f"runs/{first.id}/priority/"), {"priority": 1}, content_type="application/json")
    assert refused.status_code == 409


def test_pools_over_rest_limit_holders_and_free_now() -> None:
    stage = pooled_stage()
    configure(stage, {"pools": {"granularity": "run", "default_limit": 5}})
    api = stage.cast.api()

    def limit(value: int | None) -> dict[str, Any]:
        body = {"pool": "db", "limit": value}
        answer = api.put(address(stage, "pools/"), body, content_type="application/json").json()
        return {one["name"]: one for one in answer["pools"]}

    pools = limit(1)
    assert (pools["db"]["limit"], pools["db"]["is_own"], pools["gpu"]["limit"]) == (1, True, 5)
    held, waiting = stage.request(assets=["a"]), stage.request(assets=["a"])
    assert len(stage.claim(5)) == 1
    [holder] = limit(1)["db"]["holders"]
    assert (holder["run_id"], limit(1)["db"]["runs_waiting"]) == (str(held.id), 1)
    free = {"pool": "db", "run": str(held.id)}
    assert api.post(address(stage, "pools/free/"), free, content_type="application/json").status_code == 204
    assert api.post(address(stage, "pools/free/"), free, content_type="application/json").status_code == 404
    assert [claim.run_id for claim in stage.claim(5)] == [waiting.id]
    assert limit(None)["db"]["limit"] == 5


def test_a_run_that_waits_for_a_limit_names_its_holders_over_rest() -> None:
    stage = make_stage()
    configure(stage, {"runs": {"tag_concurrency_limits": [{"key": "team", "limit": 1}]}})
    held, waiting = stage.request(tags={"team": "a"}), stage.request(tags={"team": "b"})
    stage.claim(5)
    document = stage.cast.api().get(address(stage, f"runs/{waiting.id}/")).json()
    assert document["waiting_for"] == [str(held.id)]
    assert "1 of 1 runs with the tag team" in document["waiting_reason"]


def test_bulk_action_over_rest() -> None:
    stage = make_stage()
    runs: list[UUID] = [stage.request().id for _ in range(3)]
    api = stage.cast.api()
    body = {"kind": "cancel", "filter": {"status": ["QUEUED"]}}
    made = api.post(address(stage, "bulk-actions/"), body, content_type="application/json").json()
    assert made["total"] == len(runs)
    bulk_actions.sweep()
    shown = api.get(address(stage, f"bulk-actions/{made['id']}/")).json()
    assert (shown["done"], shown["ended_at"] is None) == (3, False)


def test_what_one_may_not_do_is_counted_as_far_as_runs_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make_stage()
    for key in ("raw", "raw", "daily"):
        stage.request(assets=[key])
    only_raw = ((Target(TargetKind.SELECTION, "key:raw"), ROLE_PERMISSIONS[Role.EDITOR]),)
    given = Rights(owner_names=frozenset(), everywhere=ROLE_PERMISSIONS[Role.VIEWER], on_parts=only_raw)
    visible = Visible(stage.org_id, stage.cast.deployment.id, given)

    def counted(most: int) -> tuple[int, int, int]:
        monkeypatch.setattr(bulk_actions, "RUNS_MAX", most)
        found = bulk_actions.outlook(visible, BulkKind.CANCEL, Wanted(filters=RunFilter(statuses=[RunStatus.QUEUED])))
        return found.total, found.going_on, found.refused

    assert counted(10) == (2, 2, 1)
    assert counted(1) == (2, 2, 0), "too many: how many more there are of either is not known"


def test_runs_that_one_does_not_see_are_counted_and_not_named() -> None:
    stage = make_stage()
    waiting = stage.request(assets=["raw"])
    action = ended(stage, start(stage, BulkKind.DELETE, run_ids=[waiting.id]))
    [named] = stage.cast.api().get(address(stage, f"bulk-actions/{action.id}/")).json()["skipped_why"]
    assert named["run"] == str(waiting.id)
    partly = person(stage.cast, Role.VIEWER)
    deny(stage.cast, partly, target=TargetKind.SELECTION, target_value="key:raw")
    shown = stage.cast.api(partly).get(address(stage, f"bulk-actions/{action.id}/")).json()
    assert (shown["skipped"], shown["skipped_why"]) == (1, [])
