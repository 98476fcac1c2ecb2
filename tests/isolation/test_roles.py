"""What the application role may not do (promise S3): go around row-level security, define anything, become anybody."""

import psycopg
import pytest

REFUSED = [
    "SET ROLE daggerboard_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION daggerboard_owner",
    "SET session_replication_role = replica",
    "ALTER ROLE daggerboard_app BYPASSRLS",
    "ALTER ROLE daggerboard_app SUPERUSER",
    "GRANT daggerboard_owner TO daggerboard_app",
    "CREATE ROLE another LOGIN",
    "CREATE TABLE mine (id int)",
    "CREATE VIEW mine AS SELECT * FROM run",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION pg_trgm",
    "ALTER TABLE run DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE run NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE run OWNER TO daggerboard_app",
    "ALTER TABLE run DETACH PARTITION run_default",
    "DROP POLICY tenant ON run",
    "CREATE POLICY hole ON run USING (true)",
    "ALTER POLICY tenant ON run USING (true)",
    "DROP TABLE run",
    "TRUNCATE run",
    "CREATE INDEX ON run (status)",
    "CREATE TRIGGER t BEFORE INSERT ON run FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "SELECT * FROM run_default",
    "INSERT INTO run_event_default SELECT * FROM run_event_default",
    "DELETE FROM asset_event_default",
    "UPDATE django_migrations SET app = 'x'",
    "UPDATE audit_event SET actor_label = 'x'",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "DELETE FROM audit_seal",
    "COPY run FROM PROGRAM 'true'",
    "COPY run TO '/tmp/run'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT rolpassword FROM pg_authid",
    "ALTER SYSTEM SET log_statement = 'all'",
]


@pytest.mark.parametrize("role", ["app", "door"])
@pytest.mark.parametrize("statement", REFUSED)
def test_role_is_refused(scratch, role, statement):
    with scratch.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("role", ["owner", "app"])
def test_row_security_cannot_be_switched_off(scratch, role):
    with scratch.connect(role) as connection:
        connection.execute("SET row_security = off")

        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute("SELECT * FROM run")


def test_app_role_cannot_become_the_door(scratch):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        scratch.as_app("SET ROLE daggerboard_door")


def test_roles_have_no_attribute_that_helps(scratch):
    with scratch.connect("superuser") as connection:
        found = connection.execute(
            """SELECT rolname, rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication OR rolinherit
               FROM pg_roles WHERE rolname IN ('daggerboard_app', 'daggerboard_door') ORDER BY 1"""
        ).fetchall()

    assert found == [("daggerboard_app", False), ("daggerboard_door", False)]


def test_roles_belong_to_no_other_role(scratch):
    with scratch.connect("superuser") as connection:
        found = connection.execute(
            "SELECT member::regrole::text FROM pg_auth_members WHERE member::regrole::text IN ('daggerboard_app', 'daggerboard_door')"
        ).fetchall()

    assert found == []


def test_roles_own_nothing(scratch):
    with scratch.connect("superuser") as connection:
        found = connection.execute(
            """SELECT relname FROM pg_class WHERE relowner::regrole::text IN ('daggerboard_app', 'daggerboard_door')
               UNION ALL SELECT datname FROM pg_database WHERE datdba::regrole::text IN ('daggerboard_app', 'daggerboard_door')"""
        ).fetchall()

    assert found == []
