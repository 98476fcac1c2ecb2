"""Row-level security as migration operations, and the grants that the application roles get after every migrate."""

from typing import Any

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import RunSQL

# What RunSQL takes: statements, perhaps with parameters.
Statements = list[str | tuple[str, dict[str, Any] | list[Any] | tuple[Any, ...] | tuple[()] | None]]

CURRENT_ORG = "nullif(current_setting('app.org', true), '')::uuid"


def app_role() -> str:
    """The role of the web, stream, worker and clock processes."""
    return str(settings.DATABASES["default"]["USER"])


def door_role() -> str:
    """The role of cross-tenant jobs."""
    return str(settings.DATABASES["door"]["USER"])


class TenantPolicy(RunSQL):
    """Force row-level security on a table: rows of the announced organization for everybody, all rows for the door role.

    `also` adds policies for reading, by name: SQL conditions under which a row may be read before its organization is known.
    """

    def __init__(self, table: str, *, also: dict[str, str] | None = None) -> None:
        self.table, self.also = table, also or {}
        super().__init__(sql=_policy_sql(table, self.also), reverse_sql=_no_policy_sql(table, self.also))

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.table], {"also": self.also})


def _policy_sql(table: str, also: dict[str, str]) -> Statements:
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
        f'CREATE POLICY door ON {table} TO "{door_role()}" USING (true) WITH CHECK (true)',
        *(f"CREATE POLICY {name} ON {table} FOR SELECT USING ({condition})" for name, condition in also.items()),
    ]


def _no_policy_sql(table: str, also: dict[str, str]) -> Statements:
    return [
        *(f"DROP POLICY {name} ON {table}" for name in also),
        f"DROP POLICY door ON {table}",
        f"DROP POLICY tenant ON {table}",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    ]


GRANTS = """
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT c.oid::regclass AS name, c.relname FROM pg_class c
           WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  LOOP
    IF r.relname = 'django_migrations' THEN
      EXECUTE format('GRANT SELECT ON %s TO {roles}', r.name);
    ELSIF r.relname = 'audit_event' THEN
      EXECUTE format('REVOKE ALL ON %s FROM {roles}', r.name);
      EXECUTE format('GRANT SELECT, INSERT ON %s TO {roles}', r.name);
    ELSIF r.relname IN ('audit_seal', 'audit_turn', 'audit_tombstone') THEN
      EXECUTE format('REVOKE ALL ON %s FROM {roles}', r.name);
      EXECUTE format('GRANT SELECT ON %s TO {roles}', r.name);
    ELSE
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO {roles}', r.name);
    END IF;
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO {roles};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {roles};
"""


def grant_application_roles(editor: BaseDatabaseSchemaEditor) -> None:
    """Give the two application roles data rights on every table, and nothing else; partitions are reached through their parent.

    The audit log is only added to, and what the database writes to prove it is only read.
    """
    roles = f'"{app_role()}", "{door_role()}"'
    editor.execute(GRANTS.replace("{roles}", roles), None)


class SameOrg(RunSQL):
    """A foreign key over (org_id, column), so that a row can only point at a row of its own organization."""

    def __init__(self, table: str, column: str, parent: str) -> None:
        self.names = (table, column, parent)
        unique, foreign = f"{parent}_org_id_id", f"{table}_{column}_same_org"
        super().__init__(
            sql=[
                f"CREATE UNIQUE INDEX IF NOT EXISTS {unique} ON {parent} (org_id, id)",
                (
                    f"ALTER TABLE {table} ADD CONSTRAINT {foreign} FOREIGN KEY (org_id, {column}) "
                    f"REFERENCES {parent} (org_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY IMMEDIATE"
                ),
            ],
            reverse_sql=[f"ALTER TABLE {table} DROP CONSTRAINT {foreign}"],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, list(self.names), {})
