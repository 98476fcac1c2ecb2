"""What an organization may use: refused with words when it is full, never overshot, changed within seconds."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from agent.protocol import AttemptEvents, Event, EventBatch
from controlplane.core import rate_limits
from controlplane.core.threads import with_connections_returned
from controlplane.deployments.services import create_deployment
from controlplane.runs.waiting import waiting_reason
from tenants.errors import InvalidError, QuotaExceededError
from tenants.ids import uuid7
from tenants.limits.models import QuotaName
from tenants.limits.quotas import limit, quotas, set_quota
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tests.callers import bearer
from tests.cast import Cast
from tests.dispatch.wire_agent import WireAgent
from tests.runs.scripts import make_stage
from tests.ui.server import serving
from tests.waiting import eventually


def give(cast: Cast, name: QuotaName, value: int | None) -> None:
    set_quota(org_id=cast.org_id, name=name, value=value, actor=cast.actor)


def test_an_own_quota_stands_in_front_of_the_installations(cast: Cast) -> None:
    usual = limit(cast.org_id, QuotaName.DEPLOYMENTS)
    give(cast, QuotaName.DEPLOYMENTS, 3)
    assert (limit(cast.org_id, QuotaName.DEPLOYMENTS), usual) == (3, 100)
    give(cast, QuotaName.DEPLOYMENTS, 0)
    assert limit(cast.org_id, QuotaName.DEPLOYMENTS) is None
    give(cast, QuotaName.DEPLOYMENTS, None)
    assert limit(cast.org_id, QuotaName.DEPLOYMENTS) == usual
    assert [quota.name for quota in quotas(cast.org_id)] == list(QuotaName)


def test_a_full_quota_of_deployments_is_refused_in_words(cast: Cast) -> None:
    give(cast, QuotaName.DEPLOYMENTS, 1)
    answer = cast.api().post(
        f"/api/v1/organizations/{cast.org.slug}/deployments/", {"name": "another"}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, "quota_exceeded")
    assert "1 of 1 (full deployments)" in answer.json()["errors"][0]["detail"]


def test_a_quota_is_not_overshot_by_many_at_once(cast: Cast) -> None:
    give(cast, QuotaName.DEPLOYMENTS, 3)

    def create(number: int) -> bool:
        try:
            create_deployment(org_id=cast.org_id, name=f"d-{number}", actor=cast.actor)
        except QuotaExceededError:
            return False
        return True

    with ThreadPoolExecutor(4) as people:
        made = list(people.map(lambda number: with_connections_returned(create, number), range(8)))

    assert sum(made) == 2


def test_the_last_place_is_given_once_even_before_the_first_taker_has_committed(cast: Cast) -> None:
    give(cast, QuotaName.DEPLOYMENTS, 2)
    with ThreadPoolExecutor(1) as other:
        with org_scope(cast.org_id):
            create_deployment(org_id=cast.org_id, name="first", actor=cast.actor)
            second = other.submit(
                with_connections_returned, create_deployment, org_id=cast.org_id, name="second", actor=cast.actor
            )
            eventually(lambda: second.done() or _somebody_waits(), bool)
        with pytest.raises(QuotaExceededError):
            second.result(60)


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def test_revoked_tokens_do_not_count(cast: Cast) -> None:
    give(cast, QuotaName.TOKENS, 3)
    issue_token(org_id=cast.org_id, kind="agent", name="third")
    with pytest.raises(QuotaExceededError, match="live tokens"):
        issue_token(org_id=cast.org_id, kind="agent", name="fourth")


def test_runs_wait_for_room_and_say_so() -> None:
    stage = make_stage()
    give(stage.cast, QuotaName.CONCURRENT_RUNS, 2)
    runs = [stage.request() for _ in range(3)]

    assert len(stage.claim(slots=5)) == 2
    assert stage.claim(slots=5) == []
    reason = waiting_reason(stage.run(runs[2].id))
    assert reason is not None
    assert (reason.code, "2 of 2" in reason.message) == ("quota", True)

    give(stage.cast, QuotaName.CONCURRENT_RUNS, 3)
    assert [claim.run_id for claim in stage.claim(slots=5)] == [runs[2].id]


def test_many_claimers_never_go_beyond_the_quota() -> None:
    stage = make_stage()
    give(stage.cast, QuotaName.CONCURRENT_RUNS, 7)
    for _ in range(20):
        stage.request()

    with ThreadPoolExecutor(4) as agents:
        claimed = sum(agents.map(lambda _: len(with_connections_returned(stage.claim, slots=3)), range(12)))

    assert claimed == 7


def test_a_flood_of_events_is_told_to_wait_and_harms_nobody_else() -> None:
    flooder, calm = make_stage(), make_stage()
    give(flooder.cast, QuotaName.EVENTS_PER_SECOND, 1)
    with serving() as address:
        answers = [_send(address, flooder, count=90) for _ in range(2)]
        other = _send(address, calm, count=90)

    assert [answer.status_code for answer in answers] == [200, 429]
    assert 1 <= int(answers[1].headers["Retry-After"]) <= 90
    assert answers[1].json()["errors"][0]["code"] == "throttled"
    assert other.status_code == 200


def _send(address, stage, *, count):
    attempt = stage.claimed(assets=["raw"])
    claim = attempt.claim
    events = [Event(seq=number + 1, ts=0, type="LOG", message="x") for number in range(count)]
    part = AttemptEvents(run_id=str(claim.run_id), attempt=claim.attempt, epoch=claim.epoch, events=events)
    agent = WireAgent(address, stage.cast.agent_token.text)
    return agent.post("events", EventBatch(agent_id=str(stage.agent.id), attempts=[part]))


def test_a_caller_of_the_api_has_so_many_requests_a_minute(cast: Cast) -> None:
    give(cast, QuotaName.API_REQUESTS_PER_MINUTE, 2)
    client = bearer(cast.user_token.text)
    answers = [client.get(f"/api/v1/organizations/{cast.org.slug}/") for _ in range(4)]

    assert [answer.status_code for answer in answers][:2] == [200] * 2
    assert answers[3].status_code == 429
    assert int(answers[3]["Retry-After"]) <= 31
    assert answers[3].json()["errors"][0]["code"] == "throttled"


def test_a_bucket_fills_again_and_takes_what_is_larger_than_itself_when_full() -> None:
    slow, quick = f"test:{uuid7()}", f"test:{uuid7()}"
    assert rate_limits.take(slow, per_second=0.1, burst=10, cost=30) == 0.0
    assert 150 < rate_limits.take(slow, per_second=0.1, burst=10, cost=1) <= 210
    assert rate_limits.take(quick, per_second=50, burst=10, cost=30) == 0.0
    eventually(lambda: rate_limits.take(quick, per_second=50, burst=10, cost=1), lambda left: left == 0.0)


def test_an_organization_has_a_quota_once(cast: Cast) -> None:
    give(cast, QuotaName.TOKENS, 5)
    give(cast, QuotaName.TOKENS, 6)
    assert limit(cast.org_id, QuotaName.TOKENS) == 6


def test_a_negative_quota_is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidError, match="whole number"):
        give(cast, QuotaName.TOKENS, -1)
