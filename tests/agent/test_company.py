"""What waits for company: nothing of an attempt that is alone, and nothing for long."""

from agent.company import LONGEST, linger


def test_one_attempt_waits_for_nobody_and_many_not_for_long():
    assert linger(0) == linger(1) == 0
    assert 0 < linger(2) < linger(5) <= linger(1000) == LONGEST <= 0.1
