"""Environment variables by name and scope. Values are no configuration: what is missing is told, and nothing is changed."""

from typing import Any

from controlplane.core.lined_yaml import Place
from controlplane.delivery.configuration.parts import Change, Part, Wanted
from controlplane.delivery.project.lined import Strict
from controlplane.environment.models import EnvironmentVariable
from controlplane.environment.selectors import SCOPE_FIELDS, visible_variables
from controlplane.environment.visible import VariableRights
from tenants.permissions import Permission

_KEYS = ("name", "kind", "scopes", "locations")


class EnvironmentPart(Part):
    """A list, as a name may be there several times."""

    key = "environment"

    def current(self) -> dict[str, Any]:
        part = self.context.visible.part(Permission.ENVIRONMENT_READ)
        if not part.is_everything and part.rule.covers_nothing:
            return {}
        rights = VariableRights(self.context.access)
        rows = visible_variables(self.context.access, self.context.deployment)
        units = [_described(row, rights.locations(row)) for row in rows if row.branch_id is None]
        return {_unit(one): one for one in units}

    def written(self, units: Any) -> Any:
        return [units[name] for name in sorted(units)]

    def read(self, strict: Strict, value: Any, place: Place) -> Wanted:
        wanted, known = Wanted({}), self.current()
        for number, given in enumerate(strict.sequence(value, place)):
            one = _variable(strict, strict.mapping(given, (*place, number), _KEYS), (*place, number))
            if one is not None and _unit(one) not in known:
                wanted.warnings.append(
                    f"The environment variable {_unit(one)} is not there: set its value with `daggerboard env` or on the page."
                )
        return wanted

    def require(self, change: Change) -> None:
        raise AssertionError("Nothing is changed here.")


def _variable(strict: Strict, found: dict[str, Any], place: Place) -> dict[str, Any] | None:
    name = strict.text(found.get("name"), (*place, "name"))
    if name is None:
        strict.wrong("A variable has a name.", place)
        return None
    strict.text(found.get("kind"), (*place, "kind"))
    scopes = strict.sequence(found.get("scopes"), (*place, "scopes"))
    for scope in scopes:
        if scope not in SCOPE_FIELDS:
            strict.wrong(f"A scope is one of {', '.join(SCOPE_FIELDS)}.", (*place, "scopes"))
    locations = strict.sequence(found.get("locations"), (*place, "locations"))
    unit = {"name": name, "scopes": scopes}
    return {**unit, "locations": [str(one) for one in locations]} if locations else unit


def _described(row: EnvironmentVariable, locations: list[str]) -> dict[str, Any]:
    scopes = [name for name, column in SCOPE_FIELDS.items() if getattr(row, column)]
    unit = {"name": row.name, "kind": str(row.kind), "scopes": scopes}
    return {**unit, "locations": sorted(locations)} if locations else unit


def _unit(one: dict[str, Any]) -> str:
    """`NAME (full_deployment, local; shop)`."""
    places = "; ".join(
        [", ".join(map(str, one["scopes"])), *([", ".join(sorted(one["locations"]))] if one.get("locations") else [])]
    )
    return f"{one['name']} ({places})"
