"""Launching, running again and cancelling are in the audit log, with who, what and where; what nobody did is not."""

from controlplane.deployments.services import delete_location, reload_location
from controlplane.fleet.services import note_goodbye, register_agent
from controlplane.runs.services import cancel_run, reexecute_run
from tenants.access import Principal
from tenants.audit.models import AuditEvent
from tenants.scoping import org_scope
from tests.factories import deploy, make_agent, make_location, queue_run, register_message


def log_of(cast, *kinds):
    with org_scope(cast.org_id):
        return list(AuditEvent.objects.for_org(cast.org_id).filter(target_kind__in=kinds).order_by("id"))


def test_launch_says_who_what_and_where(cast):
    make_location(cast)
    run = queue_run(cast, assets=["raw", "daily"])

    (event,) = log_of(cast, "run")
    assert (event.action, event.actor_kind, event.actor_id) == ("run.launch", "user", cast.owner.pk)
    assert (event.actor_label, event.target_id, event.deployment_id) == (
        cast.owner.email,
        str(run.id),
        cast.deployment.id,
    )
    assert event.target_label == "daily, raw"
    assert event.after == {
        "code_location": "shop",
        "job": "__ASSET_JOB",
        "assets": ["daily", "raw"],
        "asset_count": 2,
    }


def test_cancel_is_one_event_however_often_it_is_asked(cast):
    make_location(cast)
    run = queue_run(cast)
    viewer = Principal(user=cast.viewer).actor
    cancel_run(org_id=cast.org_id, run_id=run.id, actor=viewer)

    event = log_of(cast, "run")[-1]
    assert (event.action, event.actor_label) == ("run.cancel", cast.viewer.email)
    assert (event.before, event.after) == ({"status": "QUEUED"}, {"status": "CANCELED"})


def test_run_again_names_its_parent(cast):
    make_location(cast)
    run = queue_run(cast)
    reexecute_run(org_id=cast.org_id, run_id=run.id, from_failure=False, actor=cast.actor)

    event = log_of(cast, "run")[-1]
    assert (event.action, event.after["parent_run"]) == ("run.re_execute", str(run.id))


def test_deploy_has_the_previous_and_the_new_target_and_commit(cast):
    deploy(cast, git_commit="a" * 40)
    deploy(cast, git_commit="b" * 40)
    reload_location(org_id=cast.org_id, deployment_id=cast.deployment.id, name="shop", actor=cast.actor)
    delete_location(org_id=cast.org_id, deployment_id=cast.deployment.id, name="shop", actor=cast.actor)

    new, changed, reloaded, deleted = log_of(cast, "code_location")
    first = {"version": 1, "target": {"module_name": "shop"}, "git_commit": "a" * 40, "queue": "default"}
    second = {**first, "version": 2, "git_commit": "b" * 40}
    assert (new.before, new.after) == (None, first)
    assert (changed.action, changed.before, changed.after) == ("code_location.deploy", first, second)
    assert (reloaded.action, reloaded.after) == ("code_location.reload", {**second, "version": 3})
    assert (deleted.action, deleted.before, deleted.after) == ("code_location.delete", {**second, "version": 3}, None)


def test_agent_that_comes_takes_over_and_leaves(cast):
    agent = make_agent(cast)
    again = register_message(boot_id=agent.boot_id)
    for message in (again, register_message()):
        register_agent(
            org_id=cast.org_id,
            token_id=cast.agent_token_row.id,
            protocol_version="1.0",
            message=message,
            address="192.0.2.7",
        )
    for _ in range(2):
        note_goodbye(org_id=cast.org_id, agent_id=agent.id)

    events = log_of(cast, "agent")
    assert [event.action for event in events] == ["agent.register", "agent.supersede", "agent.goodbye"]
    assert {(event.actor_kind, event.actor_id, event.actor_label) for event in events} == {
        ("agent", agent.id, "agent-1")
    }
    assert events[1].address == "192.0.2.7"
