"""Why a pull request is not deployed although it should be: noted, told to the host once for each reason, and tried again, ever later.

SECURITY: what the host is told is public. Words of hosts, names of our machines and what went wrong inside stay in `report_error` and
the log.
"""

import datetime

import structlog
from django.db.models import F

from controlplane.delivery.connections.clients import client_of
from controlplane.delivery.hosts.base import HostGoneError, HostRefusedError, HostUnavailableError
from controlplane.delivery.models import DeliveryState, PullRequest, PullRequestState
from controlplane.delivery.pull_requests.branch_file import settings_of
from controlplane.delivery.pull_requests.delivering import refusal
from controlplane.delivery.pull_requests.leases import load, mine, renew
from controlplane.delivery.reporting.sending import tell_host
from tenants.errors import AppError, ConflictError, ForbiddenError, InvalidError, TooLargeError, TooManyError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 900.0
# A host that does not answer is told nothing either, until it answers again for a while.
_OUTAGE = 3
# Errors whose words are ours and about what people of the organization did.
_OURS = (InvalidError, ConflictError, ForbiddenError, TooLargeError, TooManyError)


def postpone(pull: PullRequest, error: Exception) -> datetime.timedelta:
    """Show why it does not go on, and how long to wait: longer each time, and at least as long as the host asks for."""
    why = error.message if isinstance(error, AppError) else f"{type(error).__name__}: {error}"
    names = {"org": str(pull.org_id), "pull_request": str(pull.id), "error": why}
    log.warning("pull_request.postponed", **names, exc_info=not isinstance(error, AppError))
    with org_scope(pull.org_id):
        mine(pull).update(failures=F("failures") + 1, report_error=why[:500])
    with org_scope(pull.org_id):
        row = load(pull.org_id, pull.id)
        is_shown = _is_wanted(row)
        if is_shown:
            waits = isinstance(error, HostUnavailableError)
            state = DeliveryState.QUEUED if waits else DeliveryState.FAILED
            mine(pull).update(delivery_state=state, delivery_note=public_words(error))
    if is_shown and (not isinstance(error, HostUnavailableError) or row.failures >= _OUTAGE):
        _tell(pull, why)
    asked = error.retry_after if isinstance(error, HostUnavailableError) and error.retry_after else 0.0
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(row.failures - 1, 20))
    return datetime.timedelta(seconds=max(pause, asked))


def public_words(error: Exception) -> str:
    """What everybody may read of an error who reads the pull request."""
    return f"{_reason(error)} It is tried again by itself."


def _reason(error: Exception) -> str:
    match error:
        case HostUnavailableError():
            return "The Git host does not answer as it should."
        case HostGoneError():
            return "The Git host says that the commit, or something else that is needed for it, is not there for Daggerboard."
        case HostRefusedError():
            return "The Git host refuses what Daggerboard asks of it."
        case AppError() if isinstance(error, _OURS):
            return error.message
        case AppError():
            return "Something that is needed for it cannot be reached just now."
        case _:
            return "Something went wrong inside Daggerboard."


def _is_wanted(pull: PullRequest) -> bool:
    """Whether a branch deployment of its head is missing, as far as is known without asking the host."""
    if pull.state != PullRequestState.OPEN or pull.delivered_sha == pull.head_sha:
        return False
    return pull.repository.base_id is not None and not refusal(pull, settings_of(pull.repository, pull.branch_file))


def _tell(pull: PullRequest, why: str) -> None:
    """What was told before is not told again. What it is about counts more than that it could not be told."""
    try:
        tell_host(client_of(pull.repository.connection), load(pull.org_id, pull.id), lambda: renew(pull))
    except AppError as error:
        log.info("pull_request.not_told", org=str(pull.org_id), pull_request=str(pull.id), error=error.message)
    with org_scope(pull.org_id):
        mine(pull).update(report_error=why[:500])
