"""What is found out of a long list of keys, once for as long as somebody holds it: where each key is, and a text that tells lists apart.

By the list, which nobody changes: the keys of a manifest, and those that current_partitions keeps. What is kept holds its list, so that no
other one gets the place in memory.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

# Shorter lists are as quick to go through as to look up.
_WORTH_KEEPING = 5_000
# Of lists that something is kept of, together; the places of half a million keys take some 40 MB.
_KEYS_MAX = 2_000_000

Found = TypeVar("Found")


class _Kept(Generic[Found]):
    """Answers by list, the latest used; fewer when the lists are long."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[Sequence[str], Found]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, keys: Sequence[str], more: Hashable, find: Callable[[], Found]) -> Found:
        if len(keys) < _WORTH_KEEPING:
            return find()
        known = (id(keys), more)
        with self._lock:
            if known in self._answers:
                self._answers.move_to_end(known)
                return self._answers[known][1]
        found = find()
        with self._lock:
            self._answers[known] = (keys, found)
            while len(self._answers) > 1 and sum(len(held) for held, _found in self._answers.values()) > _KEYS_MAX:
                self._answers.popitem(last=False)
        return found


_positions: _Kept[Mapping[str, int]] = _Kept()
_marks: _Kept[str] = _Kept()


def positions(keys: Sequence[str]) -> Mapping[str, int]:
    """Where each key is. Not to be modified."""
    return _positions.of(keys, None, lambda: {key: position for position, key in enumerate(keys)})


def mark(keys: Sequence[str], count: int) -> str:
    """A text that is equal for two lists only when their first `count` keys are."""
    return _marks.of(keys, count, lambda: digest(keys[:count]))


def digest(keys: Sequence[str]) -> str:
    """Of all of them. Lengths too: a key may hold whatever stands between two of them."""
    found = hashlib.blake2b(",".join(map(str, map(len, keys))).encode(), digest_size=16)
    found.update("\0".join(keys).encode())
    return found.hexdigest()
