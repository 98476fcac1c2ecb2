"""Partitions by their places in the definition. Their keys are written when they are asked for: a preview of half a million counts them."""

from collections.abc import Iterator, Sequence
from typing import overload

from controlplane.catalog.partition_keys import Partitions

# Of so many in a row the keys are written at once.
_PAGE = 20_000

Placed = tuple[int, str]


class PlacedKeys(Sequence[Placed]):
    """Places in rising order, each with its key."""

    def __init__(self, partitions: Partitions, places: Sequence[int]) -> None:
        self._partitions = partitions
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Placed: ...
    @overload
    def __getitem__(self, index: slice) -> "PlacedKeys": ...
    def __getitem__(self, index: int | slice) -> "Placed | PlacedKeys":
        if isinstance(index, slice):
            return PlacedKeys(self._partitions, self.places[index])
        place = self.places[index]
        return place, self._partitions.page(place, 1)[0]

    def __iter__(self) -> Iterator[Placed]:
        for start in range(0, len(self.places), _PAGE):
            yield from self._page(self.places[start : start + _PAGE])

    def _page(self, places: Sequence[int]) -> Iterator[Placed]:
        first, last = places[0], places[-1]
        if last - first < 2 * _PAGE:
            # Close together: what lies between them is written for nothing, and one by one takes longer.
            keys = self._partitions.page(first, last - first + 1)
            return ((place, keys[place - first]) for place in places)
        return ((place, self._partitions.page(place, 1)[0]) for place in places)


def places_of(placed: Sequence[Placed]) -> Sequence[int]:
    """The places alone, in the same order."""
    return placed.places if isinstance(placed, PlacedKeys) else [place for place, _key in placed]
