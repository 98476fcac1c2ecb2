"""Captured output: whatever order, repetition and size it comes in, what is read is what was written."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocol import LogBatch, LogChunk, LogStored, LogStream
from controlplane.core.threads import with_connections_returned
from controlplane.runs import log_compaction, log_reader, log_store
from controlplane.runs.log_reader import LINE_BYTES, StreamView
from controlplane.runs.models import LogStream as LogStreamRow
from tenants.scoping import org_scope
from tests.runs.scripts import Sender, make_stage
from tests.waiting import eventually


@pytest.fixture(scope="module")
def attempt() -> Sender:
    return make_stage().claimed()


class Writer:
    """One stream as an agent ships it."""

    def __init__(self, attempt: Sender, log_key: str | None = None) -> None:
        self.attempt = attempt
        self.log_key = log_key or os.urandom(8).hex()

    def send(self, data: bytes, offset: int, **fields: object) -> LogStored:
        claim = self.attempt.claim
        given = {"attempt": claim.attempt, "epoch": claim.epoch, "stream": LogStream.STDOUT, **fields}
        chunk = LogChunk(run_id=str(claim.run_id), log_key=self.log_key, offset=offset, data=data, **given)  # type: ignore[arg-type]
        stage = self.attempt.stage
        return log_store.append(org_id=stage.org_id, agent_id=stage.agent.id, chunk=chunk)

    @property
    def view(self) -> StreamView:
        claim, org_id = self.attempt.claim, self.attempt.stage.org_id
        return log_reader.stream(org_id, claim.run_id, claim.attempt, self.log_key, "stdout")


def naive_lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


pieces = st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\x0a", b"\n\n")) | st.just(b"\n"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(pieces=pieces, data=st.data())
def test_repeated_overlapping_and_gapped_chunks_make_the_same_stream(
    attempt: Sender, pieces: list[bytes], data: st.DataObject
) -> None:
    writer, whole = Writer(attempt), b"".join(pieces)
    writer.send(b"", 0, final=True)
    while (at := writer.view.size) < len(whole):
        start = data.draw(st.integers(0, at))
        writer.send(whole[at + 1 :], at + 1)
        writer.send(whole[start : data.draw(st.integers(at + 1, len(whole)))], start)
    view, lines = writer.view, naive_lines(whole)
    first = data.draw(st.integers(1, len(lines) + 1))
    assert b"".join(log_reader.read_bytes(view)) == whole
    assert [line.data for line in log_reader.read_lines(view, first, 3)] == lines[first - 1 : first + 2]
    assert view.lines == len(lines)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=20), text=st.text("abA\n", max_size=60))
def test_search_counts_what_a_search_of_the_whole_counts(attempt: Sender, cuts: list[int], text: str) -> None:
    writer, whole, at = Writer(attempt), text.encode(), 0
    writer.send(b"", 0, final=True)
    for cut in itertools.cycle(cuts):
        if at >= len(whole):
            break
        at = writer.send(whole[at : at + cut], at).size
    found = log_reader.search(writer.view, "ab")
    places = [index for index in range(len(whole)) if whole[index : index + 2].lower() == b"ab"]
    assert found.count == len(places)
    assert [(match.line, match.offset) for match in found.matches] == [
        (whole.count(b"\n", 0, place) + 1, place) for place in places
    ]


def test_a_line_of_a_hundred_megabytes_is_shown_by_its_beginning(attempt: Sender) -> None:
    writer, piece, at = Writer(attempt), b"x" * 4_000_000, 0
    for _ in range(25):
        at = writer.send(piece, at).size
    writer.send(b"\nshort\n", at)
    long, short = log_reader.read_lines(writer.view, 1, 5)
    assert (len(long.data), long.missing) == (LINE_BYTES, 100_000_000 - LINE_BYTES)
    assert (short.number, short.data) == (2, b"short")


def test_a_stream_is_stored_up_to_its_cap_and_the_rest_is_counted(attempt: Sender) -> None:
    writer = Writer(attempt)
    with override_settings(LOG_STREAM_MAX_BYTES=10):
        assert writer.send(b"12345678", 0).full is False
        answer = writer.send(b"9abcdef", 8)
        assert (answer.size, answer.full) == (15, True)
        assert writer.send(b"more", 15).size == 19
    assert (b"".join(log_reader.read_bytes(writer.view)), writer.view.dropped_bytes) == (b"123456789a", 9)


def test_a_fenced_attempt_cannot_write(attempt: Sender) -> None:
    answer = Writer(attempt).send(b"late", 0, epoch=7)
    assert answer.fenced is True


@pytest.mark.parametrize("log_key", ["../../etc/passwd", "/absolute", "a\0b", "\u2024\u2024/x", "k" * 5000, ""])
def test_no_log_key_leaves_its_place(log_key: str) -> None:
    attempt = make_stage().claimed()
    stage = attempt.stage
    assert Writer(attempt, log_key or "\ud800").send(b"hello\n", 0).size == 6
    [found] = log_reader.streams(stage.org_id, attempt.run_id)
    key = log_store.chunk_key(stage.org_id, found.place, 0, 6)
    assert b"".join(log_reader.read_bytes(found)) == b"hello\n"
    assert key.count("/") == 6
    assert ".." not in key


def test_bytes_in_the_middle(attempt: Sender) -> None:
    writer = Writer(attempt)
    writer.send(b"0123", 0)
    writer.send(b"4567", 4)
    assert b"".join(log_reader.read_bytes(writer.view, 2, 6)) == b"2345"


def test_many_small_chunks_become_one_and_read_the_same(attempt: Sender) -> None:
    writer, whole, at = Writer(attempt), b"".join(b"line %d\n" % number for number in range(40)), 0
    while at < len(whole):
        at = writer.send(whole[at : at + 7], at).size
    before = list(log_reader._chunks(writer.view))
    # Also all that other tests have left.
    while log_compaction.sweep():
        pass
    assert len(list(log_reader._chunks(writer.view))) == len(before)
    writer.send(b"", at, final=True)
    log_compaction.sweep()
    [after] = log_reader._chunks(writer.view)
    assert (after.offset, after.bytes, after.newlines) == (0, len(whole), 40)
    assert [line.data for line in log_reader.read_lines(writer.view, 39, 5)] == [b"line 38", b"line 39"]
    # A reader that began before the compaction goes on.
    assert b"".join(log_reader._data(writer.view, chunk) for chunk in before) == whole
    assert log_compaction.sweep() == 0


def test_streams_of_a_batch_are_locked_in_one_order(attempt: Sender) -> None:
    """The same batch sent twice, in another order each time, would be a deadlock."""
    first, last = Writer(attempt, "a-locked"), Writer(attempt, "b-locked")
    for writer in (first, last):
        writer.send(b"1", 0)
    org_id, claim = attempt.stage.org_id, attempt.claim
    given = {"run_id": str(claim.run_id), "attempt": claim.attempt, "epoch": claim.epoch, "stream": LogStream.STDOUT}
    chunks = [LogChunk(**given, log_key=writer.log_key, offset=1, data=b"2") for writer in (last, first)]  # type: ignore[arg-type]
    batch = LogBatch(agent_id=str(attempt.stage.agent.id), chunks=chunks)
    held = LogStreamRow.objects.for_org(org_id).filter(run_id=claim.run_id).select_for_update(nowait=True)
    with ThreadPoolExecutor(1) as pool:
        with org_scope(org_id), connection.cursor() as cursor:
            assert held.get(log_key=first.log_key)
            append = partial(log_store.append_batch, org_id=org_id, agent_id=attempt.stage.agent.id, batch=batch)
            sent = pool.submit(with_connections_returned, append)
            waiting = (
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            eventually(lambda: cursor.execute(waiting).fetchone()[0], bool)
            assert held.get(log_key=last.log_key)
        assert [answer.size for answer in sent.result().chunks] == [2, 2]
