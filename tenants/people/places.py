"""The deployments in which grants can hold. A higher layer knows them, and registers how to read them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from tenants.grants import Place


@dataclass(frozen=True)
class NamedPlace:
    """A deployment with its name."""

    name: str
    place: Place


# Every deployment of an organization, or those with these ids, by name. Called inside org_scope.
PlaceReader = Callable[[UUID, Iterable[UUID] | None], list[NamedPlace]]
_readers: list[PlaceReader] = []


def register_places(reader: PlaceReader) -> None:
    """Say how deployments are read; called once, when the application starts."""
    _readers[:] = [reader]


def places(org_id: UUID, ids: Iterable[UUID] | None = None) -> dict[UUID, NamedPlace]:
    """The deployments of an organization by id, sorted by name; only those among `ids` where they are given."""
    return {found.place.id: found for reader in _readers for found in reader(org_id, ids)}
