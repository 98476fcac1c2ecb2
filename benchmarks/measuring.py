"""Runs one measure after another; one that fails is told and leaves its figures empty."""

import traceback
from collections.abc import Callable

from benchmarks.progress import say

Values = dict[str, float]


def gather(values: Values, what: str, measure: Callable[[], Values]) -> None:
    """Add what the measure found to `values`, or say why there is nothing."""
    say(what)
    try:
        values.update(measure())
    except Exception as error:  # noqa: BLE001 - whatever it was, the other figures are still wanted
        traceback.print_exception(error)
        say(f"{what}: failed, {error}")
