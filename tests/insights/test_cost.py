"""Usage becomes cost once, by the price book of the settings; nothing is lost when assets share it."""

import datetime

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import Usage
from controlplane.deployments.visibility import all_of
from controlplane.insights.pricing import PriceBook, default_price_book
from controlplane.insights.projections import UsageRow, _shares
from controlplane.insights.selectors import asset_cost, costliest_assets, deployment_cost
from tenants.ids import uuid7
from tests.runs.scripts import Stage, make_stage

PRICES = {"PRICE_CURRENCY": "EUR", "PRICE_PER_VCPU_HOUR": 0.04, "PRICE_PER_GIB_HOUR": 0.005}


def test_an_hour_of_a_cpu_and_two_gibibytes_costs_what_the_settings_say() -> None:
    with override_settings(**PRICES):
        book = default_price_book()
    assert (book.currency, book.micros(cpu_seconds=3600, gib_seconds=7200)) == ("eur", 50_000)


@given(cost=st.integers(0, 10**12), count=st.integers(1, 50))
def test_the_shares_of_assets_add_up_exactly(cost: int, count: int) -> None:
    row = UsageRow(
        run_id=uuid7(), attempt=1, step_key="s", deployment_id=uuid7(), location_name="l", job_name="j", partition_key=None,
        assets=[str(number) for number in range(count)], ended_at=datetime.datetime.now(datetime.UTC), wall_seconds=1,
        cpu_seconds=1, gib_seconds=1, peak_rss_bytes=1, cost_micros=cost, currency="usd", price_book_id=None,
    )  # fmt: skip
    shares = [share["cost_micros"] for share in _shares(row)]
    assert (sum(shares), max(shares) - min(shares) <= 1) == (cost, True)


def test_nothing_costs_nothing() -> None:
    assert PriceBook("usd", 1.0, 1.0).micros(cpu_seconds=0, gib_seconds=0) == 0


@pytest.fixture
def stage() -> Stage:
    """A run whose steps `raw` and `daily` each used an hour of a CPU; `daily` in two tries."""
    stage = make_stage()
    attempt = stage.claimed(assets=["raw", "daily"])
    attempt.start("raw", "daily")
    for step, type_, seconds in (
        ("raw", "STEP_SUCCESS", 3600),
        ("daily", "STEP_UP_FOR_RETRY", 1800),
        ("daily", "STEP_SUCCESS", 1800),
    ):
        usage = Usage(wall_seconds=seconds, cpu_seconds=seconds, peak_rss_bytes=1, gib_seconds=0)
        attempt.say(type_, step=step, usage=usage)
    return stage


def test_cost_by_asset_run_and_deployment_agree(stage: Stage) -> None:
    whole_deployment = all_of(stage.org_id, stage.cast.deployment.id)
    whole = deployment_cost(whole_deployment)
    by_asset = {key: asset_cost(whole_deployment, key).cost_micros for key in ("raw", "daily")}
    assert by_asset == {"raw": 40_480, "daily": 40_480}
    assert (whole.cost_micros, whole.runs, whole.cpu_seconds) == (80_960, 1, 7200)
    assert [(share.name, share.cost_micros) for share in costliest_assets(whole_deployment)] == [
        ("daily", 40_480),
        ("raw", 40_480),
    ]


def test_another_organization_has_no_part_in_it(stage: Stage) -> None:
    stranger = make_stage()
    assert deployment_cost(all_of(stranger.org_id, stage.cast.deployment.id)).cost_micros == 0
