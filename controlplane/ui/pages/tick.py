"""One tick: what came of one evaluation of a schedule or sensor."""

from typing import ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from controlplane.automation.instigators import selectors
from controlplane.automation.ticks.selectors import tick
from controlplane.ui.instigator_lines import TickLine
from controlplane.ui.pages.automation import AutomationPage
from tenants.permissions import Permission

# Runs of one tick on its page.
_SHOWN = 200


class TickPage(AutomationPage):
    """Status, runs, cursor, error, log."""

    permissions: ClassVar = {"GET": Permission.JOB_READ}

    def get(self, request: HttpRequest, tick_id: UUID) -> HttpResponse:
        found = tick(self.visible, tick_id)
        row = selectors.instigator_by_id(self.visible, found.tick.instigator_id)
        return self.render(
            request,
            "automation/tick.html",
            line=TickLine(found.tick),
            tick=found.tick,
            of=self.line(selectors.view(self.visible, row)),
            requests=found.requests[:_SHOWN],
            requested=len(found.requests),
            backfills=found.backfills,
            is_whole=found.is_whole,
        )
