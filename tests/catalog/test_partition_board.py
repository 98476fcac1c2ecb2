"""The status of every partition from stored codes: equal to what the rows say, whatever happens in between."""

import datetime
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from controlplane.automation.backfills.choice import Choice
from controlplane.automation.backfills.placed import PlacedKeys
from controlplane.automation.backfills.targets import _of_choice
from controlplane.catalog import partition_board, partition_keys
from controlplane.catalog.asset_status import AssetStatus, status_of
from controlplane.catalog.models import AssetEventKind, DynamicPartition, PartitionCodes, PartitionState
from controlplane.catalog.partition_board import Board, board
from controlplane.catalog.partition_codes import counts, grid, line, some_stretches
from controlplane.catalog.partition_keys import ListedPartitions, MultiPartitions, Partitions, partitions_of
from controlplane.catalog.projections import EndedRun, apply, record_ends
from controlplane.catalog.rows import AssetEventRow
from controlplane.catalog.time_windows import TimeWindows
from controlplane.core.threads import with_connections_returned
from controlplane.definitions.manifest import Dimension, Manifest, PartitionsDefinition
from tenants.errors import InvalidError
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.cast import Cast, make_cast
from tests.factories import make_manifest

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
_DEFINITIONS = {
    "abc": PartitionsDefinition(kind="static", cls="", keys=["a", "b", "c"]),
    "hours": PartitionsDefinition(
        kind="time_window", cls="", start="2026-01-01", timezone="UTC", fmt="%Y-%m-%d-%H", cron="0 * * * *"
    ),
    "names": PartitionsDefinition(kind="dynamic", cls="", name="names"),
    "both": PartitionsDefinition(
        kind="multi", cls="", dimensions=[Dimension(name="z", partitions="abc"), Dimension(name="n", partitions="names")]
    ),
}  # fmt: skip
MANIFEST: Manifest = make_manifest(partitions_definitions=_DEFINITIONS)


@pytest.fixture
def cast() -> Cast:
    return make_cast("board")


def event(cast: Cast, kind: AssetEventKind, partition: str, run_id: UUID) -> AssetEventRow:
    return AssetEventRow(kind, cast.deployment.id, "a", partition, run_id, NOW)


def keys_of(name: str, dynamic: list[str], now: datetime.datetime = NOW) -> Partitions:
    return partitions_of(MANIFEST, name, now=now, dynamic=lambda _: dynamic)


def look(cast: Cast, keys: Partitions) -> Board:
    return board(cast.org_id, cast.deployment.id, "a", keys)


def truth(cast: Cast, keys: Partitions) -> dict[str, AssetStatus]:
    with org_scope(cast.org_id):
        rows = {row.partition_key: row for row in PartitionState.objects.for_org(cast.org_id).filter(asset_key="a")}
    names = [*keys.page(), *sorted(set(rows) - set(keys.page()))]
    return {name: status_of(rows.get(name)) for name in names}


def shown(found: Board) -> dict[str, AssetStatus]:
    return {name: found.status(found.position(name) or 0) for name in found.page(0, found.count)}


def happen(cast: Cast, pool: list[str], rng: random.Random) -> None:
    """Some plans, some of which are kept, some runs that fail or are taken back, some partitions wiped."""
    run_id = uuid7()
    chosen = rng.sample(pool, min(len(pool), 5))
    with org_scope(cast.org_id):
        apply(cast.org_id, [event(cast, AssetEventKind.PLANNED, key, run_id) for key in chosen])
        made = [event(cast, AssetEventKind.MATERIALIZATION, key, run_id) for key in chosen if rng.random() < 0.5]
        apply(cast.org_id, made)
        if rng.random() < 0.6:
            failed = rng.random() < 0.5
            record_ends(cast.org_id, [EndedRun(cast.deployment.id, run_id, NOW, failed=failed)])
        if rng.random() < 0.2:
            PartitionState.objects.for_org(cast.org_id).filter(partition_key__in=chosen[:2]).delete()


@pytest.mark.parametrize("kind", ["abc", "hours", "names", "both"])
def test_a_board_says_what_the_rows_say(cast: Cast, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that stored codes are written again and again, not only once.
    monkeypatch.setattr(partition_board, "_PATCHES_MAX", 6)
    rng, dynamic, now = random.Random(kind), ["n1", "n2", "n3"], NOW
    for _ in range(25):
        keys = keys_of(kind, dynamic, now)
        pool = [*keys.page(max(0, keys.count() - 40)), "gone", "later", "b|later"]
        happen(cast, pool, rng)
        if rng.random() < 0.4:
            dynamic = [*dynamic, rng.choice(["later", f"n{rng.randrange(1000)}x"])]
            dynamic = list(dict.fromkeys(dynamic))
        if rng.random() < 0.2:
            dynamic = dynamic[1:]
        now += datetime.timedelta(hours=rng.choice([0, 0, 1, 5]))
        keys = keys_of(kind, dynamic, now)
        found = look(cast, keys)
        assert list(shown(found).items()) == list(truth(cast, keys).items())
        assert sum(found.by_status.values()) == found.count


def test_a_transaction_that_commits_late_is_not_missed(cast: Cast) -> None:
    keys = keys_of("abc", [])
    written, go_on = threading.Event(), threading.Event()

    def late() -> None:
        # The row alone: who applies events waits for whoever writes the same asset's.
        with org_scope(cast.org_id):
            PartitionState.objects.for_org(cast.org_id).create(
                org_id=cast.org_id,
                deployment_id=cast.deployment.id,
                asset_key="a",
                partition_key="a",
                materialization_id=1,
            )
            written.set()
            go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(with_connections_returned, late)
        assert written.wait(60)
        with org_scope(cast.org_id):
            apply(cast.org_id, [event(cast, AssetEventKind.MATERIALIZATION, "b", uuid7())])
        assert look(cast, keys).by_status[AssetStatus.MATERIALIZED] == 1
        go_on.set()
        ending.result(60)
    assert look(cast, keys).by_status[AssetStatus.MATERIALIZED] == 2


def test_codes_read_before_a_wipe_are_not_stored_behind_it(cast: Cast) -> None:
    keys = keys_of("abc", [])
    with org_scope(cast.org_id):
        apply(cast.org_id, [event(cast, AssetEventKind.MATERIALIZATION, "a", uuid7())])
    wiped, go_on = threading.Event(), threading.Event()

    def wipe() -> None:
        with org_scope(cast.org_id):
            PartitionState.objects.for_org(cast.org_id).filter(asset_key="a").delete()
            wiped.set()
            go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(with_connections_returned, wipe)
        assert wiped.wait(60)
        assert look(cast, keys).by_status[AssetStatus.MATERIALIZED] == 1
        go_on.set()
        ending.result(60)
    assert look(cast, keys).by_status[AssetStatus.MATERIALIZED] == 0


def test_what_another_cluster_stored_is_read_anew(cast: Cast) -> None:
    """After a restore from a dump, ids of transactions begin below those that were stored."""
    keys = keys_of("abc", [])
    look(cast, keys)
    with org_scope(cast.org_id):
        PartitionCodes.objects.for_org(cast.org_id).update(as_of_xid=2**60)
        apply(cast.org_id, [event(cast, AssetEventKind.MATERIALIZATION, "a", uuid7())])
    assert look(cast, keys).by_status[AssetStatus.MATERIALIZED] == 1


def test_dynamic_keys_are_read_again_when_they_change(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from controlplane.catalog import current_partitions

    monkeypatch.setattr(current_partitions, "_WORTH_KEEPING", 0)

    def add(name: str, position: int) -> None:
        with org_scope(cast.org_id):
            DynamicPartition.objects.for_org(cast.org_id).create(
                org_id=cast.org_id, deployment_id=cast.deployment.id, definition="names",
                partition_key=name, position=position,
            )  # fmt: skip

    def now() -> list[str]:
        return list(current_partitions.partitions(cast.org_id, cast.deployment.id, MANIFEST, "names").page())

    add("x", 1)
    assert now() == ["x"] == now()
    add("y", 2)
    assert now() == ["x", "y"]
    with org_scope(cast.org_id):
        DynamicPartition.objects.for_org(cast.org_id).filter(partition_key="x").delete()
    add("z", 3)
    assert now() == ["y", "z"]


def test_windows_that_are_continued_are_those_computed_at_once() -> None:
    definition = PartitionsDefinition(
        kind="time_window", cls="", start="2025-01-01", timezone="Europe/Berlin", fmt="%Y-%m-%d-%H", cron="0 * * * *",
        end_offset=2,
    )  # fmt: skip
    grown = TimeWindows(definition)
    for day in range(0, 420, 35):
        moment = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(days=day, minutes=7)
        assert list(grown.starts(moment.timestamp())) == list(TimeWindows(definition).starts(moment.timestamp()))


def test_windows_until_an_end_are_as_many_however_long_ago_it_was() -> None:
    definition = PartitionsDefinition(
        kind="time_window", cls="", start="2020-01-01", end="2020-01-03", timezone="UTC", fmt="%Y-%m-%d-%H:%M", cron="* * * * *",
    )  # fmt: skip
    found = partitions_of(make_manifest(partitions_definitions={"m": definition}), "m", now=NOW, dynamic=lambda _: [])
    assert (found.count(), found.page(2879, 5)) == (2880, ["2020-01-02-23:59"])


def test_placed_keys_are_those_of_the_list_wherever_they_lie() -> None:
    keys = keys_of("hours", [])
    names = list(keys.page())
    for places in (range(keys.count()), [0, 1, 700], [3, 4, 5]):
        placed = PlacedKeys(keys, places)
        assert list(placed) == [(place, names[place]) for place in places]
        assert (placed[-1], list(placed[1:2]), len(placed)) == (list(placed)[-1], list(placed)[1:2], len(places))


def test_counts_stretches_lines_and_grids_agree_with_one_by_one() -> None:
    rng = random.Random(1)
    wide, high = 23, 17
    codes = bytes(rng.choice([0, 1, 1, 1, 3]) for _ in range(wide * high))
    assert counts(codes) == tuple(
        sum(code == each for code in codes) for each in range(len(partition_board.STATUS_OF_CODE))
    )
    rebuilt: list[Any] = []
    for one in some_stretches(codes, None, 0, 10_000):
        rebuilt += [one.status] * (one.last - one.first + 1)
    assert rebuilt == [partition_board.STATUS_OF_CODE[code] for code in codes]
    per_cell, cells = line(codes, 5, 300, 40)
    assert cells == [counts(codes[at : min(at + per_cell, 301)]) for at in range(5, 301, per_cell)]
    found = grid(codes, (wide, high), (range(2, 20), range(3, 17)), (5, 4))
    assert len(found) == 4
    for row, inner in enumerate(range(3, 17, 4)):
        for column, outer in enumerate(range(2, 20, 4)):
            each = [
                codes[x * high + y]
                for x in range(outer, min(outer + 4, 20))
                for y in range(inner, min(inner + 4, 17))
            ]  # fmt: skip
            assert found[row][column] == counts(bytes(each))


def test_positions_of_two_dimensions_are_those_of_the_list() -> None:
    keys = keys_of("both", ["x", "y|z", "w"])
    assert isinstance(keys, MultiPartitions)
    assert [keys.position(key) for key in keys.page()] == list(range(keys.count()))
    assert keys.position("x|nope") is None


def test_more_partitions_than_are_shown_are_counted_and_refused(cast: Cast) -> None:
    side = ListedPartitions([str(number) for number in range(300)], PartitionsDefinition(kind="static", cls=""))
    cube = MultiPartitions([partition_keys.Dimension(name, side) for name in "abc"])
    with pytest.raises(InvalidError, match="27,000,000 partitions"):
        look(cast, cube)
    with pytest.raises(ValueError, match="a range has at most"):
        cube.between("0|0|0", "299|299|299")
    assert cube.between("0|0|7", "0|1|7") == ["0|0|7", "0|1|7"]
    with pytest.raises(InvalidError, match="27,000,000 partitions"):
        _of_choice(cube, Choice(), "It")
    assert _of_choice(cube, Choice(keys=["0|0|9", "0|0|7"]), "It") == [(7, "0|0|7"), (9, "0|0|9")]
