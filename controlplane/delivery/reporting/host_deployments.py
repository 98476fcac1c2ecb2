"""Deployment objects at the host: one for each code location and commit; none is active after the end."""

from controlplane.delivery.hosts.base import HostDeploymentReport, HostDeploymentState
from controlplane.delivery.reporting.report import Report, Row, Stage

_STATES = {
    Stage.QUEUED: HostDeploymentState.IN_PROGRESS,
    Stage.BUILDING: HostDeploymentState.IN_PROGRESS,
    Stage.LOADING: HostDeploymentState.IN_PROGRESS,
    Stage.READY: HostDeploymentState.SUCCESS,
    Stage.SLEEPING: HostDeploymentState.SUCCESS,
    Stage.FAILED: HostDeploymentState.FAILURE,
}


def host_deployment(report: Report, row: Row) -> HostDeploymentReport:
    """As one should stand."""
    over = report.stage in {Stage.CLOSING, Stage.CLOSED, Stage.HELD}
    state = HostDeploymentState.INACTIVE if over else _STATES.get(row.stage, HostDeploymentState.INACTIVE)
    return _report(report, row.location, report.sha, state, url=row.url, logs=row.logs_url)


def inactive(report: Report, location: str, sha: str) -> HostDeploymentReport:
    """One of an earlier commit, or of a location that is no more."""
    return _report(report, location, sha, HostDeploymentState.INACTIVE, url=report.url, logs=report.url)


def _report(
    report: Report, location: str, sha: str, state: HostDeploymentState, *, url: str, logs: str
) -> HostDeploymentReport:
    return HostDeploymentReport(
        environment=f"dagster/{location}/pr-{report.number}",
        ref=sha,
        sha=sha,
        state=state,
        environment_url=url,
        log_url=logs,
        description=f"Branch deployment {report.name}"[:140],
    )
