"""What a deployment's conditions are evaluated with, in one word: the versions that serve, and the sensors that hold conditions and run.

Where that word is other than the one stored with the evaluator (ConditionEvaluator.definitions), everything is evaluated anew.
"""

from uuid import UUID

from controlplane.automation.instigators.running import EVALUATED_HERE
from controlplane.core import recordsets

# Of deployment `d`.
_RUNNING = f"""(
    SELECT string_agg(i.id::text, ',' ORDER BY i.id) FROM instigator i
    WHERE i.org_id = d.org_id AND i.deployment_id = d.id AND i.is_running AND i.is_defined
    AND i.kind = 'sensor' AND i.sensor_type = '{EVALUATED_HERE}'
)"""  # noqa: S608 - a constant of this file
_SERVING = """(
    SELECT string_agg(l.name || '=' || l.current_id::text, ',' ORDER BY l.name) FROM code_location l
    WHERE l.org_id = d.org_id AND l.deployment_id = d.id AND l.current_id IS NOT NULL
)"""
# Empty where no such sensor runs.
FINGERPRINT = f"CASE WHEN {_RUNNING} IS NULL THEN '' ELSE md5({_RUNNING} || ' ' || coalesce({_SERVING}, '')) END"

_OF_ONE = f"SELECT {FINGERPRINT} FROM deployment d WHERE d.org_id = %s AND d.id = %s"  # noqa: S608 - as above


def fingerprint(org_id: UUID, deployment_id: UUID) -> str:
    """As of now; empty when no sensor with conditions runs, or there is no such deployment. Call it inside org_scope."""
    found = recordsets.fetch(_OF_ONE, [org_id, deployment_id])
    return str(found[0][0]) if found else ""
