"""The monthly tables: punctuality by airline, and the report that people read."""

import dagster as dg

from flights.assets.daily import daily_flights
from flights.charts import bars
from flights.lake import FlightLake, replacing
from flights.metadata import describe_table, markdown_table
from flights.partitions import months_of_2013

# The US Department of Transportation counts an arrival as on time when it is less than 15 minutes late.
PUNCTUALITY = """
    SELECT
        name AS airline, carrier, count(*) AS flights, count_if(cancelled) AS cancelled,
        count_if(arr_delay < 15) / nullif(count(arr_delay), 0) AS on_time_share,
        median(arr_delay) AS median_arr_delay
    FROM flights JOIN airlines USING (carrier)
    GROUP BY ALL
    ORDER BY on_time_share DESC
"""

MONTHLY = {
    "group_name": "monthly",
    "partitions_def": months_of_2013,
    "owners": ["team:analytics"],
    "code_version": "1",
}


@dg.asset(
    deps=[daily_flights, dg.AssetKey(["raw", "airlines"])],
    # Any day of any month may be replayed; eager() by itself acts on the newest month only.
    automation_condition=dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window()),
    kinds={"duckdb", "parquet"},
    tags={"domain": "airlines", "tier": "gold"},
    **MONTHLY,
)
def monthly_punctuality(context: dg.AssetExecutionContext, lake: FlightLake) -> dg.MaterializeResult:
    """How often each airline arrived on time in one month, from the days that are loaded."""
    month = context.partition_key[:7]
    with lake.connect(flights=f"daily_flights/{month}-*", airlines="raw/airlines") as db:
        file = lake.save(db, PUNCTUALITY, "monthly_punctuality", context.partition_key)
        days = db.execute("SELECT count(DISTINCT flight_date) FROM flights").fetchone()[0]
        metadata = describe_table(db, file)
    metadata["dagster/partition_row_count"] = metadata.pop("dagster/row_count")
    return dg.MaterializeResult(metadata={**metadata, "days_loaded": days})


@dg.asset(deps=[monthly_punctuality], kinds={"markdown", "matplotlib"}, tags={"tier": "report"}, **MONTHLY)
def monthly_report(context: dg.AssetExecutionContext, lake: FlightLake) -> dg.MaterializeResult:
    """One page on the month's punctuality, as a markdown file and in the metadata."""
    with lake.connect(punctuality=f"monthly_punctuality/{context.partition_key}") as db:
        rows = db.execute("SELECT airline, flights, cancelled, on_time_share FROM punctuality").fetchall()
    month = f"{context.partition_time_window.start:%B %Y}"
    page = f"# Punctuality in {month}\n\n{markdown_table(['Airline', 'Flights', 'Cancelled', 'On time'], rows)}\n"
    file = lake.folder.for_writing(f"reports/{context.partition_key[:7]}.md")
    with replacing(file) as draft:
        draft.write_text(page)
    flown = [row for row in rows if row[3] is not None]
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(page),
            "chart": bars(
                title=f"Arrivals on time, {month}",
                labels=[row[0] for row in flown],
                values=[100 * row[3] for row in flown],
                unit="% of flights",
            ),
            "file": dg.MetadataValue.path(file),
            "punctuality": dg.MetadataValue.asset(monthly_punctuality.key),
        }
    )
