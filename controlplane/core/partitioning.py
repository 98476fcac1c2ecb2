"""History tables partitioned by time: migration operations, and the function that makes partitions ahead of time.

A table is partitioned by week, on a UUIDv7 column (its bits begin with the time) or on a timestamp. Partitions are made by
`ensure_partitions()`, a function that belongs to the owner role, because the application role may not create tables. Data that
fits no partition goes to the default partition, so that nothing is ever refused for lack of one.
"""

from typing import Any

from django.db import connections
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.state import ProjectState

FUNCTION_SQL = """
CREATE TABLE partitioned_table (name text PRIMARY KEY, key text NOT NULL, kind text NOT NULL CHECK (kind IN ('uuid7', 'time')));

CREATE FUNCTION partition_bound(kind text, moment timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE kind
    WHEN 'time' THEN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    ELSE regexp_replace(lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0'), '^(.{8})(.{4})$', '\\1-\\2')
         || '-0000-0000-000000000000'
  END
$$;

CREATE FUNCTION ensure_partitions(weeks_ahead int DEFAULT 4) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE t record; week timestamptz; part text; made int := 0;
BEGIN
  FOR t IN SELECT * FROM partitioned_table LOOP
    FOR n IN -1..weeks_ahead LOOP
      week := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + n * interval '7 days';
      part := t.name || to_char(week AT TIME ZONE 'UTC', '"_y"IYYY"w"IW');
      CONTINUE WHEN to_regclass(part) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, t.name,
                     partition_bound(t.kind, week), partition_bound(t.kind, week + interval '7 days'));
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
      EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
"""

DROP_FUNCTION_SQL = """
DROP FUNCTION ensure_partitions(int);
DROP FUNCTION partition_bound(text, timestamptz);
DROP TABLE partitioned_table;
"""


class CreatePartitionedModel(CreateModel):
    """CreateModel for a table partitioned by week on `key`, which is a UUIDv7 (`kind="uuid7"`) or a timestamp (`"time"`)."""

    def __init__(self, *args: Any, key: str, kind: str, **kwargs: Any) -> None:
        self.key, self.kind = key, kind
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        return name, args, {**kwargs, "key": self.key, "kind": self.kind}

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        table = model._meta.db_table
        sql, params = schema_editor.table_sql(model)
        schema_editor.execute(f"{sql} PARTITION BY RANGE ({self.key})", params or None)
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))  # type: ignore[attr-defined] # noqa: SLF001 - what create_model does
        schema_editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
        schema_editor.execute(f"ALTER TABLE {table}_default ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table}_default FORCE ROW LEVEL SECURITY")
        schema_editor.execute("INSERT INTO partitioned_table VALUES (%s, %s, %s)", [table, self.key, self.kind])
        schema_editor.execute("SELECT ensure_partitions()", None)


def ensure_partitions() -> int:
    """Make the partitions of the coming weeks; returns how many were made."""
    with connections["door"].cursor() as cursor:
        cursor.execute("SELECT ensure_partitions()")
        return int(cursor.fetchone()[0])
