"""Checks of the head commit: one for the deploy as a whole, one for each code location, with the line of an error."""

from controlplane.delivery.hosts.base import CheckButton, CheckReport, CheckStatus
from controlplane.delivery.reporting.markdown import block, code
from controlplane.delivery.reporting.report import Report, Row, Stage

WHOLE = "Daggerboard / deploy"
# Identifiers are what `news` understands.
APPROVE = CheckButton("approve", "Approve", "Deploy this commit of a fork")
REBUILD = CheckButton("rebuild", "Rebuild", "Deploy this commit again")
_WHOLE_STATUS = {
    Stage.QUEUED: CheckStatus.QUEUED,
    Stage.BUILDING: CheckStatus.IN_PROGRESS,
    Stage.LOADING: CheckStatus.SUCCESS,
    Stage.READY: CheckStatus.SUCCESS,
    Stage.SLEEPING: CheckStatus.SUCCESS,
    Stage.FAILED: CheckStatus.FAILURE,
    Stage.HELD: CheckStatus.ACTION_REQUIRED,
    Stage.CLOSING: CheckStatus.NEUTRAL,
    Stage.CLOSED: CheckStatus.NEUTRAL,
}
_WHOLE_TITLES = {
    Stage.QUEUED: "Waits for its turn",
    Stage.BUILDING: "Fetching and packing the project",
    Stage.FAILED: "The project could not be deployed",
    Stage.HELD: "A maintainer has to approve this commit",
    Stage.CLOSING: "The branch deployment is closed",
    Stage.CLOSED: "The branch deployment is closed",
}


def checks(report: Report) -> list[CheckReport]:
    """All checks as they should stand, by name."""
    return [_whole(report), *(_of_location(report, row) for row in report.rows)]


def _whole(report: Report) -> CheckReport:
    # A location that did not load has a check of its own.
    stage = Stage.READY if report.stage == Stage.FAILED and report.rows else report.stage
    return CheckReport(
        name=WHOLE,
        sha=report.sha,
        status=_WHOLE_STATUS[stage],
        title=_WHOLE_TITLES.get(stage, "Deployed"),
        summary=block(report.note) if report.note else "Code locations have checks of their own.",
        details_url=report.url,
        external_id="deploy",
        annotations=report.annotations,
        buttons=(APPROVE,) if stage == Stage.HELD else (REBUILD,),
    )


def _of_location(report: Report, row: Row) -> CheckReport:
    return CheckReport(
        name=f"Daggerboard / {row.location}",
        sha=report.sha,
        status=_status(row),
        title=_title(row),
        summary=_summary(row),
        details_url=row.url,
        external_id=row.location,
        annotations=row.annotations if row.stage == Stage.FAILED else (),
        buttons=(REBUILD,),
    )


def _status(row: Row) -> CheckStatus:
    if row.stage == Stage.FAILED:
        return CheckStatus.FAILURE
    if row.stage in {Stage.READY, Stage.SLEEPING}:
        unchanged = row.changes is not None and row.changes.is_empty
        return CheckStatus.NEUTRAL if unchanged else CheckStatus.SUCCESS
    return CheckStatus.IN_PROGRESS if row.stage == Stage.LOADING else CheckStatus.NEUTRAL


def _title(row: Row) -> str:
    if row.stage == Stage.FAILED:
        return "Failed to load"
    if row.stage == Stage.LOADING:
        return "Waiting for an agent to load it"
    if row.changes is None:
        return row.stage.value
    if row.changes.is_empty:
        return "Loaded; nothing changed"
    changes = row.changes
    return f"Loaded: +{changes.added} ~{changes.changed} -{changes.removed} assets, {changes.affected} affected"


def _summary(row: Row) -> str:
    if row.error:
        return block(row.error, most=5000)
    return f"The code location {code(row.location)} of this commit."
