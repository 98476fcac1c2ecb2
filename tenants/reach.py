"""How far an agent token reaches: deployments, branches, queues and code locations. Stored as JSON; a field that is absent limits nothing.

Agents run what they are given. A token that leaks from one machine must not open the code, the runs and the secrets of another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenants.errors import InvalidError
from tenants.grants import Place

_MAX_NAMES = 200
_MAX_NAME = 200
_FIELDS = frozenset({"deployments", "branches_of", "all_branches", "queues", "code_locations", "bootstrap_only"})


@dataclass(frozen=True)
class Reach:
    """What the agents of a token may serve. Deployments add up: those named, branches of those named, all branches; none named is all.

    `queues` and `code_locations` are names, None for any. With `bootstrap_only` the token is good for registering alone.
    """

    deployments: frozenset[UUID] = frozenset()
    branches_of: frozenset[UUID] = frozenset()
    all_branches: bool = False
    queues: frozenset[str] | None = None
    code_locations: frozenset[str] | None = None
    bootstrap_only: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any] | None) -> "Reach":
        """Read the stored form; InvalidError says which part is wrong."""
        given = document or {}
        unknown = sorted(set(given) - _FIELDS)
        if unknown:
            raise InvalidError(f"A reach has no {unknown[0]}. It has {', '.join(sorted(_FIELDS))}.", attr="reach")
        return cls(
            deployments=_ids(given, "deployments"),
            branches_of=_ids(given, "branches_of"),
            all_branches=_flag(given, "all_branches"),
            queues=_names(given, "queues"),
            code_locations=_names(given, "code_locations"),
            bootstrap_only=_flag(given, "bootstrap_only"),
        )

    def document(self) -> dict[str, Any] | None:
        """The stored form: only what limits; None for everything."""
        found: dict[str, Any] = {
            "deployments": sorted(map(str, self.deployments)),
            "branches_of": sorted(map(str, self.branches_of)),
            "all_branches": self.all_branches,
            "bootstrap_only": self.bootstrap_only,
        }
        found = {name: value for name, value in found.items() if value}
        found |= {"queues": sorted(self.queues)} if self.queues is not None else {}
        found |= {"code_locations": sorted(self.code_locations)} if self.code_locations is not None else {}
        return found or None

    @property
    def names_places(self) -> bool:
        """Whether it is limited to some deployments."""
        return bool(self.deployments or self.branches_of or self.all_branches)

    def includes(self, other: "Reach") -> bool:
        """Whether everything within the other is within this one. What the token may be used for (`bootstrap_only`) plays no part."""
        places = not self.names_places or (
            other.names_places
            and other.deployments <= self.deployments
            and (self.all_branches or (not other.all_branches and other.branches_of <= self.branches_of))
        )
        return places and _among(other.queues, self.queues) and _among(other.code_locations, self.code_locations)

    def has_place(self, place: Place) -> bool:
        """Whether the deployment is within it."""
        if not self.names_places:
            return True
        of_branches = place.is_branch and (self.all_branches or place.parent_id in self.branches_of)
        return place.id in self.deployments or of_branches

    def has_queue(self, queue: str) -> bool:
        return self.queues is None or queue in self.queues

    def covers(self, place: Place, *, location: str, queue: str) -> bool:
        """Whether the code location of this deployment and queue is within it. `covers_sql` is the same for the database."""
        return (
            self.has_place(place)
            and self.has_queue(queue)
            and (self.code_locations is None or location in self.code_locations)
        )


EVERYTHING = Reach()


def covers_sql(*, location: str, queue: str, reach: str = "t.reach", deployment: str = "d") -> str:
    """`Reach.covers` as an SQL condition: `reach` is the jsonb column, `deployment` the alias of its row, the others are text."""
    return f"""(
        {reach} IS NULL OR (
            (NOT {reach} ?| ARRAY['deployments', 'branches_of', 'all_branches']
             OR {reach}->'deployments' ? {deployment}.id::text
             OR ({deployment}.kind = 'branch'
                 AND (({reach}->'all_branches')::boolean OR {reach}->'branches_of' ? {deployment}.parent_id::text)))
            AND ({reach}->'queues' IS NULL OR {reach}->'queues' ? {queue})
            AND ({reach}->'code_locations' IS NULL OR {reach}->'code_locations' ? {location})))"""


def _among(names: frozenset[str] | None, wider: frozenset[str] | None) -> bool:
    return wider is None or (names is not None and names <= wider)


def _ids(given: Mapping[str, Any], field: str) -> frozenset[UUID]:
    texts = _texts(given, field) or []
    try:
        return frozenset(UUID(text) for text in texts)
    except ValueError as error:
        raise InvalidError(f"{field} of a reach holds ids of deployments.", attr="reach") from error


def _names(given: Mapping[str, Any], field: str) -> frozenset[str] | None:
    texts = _texts(given, field)
    if texts is None:
        return None
    if any(not text.strip() or len(text) > _MAX_NAME or not text.isprintable() for text in texts):
        raise InvalidError(f"{field} of a reach holds names of 1 to {_MAX_NAME} printable characters.", attr="reach")
    return frozenset(texts)


def _texts(given: Mapping[str, Any], field: str) -> list[str] | None:
    value = given.get(field)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value) or len(value) > _MAX_NAMES:
        raise InvalidError(f"{field} of a reach is a list of at most {_MAX_NAMES} texts, or null.", attr="reach")
    return value


def _flag(given: Mapping[str, Any], field: str) -> bool:
    value = given.get(field, False)
    if not isinstance(value, bool):
        raise InvalidError(f"{field} of a reach is true or false.", attr="reach")
    return value
