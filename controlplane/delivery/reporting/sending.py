"""Telling the host: what it was told stands in the pull request's row, and only what differs is sent.

Each thing that was sent is noted at once: who is killed in between goes on behind it.
"""

import hashlib
from collections.abc import Callable

import msgspec
import structlog

from controlplane.delivery.hosts.base import GitHost, HostGoneError, HostRefusedError
from controlplane.delivery.models import BranchMode, CommentMode, DeliveryState, PullRequest
from controlplane.delivery.pull_requests.branch_file import settings_of
from controlplane.delivery.reporting import checks, comment
from controlplane.delivery.reporting.gathering import gather
from controlplane.delivery.reporting.host_deployments import host_deployment, inactive
from controlplane.delivery.reporting.report import Report, Stage
from controlplane.deployments.models import BranchDeployment
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)


def tell_host(host: GitHost, pull: PullRequest, keep: Callable[[], None]) -> None:
    """Bring comment, checks and deployment objects to what they should say. `pull` is fresh, with its repository; in no transaction.

    `keep` renews the lease on it, and raises when somebody else tells the host by now.

    HostUnavailableError when the host asks for patience. What it refuses is noted at the pull request, and the rest is told.
    """
    report = gather(pull)
    if pull.delivery_state == DeliveryState.NONE and not (pull.comment_id or pull.checks or pull.deployment_id):
        _note(pull, "")
        return
    problems = []
    for tell in (_tell_comment, _tell_checks, _tell_deployments):
        problems.append(_tried(tell, host, pull, report))
        keep()
    _note(pull, " ".join(dict.fromkeys(problem for problem in problems if problem)))


def _tried(
    tell: Callable[[GitHost, PullRequest, Report], None], host: GitHost, pull: PullRequest, report: Report
) -> str:
    try:
        tell(host, pull, report)
    except (HostRefusedError, HostGoneError) as error:
        return error.message
    return ""


def _note(pull: PullRequest, problem: str) -> None:
    with org_scope(pull.org_id):
        known = BranchDeployment.objects.for_org(pull.org_id)
        branch = known.filter(deployment_id=pull.deployment_id).first() if pull.deployment_id else None
        rows = PullRequest.objects.for_org(pull.org_id).filter(id=pull.id)
        rows.update(report_error=problem[:500], reported_state=branch.state if branch else "")


def _save(pull: PullRequest, **values: object) -> None:
    for name, value in values.items():
        setattr(pull, name, value)
    with org_scope(pull.org_id):
        PullRequest.objects.for_org(pull.org_id).filter(id=pull.id).update(**values)


def _tell_comment(host: GitHost, pull: PullRequest, report: Report) -> None:
    if not _is_commented(pull, report):
        return
    body = comment.render(report)
    digest = hashlib.sha256(body.encode()).hexdigest()
    if digest != pull.comment_sha256:
        external_id = pull.repository.external_id
        # Who wrote it may have been killed before it was noted.
        known = pull.comment_id or host.find_comment(external_id, pull.number, comment.marker(report))
        comment_id = host.write_comment(external_id, pull.number, body, known)
        _save(pull, comment_id=comment_id, comment_sha256=digest)


def _is_commented(pull: PullRequest, report: Report) -> bool:
    said = None if pull.repository.mode == BranchMode.OFF else pull.branch_file
    match settings_of(pull.repository, said).comment:
        case CommentMode.OFF:
            return False
        case _ if pull.comment_id:
            return True
        case CommentMode.ON_FAILURE:
            return report.has_failed
        case CommentMode.ON_CHANGE:
            return report.has_failed or report.has_changes or report.stage == Stage.HELD
        case _:
            return True


def _tell_checks(host: GitHost, pull: PullRequest, report: Report) -> None:
    """Checks belong to a commit: those of an earlier one stay as they were."""
    known = {name: told for name, told in pull.checks.items() if told["sha"] == report.sha}
    for check in checks.checks(report):
        told = known.get(check.name, {})
        digest = _digest(check)
        if told.get("digest") == digest:
            continue
        check_id = host.write_check(pull.repository.external_id, check, told.get("id", ""))
        known[check.name] = {"sha": report.sha, "id": check_id, "digest": digest}
        _save(pull, checks=known)


def _tell_deployments(host: GitHost, pull: PullRequest, report: Report) -> None:
    """One object for each location and commit; that of an earlier commit is made inactive before it is forgotten."""
    external_id, known = pull.repository.external_id, dict(pull.host_deployments)
    rows = {row.location: row for row in report.rows}
    for name, told in list(known.items()):
        replaced = bool(rows) and (name not in rows or told["sha"] != report.sha)
        # Without an address, there is no branch deployment any more.
        ended = report.stage in {Stage.CLOSING, Stage.CLOSED} or not report.url
        if (replaced or ended) and told["state"] != "inactive":
            host.write_deployment(external_id, inactive(report, name, told["sha"]), told["id"])
            known[name] = {**told, "state": "inactive"}
            _save(pull, host_deployments=known)
    if report.stage in {Stage.CLOSING, Stage.CLOSED, Stage.HELD}:
        return
    for name, row in rows.items():
        wanted, told = host_deployment(report, row), known.get(name, {})
        same = told.get("sha") == report.sha
        if same and told["state"] == wanted.state:
            continue
        made = host.write_deployment(external_id, wanted, told["id"] if same else "")
        known[name] = {"sha": report.sha, "id": made, "state": wanted.state.value}
        _save(pull, host_deployments=known)


def _digest(what: object) -> str:
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()
