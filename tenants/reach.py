"""How far an agent token reaches: deployments, branches, queues and code locations. Stored as JSON.

Agents run what they are given. A token that leaks from one machine must not open the code, the runs and the secrets of another. Code of
branches was reviewed by nobody: an agent serves them only where its token says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenants.errors import InvalidError
from tenants.grants import Place

_MAX_NAMES = 200
_MAX_NAME = 200
# Those that say which deployments; they add up.
_OF_PLACES = ("deployments", "branches_of", "all_branches", "all_deployments")
_FIELDS = frozenset({*_OF_PLACES, "forks", "queues", "code_locations", "bootstrap_only"})


@dataclass(frozen=True)
class Reach:
    """What the agents of a token may serve. Places add up: deployments named, branches of those named, all branches, all full deployments.

    One that names no place is all full deployments, and no branch. Branches of forks, whose code strangers wrote, are within it only with
    `forks`, however it names branches.
    `queues` and `code_locations` are names, None for any. With `bootstrap_only` the token is good for registering alone.
    """

    deployments: frozenset[UUID] = frozenset()
    branches_of: frozenset[UUID] = frozenset()
    all_branches: bool = False
    all_deployments: bool = False
    forks: bool = False
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
            all_deployments=_flag(given, "all_deployments"),
            forks=_flag(given, "forks"),
            queues=_names(given, "queues"),
            code_locations=_names(given, "code_locations"),
            bootstrap_only=_flag(given, "bootstrap_only"),
        )

    def document(self) -> dict[str, Any] | None:
        """The stored form: only what differs from the default; None for that, which is all full deployments and no branch."""
        found: dict[str, Any] = {
            "deployments": sorted(map(str, self.deployments)),
            "branches_of": sorted(map(str, self.branches_of)),
            "all_branches": self.all_branches,
            "all_deployments": self.all_deployments,
            "forks": self.forks,
            "bootstrap_only": self.bootstrap_only,
        }
        found = {name: value for name, value in found.items() if value}
        found |= {"queues": sorted(self.queues)} if self.queues is not None else {}
        found |= {"code_locations": sorted(self.code_locations)} if self.code_locations is not None else {}
        return found or None

    @property
    def has_all_full(self) -> bool:
        """Whether every full deployment is within it."""
        return self.all_deployments or not (self.deployments or self.branches_of or self.all_branches)

    @property
    def has_branches(self) -> bool:
        """Whether some branch deployments are within it by a rule; one can be named by itself too."""
        return self.all_branches or bool(self.branches_of)

    def includes(self, other: "Reach", places: Mapping[UUID, Place]) -> bool:
        """Whether everything within the other is within this one. What the token may be used for (`bootstrap_only`) plays no part.

        `places` are the deployments that the other one names and that still are: what was deleted is within nothing.
        """
        named = all(self.has_place(places[i]) for i in other.deployments if i in places and other.has_place(places[i]))
        full = self.has_all_full or not other.has_all_full
        branches = self.all_branches or (not other.all_branches and other.branches_of <= self.branches_of)
        forks = self.forks or not (other.forks and other.has_branches)
        return (
            named
            and full
            and branches
            and forks
            and _among(other.queues, self.queues)
            and _among(other.code_locations, self.code_locations)
        )

    def has_place(self, place: Place) -> bool:
        """Whether the deployment is within it."""
        # SECURITY: no other word lets code of strangers in; they choose the queue and the name of their code locations themselves.
        if place.is_fork and not self.forks:
            return False
        if place.id in self.deployments:
            return True
        if place.is_branch:
            return self.all_branches or place.parent_id in self.branches_of
        return self.has_all_full

    def has_queue(self, queue: str) -> bool:
        return self.queues is None or queue in self.queues

    def covers(self, place: Place, *, location: str, queue: str) -> bool:
        """Whether the code location of this deployment and queue is within it. `covers_sql` is the same for the database."""
        return (
            self.has_place(place)
            and self.has_queue(queue)
            and (self.code_locations is None or location in self.code_locations)
        )


EVERYTHING = Reach(all_deployments=True, all_branches=True, forks=True)


def covers_sql(*, location: str, queue: str, reach: str = "t.reach", deployment: str = "d") -> str:
    """`Reach.covers` as an SQL condition: `reach` is the jsonb column, `deployment` the alias of its row, the others are text."""
    keys = ", ".join(f"'{field}'" for field in _OF_PLACES)
    return f"""((
        CASE WHEN {deployment}.kind = 'branch'
            THEN ({reach}->'all_branches')::boolean OR {reach}->'branches_of' ? {deployment}.parent_id::text
            ELSE {reach} IS NULL OR NOT {reach} ?| ARRAY[{keys}] OR ({reach}->'all_deployments')::boolean END
        OR {reach}->'deployments' ? {deployment}.id::text)
        AND (NOT {deployment}.is_fork OR ({reach}->'forks')::boolean)
        AND ({reach} IS NULL OR (
            ({reach}->'queues' IS NULL OR {reach}->'queues' ? {queue})
            AND ({reach}->'code_locations' IS NULL OR {reach}->'code_locations' ? {location}))))"""


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
