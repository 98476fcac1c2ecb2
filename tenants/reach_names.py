"""A reach as people and programs write it, with names of deployments where the stored one has ids."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from tenants.errors import InvalidError
from tenants.people.places import places
from tenants.reach import Reach

_PLACES = ("deployments", "branches_of")


def reach_from_names(org_id: UUID, document: Mapping[str, Any] | None) -> Reach:
    """Read it; InvalidError for a deployment that the organization does not have. Call it inside org_scope."""
    given = dict(document or {})
    for field in _PLACES:
        names = given.get(field)
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            given[field] = _ids(org_id, names)
    return Reach.parse(given)


def reach_with_names(org_id: UUID, stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Write it; a deployment that was deleted keeps its id. Call it inside org_scope."""
    document = Reach.parse(stored).document()
    if document is None:
        return None
    for field in _PLACES:
        if field in document:
            ids = [UUID(text) for text in document[field]]
            known = places(org_id, ids)
            document[field] = sorted(known[i].name if i in known else str(i) for i in ids)
    return document


def _ids(org_id: UUID, names: Iterable[str]) -> list[str]:
    by_name = {found.name: str(found.place.id) for found in places(org_id).values()}
    ids = set(by_name.values())
    unknown = [name for name in names if name not in by_name and name not in ids]
    if unknown:
        raise InvalidError(f"There is no deployment called {unknown[0][:60]} in this organization.", attr="reach")
    return [by_name.get(name, name) for name in names]
