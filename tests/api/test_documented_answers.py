"""Every operation of the OpenAPI description is called, and answers as it is described. A new operation joins by itself."""

import gzip
import hashlib
import json

import jsonschema
import pytest
from django.test import Client

from tests.callers import bearer
from tests.isolation import branches
from tests.isolation.backfills_of import failed_backfill
from tests.isolation.changes import PNG, childless, deployed_again, ended_promotion, unwell, verify_domains
from tests.isolation.queues import with_slot
from tests.isolation.world import World, WornWorld, make_world

DESCRIPTION = json.loads(Client().get("/api/v1/schema/").content)
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
]
# Needs an agent that answers; tests/e2e asks a real one.
# The others need a Git host; tests/delivery asks one.
NEEDS_AN_AGENT = {"validate_run_config": 503, "test_schedule": 503, "test_sensor": 503, "sync_git_connection": 409}
VARIABLE = {"name": "NEW", "value": "x", "scopes": {"full_deployment": True}}
QUERIES = {
    "preview_promotion": {"from": "branch"},
    "get_effective_environment": {"location": "location"},
    "list_materializations": {"asset": "key"},
    "list_observations": {"asset": "key"},
    "list_check_evaluations": {"asset": "key"},
    "list_partitions": {"asset": "key"},
    "list_asset_wipes": {"asset": "key"},
    "list_asset_evaluations": {"asset": "key"},
    "get_asset_health": {"asset": "key"},
    "list_freshness_changes": {"asset": "key"},
    "get_partition_cells": {"asset": "key"},
    "list_dynamic_partition_keys": {"definition": "definition"},
}
BODIES = {
    "set_run_priority": {"priority": 3},
    "start_bulk_action": {"kind": "cancel", "filter": {}},
    "preview_bulk_action": {"kind": "cancel", "filter": {}},
    "set_pool_limit": {"pool": "db", "limit": 1},
    "free_pool_slot": {"pool": "db", "run": "<run_id>"},
    "issue_token": {"name": "new"},
    "create_service_account": {"name": "robot"},
    "issue_service_account_token": {"name": "new"},
    "create_environment_variable": VARIABLE,
    "replace_environment_variable": {**VARIABLE, "name": "PASSWORD"},
    "import_environment_variables": {"text": "NEW=x", "scopes": {"full_deployment": True}},
    "create_sso_connection": {"protocol": "oidc", "name": "Another"},
    "add_sso_domain": {"name": "more.example.com"},
    "set_sso_domain": {"connection_id": "<connection_id>"},
    "create_deployment": {"name": "staging", "copy": {"deployment": "prod"}},
    "promote": {"deployment": "<branch>"},
    "describe_deployment": {"description": "What pays the bills"},
    "delete_deployment": {"name": "prod", "cancel_runs": True},
    "freeze_deployment": {"reason": "Quarter end"},
    "set_deployment_settings": {"settings": {"run_monitoring": {"max_runtime_seconds": 9}}},
    "apply_configuration": {"configuration": "version: 1\nsettings: {run_monitoring: {max_runtime_seconds: 9}}\n"},
    "set_protection": {"protection": {"checks": {"rollback": "automatic"}}},
    "override_protection": {"reason": "The fix cannot wait"},
    "roll_back_code_location": {"to_number": 1},
    "create_git_connection": {"provider": "github", "name": "Another"},
    "change_git_connection": {"name": "Renamed"},
    "change_repository": {"base": "prod", "mode": "label"},
    "create_audit_stream": {"name": "new", "kind": "syslog", "setup": {"host": "logs.example.com"}},
    "change_audit_stream": {"is_paused": True},
    "delete_organization": {"name": "<org_name>"},
    "change_organization": {"name": "Renamed", "session_hours": 8, "allowed_networks": ["127.0.0.0/8"]},
    "create_or_update_branch_deployment": {"repository": "acme/shop", "branch": "more", "pull_request": 12},
    "approve_branch_deployment": {"sha": branches.SHA},
    "deploy_code_locations": {"locations": [{"name": "shop", "target": {"module_name": "x"}}]},
    "find_missing_source_archives": {"sha256s": ["0" * 64]},
    "deploy_code_location": {"target": {"module_name": "x"}},
    "report_asset_events": {"events": [{"type": "materialization", "asset": "<key>", "metadata": {"rows": 1}}]},
    "acknowledge_asset_health": {"asset": "<key>", "reason": "known"},
    "withdraw_asset_health": {"asset": "<key>"},
    "wipe_asset": {"asset": "<key>"},
    "launch_backfill": {"assets": ["<key>"]},
    "preview_backfill": {"assets": ["<key>"]},
    "update_backfill": {"title": "Once more", "priority": 3},
    "add_dynamic_partitions": {"definition": "<definition>", "keys": ["new"]},
    "delete_dynamic_partitions": {"definition": "<definition>", "keys": ["new"]},
    "launch_run": {"job": "nightly"},
    "set_sensor_cursor": {"cursor": "1"},
    "apply_schedule_test": {"token": "<schedule_token>"},
    "apply_sensor_test": {"token": "<sensor_token>"},
    "create_team": {"name": "new"},
    "rename_team": {"name": "newer"},
    "create_role": {"name": "keeper", "permissions": ["run:read"]},
    "change_role": {"name": "keeper", "permissions": ["TOGGLE_SENSORS"]},
    "give_grant": {"user": "<user_id>", "scope": "organization", "role": "viewer"},
    "invite": {"email": "new@example.com", "teams": ["<team_id>"]},
}


def _nothing(_world: World) -> None:
    """The world is ready as it is."""


BEFORE = {
    "acknowledge_asset_health": unwell,
    "free_pool_slot": with_slot,
    "set_sso_domain": verify_domains,
    "promote": ended_promotion,
    "retry_backfill": failed_backfill,
    "delete_deployment": childless,
    "roll_back_code_location": deployed_again,
}


def address(world: World, path):
    deployment = world.known["branch"] if "/changes/" in path else "prod"
    return path.format(**world.known, org=world.alice.org.slug, deployment=deployment)


def call(world: World, path, method, name):
    client = bearer(world.alice.user_token.text)
    if method == "get":
        query = {"log_key": "raw", "q": "x"} if "{stream}" in path else {}
        query |= {asked: world.known[parameter] for asked, parameter in QUERIES.get(name, {}).items()}
        return client.get(address(world, path), query)
    if name == "set_logo":
        return client.generic("PUT", address(world, path), PNG, content_type="image/png")
    if name == "upload_source_archive":
        archive = gzip.compress(b"")
        path = path.replace("{sha256}", hashlib.sha256(archive).hexdigest())
        return client.generic("PUT", address(world, path), archive, content_type="application/gzip")
    if name == "undo_organization_deletion":
        client.delete(address(world, "/api/v1/organizations/{org}/"), {"name": world.alice.org.name}, format="json")
    BEFORE.get(name, _nothing)(world)
    if name == "set_run_priority":
        path = path.replace("{run_id}", world.known["queued_run_id"])
    if name == "approve_branch_deployment":
        branches.hold(world)
    if name == "unblock_agent":
        client.post(address(world, path), {}, content_type="application/json")
    body = json.dumps(BODIES.get(name, {}))
    for parameter, value in {**world.known, "org_name": world.alice.org.name}.items():
        body = body.replace(f"<{parameter}>", value)
    return client.generic(method.upper(), address(world, path), body, content_type="application/json")


@pytest.fixture(scope="module")
def shared():
    """For those who only look."""
    return make_world()


@pytest.fixture(scope="module")
def worn():
    """For those who change something."""
    return WornWorld()


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_operation_answers_as_described(shared, worn, path, method, operation):
    if method == "get":
        answers_as_described(shared, path, method, operation)
    else:
        worn.see(lambda world: answers_as_described(world, path, method, operation))


def answers_as_described(world: World, path, method, operation):
    name = operation["operationId"]

    answer = call(world, path, method, name)

    if name in NEEDS_AN_AGENT:
        assert answer.status_code == NEEDS_AN_AGENT[name]
        return
    described = operation["responses"][str(answer.status_code)]
    assert answer.status_code < 300
    if answer.get("Content-Type") == "application/json":
        check(answer.json(), described)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_refusal_is_as_described(shared, path, method, operation):
    answer = Client().generic(method.upper(), address(shared, path))

    assert answer.status_code == 401
    check(answer.json(), operation["responses"]["401"])


def check(document, response):
    schema = response["content"]["application/json"]["schema"]
    # References resolve within the description itself.
    jsonschema.Draft202012Validator({**DESCRIPTION, **schema}).validate(document)
