"""Retries of failed runs: the verdict joins the transaction that fails the run, the launch is a beat of the clock's.

Exactly once, whatever dies: the retry is made, and the failed run told so, in one transaction.
"""

import json
from dataclasses import replace
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction

from controlplane.core import recordsets
from controlplane.deployments.freezing import DeploymentFrozenError
from controlplane.runs import retry_policy, run_tags
from controlplane.runs.errors import NotResumableError
from controlplane.runs.models import Run
from controlplane.runs.requests import MEMORY_TAG
from controlplane.runs.rerun import rerun_request
from controlplane.runs.retry_policy import AUTO_RETRY_TAG, RETRY_NUMBER_TAG, WILL_RETRY_TAG, Verdict
from controlplane.runs.services import request_run
from tenants.access import Actor, ActorKind
from tenants.errors import AppError, OrganizationReadOnlyError, OrganizationSuspendedError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_BITE = 20
# How long a retry is left alone that failed in a way nobody foresaw: the others must not wait behind it.
_LATER_SECONDS = 60
# Nothing is launched in a deployment that is frozen, or an organization that is not active: it waits until it may.
_DUE = """
    SELECT r.org_id, r.id FROM run r
    JOIN organization o ON o.id = r.org_id AND o.state = 'active'
    JOIN deployment d ON d.org_id = r.org_id AND d.id = r.deployment_id AND d.frozen_at IS NULL
    WHERE r.retry_verdict = 'due' AND r.retry_at <= now() ORDER BY r.retry_at LIMIT %s
"""
_LATER = "UPDATE run SET retry_at = now() + make_interval(secs => %s) WHERE org_id = %s AND id = %s AND retry_verdict = 'due'"
_SETTINGS = """
    SELECT coalesce(p.settings, d.settings) FROM deployment d LEFT JOIN deployment p ON p.org_id = d.org_id AND p.id = d.parent_id
    WHERE d.org_id = %s AND d.id = %s
"""


def launch_due() -> bool:
    """Launch every retry that is due; True when there may be more. Any number of clocks may do this."""
    Run.objects.across_orgs(reason="launch retries of failed runs that are due")
    found = recordsets.fetch(_DUE, [_BITE], using="door")
    launched = sum(_launch_apart(org_id, run_id) for org_id, run_id in found)
    return len(found) == _BITE and launched > 0


def _launch_apart(org_id: UUID, run_id: UUID) -> bool:
    """One organization's trouble is not that of the next."""
    try:
        return _launch(org_id, run_id)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("run.retry_put_off", run_id=str(run_id))
        with org_scope(org_id):
            recordsets.execute(_LATER, [_LATER_SECONDS, org_id, run_id])
        return False


def _launch(org_id: UUID, run_id: UUID) -> bool:
    """False when somebody else does it just now, or has done."""
    with org_scope(org_id):
        rows = Run.objects.for_org(org_id).select_for_update(skip_locked=True, no_key=True)
        failed = rows.filter(id=run_id, retry_verdict=Verdict.DUE).first()
        if failed is None:
            return False
        try:
            with transaction.atomic():
                retry, note = _retry(failed)
        except (DeploymentFrozenError, OrganizationReadOnlyError, OrganizationSuspendedError):
            # Since it was found: it waits for the end of that.
            return False
        except AppError as error:
            log.warning("run.retry_refused", run_id=str(run_id), error=error.message)
            _close(
                failed, Verdict.NO, f"Won't retry because that was refused: {error.message}", {WILL_RETRY_TAG: "false"}
            )
            return True
        message = f"{failed.retry_message.replace('Will retry', 'Retried', 1)}{note}"
        _close(failed, Verdict.LAUNCHED, message, {AUTO_RETRY_TAG: str(retry.id)}, retry_id=retry.id)
        return True


def _retry(failed: Run) -> tuple[Run, str]:
    """The new run, and what is to be said about it."""
    actor = Actor(ActorKind.AUTOMATION, None, "run retries")
    from_failure, note = retry_policy.is_from_failure(failed.tags), ""
    try:
        request = rerun_request(failed, from_failure=from_failure)
    except NotResumableError as error:
        request, note = rerun_request(failed, from_failure=False), f" All of it ran again: {error.message}"
    tags = {**request.tags, RETRY_NUMBER_TAG: str(retry_policy.retry_number(failed.tags) + 1)}
    if failed.failure_code == "out_of_memory":
        [(settings,)] = recordsets.fetch(_SETTINGS, [failed.org_id, failed.deployment_id])
        more = retry_policy.more_memory(failed.tags, json.loads(settings))
        tags |= {MEMORY_TAG: more} if more else {}
    request = replace(request, tags=tags)
    retry = request_run(org_id=failed.org_id, deployment_id=failed.deployment_id, request=request, actor=actor)
    return retry, note


def _close(failed: Run, verdict: Verdict, message: str, tags: dict[str, str], *, retry_id: UUID | None = None) -> None:
    rows = Run.objects.for_org(failed.org_id).filter(id=failed.id)
    rows.update(retry_verdict=verdict, retry_message=message[:4000], retry_run_id=retry_id)
    run_tags.add(failed.org_id, failed.deployment_id, failed.id, tags)
