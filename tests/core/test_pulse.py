"""The pulse: silence of agents counts only while somebody was there to hear it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from controlplane.core import pulse


def beaten(*, steady: float, ago: float) -> None:
    """A pulse that has been steady for some seconds and beat last some seconds ago."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pulse")
        cursor.execute(
            "INSERT INTO pulse VALUES (1, now() - make_interval(secs => %s), now() - make_interval(secs => %s))",
            [steady, ago],
        )


@contextmanager
def restored() -> Iterator[None]:
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM pulse")


@pytest.mark.parametrize(
    ("steady", "ago", "expected"),
    [(100, 1, True), (20, 1, False), (100, pulse.gap_seconds() + 1, False)],
    ids=["steady", "only since a moment", "nobody there now"],
)
def test_sweeps_wait_for_a_steady_pulse(steady: float, ago: float, expected: bool) -> None:
    with restored():
        beaten(steady=steady, ago=ago)

        assert pulse.steady_for(35) is expected


def test_no_pulse_at_all_is_not_steady() -> None:
    with restored():
        assert pulse.steady_for(0) is False


def test_a_beat_after_a_gap_begins_anew() -> None:
    with restored():
        beaten(steady=1000, ago=pulse.gap_seconds() + 1)

        pulse.beat()

        assert pulse.steady_for(1) is False


def test_a_beat_in_time_keeps_it_steady() -> None:
    with restored():
        beaten(steady=1000, ago=1)

        pulse.beat()

        assert pulse.steady_for(900) is True
