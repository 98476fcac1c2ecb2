"""An op job: look up what single aircraft did in 2013. Run it from the launchpad, or drop a file for the sensor."""

import csv
from enum import Enum
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from flights.lake import FlightLake, replacing

FLIGHTS_OF_AIRCRAFT = """
    SELECT tailnum, make_date(year, month, day) AS flight_date, carrier, flight, origin, dest, dep_delay, arr_delay
    FROM flights
    WHERE list_contains($tail_numbers, tailnum)
    ORDER BY tailnum, flight_date, time_hour
    LIMIT $max_flights
"""


class Delimiter(Enum):
    COMMA = ","
    SEMICOLON = ";"


class AircraftQuery(dg.Config):
    tail_numbers: list[str] = Field(min_length=1, description="Tail numbers to look up, such as N14228.")
    max_flights: int = Field(default=1000, ge=1, description="Stop after this many flights.")


class HistoryFile(dg.Config):
    name: str = Field(default="aircraft", pattern=r"^[\w-]+$", description="Name of the file, without `.csv`.")
    delimiter: Delimiter = Field(default=Delimiter.COMMA, description="What stands between two columns.")
    header: bool = Field(default=True, description="Whether the first line names the columns.")


@dg.op
def find_flights(context: dg.OpExecutionContext, lake: FlightLake, config: AircraftQuery) -> list[dict[str, Any]]:
    """The flights of the aircraft asked for, oldest first."""
    with lake.connect(flights="raw/flights") as db:
        cursor = db.execute(FLIGHTS_OF_AIRCRAFT, config.model_dump())
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    unknown = sorted(set(config.tail_numbers) - {flight["tailnum"] for flight in found})
    if not found:
        raise dg.Failure(
            description="None of these aircraft left New York City in 2013. Check the tail numbers.",
            metadata={"tail_numbers": unknown},
        )
    if unknown:
        context.log.warning(f"No flights among the {len(found):,} found for {', '.join(unknown)}")
    return found


@dg.op
def write_history(
    context: dg.OpExecutionContext, lake: FlightLake, config: HistoryFile, flights: list[dict[str, Any]]
) -> dg.Output[str]:
    """The flights as a CSV file in `exports/`."""
    file = lake.folder.for_writing(f"exports/{config.name}.csv")
    with replacing(file) as draft:
        write_csv(draft, flights, config)
    context.log.info(f"Wrote {len(flights):,} flights to {file}")
    return dg.Output(str(file), metadata={"file": dg.MetadataValue.path(file), "flights": len(flights)})


@dg.job(
    config=dg.RunConfig(ops={"find_flights": AircraftQuery(tail_numbers=["N14228", "N24211"])}),
    tags={"team": "flight-operations"},
)
def aircraft_history():
    """Write the flights of some aircraft to a CSV file. Needs `raw/flights`."""
    write_history(find_flights())


def write_csv(file: Path, flights: list[dict[str, Any]], config: HistoryFile) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(flights[0]), delimiter=config.delimiter.value)
        if config.header:
            writer.writeheader()
        writer.writerows(flights)
