"""`/healthz`: this process answers. `/readyz`: what it needs answers too. Open to everybody, so they say little."""

import time
from collections.abc import Callable

import structlog
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from controlplane.core import wakeups
from controlplane.core.objects import store

log = structlog.get_logger(__name__)


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Say that the process lives; touches nothing else, so that an orchestrator does not restart it for another's fault."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """503 when Postgres or the object store fails. Without Redis everything works, only slower."""
    checks = {"postgres": _check(_ask_postgres), "objects": _check(_ask_objects), "redis": _check(_ask_redis)}
    ready = checks["postgres"]["ok"] and checks["objects"]["ok"]
    status = "ok" if all(check["ok"] for check in checks.values()) else "degraded" if ready else "unavailable"
    return JsonResponse({"status": status, "checks": checks}, status=200 if ready else 503)


def _check(ask: Callable[[], object]) -> dict[str, bool | float]:
    started = time.monotonic()
    try:
        ask()
        ok = True
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a dependency, the answer is that it is wrong
        log.warning("health.check_failed", check=ask.__name__, error=str(error))
        ok = False
    return {"ok": ok, "seconds": round(time.monotonic() - started, 4)}


def _ask_postgres() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_objects() -> None:
    store().exists("health/probe")


def _ask_redis() -> None:
    wakeups.client().ping()
