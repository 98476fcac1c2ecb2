"""The clock: due jobs are claimed once, woken through the broker, and stay due while it does not take them."""

import json
import os
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from redis import Redis

from controlplane.core import wakeups
from controlplane.core.background import enqueue
from controlplane.core.clock.ticking import declare_jobs, run, tick
from controlplane.core.models import DueJob
from controlplane.core.threads import with_connections_returned
from controlplane.embedded.redis import EmbeddedRedis
from tests.waiting import eventually


@pytest.fixture
def name() -> str:
    """A job of this test alone."""
    return f"tests.{uuid.uuid4().hex}"


@pytest.fixture(autouse=True)
def only_these_jobs() -> None:
    DueJob.objects.all().delete()
    wakeups.client().delete("celery")


def woken() -> list[str]:
    """The tasks that wait in the broker's queue."""
    return [json.loads(raw)["headers"]["task"] for raw in wakeups.client().lrange("celery", 0, -1)]


def test_due_job_is_woken_once_per_period(name: str) -> None:
    declare_jobs({name: 60.0})

    assert [tick(), tick()] == [[name], []]
    assert woken() == [name]


def test_two_clocks_share_the_jobs(name: str) -> None:
    names = {f"{name}.{number}": 60.0 for number in range(20)}
    declare_jobs(names)

    with ThreadPoolExecutor(4) as clocks:
        claimed = [job for jobs in clocks.map(lambda _: tick_and_close(), range(8)) for job in jobs]

    assert sorted(claimed) == sorted(names)
    assert sorted(woken()) == sorted(names)


def tick_and_close() -> list[str]:
    try:
        return tick()
    finally:
        connection.close()


def test_clock_without_redis_goes_on_when_it_is_back(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path / "redis", append_only=False)
    url = redis.start()
    redis.stop()
    environment = {**os.environ, "DAGGERBOARD_REDIS_URL": url, "DAGGERBOARD_LOG_LEVEL": "INFO"}
    clock = subprocess.Popen(
        [sys.executable, "-m", "controlplane.core.clock"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert clock.stderr is not None
        assert next(line for line in clock.stderr if "clock.tick_failed" in line)
        redis.start()
        with Redis.from_url(url) as broker:
            eventually(lambda: broker.llen("celery"), lambda length: length > 0)
        clock.terminate()
        assert clock.wait(60) == 0
    finally:
        clock.kill()
        clock.wait()
        redis.stop()


def test_declaring_again_keeps_what_is_due_and_drops_what_is_gone(name: str) -> None:
    declare_jobs({name: 60.0, f"{name}.gone": 60.0})
    tick()

    declare_jobs({name: 60.0})

    assert list(DueJob.objects.values_list("name", flat=True)) == [name]
    assert tick() == []


def test_job_whose_period_changed_is_due_at_once(name: str) -> None:
    declare_jobs({name: 3600.0})
    tick()

    declare_jobs({name: 1.0})

    assert tick() == [name]


def test_loop_ends_when_it_is_told_to(name: str) -> None:
    stop = threading.Event()
    clock = threading.Thread(target=with_connections_returned, args=[run, stop])
    clock.start()
    eventually(lambda: DueJob.objects.filter(next_due__gt=Now()).count(), lambda count: count > 0)

    stop.set()
    clock.join(60)

    assert not clock.is_alive()


def test_task_is_enqueued_after_the_commit_only(name: str) -> None:
    with transaction.atomic():
        enqueue(name, run_id=uuid.UUID(int=7))
        assert woken() == []

    assert woken() == [name]


def test_enqueueing_without_a_broker_is_quick_and_quiet() -> None:
    enqueue_once = (
        "import django, time; django.setup(); from controlplane.core.background import enqueue;"
        "started = time.monotonic(); enqueue('tests.nobody'); print(time.monotonic() - started)"
    )
    environment = {**os.environ, "DAGGERBOARD_REDIS_URL": "redis://127.0.0.1:9/0"}

    done = subprocess.run(
        [sys.executable, "-c", enqueue_once], env=environment, capture_output=True, text=True, check=True
    )

    # A slow machine takes its time; to try again and again would take longer than that.
    assert float(done.stdout) < 20
