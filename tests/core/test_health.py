"""Health checks say what is wrong, and only what matters makes a process unready."""

from pathlib import Path

import pytest
from django.test import Client, override_settings


def test_process_that_answers_is_healthy() -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:9/0"):
        assert Client().get("/healthz").json() == {"status": "ok"}


def test_everything_there_is_ready() -> None:
    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert {name: check["ok"] for name, check in answer.json()["checks"].items()} == {
        "postgres": True,
        "objects": True,
        "redis": True,
    }


def test_without_redis_the_process_still_serves() -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:9/0"):
        answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


@pytest.mark.parametrize("method", ["get", "head"])
def test_without_its_objects_the_process_is_not_ready(tmp_path: Path, method: str) -> None:
    (tmp_path / "objects").write_text("a file in the way")
    with override_settings(OBJECT_STORE_URL=(tmp_path / "objects").as_uri()):
        answer = getattr(Client(), method)("/readyz")

    assert answer.status_code == 503
