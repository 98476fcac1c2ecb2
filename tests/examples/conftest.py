"""The sample project over an empty data folder, and over one that its first job has filled."""

from pathlib import Path

import dagster as dg
import pytest
from flights.definitions import defs
from flights.lake import FlightLake


@pytest.fixture
def lake(tmp_path: Path) -> FlightLake:
    return FlightLake(data_dir=str(tmp_path))


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> dg.ExecuteInProcessResult:
    """The result of `first_materialization`; its data folder is `filled_lake`. Tests only read."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FLIGHTS_DATA_DIR", str(tmp_path_factory.getbasetemp() / "flights"))
        return defs.resolve_job_def("first_materialization").execute_in_process()


@pytest.fixture(scope="session")
def filled_lake(first_run: dg.ExecuteInProcessResult, tmp_path_factory: pytest.TempPathFactory) -> FlightLake:
    return FlightLake(data_dir=str(tmp_path_factory.getbasetemp() / "flights"))
