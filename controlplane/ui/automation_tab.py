"""What the Automation tab of an asset shows: its condition in words, where it stands, and what came of each evaluation."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest

from controlplane.automation.conditions import selectors as conditions
from controlplane.definitions.manifest import Condition
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.visibility import Visible
from controlplane.ui.paging import asked
from tenants.paging import page_of_rows

_ROWS = 25


def automation_tab(
    visible: Visible, definitions: DeploymentDefinitions, key: str, condition: Condition | None, request: HttpRequest
) -> dict[str, Any]:
    """The template's context. The address says whose condition (`check`), what is shown (`only=requested`), and what is open."""
    checks = _checks_with_conditions(definitions, key)
    check = request.GET.get("check", "")
    check = check if check in checks else ""
    rows = conditions.evaluations(visible, key, check=check or None)
    only = "requested" if request.GET.get("only") == "requested" else ""
    page = page_of_rows(rows.filter(requested__gt=0) if only else rows, asked(request, size=_ROWS), by=("-id",))
    conditions.complete(visible, page.results)
    return {
        "page": page,
        "condition": checks[check] if check else condition,
        "checks_with_conditions": sorted(checks),
        "check": check,
        "only": only,
        "open_id": _opened(request, [row.id for row in page.results]),
        "state": conditions.state(visible, key, check=check or None),
        "observation": conditions.observation(visible, key),
        "evaluator": conditions.evaluator(visible),
        "pauses": conditions.may_pause(visible),
    }


def _checks_with_conditions(definitions: DeploymentDefinitions, key: str) -> dict[str, Condition]:
    found = {}
    for check in definitions.checks_by_asset.get(key, ()):
        location = definitions.by_location[definitions.check_locations[f"{key}:{check.name}"]]
        condition = location.manifest.conditions.get(check.automation) if check.automation else None
        if condition is not None:
            found[check.name] = condition
    return found


def _opened(request: HttpRequest, shown: list[UUID]) -> UUID | None:
    """The evaluation that the address names; the newest otherwise."""
    text = request.GET.get("evaluation", "")
    return next((one for one in shown if str(one) == text), shown[0] if shown else None)
