"""The DuckDB resource: a folder of Parquet files, one per table or partition, that DuckDB reads and writes."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from daggerboard_branchkit import BranchFolder
from pydantic import Field

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PROJECT_FOLDER = Path(__file__).resolve().parent.parent


class FlightLake(dg.ConfigurableResource):
    """Every step opens its own in-memory DuckDB over Parquet files, and files appear by rename.

    A DuckDB database file takes one writing process at a time. Steps and runs of this project are separate processes
    that run at once, so they share plain files instead: nobody waits for a lock, and nobody sees a half-written table.

    A branch deployment writes into a folder of its own, and reads the base's files where it has none.
    """

    data_dir: str = Field(
        default="",
        description="Folder of the data. Empty means FLIGHTS_DATA_DIR or, without it, `data/` beside the project.",
    )

    @property
    def folder(self) -> BranchFolder:
        return BranchFolder.here(self.data_dir or os.environ.get("FLIGHTS_DATA_DIR") or PROJECT_FOLDER / "data")

    @property
    def root(self) -> Path:
        """Where this deployment writes."""
        return self.folder.root

    def file(self, table: str, partition: str | None = None) -> Path:
        """Where the table, or one partition of it, is read."""
        return self.folder.for_reading(table_file(table, partition))

    @contextmanager
    def connect(self, **tables: str) -> Iterator["DuckDBPyConnection"]:
        """An in-memory DuckDB in which each keyword is a view of the named table: `connect(planes="raw/planes")`."""
        import duckdb

        with duckdb.connect() as db:
            for view, table in tables.items():
                self._create_view(db, view, table)
            yield db

    def _create_view(self, db: "DuckDBPyConnection", view: str, table: str) -> None:
        # A name may be a pattern over partitions, such as `daily_flights/2013-01-*`.
        files = self.folder.glob(f"{table}.parquet")
        if not files:
            raise dg.Failure(
                description=f"There is no data for {table}: materialize it first.",
                metadata={"expected_file": dg.MetadataValue.path(self.file(table))},
                allow_retries=False,
            )
        db.execute(f"CREATE VIEW {view} AS FROM read_parquet([{', '.join(map(quoted, files))}])")

    def save(self, db: "DuckDBPyConnection", query: str, table: str, partition: str | None = None) -> Path:
        """Store the query's rows as the table, or as one partition of it, replacing what was there."""
        file = self.folder.for_writing(table_file(table, partition))
        with replacing(file) as draft:
            db.execute(f"COPY ({query}) TO {quoted(draft)} (FORMAT parquet, COMPRESSION zstd)")
        return file


def table_file(table: str, partition: str | None = None) -> str:
    """The file of a table or partition, relative to the folder of the data."""
    return f"{table}.parquet" if partition is None else f"{table}/{partition}.parquet"


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A draft to write; it takes the file's place in one step when the block ends well, and vanishes otherwise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}.draft")
    try:
        yield draft
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def quoted(path: Path) -> str:
    """The path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
