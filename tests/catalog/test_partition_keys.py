"""Partition keys equal dagster's own: for every kind of definition, at many moments, across changes of daylight saving time."""

import datetime
import random
import warnings
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from controlplane.catalog import key_lists
from controlplane.catalog.partition_keys import Partitions, partitions_of
from controlplane.definitions.manifest import Dimension, Manifest, PartitionsDefinition
from tests.factories import make_manifest

warnings.simplefilter("ignore")

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
]
START = datetime.datetime(2023, 9, 20)  # noqa: DTZ001 - dagster takes it in the definition's own zone


def written(definition: Any) -> tuple[dict[str, PartitionsDefinition], str]:
    """The definition as the code worker writes it into the manifest."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        found: dict[str, PartitionsDefinition] = {}
        dimensions = []
        for part in definition.partitions_defs:
            of_part, _ = written(part.partitions_def)
            found[part.name] = of_part["x"]
            dimensions.append(Dimension(name=part.name, partitions=part.name))
        return {**found, "x": PartitionsDefinition(kind="multi", cls="M", dimensions=dimensions)}, "x"
    if isinstance(definition, dg.StaticPartitionsDefinition):
        return {"x": PartitionsDefinition(kind="static", cls="S", keys=list(definition.get_partition_keys()))}, "x"
    return {
        "x": PartitionsDefinition(
            kind="time_window",
            cls="T",
            start=definition.start.isoformat(),
            end=definition.end.isoformat() if definition.end else None,
            timezone=definition.timezone,
            fmt=definition.fmt,
            cron=definition.cron_schedule,
            end_offset=definition.end_offset,
            exclusions=[each if isinstance(each, str) else list(each) for each in definition.exclusions or []] or None,
        )
    }, "x"


def ours(definition: Any, now: datetime.datetime) -> Partitions:
    definitions, name = written(definition)
    manifest = Manifest(
        manifest_version=1,
        location="l",
        repository="r",
        dagster_version="",
        python_version="",
        partitions_definitions=definitions,
    )
    return partitions_of(manifest, name, now=now, dynamic=lambda _: [])


def dagsters(definition: Any, now: datetime.datetime) -> list[str]:
    with partition_loading_context(now, None):
        return [str(key) for key in definition.get_partition_keys()]


def check(definition: Any, now: datetime.datetime) -> None:
    theirs, found = dagsters(definition, now), ours(definition, now)
    assert list(found.page()) == theirs
    assert found.count() == len(theirs)
    assert list(found.page(1, 3)) == theirs[1:4]
    assert all(found.has(key) for key in theirs[:3] + theirs[-3:])
    assert not found.has("nonsense")


def time_window(cron: str, zone: str, **fields: Any) -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(
        start=fields.pop("start", START),
        timezone=zone,
        cron_schedule=cron,
        fmt=fields.pop("fmt", "%Y-%m-%d-%H:%M"),
        **fields,
    )


CRONS = [
    "0 * * * *", "30 * * * *", "15,45 * * * *", "*/20 * * * *", "0 0 * * *", "30 2 * * *", "0 1 * * *", "15 3 * * *", "0 9 * * 1-5",
    "0 0 * * 0", "30 2 * * 7", "0 0 1 * *", "15 2 28 * *", "0 0 1 1 *", "0 */6 * * *", "0 2,14 * * *", "0 12 1,15 * *",
    "0 0 31 * *", "0 0 13 * 5", "0 8 * jan,jul mon", "0 0 * * 5#2", "0 0 L * *", "@daily", "5 1-3 * * *",
]  # fmt: skip
MOMENTS = ["2024-04-27T12:30:00+00:00", "2024-03-10T07:00:00+00:00", "2023-10-29T00:59:59+00:00"]
FEW_ZONES = ["UTC", "Europe/Berlin", "America/New_York"]
EVERY_HOUR = [cron for cron in CRONS if cron.split()[1:2] == ["*"]]
CASES = [
    (cron, zone)
    for cron in CRONS
    for zone in (ZONES if cron in EVERY_HOUR or cron.startswith("30 2") or cron == "0 0 * * *" else FEW_ZONES)
    # Half an hour of daylight saving time: what dagster makes of hours there is nobody's intention.
    if not (zone == "Australia/Lord_Howe" and cron in EVERY_HOUR)
]


@pytest.mark.parametrize(("cron", "zone"), CASES)
def test_time_windows(cron: str, zone: str) -> None:
    chance = random.Random(f"{cron}{zone}")
    moments = [datetime.datetime.fromisoformat(text) for text in MOMENTS]
    moments.append(
        datetime.datetime(2023, 9, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=chance.randrange(300_000))
    )
    for now in moments:
        check(time_window(cron, zone), now)


@pytest.mark.parametrize("offset", [-3, -1, 0, 1, 5])
@pytest.mark.parametrize("end", [None, "2024-01-01", "2023-09-20", "2030-01-01"])
@pytest.mark.parametrize("cron", ["0 * * * *", "0 0 * * *", "0 0 1 * *", "30 5 * * 2"])
def test_offsets_and_ends(cron: str, end: str | None, offset: int) -> None:
    fields = {"end": datetime.datetime.fromisoformat(end) if end else None, "end_offset": offset}
    for text in ("2023-10-15T12:00:00+00:00", "2024-01-01T00:00:00+00:00", "2024-02-29T23:30:00+00:00"):
        check(time_window(cron, "Europe/Berlin", **fields), datetime.datetime.fromisoformat(text))


@pytest.mark.parametrize("exclusions", [["0 0 * * 6,0"], [datetime.datetime(2023, 10, 5), "0 0 1 * *"]])  # noqa: DTZ001
def test_exclusions(exclusions: list[Any]) -> None:
    definition = time_window("0 0 * * *", "America/New_York", exclusions=exclusions, fmt="%Y-%m-%d")
    check(definition, datetime.datetime(2024, 3, 9, 13, tzinfo=datetime.UTC))


NOW = datetime.datetime(2023, 3, 27, 13, 5, tzinfo=datetime.UTC)
DEFINITIONS = {
    "hourly": dg.HourlyPartitionsDefinition(start_date="2023-03-25-00:00", timezone="Europe/Berlin", minute_offset=7),
    "daily": dg.DailyPartitionsDefinition(start_date="2023-01-01", timezone="America/New_York", hour_offset=2),
    "weekly": dg.WeeklyPartitionsDefinition(start_date="2022-12-30", day_offset=3),
    "monthly": dg.MonthlyPartitionsDefinition(start_date="2020-01-15", end_offset=1),
    "future": dg.DailyPartitionsDefinition(start_date="2030-01-01"),
    "static": dg.StaticPartitionsDefinition(["b", "a", "ü|x", "c d"]),
    "multi": dg.MultiPartitionsDefinition(
        {
            "zone": dg.StaticPartitionsDefinition(["eu", "us"]),
            "date": dg.DailyPartitionsDefinition(start_date="2023-03-20"),
        }
    ),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definitions(name: str) -> None:
    check(DEFINITIONS[name], NOW)


def test_a_range_is_dagsters() -> None:
    daily = DEFINITIONS["daily"]
    with partition_loading_context(NOW, None):
        theirs = daily.get_partition_keys_in_range(dg.PartitionKeyRange("2023-03-10", "2023-03-15"))
    assert ours(daily, NOW).between("2023-03-10", "2023-03-15") == list(theirs)


@pytest.mark.parametrize(
    "key", ["2023-03-25-00:00", "2023-03-25-00:30", "2022-01-01", "2023-02-30", "", "2023-03-26-02:07", "2023-1-2"]
)
def test_what_is_no_key_for_dagster_is_none_for_us(key: str) -> None:
    for name in ("hourly", "daily", "weekly", "monthly"):
        with partition_loading_context(NOW, None):
            assert ours(DEFINITIONS[name], NOW).has(key) == DEFINITIONS[name].has_partition_key(key)


def test_eighty_thousand_hours_are_counted_in_a_moment() -> None:
    definition = time_window("0 * * * *", "Europe/Berlin", start=datetime.datetime(2015, 1, 1))  # noqa: DTZ001
    now = datetime.datetime(2024, 6, 1, tzinfo=datetime.UTC)
    found = ours(definition, now)
    first = datetime.datetime(2015, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert found.count() == int((now - first).total_seconds() // 3600)


HOSTILE = [
    {"cron": "* * * * *", "start": "1900-01-01"},
    {"cron": "0 0 * * *", "timezone": "../etc/passwd"},
    {"cron": "nonsense"},
    {"cron": "0 0 30 2 *"},
    {"cron": "0 0 * * *", "start": "soon"},
    {"cron": "*/0 * * * *"},
]


@pytest.mark.parametrize("fields", HOSTILE)
def test_what_cannot_be_computed_is_left_to_the_users_code(fields: dict[str, Any]) -> None:
    definition = PartitionsDefinition(kind="time_window", cls="T", **{"start": "2024-01-01", "fmt": "%Y", **fields})
    manifest = Manifest(
        manifest_version=1,
        location="l",
        repository="r",
        dagster_version="",
        python_version="",
        partitions_definitions={"x": definition},
    )
    found = partitions_of(manifest, "x", now=NOW, dynamic=lambda _: [])
    assert found.count() == 0


@pytest.mark.parametrize(
    "key", ["9999-12-31-23:00", "0001-01-01-00:00", "2023-03-25-00:07\0", "٢٠٢٣-03-25-00:07", "x" * 10**6]
)
def test_a_hostile_key_is_refused_at_once(key: str) -> None:
    assert ours(DEFINITIONS["hourly"], NOW).has(key) is False


def test_only_lists_that_others_keep_are_kept_something_of() -> None:
    names = [f"name-{number}" for number in range(6000)]
    definitions = {
        "names": PartitionsDefinition(kind="static", cls="S", keys=names),
        "hours": PartitionsDefinition(
            kind="time_window", cls="T", start="2023-01-01", timezone="UTC", fmt="%Y-%m-%d-%H", cron="0 * * * *"
        ),
        "both": PartitionsDefinition(
            kind="multi", cls="M", dimensions=[Dimension(name="h", partitions="hours"), Dimension(name="n", partitions="names")]
        ),
    }  # fmt: skip
    manifest = make_manifest(partitions_definitions=definitions)
    before = set(key_lists._positions._answers)
    for _ in range(3):
        both = partitions_of(
            manifest, "both", now=datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), dynamic=lambda _: ()
        )
        assert both.position("2023-01-01-01|name-7") == 6007
    assert set(key_lists._positions._answers) - before == {(id(names), None)}
