"""The run queue and the concurrency pools of a deployment."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.runs import pools, queue
from controlplane.runs.errors import RunEndedError
from controlplane.runs.launching import cancel
from controlplane.runs.selectors import run as find_run
from controlplane.ui.numbers import number
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.pages.runs import read_filter
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.permissions import Permission

_ROWS = 50


class Queue(DeploymentPage):
    """Who waits, in which order, and for what."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}
    section = "queue"

    def get(self, request: HttpRequest) -> HttpResponse:
        offset = number(request, "offset", 0)
        page = queue.queue(self.visible, read_filter(request.GET), offset=offset, limit=_ROWS)
        following = offset + _ROWS if page.total > offset + _ROWS else None
        context: dict[str, Any] = {"page": page, "offset": offset, "following": following}
        context["filtered"] = any(name != "offset" and value for name, value in request.GET.items())
        if wants_part(request, "queue-list"):
            return self.render_part(request, "queue/_list.html", **context)
        return self.render(request, "queue/queue.html", **context)


class QueuedRunAction(DeploymentPage):
    """Moves a queued run, or cancels it."""

    permissions: ClassVar = {"POST": Permission.RUN_READ}
    section = "queue"

    def post(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = find_run(self.visible, run_id)
        try:
            if request.POST.get("act") == "cancel":
                cancel(self.visible, run, actor=self.access.actor)
            else:
                value = _whole(request.POST.get("priority", ""))
                queue.set_priority(self.visible, run_id, value, actor=self.access.actor)
        except (RunEndedError, InvalidError) as error:
            messages.error(request, error.message)
        return redirect(self.links.page("queue"))


class Pools(DeploymentPage):
    """Limits of pools, who holds their slots, and who waits."""

    permissions: ClassVar = {"GET": Permission.RUN_READ, "POST": Permission.CONCURRENCY_WRITE}
    section = "pools"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(request, "queue/pools.html", found=pools.pools(self.visible), most=pools.LIMIT_MAX)

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("pool", "")
        try:
            if request.POST.get("act") == "free":
                self._free(request, name)
            else:
                text = request.POST.get("limit", "").strip()
                pools.set_limit(self.visible, name, _whole(text) if text else None, actor=self.access.actor)
                messages.success(request, f"The limit of the pool {name} is changed.")
        except (InvalidError, ConflictError, NotFoundError) as error:
            messages.error(request, error.message)
        return redirect(self.links.page("pools"))

    def _free(self, request: HttpRequest, name: str) -> None:
        try:
            run_id = UUID(request.POST.get("run", ""))
        except ValueError as error:
            raise InvalidError("This is not the id of a run.", attr="run") from error
        pools.free(self.visible, name, run_id, request.POST.get("step", ""), actor=self.access.actor)
        messages.success(request, f"A slot of the pool {name} is free.")


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidError(f"{text[:40]!r} is not a whole number.") from error
