"""What the policies do, table by table, seen as the application role; and that each policy is what does it: break one, and a probe
that was refused succeeds.
"""

from uuid import uuid4

import psycopg
import pytest

ACME, MALLORY = uuid4(), uuid4()
# The audit log is only added to, and its chain only read: there, the grants refuse before any policy does.
ONLY_ADDED_TO, ONLY_READ = {"audit_event"}, {"audit_seal", "audit_turn"}


@pytest.fixture(scope="module")
def planted(scratch, tenant_tables):
    """One row of Acme in every tenant table."""
    for table in tenant_tables:
        scratch.plant(table, ACME)
    return tenant_tables


def seen(scratch, tables, org):
    with scratch.connect("app", org=org) as app:
        return {table: app.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def test_own_rows_are_seen(scratch, planted):
    assert seen(scratch, planted, ACME) == dict.fromkeys(planted, 1)


def test_another_organization_sees_nothing(scratch, planted):
    assert seen(scratch, planted, MALLORY) == dict.fromkeys(planted, 0)


def test_unset_organization_sees_nothing(scratch, planted):
    assert seen(scratch, planted, None) == dict.fromkeys(planted, 0)


def test_owner_role_sees_nothing_either(scratch, planted):
    with scratch.connect("owner") as owner:
        found = {table: owner.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in planted}

    assert found == dict.fromkeys(planted, 0)


def test_door_role_sees_all(scratch, planted):
    with scratch.connect("door") as door:
        found = {table: door.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in planted}

    assert found == dict.fromkeys(planted, 1)


def test_another_organization_changes_nothing(scratch, planted):
    for table in planted:
        if table in ONLY_READ | ONLY_ADDED_TO:
            continue
        assert scratch.as_app(f"UPDATE {table} SET org_id = org_id", org=MALLORY) == [0], table
        assert scratch.as_app(f"DELETE FROM {table}", org=MALLORY) == [0], table


def test_rows_cannot_be_given_to_another_organization(scratch, planted):
    for table in planted:
        refusal = "permission denied" if table in ONLY_READ | ONLY_ADDED_TO else "row-level security"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=refusal):
            scratch.as_app(f"UPDATE {table} SET org_id = '{MALLORY}'", org=ACME)


def test_rows_cannot_be_made_for_another_organization(scratch, planted):
    for table in planted:
        columns = ", ".join(_columns(scratch, table))
        values = columns.replace("org_id", f"'{MALLORY}'::uuid")
        refusal = "permission denied" if table in ONLY_READ else "row-level security"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=refusal):
            scratch.as_app(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table}", org=ACME)


def _columns(scratch, table):
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_identity = 'NO'"
    with scratch.connect("superuser") as connection:
        return [f'"{name}"' if name == "offset" else name for (name,) in connection.execute(query, [table])]


# ---- each guard broken in turn: the probes above must notice


def test_probe_notices_a_table_without_row_level_security(scratch, planted):
    for table in planted:
        off, on = (f"ALTER TABLE {table} {word} ROW LEVEL SECURITY" for word in ("DISABLE", "ENABLE"))
        with scratch.changed(off, on):
            assert seen(scratch, [table], MALLORY) == {table: 1}


def test_probe_notices_a_policy_that_lets_everybody_in(scratch, planted):
    for table in planted:
        with scratch.changed(f"CREATE POLICY hole ON {table} USING (true)", f"DROP POLICY hole ON {table}"):
            assert seen(scratch, [table], MALLORY) == {table: 1}


def test_probe_notices_a_dropped_policy(scratch, planted):
    for table in planted:
        aside, back = f"ALTER POLICY tenant ON {table} TO daggerboard_door", f"ALTER POLICY tenant ON {table} TO PUBLIC"
        with scratch.changed(aside, back):
            assert seen(scratch, [table], ACME) == {table: 0}


def test_probe_notices_security_that_is_not_forced(scratch, planted):
    for table in planted:
        off, on = (f"ALTER TABLE {table} {word} ROW LEVEL SECURITY" for word in ("NO FORCE", "FORCE"))
        with scratch.changed(off, on), scratch.connect("owner") as owner:
            assert owner.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,), table


def test_policies_that_open_one_row_open_only_that_row(scratch, planted):
    with scratch.connect("superuser") as connection:
        ((token,), (user,)) = (
            connection.execute("SELECT id FROM api_token").fetchone(),
            connection.execute("SELECT user_id FROM membership").fetchone(),
        )
    for setting, value, table in (("app.token", token, "api_token"), ("app.user", user, "membership")):
        with scratch.connect("app") as app:
            app.execute("SELECT set_config(%s, %s, false)", [setting, str(value)])
            found = {t: app.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in planted}
            changed = app.execute(f"DELETE FROM {table}").rowcount
        assert ({t for t, count in found.items() if count}, changed) == ({table}, 0)
