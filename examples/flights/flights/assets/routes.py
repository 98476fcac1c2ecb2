"""The routes of the year: a graph-backed asset, three ops behind one table."""

import math
from typing import Any

import dagster as dg

from flights.assets.raw import raw_flights
from flights.lake import FlightLake
from flights.metadata import describe_table

EARTH_RADIUS_MILES = 3958.8

ROUTES_FLOWN = """
    SELECT origin, dest, count(*) AS flights, count(DISTINCT carrier) AS airlines, any_value(distance) AS distance
    FROM flights
    GROUP BY origin, dest
    ORDER BY flights DESC, origin, dest
"""

MEASURED_ROUTES = """
    SELECT origin, dest, flights, airlines, distance, great_circle_miles::DOUBLE AS great_circle_miles
    FROM (SELECT unnest($routes, recursive := true))
"""


@dg.op(ins={"all_flights": dg.In(dg.Nothing)})
def count_routes(lake: FlightLake) -> list[dict[str, Any]]:
    """Flights, airlines and published distance of each pair of airports."""
    with lake.connect(flights="raw/flights") as db:
        cursor = db.execute(ROUTES_FLOWN)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dg.op(ins={"airports": dg.In(dg.Nothing)})
def locate_airports(lake: FlightLake) -> dict[str, tuple[float, float]]:
    """Latitude and longitude by airport code."""
    with lake.connect(airports="raw/airports") as db:
        return {faa: (lat, lon) for faa, lat, lon in db.execute("SELECT faa, lat, lon FROM airports").fetchall()}


@dg.op
def measure_routes(
    context: dg.OpExecutionContext,
    lake: FlightLake,
    flown: list[dict[str, Any]],
    places: dict[str, tuple[float, float]],
) -> int:
    """Put the great-circle distance beside the published one, and store the table."""
    routes = [
        {**route, "great_circle_miles": great_circle_miles(places, route["origin"], route["dest"])} for route in flown
    ]
    with lake.connect() as db:
        db.execute(f"CREATE TABLE routes AS {MEASURED_ROUTES}", {"routes": routes})
        context.add_output_metadata(
            {
                **describe_table(db, lake.save(db, "FROM routes", "routes")),
                "busiest": f"{flown[0]['origin']} to {flown[0]['dest']}, {flown[0]['flights']:,} flights",
            }
        )
    return len(routes)


@dg.graph_asset(
    ins={
        "all_flights": dg.AssetIn(raw_flights.key, dagster_type=dg.Nothing),
        "airports": dg.AssetIn(dg.AssetKey(["raw", "airports"]), dagster_type=dg.Nothing),
    },
    group_name="year",
    owners=["team:analytics"],
    kinds={"duckdb", "parquet"},
    tags={"domain": "network", "tier": "gold"},
    code_version="1",
)
def routes(all_flights, airports):
    """The 224 routes flown from New York, with their published and their great-circle length.

    A graph-backed asset: the flights are counted and the airports located side by side, each in a step of its own.
    """
    return measure_routes(count_routes(all_flights), locate_airports(airports))


def great_circle_miles(places: dict[str, tuple[float, float]], origin: str, dest: str) -> float | None:
    """The haversine distance, or None where a place is unknown."""
    if origin not in places or dest not in places:
        return None
    (lat1, lon1), (lat2, lon2) = ([math.radians(degrees) for degrees in places[code]] for code in (origin, dest))
    chord = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_MILES * math.asin(math.sqrt(chord))
