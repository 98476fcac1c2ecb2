"""Is a run config right? The user's own dagster is asked, through an agent; without one, the stored types tell what they can."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.definitions.asset_keys import to_parts
from controlplane.deployments.current_definitions import LocationDefinitions
from controlplane.dispatch.calls import call_worker
from controlplane.dispatch.errors import CallFailedError
from controlplane.runs.config_errors import check_config
from controlplane.runs.selection import Selection
from controlplane.ui.tracebacks import headline
from tenants.errors import UnavailableError

# User code that takes longer to look at a config is not waited for.
TIMEOUT_SECONDS = 10.0
_MISSING = "MISSING_REQUIRED_FIELD"
_SHOWN = 100


@dataclass(frozen=True)
class Problem:
    """One mistake, and where it is."""

    path: list[str]
    message: str
    reason: str = ""

    @property
    def where(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class Checked:
    """The outcome. `by` says who looked, `note` what could not be asked and why; `settled` whether a problem is one for certain."""

    problems: list[Problem] = field(default_factory=list)
    by: str = ""
    note: str = ""
    settled: bool = True

    @property
    def valid(self) -> bool:
        return not self.problems

    @property
    def refuses(self) -> bool:
        """Whether a run with this config would fail for certain."""
        return bool(self.problems) and self.settled

    def as_json(self) -> dict[str, Any]:
        """For the config editor."""
        found = [{"path": problem.path, "message": problem.message} for problem in self.problems]
        return {"valid": self.valid, "settled": self.settled, "errors": found, "by": self.by, "note": self.note}


def check(
    org_id: UUID, found: LocationDefinitions, selection: Selection, *, partition: str | None, config: Mapping[str, Any]
) -> Checked:
    """Check a config for a selection of a location's definitions."""
    # Without a config, the user's code may make one from the partition; what is missing is then not missing for certain.
    by_code = not config and partition is not None and selection.job.partitions is not None
    try:
        problems = _ask_code(org_id, found, selection, config)
    except UnavailableError as error:
        return _from_types(found, selection, config, why=error.message)
    except CallFailedError as error:
        return Checked(problems=[Problem([], f"Your code failed: {headline(error.error)}")], by=_dagster(found))
    if by_code and all(problem.reason == _MISSING for problem in problems):
        note = "Without a config, your code makes one from the partition, if the job has a function for it."
        return Checked(problems=problems, by=_dagster(found), note=note if problems else "", settled=not problems)
    return Checked(problems=problems, by=_dagster(found))


def _ask_code(
    org_id: UUID, found: LocationDefinitions, selection: Selection, config: Mapping[str, Any]
) -> list[Problem]:
    args = {
        "job": selection.job.name,
        "asset_selection": None if selection.assets is None else [to_parts(key) for key in selection.assets],
        "op_selection": selection.ops,
        "run_config": dict(config),
    }
    answer = call_worker(
        org_id=org_id, version_id=found.version.id, op="validate_run_config", args=args, timeout=TIMEOUT_SECONDS
    )
    return _problems(answer.get("errors") or [])


def _problems(errors: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Dagster names the table in which a field is missing or unknown; people look for the field."""
    found: list[Problem] = []
    for error in errors:
        path = [str(step) for step in error.get("path") or []]
        message = str(error.get("message") or "Dagster refuses this.")
        reason = str(error.get("reason") or "").replace("_FIELDS", "_FIELD")
        places = [[*path, str(name)] for name in error.get("fields") or []] or [path]
        found += [Problem(place, message, reason) for place in places]
    return found[:_SHOWN]


def _from_types(found: LocationDefinitions, selection: Selection, config: Mapping[str, Any], *, why: str) -> Checked:
    types = found.manifest.config_types
    partial = selection.ops is not None or selection.assets is not None
    errors = check_config(types, selection.job.config, dict(config), partial=partial)
    note = f"Your own Dagster could not be asked. {why} It checks the config when the run starts."
    problems = [Problem(list(error.path), error.message, error.reason) for error in errors]
    return Checked(problems=problems, by=f"the config types of version {found.version.number}", note=note)


def _dagster(found: LocationDefinitions) -> str:
    return f"your own Dagster {found.version.dagster_version}".rstrip()
