"""Every promotion of the installation that is due: moved on, in the order in which they became so."""

from contextlib import suppress
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models.functions import Now

from controlplane.delivery.promotions.services import LATER, go_on
from controlplane.deployments.models import Promotion
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_MOST = 200


def sweep() -> None:
    """Go on with every promotion that is due."""
    due = Promotion.objects.across_orgs(reason="go on with promotions").filter(due_at__lte=Now())
    for org_id, promotion_id in list(due.order_by("due_at").values_list("org_id", "id")[:_MOST]):
        try:
            go_on(org_id=org_id, promotion_id=promotion_id)
        except Exception:
            # A mistake of ours in one row, or a lost connection: the others go on all the same.
            log.exception("promotion.not_looked_after", org=str(org_id), promotion=str(promotion_id))
            _put_off(org_id, promotion_id)


def _put_off(org_id: UUID, promotion_id: UUID) -> None:
    """Others come first for a while."""
    with suppress(DatabaseError), org_scope(org_id):
        rows = Promotion.objects.for_org(org_id).filter(id=promotion_id, due_at__isnull=False)
        rows.update(due_at=Now() + LATER)
