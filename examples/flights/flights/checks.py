"""Asset checks. The data is real, and so are the defects that three of them warn of."""

from collections.abc import Iterator

import dagster as dg

from flights.assets.raw import raw_flights
from flights.assets.routes import routes
from flights.assets.year import fleet
from flights.lake import FlightLake
from flights.metadata import preview

WEATHER = dg.AssetKey(["raw", "weather"])
PRIMARY_KEYS = {"airlines": "carrier", "airports": "faa", "planes": "tailnum"}

# The strongest wind ever measured at the surface was 253 mph; the strongest in New York City is far below this.
STRONGEST_PLAUSIBLE_WIND_MPH = 150


@dg.asset_check(asset=raw_flights, blocking=True)
def year_is_complete(lake: FlightLake) -> dg.AssetCheckResult:
    """Each of the 365 days has flights, and none is there twice. Otherwise nothing is built on the table."""
    with lake.connect(flights="raw/flights") as db:
        days, rows, distinct = db.execute(
            "SELECT count(DISTINCT (month, day)), count(*), count(DISTINCT (month, day, carrier, flight, origin)) "
            "FROM flights"
        ).fetchone()
    return dg.AssetCheckResult(
        passed=days == 365 and rows == distinct,
        metadata={"days": days, "rows": rows, "repeated_flights": rows - distinct},
    )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "key_is_unique", asset=["raw", table], description=f"`{column}` is never empty and never twice."
        )
        for table, column in PRIMARY_KEYS.items()
    ],
    can_subset=True,
)
def reference_keys_are_unique(
    context: dg.AssetCheckExecutionContext, lake: FlightLake
) -> Iterator[dg.AssetCheckResult]:
    for check in sorted(context.selected_asset_check_keys):
        table = check.asset_key.path[-1]
        with lake.connect(checked=check.asset_key.to_user_string()) as db:
            rows, distinct = db.execute(
                f"SELECT count(*), count(DISTINCT {PRIMARY_KEYS[table]}) FROM checked"
            ).fetchone()
        yield dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=rows == distinct,
            metadata={"rows": rows, "distinct_keys": distinct},
        )


@dg.asset_check(asset=WEATHER)
def wind_is_plausible(lake: FlightLake) -> dg.AssetCheckResult:
    """No wind beyond what an anemometer survives. Newark reported 1,048 mph on 12 February 2013."""
    implausible = f"FROM weather WHERE wind_speed > {STRONGEST_PLAUSIBLE_WIND_MPH}"
    with lake.connect(weather="raw/weather") as db:
        hours, strongest = db.execute(f"SELECT count(*), max(wind_speed) {implausible}").fetchone()
        examples = preview(db, f"SELECT origin, time_hour, wind_speed, temp, pressure {implausible} LIMIT 10")
    return dg.AssetCheckResult(
        passed=hours == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"implausible_hours": hours, "strongest_mph": strongest, "hours": examples} if hours else {},
    )


@dg.asset_check(asset=fleet)
def aircraft_are_registered(lake: FlightLake) -> dg.AssetCheckResult:
    """Each aircraft is in the register. American and Envoy report fleet numbers in place of tail numbers."""
    with lake.connect(fleet="fleet") as db:
        aircraft, flights, share = db.execute(
            "SELECT count(*), coalesce(sum(flights), 0)::BIGINT, "
            "coalesce(sum(flights), 0) / (SELECT sum(flights) FROM fleet) FROM fleet WHERE NOT registered"
        ).fetchone()
        busiest = preview(db, "SELECT tailnum, flights FROM fleet WHERE NOT registered ORDER BY flights DESC LIMIT 10")
    return dg.AssetCheckResult(
        passed=aircraft == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{aircraft:,} aircraft, with {share:.1%} of the flights that name one, are not in the register.",
        metadata={
            "unregistered_aircraft": aircraft,
            "their_flights": flights,
            "flight_share": share,
            "busiest": busiest,
        },
    )


@dg.asset_check(asset=routes)
def destinations_are_known(lake: FlightLake) -> dg.AssetCheckResult:
    """Each destination is in the airport table. Those of Puerto Rico and the Virgin Islands are missing from it."""
    with lake.connect(routes="routes") as db:
        unknown = db.execute(
            "SELECT dest, sum(flights)::BIGINT FROM routes WHERE great_circle_miles IS NULL GROUP BY dest ORDER BY dest"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not unknown,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unknown_destinations": len(unknown), "flights_by_destination": dict(unknown)},
    )
