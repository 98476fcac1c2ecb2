"""Captured stdout and stderr of a run: the page, its lines, search and download."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from controlplane.core.streaming import attachment
from controlplane.runs import log_reader
from controlplane.runs.log_reader import StreamView
from controlplane.runs.models import Run
from controlplane.ui import values
from controlplane.ui.numbers import number
from controlplane.ui.pages.run_base import RunBase
from tenants.errors import InvalidError, NotFoundError
from tenants.permissions import Permission

_LINES_MAX = 1000
# Lines in the page itself, for when scripts do not run.
_PLAIN_LINES = 300
# A log key is text of the user's; a file name is a header of ours.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Chosen:
    """The stream that the address names, or the first that has something."""

    attempt: int
    log_key: str
    stream: str
    view: StreamView | None


class RunLogs(RunBase):
    """`/runs/<id>/logs`."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        streams = [view for view in log_reader.streams(self.org_id, run.id) if view.attempt == run.attempt]
        chosen = _choose(request, run, streams)
        plain = _plain_lines(chosen.view) if chosen.view else []
        keys = list(dict.fromkeys(view.log_key for view in streams))
        sizes = {view.stream: view.size for view in streams if view.log_key == chosen.log_key}
        context: dict[str, Any] = {"streams": streams, "keys": keys, "chosen": chosen, "lines": plain, "sizes": sizes}
        return self.render(request, "runs/logs.html", **self.head(request, run), **context)


class _StreamEndpoint(RunBase):
    """What reads one stream."""

    def open_stream(self, request: HttpRequest, run: Run) -> StreamView:
        named = {name: request.GET.get(name, "") for name in ("key", "stream")}
        if not named["key"] or named["stream"] not in {"stdout", "stderr"}:
            raise InvalidError("Say which output: ?key=<log key>&stream=stdout or stderr.")
        return log_reader.stream(self.org_id, run.id, number(request, "attempt", run.attempt), *named.values())


class LogLines(_StreamEndpoint):
    """Lines by number, counted from 0."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        try:
            view = self.open_stream(request, run)
        except NotFoundError:
            # Nothing has been captured yet: that is no error for whoever waits for it.
            return JsonResponse({"from": 0, "lines": [], "total": 0, "final": False, "notice": ""})
        first, count = number(request, "from", 0), min(number(request, "count", 500), _LINES_MAX)
        lines = [_line(line) for line in log_reader.read_lines(view, first + 1, count)]
        document = {"from": first, "lines": lines, "total": view.lines, "final": view.final, "notice": notice(view)}
        return JsonResponse(document)


class LogSearch(_StreamEndpoint):
    """Counts every occurrence; lists the lines of the first thousand."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        view = self.open_stream(request, self.open_run(run_id))
        found = log_reader.search(view, request.GET.get("q", ""))
        return JsonResponse({"count": found.count, "lines": [match.line for match in found.matches]})


class LogDownload(_StreamEndpoint):
    """The whole stream as it was captured."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> StreamingHttpResponse:
        view = self.open_stream(request, self.open_run(run_id))
        name = _UNSAFE.sub("_", f"{run_id}-{view.log_key[:80]}-{view.stream}.txt")
        return attachment(request, log_reader.read_bytes(view), filename=name)


def notice(view: StreamView) -> str:
    """What is missing from a stream, if anything."""
    if not view.dropped_bytes:
        return ""
    return (
        f"This output reached its limit: {values.size(view.size)} are stored, {values.size(view.dropped_bytes)} more were "
        "printed and not kept. The setting DAGGERBOARD_LOG_STREAM_MAX_BYTES changes the limit."
    )


def _line(line: log_reader.Line) -> str:
    if not line.missing:
        return line.text
    return f"{line.text} … {values.size(line.missing)} more on this line; download to see all"


def _plain_lines(view: StreamView) -> list[str]:
    first = max(1, view.lines - _PLAIN_LINES + 1)
    return [line.text for line in log_reader.read_lines(view, first, _PLAIN_LINES)]


def _choose(request: HttpRequest, run: Run, streams: list[StreamView]) -> Chosen:
    key, stream = request.GET.get("key", ""), request.GET.get("stream", "")
    stream = stream if stream in {"stdout", "stderr"} else ""
    fitting = [v for v in streams if (not key or v.log_key == key) and (not stream or v.stream == stream)]
    best: Any = next((v for v in fitting if v.size), fitting[0] if fitting else None)
    if best is not None:
        return Chosen(best.attempt, best.log_key, best.stream, best)
    return Chosen(run.attempt, key or (streams[0].log_key if streams else ""), stream or "stdout", None)
