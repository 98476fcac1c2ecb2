"""`daggerboard automation`, against a control plane: conditions of a deployment are paused and resumed."""

import json

from controlplane.automation.models import ConditionEvaluator
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.cli.conftest import Run


def is_paused(cast: Cast) -> bool:
    with org_scope(cast.org_id):
        return ConditionEvaluator.objects.for_org(cast.org_id).get(deployment_id=cast.deployment.id).is_paused


def test_conditions_are_paused_and_resumed(run: Run, cast: Cast) -> None:
    assert "no sensor with conditions runs" in run("automation", "show").stdout
    paused = run("automation", "pause")
    assert (paused.exit_code, is_paused(cast)) == (0, True)
    assert "paused by cli, 20" in paused.stdout
    assert json.loads(run("automation", "show", "--json").stdout)["is_paused"] is True

    resumed = json.loads(run("automation", "resume", "--json").stdout)
    assert (resumed["is_paused"], is_paused(cast)) == (False, False)
