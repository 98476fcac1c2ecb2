"""The sample project at work: its jobs run on the real data, and its checks find what is really there."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from flights.aircraft import aircraft_history
from flights.assets.daily import daily_delays, daily_flights, daily_weather, hours_of
from flights.assets.monthly import monthly_punctuality, monthly_report
from flights.checks import year_is_complete
from flights.definitions import defs
from flights.lake import FlightLake, quoted

WARNINGS = {"wind_is_plausible", "aircraft_are_registered", "destinations_are_known"}


def metadata_of(result: dg.ExecuteInProcessResult, key: str) -> dict:
    (materialization,) = (
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey.from_user_string(key)
    )
    return materialization.metadata


def run_days(lake: FlightLake, first: str, last: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [daily_flights, daily_weather, daily_delays],
        resources={"lake": lake},
        tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
        raise_on_error=False,
    )


def test_first_materialization_loads_every_flight_of_the_year(first_run):
    assert first_run.success
    assert metadata_of(first_run, "raw/flights")["dagster/row_count"].value == 336_776
    assert metadata_of(first_run, "routes")["dagster/row_count"].value == 224


def test_checks_warn_of_the_three_defects_of_the_data_and_of_nothing_else(first_run):
    evaluations = first_run.get_asset_check_evaluations()

    assert {check.check_name for check in evaluations if not check.passed} == WARNINGS
    assert {check.severity for check in evaluations if not check.passed} == {dg.AssetCheckSeverity.WARN}
    assert len(evaluations) == 7


def test_check_counts_the_flights_of_unregistered_aircraft(first_run):
    (check,) = (c for c in first_run.get_asset_check_evaluations() if c.check_name == "aircraft_are_registered")

    assert check.metadata["unregistered_aircraft"].value == 721
    assert check.metadata["their_flights"].value == 50_094


def test_delay_profile_carries_its_picture(first_run):
    chart = metadata_of(first_run, "delay_profile")["chart"]

    assert isinstance(chart, dg.MarkdownMetadataValue)
    assert chart.value.startswith("![Mean departure delay, 2013](data:image/png;base64,iVBOR")
    assert len(chart.value) < 100_000


def test_metadata_comes_in_many_kinds(first_run):
    kinds = {
        type(value).__name__.removesuffix("MetadataValue")
        for event in first_run.get_asset_materialization_events()
        for value in event.materialization.metadata.values()
    }

    assert kinds >= {"Int", "Float", "Text", "Url", "Path", "Markdown", "Json", "Timestamp", "Table", "TableSchema"}
    assert "TableColumnLineage" in kinds


def test_warehouse_opens_in_any_duckdb_client(filled_lake):
    with duckdb.connect(str(filled_lake.root / "flights.duckdb"), read_only=True) as db:
        tables = {name for (name,) in db.execute("SHOW TABLES").fetchall()}

    assert tables == {
        *("airlines", "airports", "flights", "planes", "weather"),
        *("fleet", "routes", "airline_scorecard"),
    }


def test_incomplete_year_fails_its_blocking_check(lake):
    with lake.connect() as db:
        lake.save(db, "SELECT 1 AS month, 1 AS day, 'UA' AS carrier, 1 AS flight, 'EWR' AS origin", "raw/flights")

    evaluation = year_is_complete(lake)

    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert evaluation.metadata["days"].value == 1


def test_range_of_days_describes_each_day(filled_lake):
    result = run_days(filled_lake, "2013-03-09", "2013-03-11")

    events = [event for event in result.get_asset_materialization_events() if event.asset_key == daily_flights.key]
    rows = {event.partition: event.materialization.metadata["dagster/partition_row_count"].value for event in events}
    assert rows == {"2013-03-09": 765, "2013-03-10": 908, "2013-03-11": 980}


def test_missing_weather_is_a_warning_and_the_day_is_built_all_the_same(filled_lake):
    result = run_days(filled_lake, "2013-12-31", "2013-12-31")

    (check,) = (c for c in result.get_asset_check_evaluations() if c.check_name == "every_hour_is_observed")
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.metadata["missing_hours"].value == {"2013-12-31": 72}
    assert filled_lake.file("daily_delays", "2013-12-31").exists()


def test_repeated_flight_blocks_the_delays_of_its_day(filled_lake, lake):
    with lake.connect() as db:
        source = quoted(filled_lake.file("raw/flights"))
        lake.save(db, f"FROM {source} UNION ALL (FROM {source} WHERE month = 5 AND day = 1 LIMIT 1)", "raw/flights")
        lake.save(db, f"FROM {quoted(filled_lake.file('raw/weather'))}", "raw/weather")

    result = run_days(lake, "2013-05-01", "2013-05-01")

    assert not result.success
    assert lake.file("daily_flights", "2013-05-01").exists()
    assert not lake.file("daily_delays", "2013-05-01").exists()


def test_clock_changes_make_short_and_long_days():
    assert [hours_of(day) for day in ("2013-03-10", "2013-07-04", "2013-11-03")] == [23, 24, 25]


def test_month_reports_the_days_that_are_loaded(filled_lake):
    run_days(filled_lake, "2013-02-01", "2013-02-03")

    result = dg.materialize(
        [monthly_punctuality, monthly_report], resources={"lake": filled_lake}, partition_key="2013-02-01"
    )

    assert metadata_of(result, "monthly_punctuality")["days_loaded"].value == 3
    page = (filled_lake.root / "reports" / "2013-02.md").read_text()
    assert page.startswith("# Punctuality in February 2013\n")
    assert "Hawaiian Airlines Inc." in page


def test_month_without_days_says_what_to_materialize(filled_lake):
    result = dg.materialize(
        [monthly_punctuality], resources={"lake": filled_lake}, partition_key="2013-09-01", raise_on_error=False
    )

    (failure,) = (event for event in result.all_events if event.is_step_failure)
    description = failure.step_failure_data.user_failure_data.description
    assert description == "There is no data for daily_flights/2013-09-*: materialize it first."


def test_aircraft_history_writes_the_flights_asked_for(filled_lake):
    config = {
        "find_flights": {"config": {"tail_numbers": ["N14228"], "max_flights": 5}},
        "write_history": {"config": {"name": "one", "delimiter": "SEMICOLON"}},
    }

    aircraft_history.execute_in_process(run_config={"ops": config}, resources={"lake": filled_lake})

    header, *lines = (filled_lake.root / "exports" / "one.csv").read_text().splitlines()
    assert header.startswith("tailnum;flight_date;carrier;")
    assert len(lines) == 5
    assert {line.split(";")[0] for line in lines} == {"N14228"}


def test_aircraft_history_fails_clearly_for_unknown_aircraft(filled_lake):
    config = {"find_flights": {"config": {"tail_numbers": ["NOSUCH"]}}}

    with pytest.raises(dg.Failure, match="None of these aircraft left New York City in 2013"):
        aircraft_history.execute_in_process(run_config={"ops": config}, resources={"lake": filled_lake})


def test_failed_write_leaves_the_old_table_and_no_draft(lake):
    with lake.connect() as db:
        file = lake.save(db, "SELECT 1 AS number", "numbers")

        with pytest.raises(duckdb.Error):
            lake.save(db, "SELECT error('disk on fire')::INTEGER AS number", "numbers")

        assert db.execute(f"FROM {quoted(file)}").fetchall() == [(1,)]
    assert list(lake.root.iterdir()) == [file]


def test_processes_replace_a_table_while_others_read_it(lake):
    save_once(str(lake.root), 0)

    with ProcessPoolExecutor(max_workers=4, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(save_once, [str(lake.root)] * 40, range(40)))

    assert rows == [1000] * 40


def save_once(folder: str, number: int) -> int:
    """Replace the table and count its rows, as one step of many would."""
    lake = FlightLake(data_dir=folder)
    with lake.connect() as db:
        lake.save(db, f"SELECT {number} AS number FROM range(1000)", "numbers")
    with lake.connect(numbers="numbers") as db:
        return db.execute("SELECT count(*) FROM numbers").fetchone()[0]


def test_branch_writes_beside_the_base_and_its_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHTS_DATA_DIR", str(tmp_path))
    assert defs.resolve_job_def("first_materialization").execute_in_process().success
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setenv("DAGGERBOARD_IS_BRANCH_DEPLOYMENT", "1")
    monkeypatch.setenv("DAGGERBOARD_DEPLOYMENT", "pr-7")

    selection = [dg.AssetKey("fleet"), dg.AssetKey("warehouse")]
    scorecard = defs.resolve_implicit_global_asset_job_def().execute_in_process(asset_selection=selection)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path not in before]

    assert scorecard.success
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {
        "branches/pr_7/fleet.parquet",
        "branches/pr_7/flights.duckdb",
    }
    assert defs.resolve_job_def("close_branch").execute_in_process().success
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "branches").exists()
