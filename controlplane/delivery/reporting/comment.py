"""The one comment of a pull request. Pure: the same report makes the same text, so that a comment that would not change is not written."""

import datetime

from controlplane.delivery.reporting.markdown import block, code, link
from controlplane.delivery.reporting.report import Changes, Report, Row, Stage

_ICONS = {
    Stage.QUEUED: "⏳",
    Stage.BUILDING: "🔨",
    Stage.LOADING: "🔄",
    Stage.READY: "✅",
    Stage.SLEEPING: "💤",
    Stage.FAILED: "❌",
    Stage.HELD: "✋",
    Stage.CLOSING: "🧹",
    Stage.CLOSED: "📦",
}
_HEADINGS = {
    Stage.QUEUED: "The branch deployment waits for its turn",
    Stage.BUILDING: "The branch deployment is being built",
    Stage.LOADING: "The branch deployment is being loaded",
    Stage.READY: "The branch deployment is ready",
    Stage.SLEEPING: "The branch deployment sleeps; it wakes when it is needed",
    Stage.FAILED: "The branch deployment failed",
    Stage.HELD: "The branch deployment of this fork waits for approval",
    Stage.CLOSING: "The branch deployment is being closed",
    Stage.CLOSED: "The branch deployment is closed",
}
_LIVING = frozenset({Stage.LOADING, Stage.READY, Stage.SLEEPING, Stage.FAILED})
_SHOWN_ERRORS = 5


def marker(report: Report) -> str:
    """Invisible; tells the comment apart from what people write."""
    return f"<!-- daggerboard:branch-deployment {report.id} -->"


def render(report: Report) -> str:
    """The Markdown of the comment."""
    parts = [marker(report), f"### {_ICONS[report.stage]} {_HEADINGS[report.stage]}", _head(report)]
    if report.note:
        parts.append(
            block(report.note) if "\n" in report.note or report.stage == Stage.FAILED else code(report.note, most=500)
        )
    parts += [code(problem, most=500) for problem in report.job_problems]
    if report.rows:
        parts.append(_table(report))
    parts += _errors(report)
    if report.base_note:
        parts.append(f"<sub>{_plain(report.base_note)}</sub>")
    parts.append(_foot(report))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Report) -> str:
    words = [f"Commit {link(code(report.sha[:7]), report.commit_url)}"]
    if report.url:
        words.append(link(f"Open {report.name}", report.url))
    if report.stage in _LIVING and report.expires_at is not None:
        words.append(f"expires {moment(report.expires_at)} without activity")
    elif report.stage in _LIVING:
        words.append("does not expire")
    if report.is_warned and report.stage in _LIVING:
        words.append("**⚠️ expires within a day**")
    return " · ".join(words)


def _table(report: Report) -> str:
    lines = [
        "| Location | Status | Open | Logs | Asset diff | Cost so far | Updated (UTC) |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_line(row) for row in report.rows)])


def _line(row: Row) -> str:
    status = f"{_ICONS[row.stage]} {row.stage.value}"
    if row.seconds is not None and row.stage == Stage.READY:
        status += f" in {row.seconds:.1f} s"
    cells = [
        code(row.location),
        status,
        link("Open", row.url),
        link("Logs", row.logs_url),
        _changes(row.changes),
        row.cost or "-",
        f"{row.updated_at.astimezone(datetime.UTC):%Y-%m-%d %H:%M}",
    ]
    return f"| {' | '.join(cells)} |"


def _changes(changes: Changes | None) -> str:
    if changes is None:
        return "-"
    if changes.is_empty:
        return "no change"
    text = f"+{changes.added} ~{changes.changed} -{changes.removed}"
    return f"{text}, affected {changes.affected}" if changes.affected else text


def _errors(report: Report) -> list[str]:
    failed = [row for row in report.rows if row.error][:_SHOWN_ERRORS]
    return [f"**{code(row.location)} did not load**{_place(row)}\n\n{block(row.error)}" for row in failed]


def _place(row: Row) -> str:
    if not row.annotations:
        return ""
    first = row.annotations[0]
    return f" at {code(f'{first.path}:{first.line}', most=300)}"


def _foot(report: Report) -> str:
    if not report.url:
        return ""
    rebuild = link("Rebuild", f"{report.url}?ask=rebuild")
    if report.stage == Stage.HELD:
        return link("Look at it and approve this commit", f"{report.url}?ask=approve&sha={report.sha}")
    if report.stage in {Stage.CLOSED, Stage.CLOSING}:
        return rebuild if report.stage == Stage.CLOSED and report.is_open else ""
    links = [link("Extend", f"{report.url}?ask=extend"), rebuild]
    if not report.is_kept_awake:
        links.append(link("Keep awake", f"{report.url}?ask=keep-awake"))
    return " · ".join(links)


def moment(at: datetime.datetime) -> str:
    """To the hour: an expiry that moves with every activity would have the comment written each time."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H}:00 UTC"


def _plain(text: str) -> str:
    """A sentence of ours with names of others in it."""
    return code(text, most=500)
