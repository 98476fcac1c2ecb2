"""Requests shared by many attempts: where much goes on, what can wait a moment waits for more of its kind."""

from __future__ import annotations

# Seconds for each attempt beside the first, and in all.
EACH = 0.01
LONGEST = 0.1


def linger(attempts: int) -> float:
    """How long to wait for company on an agent with so many attempts; one alone waits for nobody."""
    return min(LONGEST, EACH * max(0, attempts - 1))
