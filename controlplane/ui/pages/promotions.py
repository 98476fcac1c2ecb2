"""Promotions into a deployment: choosing what, watching one, taking it back."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.delivery.promotions import promoting
from controlplane.delivery.promotions import services as promotions
from controlplane.deployments import protecting, selectors
from controlplane.deployments.models import Deployment, DeploymentKind, Promotion, PromotionState
from controlplane.ui.change_lines import change_counts
from controlplane.ui.location_lines import VersionLine
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.paging import asked
from tenants.errors import AppError, InvalidError
from tenants.paging import page_of_rows
from tenants.permissions import Permission

# What a promotion goes through, in order; the smoke job only where the rules name one.
_STEPS = (
    (PromotionState.QUEUED, "Deployed"),
    (PromotionState.LOADING, "Loaded by an agent"),
    (PromotionState.SMOKE, "Smoke job succeeded"),
)


class Promotions(DeploymentPage):
    """Promotions into this deployment, and the form for a new one."""

    permissions: ClassVar = {"GET": Permission.LOCATION_READ, "POST": Permission.LOCATION_WRITE}
    section = "locations"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown(request, request.GET.get("from", ""))

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("from", "")
        try:
            source = next((one for one in self.sources() if one.name == name), None)
            chosen = request.POST.getlist("location")
            if source is None or not chosen:
                return self.shown(request, name, status=400, problem="Choose a deployment, and what of it to promote.")
            made = promoting.promote_for(self.access, source, self.deployment, chosen, _seen(request) or None)
        except AppError as error:
            return self.shown(request, name, status=error.status, problem=error.message)
        return redirect(self.links.page("promotion", promotion_id=made.id))

    def sources(self) -> list[Deployment]:
        """Where code can come from: any other deployment that the person may enter, and that is no fork's."""
        found = selectors.deployments_for(self.access)
        return [one for one in found if one.id != self.deployment.id and not one.is_fork]

    def shown(self, request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
        source = next((one for one in self.sources() if one.name == name), None)
        lines = promoting.preview(self.access, source, self.deployment) if source else []
        page = page_of_rows(
            promotions.promotions(self.org_id, self.deployment.id), asked(request, size=20), by=("-id",)
        )
        promoting.without_hidden_sources(self.access, page.results)
        context |= {
            "source": source,
            "sources": self.sources(),
            "lines": [(line, change_counts(line.comparison) if line.comparison else None) for line in lines],
            "anything": any(line.is_promotable for line in lines),
            "page": page,
            "outlook": protecting.outlook(self.deployment),
            "is_full": self.deployment.kind == DeploymentKind.FULL,
        }
        return self.render(request, "deployments/promotions.html", status=status, **context)


class PromotionPage(DeploymentPage):
    """One promotion, live."""

    permissions: ClassVar = {"GET": Permission.LOCATION_READ}
    section = "locations"

    def get(self, request: HttpRequest, promotion_id: UUID) -> HttpResponse:
        row = promotions.promotion(self.org_id, self.deployment.id, promotion_id)
        promoting.without_hidden_sources(self.access, [row])
        newest = promotions.promotions(self.org_id, self.deployment.id).first()
        smoke = row.smoke_job
        knows_smoke = smoke and self.visible.part(Permission.LOCATION_READ).has_location(smoke["location"])
        context: dict[str, Any] = {
            "promotion": row,
            "steps": _steps(row),
            "lines": [
                (name, VersionLine(made) if made else None, before)
                for name, made, before in promoting.versions_of(self.access, self.deployment, row)
            ],
            "smoke": smoke if knows_smoke else None,
            "message": row.message if self.visible.permits(Permission.LOCATION_READ) else "",
            "can_roll_back": newest is not None
            and newest.id == row.id
            and row.state not in {PromotionState.QUEUED, PromotionState.ROLLING_BACK, PromotionState.ROLLED_BACK}
            and all(self.visible.permits(Permission.LOCATION_WRITE, location=name) for name in row.locations),
            "state_label": PromotionState(row.state).label,
        }
        if wants_part(request, "promotion-state"):
            return self.render_part(request, "deployments/_promotion.html", **context)
        return self.render(request, "deployments/promotion.html", **context)


class RollBackPromotion(DeploymentPage):
    """The one click."""

    permissions: ClassVar = {"POST": Permission.LOCATION_WRITE}

    def post(self, request: HttpRequest, promotion_id: UUID) -> HttpResponse:
        promoting.roll_back_for(self.access, self.deployment, promotion_id)
        messages.success(request, "What was deployed before is being deployed again.")
        return redirect(self.links.page("promotion", promotion_id=promotion_id))


def _seen(request: HttpRequest) -> dict[str, UUID]:
    """The versions that the page showed, by code location."""
    found = (text.partition(" ") for text in request.POST.getlist("seen"))
    try:
        return {name: UUID(version) for version, _, name in found}
    except ValueError as error:
        raise InvalidError("The form is not the one of this page. Compare again, then promote.") from error


def _steps(row: Promotion) -> list[tuple[str, str]]:
    """Each step with its mark: done, loading or queued."""
    steps = [(state, label) for state, label in _STEPS if state != PromotionState.SMOKE or row.smoke_job]
    order = [state for state, _label in steps]
    done = row.state == PromotionState.SUCCEEDED
    at = order.index(PromotionState(row.state)) if row.state in order else None
    if at is None and not done:
        return []
    return [
        (label, "loaded" if done or (at is not None and number < at) else "loading" if number == at else "pending")
        for number, (_state, label) in enumerate(steps)
    ]
