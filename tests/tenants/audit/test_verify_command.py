"""`daggerboard audit verify` says what was done to a log, with its exit code, for people and for programs."""

import json

import pytest
from django.db import ProgrammingError
from typer.testing import CliRunner

from controlplane.cli.audit_commands import app
from controlplane.cli.errors import CommandError
from tenants.access import SYSTEM
from tenants.audit.deletion import bury_log
from tenants.audit.models import AuditTombstone
from tenants.audit.services import AuditTarget, record
from tenants.audit.verification import verify
from tenants.models import Organization, OrganizationState
from tests.tenants.audit.database import superuser


def run(*words):
    return CliRunner().invoke(app, words)


@pytest.fixture
def acme(cast):
    """An organization whose log has two more events than setting it up made."""
    for _ in range(2):
        record(org_id=cast.org_id, actor=SYSTEM, action="team.create", target=AuditTarget("team", "1", "Data"))
    return cast


def last_event(org_id):
    with superuser() as db:
        return db.execute(
            "SELECT number, event_id FROM audit_seal WHERE org_id = %s ORDER BY number DESC LIMIT 1", [org_id]
        ).fetchone()


def test_log_as_it_was_written(acme):
    result = run("verify", acme.org.slug)

    head = verify(acme.org_id).head
    assert result.exit_code == 0
    assert result.stdout == f"{acme.org.slug}: {head.number} events, as they were written. Head {head}\n"


def test_edited_row(acme):
    number, event = last_event(acme.org_id)
    with superuser() as db:
        db.execute("UPDATE audit_event SET actor_label = 'x' WHERE id = %s", [event])

    result, as_json = run("verify", acme.org.slug), run("verify", acme.org.slug, "--json")
    everything = run("verify", "--json")

    assert result.exit_code == as_json.exit_code == everything.exit_code == 1
    assert f"BROKEN: row {number} ({event}) was edited" in result.stdout
    assert [found["broken"] for found in json.loads(as_json.stdout)] == [
        {"damage": "edited", "number": number, "event": str(event)}
    ]
    assert json.loads(as_json.stdout)[0] in json.loads(everything.stdout)


def test_cut_end_needs_a_kept_head(acme):
    head = json.loads(run("verify", acme.org.slug, "--json").stdout)[0]["head"]
    _number, event = last_event(acme.org_id)
    with superuser() as db:
        db.execute("DELETE FROM audit_event WHERE id = %s", [event])
        db.execute("DELETE FROM audit_seal WHERE event_id = %s", [event])

    assert run("verify", acme.org.slug).exit_code == 0
    kept = run("verify", acme.org.slug, "--expect", head)
    assert (kept.exit_code, "was rewritten" in kept.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [(["no-such-org"], 4), (["--expect", "1:" + "0" * 64], 2), (["no-such-org", "--expect", "nonsense"], 2)],
)
def test_wrong_words(words, code):
    result = run("verify", *words)

    assert isinstance(result.exception, CommandError)
    assert result.exception.exit_code == code


def test_deleted_organization_leaves_its_head_and_nothing_else(acme):
    head = verify(acme.org_id).head
    Organization.objects.filter(id=acme.org_id).update(state=OrganizationState.PENDING_DELETION)

    bury_log(org_id=acme.org_id, actor=SYSTEM)

    tombstone = AuditTombstone.objects.get(organization_id=acme.org_id)
    assert (tombstone.slug, tombstone.name, tombstone.deleted_by) == (acme.org.slug, acme.org.name, "Daggerboard")
    assert (tombstone.last_number, bytes(tombstone.last_hash)) == (head.number, head.hash)
    with superuser() as db:
        for table in ("audit_event", "audit_seal", "audit_turn"):
            assert db.execute(f"SELECT count(*) FROM {table} WHERE org_id = %s", [acme.org_id]).fetchone() == (0,)
    listed = {row["id"]: row["head"] for row in json.loads(run("deleted", "--json").stdout)}
    assert listed[str(acme.org_id)] == str(head)


def test_log_of_an_organization_that_lives_is_not_deleted(acme):
    with pytest.raises(ProgrammingError, match="pending deletion"):
        bury_log(org_id=acme.org_id, actor=SYSTEM)

    assert verify(acme.org_id).broken is None
