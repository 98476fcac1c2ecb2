"""Importing a `.env` file: what each line would do, then all of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from controlplane.deployments.models import Deployment
from controlplane.environment import services
from controlplane.environment.dotenv_text import EnvLine, parse_env
from controlplane.environment.drafts import Draft, Scopes, value_of
from controlplane.environment.models import EnvironmentVariable
from controlplane.environment.precedence import rivals
from controlplane.environment.selectors import variables
from controlplane.environment.visible import VariableRights
from controlplane.environment.words import scope_words
from tenants.access import Access
from tenants.errors import ConflictError, InvalidError
from tenants.permissions import Permission


class Outcome(StrEnum):
    """What becomes of a line."""

    CREATE = "create"
    UPDATE = "update"
    ERROR = "error"


@dataclass(frozen=True)
class PlannedLine:
    """One line of the file; `message` is for people, and holds no value."""

    line: int
    name: str
    outcome: Outcome
    message: str = ""
    variable_id: UUID | None = None


def plan_import(
    access: Access, deployment: Deployment, text: str, scopes: Scopes, locations: Sequence[str]
) -> list[PlannedLine]:
    """What an import would do, line by line; ForbiddenError where the caller may not write, InvalidError when there is nothing."""
    VariableRights(access).require(Permission.SECRET_WRITE, list(locations))
    lines = parse_env(text)
    if not lines:
        raise InvalidError("There is no assignment in this text. Write NAME=value, one a line.", attr="text")
    known, own = variables(deployment), services.own_scopes(deployment, scopes)
    return [_planned(line, known, deployment, own, locations) for line in lines]


def import_text(
    access: Access, deployment: Deployment, text: str, scopes: Scopes, locations: Sequence[str]
) -> list[PlannedLine]:
    """Do it; ConflictError, and nothing is done, when any line has an error."""
    plan = plan_import(access, deployment, text, scopes, locations)
    wrong = [line for line in plan if line.outcome == Outcome.ERROR]
    if wrong:
        raise ConflictError(f"Line {wrong[0].line}: {wrong[0].message} Nothing was imported.", attr="text")
    values = {line.line: line.value for line in parse_env(text)}
    unmasked = {variable.id for variable in variables(deployment) if not variable.masked}
    drafts = [
        (
            line.variable_id,
            Draft(line.name, scopes, tuple(locations), value_of(values[line.line]), line.variable_id not in unmasked),
        )
        for line in plan
    ]
    services.apply_drafts(deployment=deployment, drafts=drafts, actor=access.actor)
    return plan


def _planned(
    line: EnvLine,
    known: Sequence[EnvironmentVariable],
    deployment: Deployment,
    scopes: Scopes,
    locations: Sequence[str],
) -> PlannedLine:
    if line.error:
        return PlannedLine(line.line, line.name, Outcome.ERROR, line.error)
    wanted = EnvironmentVariable(
        org_id=deployment.org_id,
        deployment_id=deployment.id,
        name=line.name,
        in_full=scopes.full,
        in_all_branches=scopes.all_branches,
        in_local=scopes.local,
        branch_id=scopes.branch_id,
        locations=sorted(set(locations)),
    )
    for other in rivals(wanted, known):
        if Scopes.of(other) == scopes and other.locations == wanted.locations:
            return PlannedLine(line.line, line.name, Outcome.UPDATE, "Gets a new value.", other.id)
        message = f"{line.name} is there already for {scope_words(other)}, and neither would count more."
        return PlannedLine(line.line, line.name, Outcome.ERROR, message)
    return PlannedLine(line.line, line.name, Outcome.CREATE, "Is new.")
