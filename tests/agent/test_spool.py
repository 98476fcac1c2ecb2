"""The spool itself: gapless, deduplicated, torn at any byte, cut when stored."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import spool as spools
from agent.recent_keys import PER_PROCESS, RecentKeys
from agent.spool import NewEvent, Spool


def event(number, event_type="LOG"):
    return NewEvent(type=event_type, body=b'{"type":"%s","ts":1.0,"message":"%d"}' % (event_type.encode(), number))


def everything(spool):
    """Read as the shipper does, acknowledging all."""
    events = []
    while stretch := spool.read(most_events=7, most_bytes=10_000):
        events += [json.loads(one) for one in stretch.events]
        spool.acknowledge(stretch, stretch.last_seq)
    return events


def test_events_are_numbered_without_gaps_across_restarts(tmp_path):
    for restart in range(3):
        spool = Spool(tmp_path)
        spool.append(f"a:{restart}", [event(1), event(2)])
        spool.close()

    assert [one["seq"] for one in everything(Spool(tmp_path))] == [1, 2, 3, 4, 5, 6]


def test_a_child_cannot_choose_its_seq(tmp_path):
    spool = Spool(tmp_path)
    spool.append("a:1", [NewEvent(type="LOG", body=b'{"seq":99,"type":"LOG","ts":1}')])

    assert everything(spool)[0]["seq"] == 1


def test_keys_are_known_after_a_restart_and_after_segments_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 500)
    spool = Spool(tmp_path)
    for number in range(50):
        spool.append(f"a:{number}", [event(number)])
        everything(spool)
    spool.close()

    again = Spool(tmp_path)

    assert len(list(tmp_path.glob("events.*"))) == 1
    assert again.has("a:1")
    assert again.has("a:49")
    assert not again.has("a:50")
    assert again.last_seq == 50
    assert again.has_child_events


def test_outcome_is_known_after_a_restart_and_after_segments_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 500)
    spool = Spool(tmp_path)
    spool.append("a:1", [event(1, "PIPELINE_SUCCESS")])
    for number in range(2, 30):
        spool.append(f"a:{number}", [event(number)])
    everything(spool)
    spool.close()

    assert Spool(tmp_path).terminal == "PIPELINE_SUCCESS"


def test_acknowledged_events_are_not_sent_again(tmp_path):
    spool = Spool(tmp_path)
    spool.append("a:1", [event(number) for number in range(10)])
    stretch = spool.read(most_events=10, most_bytes=10_000)
    spool.acknowledge(stretch, 4)
    spool.close()

    assert [one["seq"] for one in everything(Spool(tmp_path))] == [5, 6, 7, 8, 9, 10]


def test_control_plane_that_lost_some_gets_them_again(tmp_path):
    spool = Spool(tmp_path)
    spool.append("a:1", [event(number) for number in range(10)])
    everything(spool)
    spool.append("a:2", [event(11)])

    spool.acknowledge(spool.read(most_events=10, most_bytes=10_000), 3)

    assert [one["seq"] for one in everything(spool)] == [4, 5, 6, 7, 8, 9, 10, 11]


def test_control_plane_that_has_more_is_continued(tmp_path):
    spool = Spool(tmp_path)
    spool.append(None, [event(1)])

    spool.acknowledge(spool.read(most_events=10, most_bytes=10_000), 7)
    spool.append(None, [event(2)])
    spool.close()

    assert [one["seq"] for one in everything(Spool(tmp_path))] == [8]


def test_one_event_larger_than_a_batch_is_sent_alone(tmp_path):
    spool = Spool(tmp_path)
    large = NewEvent(type="LOG", body=b'{"type":"LOG","ts":1,"message":"%s"}' % (b"x" * 50_000))
    spool.append("a:1", [event(1), large, event(3)])

    sizes = []
    while stretch := spool.read(most_events=10, most_bytes=10_000):
        sizes.append(len(stretch.events))
        spool.acknowledge(stretch, stretch.last_seq)

    assert sizes == [1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0), requests=st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_a_spool_torn_at_any_byte_keeps_whole_requests_only(tmp_path_factory, cut, requests):
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    for number, size in enumerate(requests):
        spool.append(f"a:{number}", [event(number)] * size)
    spool.close()
    file = next(folder.glob("events.*"))
    data = file.read_bytes()
    file.write_bytes(data[: cut % (len(data) + 1)])

    torn = Spool(folder)
    kept = [number for number in range(len(requests)) if torn.has(f"a:{number}")]
    for number, size in enumerate(requests):
        if not torn.has(f"a:{number}"):
            torn.append(f"a:{number}", [event(number)] * size)

    assert kept == list(range(len(kept)))
    expected = [number for number, size in enumerate(requests) for _ in range(size)]
    events = everything(torn)
    assert [int(one["message"]) for one in events] == expected
    assert [one["seq"] for one in events] == list(range(1, len(expected) + 1))


def test_keys_are_forgotten_per_process_oldest_first():
    keys = RecentKeys()
    keys.add("quiet:1")
    for number in range(PER_PROCESS + 10):
        keys.add(f"busy:{number}")

    assert "quiet:1" in keys
    assert "busy:9" not in keys
    assert "busy:10" in keys


@pytest.mark.parametrize("ids", [["a", "b"], ["a"] * 3])
def test_command_ids_survive_and_a_torn_one_is_forgotten(tmp_path, ids):
    from agent.commands import CommandLog

    log = CommandLog(tmp_path / "commands.log")
    log.add(ids)
    log.close()
    with (tmp_path / "commands.log").open("ab") as file:
        file.write(b"tor")

    again = CommandLog(tmp_path / "commands.log")

    assert all(one in again for one in ids)
    assert "tor" not in again
