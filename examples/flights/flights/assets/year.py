"""The whole year at a glance: the fleet, the airlines, and the rhythm of delays."""

import dagster as dg
from pydantic import Field

from flights.assets.raw import raw_flights
from flights.charts import heatmap
from flights.lake import FlightLake, quoted
from flights.metadata import column_lineage, describe_table, preview

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

FLEET = """
    SELECT
        tailnum, any_value(manufacturer) AS manufacturer, any_value(model) AS model, any_value(seats) AS seats,
        any_value(planes.year) AS built, count(planes.tailnum) > 0 AS registered,
        count(*) AS flights, sum(distance) AS miles
    FROM flights LEFT JOIN planes USING (tailnum)
    WHERE tailnum IS NOT NULL
    GROUP BY tailnum
    ORDER BY flights DESC, tailnum
"""

SCORECARD = """
    SELECT
        name AS airline, carrier, count(*) AS flights, count_if(dep_time IS NULL) AS cancelled,
        count_if(arr_delay < {minutes}) / count(arr_delay) AS on_time_share,
        avg(arr_delay) AS mean_arr_delay, quantile_cont(arr_delay, 0.95) AS p95_arr_delay
    FROM flights JOIN airlines USING (carrier)
    GROUP BY ALL
    ORDER BY on_time_share DESC
"""

DELAY_PROFILE = """
    SELECT month, hour, count(*) AS flights, avg(dep_delay) AS mean_dep_delay
    FROM flights
    GROUP BY ALL
    HAVING count(dep_delay) > 0
    ORDER BY month, hour
"""

YEAR = {"group_name": "year", "code_version": "1"}


class Punctuality(dg.Config):
    on_time_minutes: int = Field(
        default=15, ge=1, le=240, description="An arrival less late than this is on time. The official limit is 15."
    )


@dg.asset(
    deps=[raw_flights, dg.AssetKey(["raw", "planes"])],
    automation_condition=dg.AutomationCondition.eager(),
    kinds={"duckdb", "parquet"},
    owners=["team:flight-operations"],
    tags={"domain": "aircraft", "tier": "gold"},
    **YEAR,
)
def fleet(lake: FlightLake) -> dg.MaterializeResult:
    """Every aircraft that left New York, with what the FAA's register knows of it."""
    with lake.connect(flights="raw/flights", planes="raw/planes") as db:
        metadata = describe_table(db, lake.save(db, FLEET, "fleet"))
    lineage = {column: [("raw/planes", column)] for column in ("manufacturer", "model", "seats")}
    lineage |= {"built": [("raw/planes", "year")], "miles": [("raw/flights", "distance")]}
    lineage |= {"tailnum": [("raw/flights", "tailnum")], "registered": [("raw/planes", "tailnum")]}
    return dg.MaterializeResult(metadata={**metadata, "dagster/column_lineage": column_lineage(lineage)})


@dg.asset(
    deps=[raw_flights, dg.AssetKey(["raw", "airlines"])],
    automation_condition=dg.AutomationCondition.eager(),
    kinds={"duckdb", "parquet"},
    owners=["team:analytics", "punctuality@example.com"],
    tags={"domain": "airlines", "tier": "gold"},
    **YEAR,
)
def airline_scorecard(lake: FlightLake, config: Punctuality) -> dg.MaterializeResult:
    """The airlines of 2013, the most punctual first."""
    with lake.connect(flights="raw/flights", airlines="raw/airlines") as db:
        file = lake.save(db, SCORECARD.format(minutes=config.on_time_minutes), "airline_scorecard")
        metadata = describe_table(db, file)
        best, share = db.execute(f"SELECT airline, on_time_share FROM {quoted(file)} LIMIT 1").fetchone()
        metadata["scorecard"] = preview(db, f"FROM {quoted(file)}")
    return dg.MaterializeResult(
        metadata={**metadata, "best_airline": best, "best_on_time_share": share, "rules": config.model_dump()}
    )


@dg.asset(
    deps=[raw_flights],
    kinds={"duckdb", "matplotlib"},
    owners=["team:analytics"],
    tags={"domain": "flights", "tier": "report"},
    **YEAR,
)
def delay_profile(lake: FlightLake) -> dg.MaterializeResult:
    """When delays happen: the mean departure delay by month and hour of the day, as a table and a picture."""
    with lake.connect(flights="raw/flights") as db:
        file = lake.save(db, DELAY_PROFILE, "delay_profile")
        metadata = describe_table(db, file)
        delays = {(month, hour): delay for month, hour, _, delay in db.execute(f"FROM {quoted(file)}").fetchall()}
    hours = sorted({hour for _, hour in delays})
    month, hour = max(delays, key=delays.__getitem__)
    chart = heatmap(
        title="Mean departure delay, 2013",
        values=[[delays.get((number, hour), float("nan")) for hour in hours] for number in range(1, 13)],
        rows=MONTHS,
        columns=[str(hour) for hour in hours],
        unit="minutes",
    )
    return dg.MaterializeResult(
        metadata={
            **metadata,
            "chart": chart,
            "worst": {"month": MONTHS[month - 1], "hour": hour, "mean_dep_delay": delays[month, hour]},
        }
    )
