"""What each materialization says about its table: schema, row count, size, place and the first rows."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from flights.lake import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PREVIEW_ROWS = 5

COLUMN_DESCRIPTIONS = {
    "air_time": "Minutes in the air",
    "arr_delay": "Minutes late at the gate; negative when early, empty when cancelled or diverted",
    "cancelled": "The flight never left",
    "carrier": "Two-letter IATA code of the airline",
    "dep_delay": "Minutes late at departure; negative when early, empty when cancelled",
    "dest": "IATA code of the destination",
    "distance": "Miles between the airports, as published",
    "diverted": "The flight left, and has no arrival at its destination on record",
    "engines": "Number of engines",
    "faa": "FAA code of the airport",
    "flight": "Flight number",
    "hour": "Hour of the scheduled departure, New York's time",
    "on_time_share": "Share of the flights flown that arrived on time",
    "origin": "IATA code of the New York airport: EWR, JFK or LGA",
    "precip": "Precipitation, inches",
    "scheduled_departure": "New York's time",
    "seats": "Number of seats",
    "tailnum": "Registration painted on the aircraft",
    "time_hour": "The hour in UTC",
    "visib": "Visibility, miles",
    "wind_speed": "Miles per hour",
}


def describe_table(db: "DuckDBPyConnection", file: Path) -> dict[str, dg.MetadataValue]:
    rows = db.execute(f"SELECT count(*) FROM {quoted(file)}").fetchone()[0]
    return {
        "dagster/row_count": dg.MetadataValue.int(rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(table_schema(db, file)),
        "dagster/uri": dg.MetadataValue.text(file.resolve().as_uri()),
        "file": dg.MetadataValue.path(file),
        "size_bytes": dg.MetadataValue.int(file.stat().st_size),
        "preview": preview(db, f"FROM {quoted(file)} LIMIT {PREVIEW_ROWS}"),
    }


def table_schema(db: "DuckDBPyConnection", file: Path) -> dg.TableSchema:
    described = db.execute(f"DESCRIBE FROM {quoted(file)}").fetchall()
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=name, type=column_type, description=COLUMN_DESCRIPTIONS.get(name))
            for name, column_type, *_ in described
        ]
    )


def preview(db: "DuckDBPyConnection", query: str) -> dg.MetadataValue:
    cursor = db.execute(query)
    return dg.MetadataValue.md(markdown_table([column[0] for column in cursor.description], cursor.fetchall()))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")


def column_lineage(sources: Mapping[str, Sequence[tuple[str, str]]]) -> dg.MetadataValue:
    """Column lineage from `{column: [(asset key as written in code, its column), …]}`."""
    return dg.MetadataValue.column_lineage(
        dg.TableColumnLineage(
            deps_by_column={
                column: [
                    dg.TableColumnDep(asset_key=dg.AssetKey(key.split("/")), column_name=name) for key, name in parents
                ]
                for column, parents in sources.items()
            }
        )
    )
