"""The audit trail is unaltered (promise S17): sealed at commit, only ever added to, and every way to alter it is named."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction

from controlplane.core.threads import with_connections_returned
from tenants.access import SYSTEM
from tenants.audit.models import AuditEvent, AuditSeal, AuditTurn
from tenants.audit.services import AuditTarget, record
from tenants.audit.verification import Damage, Head, verify
from tenants.errors import InvalidError
from tenants.models import Membership, User
from tenants.scoping import org_scope
from tenants.services import create_user
from tests.tenants.audit.database import as_role, superuser


@pytest.fixture
def org_id():
    """An organization without any event yet."""
    return uuid4()


def add(org_id, count=1, *, action="team.create", **fields):
    for number in range(count):
        record(
            org_id=org_id, actor=SYSTEM, action=action, target=AuditTarget("team", uuid4(), f"Team {number}"), **fields
        )


def events(org_id):
    with org_scope(org_id):
        by_seal = AuditSeal.objects.for_org(org_id).order_by("number").values_list("event_id", flat=True)
        return list(by_seal)


def numbers(org_id):
    with org_scope(org_id):
        return list(AuditSeal.objects.for_org(org_id).order_by("number").values_list("number", flat=True))


def broken(org_id, **kept):
    found = verify(org_id, **kept).broken
    return found and (found.damage, found.number, found.event_id)


# ---- sealing


def test_events_are_numbered_and_sealed_at_commit(org_id):
    with org_scope(org_id):
        add(org_id, 2)
        assert numbers(org_id) == []
    add(org_id)

    verified = verify(org_id)
    assert (numbers(org_id), verified.broken, verified.head.number) == ([1, 2, 3], None, 3)
    with org_scope(org_id):
        assert not AuditTurn.objects.for_org(org_id).exists()


def test_rolled_back_event_leaves_no_gap(org_id):
    add(org_id)
    with org_scope(org_id):
        add(org_id)
        transaction.set_rollback(True)
    add(org_id)

    assert (numbers(org_id), broken(org_id)) == ([1, 2], None)


def test_hash_covers_every_column(org_id):
    add(org_id, before={"a": 1}, after={"a": 2}, deployment_id=uuid4(), reason="because")
    columns = {field.column for field in AuditEvent._meta.fields}
    for column in sorted(columns - {"id", "org_id"}):
        with superuser() as db:
            (kind,) = db.execute(
                "SELECT data_type FROM information_schema.columns WHERE table_name = 'audit_event' AND column_name = %s",
                [column],
            ).fetchone()
            change = {
                "timestamp with time zone": f"{column} + interval '1 microsecond'",
                "uuid": "gen_random_uuid()",
                "jsonb": "'{\"a\": 3}'",
            }.get(kind, f"{column} || 'x'")
            with db.transaction():
                db.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM audit_event WHERE org_id = '{org_id}'")
                db.execute(f"UPDATE audit_event SET {column} = {change} WHERE org_id = '{org_id}'")
            assert broken(org_id)[0] == Damage.EDITED, column
            db.execute(f"UPDATE audit_event e SET {column} = k.{column} FROM kept k WHERE e.id = k.id")
        assert broken(org_id) is None, column


def test_organization_announced_for_a_part_of_a_transaction_is_sealed_too(org_id):
    with transaction.atomic():
        add(org_id)
        add(uuid4())
    assert (numbers(org_id), broken(org_id)) == ([1], None)


def test_sealing_leaves_the_announced_organization_as_it_was(org_id):
    with org_scope(org_id):
        add(org_id)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SELECT current_setting('app.org', true)")
            assert cursor.fetchone() == (str(org_id),)
    assert numbers(org_id) == [1]


# ---- many at once


def test_concurrent_commits_are_numbered_without_gaps(org_id):
    start = threading.Barrier(6)

    def work():
        start.wait()
        for _ in range(15):
            with org_scope(org_id):
                add(org_id, 2)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(with_connections_returned, work) for _ in range(6)]:
            done.result(60)

    assert (numbers(org_id), broken(org_id)) == ([*range(1, 181)], None)


def test_commit_that_waits_for_a_row_does_not_hold_the_chain(cast):
    """One commit still has a deferred foreign key to check, on a row that the other has locked; the other wants to seal."""
    person = create_user(email=f"{uuid4().hex}@example.com")
    before = len(numbers(cast.org_id))
    locked, recorded = threading.Event(), threading.Event()

    def inserter():
        with org_scope(cast.org_id):
            locked.wait(60)
            add(cast.org_id)
            # Its reference to the person is checked at commit, after the event took its turn.
            Membership.objects.create_in(cast.org_id, user=person)
            recorded.set()

    def locker():
        with org_scope(cast.org_id):
            User.objects.select_for_update().get(pk=person.pk)
            locked.set()
            recorded.wait(60)
            add(cast.org_id)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(with_connections_returned, work) for work in (inserter, locker)]:
            done.result(60)

    assert (len(numbers(cast.org_id)) - before, broken(cast.org_id)) == (2, None)


# ---- only added to


REFUSED = [
    "UPDATE audit_event SET actor_label = 'x'",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "UPDATE audit_seal SET number = 1",
    "INSERT INTO audit_seal (org_id, number, event_id, hash) VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'x')",
    "DELETE FROM audit_seal",
    "TRUNCATE audit_seal",
    "INSERT INTO audit_turn (org_id, event_id) VALUES (gen_random_uuid(), gen_random_uuid())",
    "DELETE FROM audit_turn",
    "DELETE FROM audit_tombstone",
    "UPDATE audit_tombstone SET last_number = 0",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "SELECT audit_seal_event(gen_random_uuid(), gen_random_uuid())",
]


@pytest.mark.parametrize("role", ["app", "door"])
@pytest.mark.parametrize("statement", REFUSED)
def test_application_cannot_alter_the_log(role, statement):
    with as_role(role) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(statement)


def test_application_role_cannot_bury(org_id):
    with as_role("app") as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("SELECT audit_bury(%s, 'x')", [org_id])


# ---- tampering, as somebody whom nothing stops


def test_edited_row_is_named(org_id):
    add(org_id, 5)
    victim = events(org_id)[2]
    with superuser() as db:
        db.execute("UPDATE audit_event SET actor_label = 'somebody else' WHERE id = %s", [victim])

    assert broken(org_id) == (Damage.EDITED, 3, victim)


def test_deleted_row_is_named(org_id):
    add(org_id, 5)
    victim = events(org_id)[2]
    with superuser() as db:
        db.execute("DELETE FROM audit_event WHERE id = %s", [victim])

    assert broken(org_id) == (Damage.DELETED, 3, victim)


def test_row_deleted_with_its_seal_is_named(org_id):
    add(org_id, 5)
    victim = events(org_id)[0]
    with superuser() as db:
        db.execute("DELETE FROM audit_event WHERE id = %s", [victim])
        db.execute("DELETE FROM audit_seal WHERE event_id = %s", [victim])

    assert broken(org_id) == (Damage.DELETED, 1, None)


def test_gap_that_was_closed_is_named(org_id):
    add(org_id, 5)
    victim, following = events(org_id)[2:4]
    with superuser() as db:
        db.execute("DELETE FROM audit_event WHERE id = %s", [victim])
        db.execute("DELETE FROM audit_seal WHERE event_id = %s", [victim])
        for number in (4, 5):
            db.execute("UPDATE audit_seal SET number = number - 1 WHERE org_id = %s AND number = %s", [org_id, number])

    assert broken(org_id) == (Damage.EDITED, 3, following)


def test_inserted_row_is_named(org_id):
    add(org_id, 3)
    with superuser() as db:
        db.execute(
            "INSERT INTO audit_event SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).* "
            "FROM audit_event e WHERE id = %s",
            [events(org_id)[0]],
        )
        ((planted,),) = db.execute(
            "SELECT id FROM audit_event WHERE org_id = %s AND id <> ALL(%s)", [org_id, events(org_id)]
        ).fetchall()

    assert broken(org_id) == (Damage.INSERTED, None, planted)


def test_swapped_rows_are_named(org_id):
    add(org_id, 5)
    second, fourth = events(org_id)[1], events(org_id)[3]
    with superuser() as db, db.transaction():
        db.execute("UPDATE audit_seal SET event_id = %s WHERE org_id = %s AND number = 2", [uuid4(), org_id])
        db.execute("UPDATE audit_seal SET event_id = %s WHERE org_id = %s AND number = 4", [second, org_id])
        db.execute("UPDATE audit_seal SET event_id = %s WHERE org_id = %s AND number = 2", [fourth, org_id])

    assert broken(org_id) == (Damage.REORDERED, 2, fourth)


def test_cut_end_is_seen_with_a_head_that_was_kept(org_id):
    add(org_id, 5)
    kept = verify(org_id).head
    victim = events(org_id)[-1]
    with superuser() as db:
        db.execute("DELETE FROM audit_event WHERE id = %s", [victim])
        db.execute("DELETE FROM audit_seal WHERE event_id = %s", [victim])

    assert (broken(org_id), broken(org_id, expected=kept)) == (None, (Damage.REWRITTEN, 5, None))


def test_log_goes_on_after_the_head_that_was_kept(org_id):
    add(org_id, 2)
    kept = verify(org_id).head
    add(org_id, 2)

    assert broken(org_id, expected=Head.parse(str(kept))) is None


@pytest.mark.parametrize("text", ["", "5", "5:abc", "x:" + "0" * 64, "-1:" + "0" * 64, "5:" + "g" * 64])
def test_head_that_is_none_is_refused(text):
    with pytest.raises(InvalidError):
        Head.parse(text)


def test_events_of_another_organization_are_no_part_of_the_chain(org_id, cast):
    add(org_id, 2)
    add(cast.org_id)

    assert (verify(org_id).head.number, broken(org_id)) == (2, None)
