"""The daily tables: one file per day, so that days are loaded, repaired and backfilled on their own."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from flights.assets.raw import raw_flights
from flights.lake import FlightLake, quoted
from flights.metadata import describe_table
from flights.partitions import NEW_YORK, days_of_2013

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NEW_YORK_AIRPORTS = 3

# Days are replayed in any order; eager() by itself acts on the newest partition only.
WHEN_THE_SAME_DAY_CHANGES = dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window())

DAILY = {
    "group_name": "daily",
    "partitions_def": days_of_2013,
    "backfill_policy": dg.BackfillPolicy.single_run(),
    "kinds": {"duckdb", "parquet"},
    "owners": ["team:flight-operations", "dispatch@example.com"],
}

CLEAN_FLIGHTS = """
    SELECT
        make_date(year, month, day) AS flight_date,
        make_timestamp(year, month, day, hour, minute, 0) AS scheduled_departure,
        hour, carrier, flight, tailnum, origin, dest, dep_delay, arr_delay, air_time, distance,
        dep_time IS NULL AS cancelled,
        dep_time IS NOT NULL AND arr_delay IS NULL AS diverted
    FROM flights
    WHERE make_date(year, month, day) = DATE '{day}'
    ORDER BY scheduled_departure, carrier, flight
"""

OBSERVED_WEATHER = """
    SELECT origin, time_hour, hour, temp, humid, wind_speed, wind_gust, precip, visib
    FROM weather
    WHERE make_date(year, month, day) = DATE '{day}'
    ORDER BY origin, time_hour
"""

# When clocks go back, one hour of the day is observed twice.
DELAYS_BY_HOUR = """
    WITH hourly_weather AS (
        SELECT origin, hour, avg(wind_speed) AS wind_speed, sum(precip) AS precip, min(visib) AS visib
        FROM weather GROUP BY ALL
    )
    SELECT
        origin, hour, count(*) AS flights, count_if(cancelled) AS cancelled, avg(dep_delay) AS mean_dep_delay,
        any_value(wind_speed) AS wind_speed, any_value(precip) AS precip, any_value(visib) AS visib
    FROM flights LEFT JOIN hourly_weather USING (origin, hour)
    GROUP BY ALL
    ORDER BY origin, hour
"""


@dg.asset(
    deps=[raw_flights],
    check_specs=[
        dg.AssetCheckSpec(
            "flights_are_unique",
            asset="daily_flights",
            blocking=True,
            description="No flight number leaves the same airport twice a day. Otherwise nothing is built on the day.",
        )
    ],
    tags={"domain": "flights", "tier": "silver"},
    code_version="1",
    **DAILY,
)
def daily_flights(context: dg.AssetExecutionContext, lake: FlightLake) -> dg.MaterializeResult:
    """The flights of one day, with real timestamps, and cancelled and diverted flights told apart."""
    repeated = 0
    with lake.connect(flights="raw/flights") as db:
        for day in context.partition_keys:
            file = lake.save(db, CLEAN_FLIGHTS.format(day=day), "daily_flights", day)
            context.add_asset_metadata(describe_day(db, file), partition_key=day)
            repeated += db.execute(
                f"SELECT count(*) - count(DISTINCT (carrier, flight, origin)) FROM {quoted(file)}"
            ).fetchone()[0]
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name="flights_are_unique", passed=repeated == 0, metadata={"repeated_flights": repeated}
            )
        ]
    )


@dg.asset(
    deps=[dg.AssetKey(["raw", "weather"])],
    check_specs=[
        dg.AssetCheckSpec(
            "every_hour_is_observed",
            asset="daily_weather",
            description="Each airport reports every hour. The published data has gaps, and nothing for 31 December.",
        )
    ],
    tags={"domain": "weather", "tier": "silver"},
    code_version="1",
    **DAILY,
)
def daily_weather(context: dg.AssetExecutionContext, lake: FlightLake) -> dg.MaterializeResult:
    """The hourly weather of one day at Newark, Kennedy and LaGuardia."""
    missing = {}
    with lake.connect(weather="raw/weather") as db:
        for day in context.partition_keys:
            file = lake.save(db, OBSERVED_WEATHER.format(day=day), "daily_weather", day)
            described = describe_day(db, file)
            context.add_asset_metadata(described, partition_key=day)
            missing[day] = NEW_YORK_AIRPORTS * hours_of(day) - described["dagster/partition_row_count"].value
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name="every_hour_is_observed",
                passed=not any(missing.values()),
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"missing_hours": {day: hours for day, hours in missing.items() if hours}},
            )
        ]
    )


@dg.asset(
    deps=[daily_flights, daily_weather],
    automation_condition=WHEN_THE_SAME_DAY_CHANGES,
    tags={"domain": "flights", "tier": "gold"},
    code_version="1",
    **DAILY,
)
def daily_delays(context: dg.AssetExecutionContext, lake: FlightLake) -> None:
    """Departure delays by airport and hour, beside the weather of that hour."""
    for day in context.partition_keys:
        with lake.connect(flights=f"daily_flights/{day}", weather=f"daily_weather/{day}") as db:
            file = lake.save(db, DELAYS_BY_HOUR, "daily_delays", day)
            worst = db.execute(f"SELECT max(mean_dep_delay) FROM {quoted(file)}").fetchone()[0]
            context.add_asset_metadata(
                {**describe_day(db, file), "worst_hour_mean_delay": dg.MetadataValue.float(worst)}, partition_key=day
            )


def describe_day(db: "DuckDBPyConnection", file: Path) -> dict[str, dg.MetadataValue]:
    described = describe_table(db, file)
    described["dagster/partition_row_count"] = described.pop("dagster/row_count")
    return described


def hours_of(day: str) -> int:
    """23, 24 or 25: New York changes its clocks twice a year."""
    midnight, next_midnight = (
        datetime.combine(date.fromisoformat(day) + timedelta(days=days), datetime.min.time(), ZoneInfo(NEW_YORK))
        for days in (0, 1)
    )
    return round((next_midnight.timestamp() - midnight.timestamp()) / 3600)
