"""What people decided about schedules and sensors; those that follow their code are left out."""

from collections.abc import Mapping
from typing import Any, ClassVar

from controlplane.automation.instigators import selectors, services
from controlplane.automation.models import Choice, Instigator, InstigatorKind
from controlplane.core.lined_yaml import Place
from controlplane.delivery.configuration.parts import Change, Part, Wanted
from controlplane.delivery.project.lined import Strict
from tenants.permissions import Permission


class _InstigatorPart(Part):
    """By code location and name: running or stopped. What runs for a while only is no configuration."""

    prunes = True
    kind: ClassVar[InstigatorKind]
    permission: ClassVar[Permission]

    def current(self) -> dict[str, Any]:
        return {_unit(row.location_name, row.name): str(row.choice) for row in self._rows().values() if _is_chosen(row)}

    def _rows(self) -> dict[str, Instigator]:
        found = selectors.rows(self.context.visible).filter(kind=self.kind)
        return {_unit(row.location_name, row.name): row for row in found.order_by("location_name", "name")}

    def written(self, units: Mapping[str, Any]) -> Any:
        document: dict[str, dict[str, str]] = {}
        rows = self._rows()
        for unit in sorted(units):
            document.setdefault(rows[unit].location_name, {})[rows[unit].name] = units[unit]
        return document

    def read(self, strict: Strict, value: Any, place: Place) -> Wanted:
        wanted, rows = Wanted({}), self._rows()
        for location, given in strict.free_mapping(value, place).items():
            for name, choice in strict.free_mapping(given, (*place, location)).items():
                if choice not in Choice.values:
                    strict.wrong(f"This is one of {', '.join(Choice.values)}.", (*place, location, name))
                elif (unit := _unit(location, name)) in rows:
                    wanted.units[unit] = choice
                else:
                    wanted.warnings.append(
                        f"There is no {self.kind} {name} in {location} yet: deploy the code, then apply this again."
                    )
        return wanted

    def require(self, change: Change) -> None:
        selectors.require(self.context.visible, self.permission, self._rows()[change.unit])

    def apply(self, change: Change) -> None:
        row, visible, actor = self._rows()[change.unit], self.context.visible, self.context.actor
        if change.after is None:
            services.reset(visible, row, actor=actor)
        elif change.after == Choice.RUNNING:
            services.start(visible, row, actor=actor)
        else:
            services.stop(visible, row, actor=actor)


class SchedulesPart(_InstigatorPart):
    """Schedules."""

    key = "schedules"
    kind = InstigatorKind.SCHEDULE
    permission = Permission.SCHEDULE_WRITE


class SensorsPart(_InstigatorPart):
    """Sensors."""

    key = "sensors"
    kind = InstigatorKind.SENSOR
    permission = Permission.SENSOR_WRITE


def _is_chosen(row: Instigator) -> bool:
    return bool(row.choice) and row.runs_until is None and row.ticks_left is None


def _unit(location: str, name: str) -> str:
    return f"{location}: {name}"
