"""Finding deployments whose conditions are to be evaluated, many times a second: something changed, or a moment has come.

What is found is claimed by a lease, so that any number of clocks may look, and handed to the evaluators' queue by name.
"""

from uuid import UUID

from django.db.models.functions import Now

from controlplane.automation.conditions import attempts
from controlplane.automation.conditions.fingerprint import FINGERPRINT
from controlplane.automation.models import ConditionEvaluator
from controlplane.catalog.changes import CHANGES_MAX, Consumer, watch
from controlplane.core import recordsets
from controlplane.core.background import wake_task
from controlplane.deployments.settings_document import CONDITIONS_INTERVAL_PATH
from tenants.scoping import org_scope

EVALUATE = "evaluator.evaluate_conditions"
DEFAULT_INTERVAL_SECONDS = 1
_MAX = 200

# Branches have their full deployment's settings.
_INTERVAL = (
    f"coalesce((coalesce(p.settings, d.settings) #>> '{{{','.join(CONDITIONS_INTERVAL_PATH)}}}')::float8, %(interval)s)"
)
_FREE = f"""
    d.frozen_at IS NULL AND d.is_awake AND NOT coalesce(e.is_paused, false)
    AND coalesce(e.lease_until < now(), true)
    AND (coalesce(e.retry_at <= now(), true) OR e.began_with <> {FINGERPRINT})
    AND coalesce(e.evaluated_at < now() - make_interval(secs => {_INTERVAL}), true)
"""
# Nothing is launched in an organization that is not active: it would be requested, and refused.
_FROM = """
    JOIN organization o ON o.id = d.org_id AND o.state = 'active'
    LEFT JOIN condition_evaluator e ON e.org_id = d.org_id AND e.deployment_id = d.id
    LEFT JOIN deployment p ON p.org_id = d.org_id AND p.id = d.parent_id
"""
_DUE = f"""
    SELECT d.org_id, d.id FROM (
        SELECT DISTINCT org_id, deployment_id FROM asset_change WHERE consumer = '{Consumer.CONDITIONS}'
        UNION SELECT org_id, deployment_id FROM condition_evaluator WHERE NOT is_paused AND next_due_at <= now()
    ) found JOIN deployment d ON d.org_id = found.org_id AND d.id = found.deployment_id {_FROM}
    WHERE {_FREE} LIMIT {_MAX}
"""  # noqa: S608 - the parts are SQL of this repository
_OTHER_DEFINITIONS = f"""
    SELECT d.org_id, d.id FROM deployment d {_FROM}
    WHERE {_FREE} AND coalesce(e.definitions, '') <> {FINGERPRINT} LIMIT {_MAX}
"""  # noqa: S608 - as above
_CROWDED = """
    SELECT org_id, deployment_id FROM asset_change WHERE consumer = %s GROUP BY 1, 2 HAVING count(*) > %s
"""


def beat() -> bool:
    """Ask for the evaluation of every deployment with changes or a moment that has come; whether there may be more."""
    return _ask(_DUE) == _MAX


def sweep() -> int:
    """The same for deployments whose definitions or running sensors are other than evaluated; how many."""
    _forget_crowds()
    return _ask(_OTHER_DEFINITIONS)


def _forget_crowds() -> None:
    """Where nobody evaluates, for a pause, a freeze, sleep or want of an evaluator, changes must not pile up: everything is evaluated then."""
    ConditionEvaluator.objects.across_orgs(reason="deployments with more changes than are read one by one")
    for org_id, deployment_id in recordsets.fetch(_CROWDED, [Consumer.CONDITIONS.value, CHANGES_MAX], using="door"):
        with org_scope(org_id):
            rows = ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id, began_at=None)
            if rows.select_for_update(no_key=True).first() is not None:
                watch(org_id, deployment_id, Consumer.CONDITIONS, wanted=False)
                rows.update(definitions="")


def _ask(statement: str) -> int:
    ConditionEvaluator.objects.across_orgs(reason="deployments whose conditions are to be evaluated")
    found = recordsets.fetch(statement, {"interval": DEFAULT_INTERVAL_SECONDS}, using="door")
    for org_id, deployment_id in found:
        if _claim(org_id, deployment_id):
            ids = {"org_id": str(org_id), "deployment_id": str(deployment_id)}
            # Without an evaluator the queue must not grow.
            wake_task(EVALUATE, ids, expires=attempts.LEASE.total_seconds())
    return len(found)


def _claim(org_id: UUID, deployment_id: UUID) -> bool:
    with org_scope(org_id):
        row = ConditionEvaluator(org_id=org_id, deployment_id=deployment_id)
        ConditionEvaluator.unscoped.bulk_create([row], ignore_conflicts=True)
        if attempts.give_up(org_id, deployment_id):
            return False
        free = ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id, is_paused=False)
        free = free.exclude(lease_until__gt=Now())
        return bool(free.update(lease_until=Now() + attempts.LEASE))
