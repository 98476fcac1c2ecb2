"""Keys of requests that children may still send again, bounded per process and in processes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A child has at most 256 unanswered requests.
PER_PROCESS = 512
PROCESSES = 256


class RecentKeys:
    """Keys look like `<process>:<n>`; the oldest of a process, and the longest silent process, are forgotten first."""

    def __init__(self) -> None:
        self._processes: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._processes.get(_process(key), ())

    def __iter__(self) -> Iterator[str]:
        for keys in self._processes.values():
            yield from keys

    def add(self, key: str) -> None:
        keys = self._processes.setdefault(_process(key), OrderedDict())
        self._processes.move_to_end(_process(key))
        keys[key] = None
        if len(keys) > PER_PROCESS:
            keys.popitem(last=False)
        if len(self._processes) > PROCESSES:
            self._processes.popitem(last=False)


def _process(key: str) -> str:
    return key.partition(":")[0]
