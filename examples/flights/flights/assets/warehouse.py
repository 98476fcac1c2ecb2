"""The year's tables in one DuckDB database, for people and tools outside this project."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from flights.assets.raw import REFERENCE_TABLES, raw_flights
from flights.assets.routes import routes
from flights.assets.year import airline_scorecard, fleet
from flights.lake import FlightLake, quoted, replacing
from flights.partitions import NEW_YORK

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATABASE = "flights.duckdb"
CONTENTS = [
    raw_flights.key,
    *(dg.AssetKey(["raw", table]) for table in REFERENCE_TABLES),
    fleet.key,
    routes.key,
    airline_scorecard.key,
]


@dg.asset(
    deps=CONTENTS,
    automation_condition=dg.AutomationCondition.on_cron("0 7 * * *", cron_timezone=NEW_YORK),
    group_name="year",
    kinds={"duckdb"},
    owners=["team:data-platform"],
    tags={"tier": "gold"},
    code_version="1",
)
def warehouse(lake: FlightLake) -> dg.MaterializeResult:
    """One DuckDB database with the tables of the year, to open in any DuckDB client.

    It is rebuilt on the first morning after its tables were, and takes the old file's place in one step.
    """
    import duckdb

    database = lake.folder.for_writing(DATABASE)
    with replacing(database) as draft, duckdb.connect(str(draft)) as db:
        rows = {key.path[-1]: copy_table(db, lake, key) for key in CONTENTS}
    return dg.MaterializeResult(
        metadata={
            "tables": dg.MetadataValue.table([dg.TableRecord({"table": name, "rows": rows[name]}) for name in rows]),
            "total_rows": sum(rows.values()),
            "file": dg.MetadataValue.path(database),
            "size_bytes": database.stat().st_size,
            "built_at": dg.MetadataValue.timestamp(datetime.now(tz=UTC)),
            "how_to_open": dg.MetadataValue.md(f"```sql\nATTACH '{database}' (READ_ONLY);\n```"),
        }
    )


def copy_table(db: "DuckDBPyConnection", lake: FlightLake, key: dg.AssetKey) -> int:
    """Copy the asset's table under the last part of its key, and return its number of rows."""
    table = key.path[-1]
    db.execute(f"CREATE TABLE {table} AS FROM read_parquet({quoted(lake.file(key.to_user_string()))})")
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
