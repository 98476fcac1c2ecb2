"""Promotions that cannot go on now: they wait, not for ever, and nobody waits behind them."""

import datetime

import pytest
from django.test import override_settings
from django.utils import timezone

from controlplane.delivery.promotions import sweep as promotion_sweep
from controlplane.delivery.promotions.services import promote
from controlplane.deployments.models import Promotion, PromotionState
from controlplane.deployments.services import create_deployment
from controlplane.runs.models import Run
from tenants.models import Organization
from tenants.scoping import org_scope
from tests.delivery.test_promotions import (
    SMOKE,
    all_load,
    begin,
    deployed,
    fails_to_load,
    protect,
    row,
    staging,
    step,
)
from tests.waiting import eventually

__all__ = ["staging"]


@pytest.mark.parametrize("state", ["suspended", "read_only"])
def test_promotion_waits_for_its_organization_and_does_not_fail(cast, staging, state):
    promotion = begin(cast, staging)
    step(cast, promotion)
    fails_to_load(cast, promotion)
    Organization.objects.filter(id=cast.org_id).update(state=state)
    with override_settings(PROMOTION_LOAD_SECONDS=0):
        waits = step(cast, promotion)
    assert (waits.state, waits.message) == (PromotionState.LOADING, "")
    assert waits.due_at > timezone.now()
    assert deployed(cast)["shop"] == ("shop:2", 2)

    Organization.objects.filter(id=cast.org_id).update(state="active")
    assert step(cast, promotion).state == PromotionState.FAILED


def test_smoke_job_that_does_not_end_is_canceled_and_fails_it(cast, staging):
    protect(cast, rollback="automatic", smoke_job=SMOKE)
    promotion = begin(cast, staging)
    step(cast, promotion)
    all_load(cast, promotion)
    step(cast, promotion)
    assert step(cast, promotion).state == PromotionState.SMOKE

    with override_settings(PROMOTION_SMOKE_SECONDS=0):
        ended = step(cast, promotion)

    assert ended.state == PromotionState.ROLLED_BACK
    assert "had not ended within 0 minutes" in ended.message
    with org_scope(cast.org_id):
        assert Run.objects.for_org(cast.org_id).get(id=ended.smoke_run_id).status == "CANCELED"


def test_nobody_waits_behind_a_promotion_that_cannot_go_on(cast, staging, monkeypatch):
    begin(cast, staging)
    create_deployment(org_id=cast.org_id, name="other", actor=cast.actor)
    second = promote(
        org_id=cast.org_id,
        source=staging.deployment,
        target=cast.at("other").deployment,
        locations=None,
        actor=cast.actor,
    )
    with org_scope(cast.org_id):
        first = Promotion.objects.for_org(cast.org_id).exclude(id=second.id).get()
        ours = Promotion.objects.for_org(cast.org_id)
        # Before those of other tests.
        ours.filter(id=second.id).update(due_at=timezone.now() - datetime.timedelta(hours=8))
        ours.filter(id=first.id).update(
            due_at=timezone.now() - datetime.timedelta(hours=9), locations={"shop": {"nonsense": True}}
        )
    monkeypatch.setattr(promotion_sweep, "_MOST", 1)

    def state_after_a_sweep():
        promotion_sweep.sweep()
        return row(cast, second).state

    eventually(state_after_a_sweep, lambda state: state == PromotionState.LOADING)
    assert row(cast, first).due_at > timezone.now() - datetime.timedelta(hours=8)
