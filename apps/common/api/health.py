"""Probes for orchestrators and load balancers. They name parts, never details."""

from collections.abc import Callable

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is alive; touches nothing."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Database, cache and broker are reachable. Only the database is needed to serve; the others are reported."""
    checks = {
        "database": _answers(_ask_database),
        "cache": _answers(_ask_cache),
        "broker": _answers(_ask_broker),
    }
    response = JsonResponse(
        {"status": "ok" if all(checks.values()) else "degraded" if checks["database"] else "down"}
        | {"checks": {name: "ok" if up else "down" for name, up in checks.items()}},
        status=200 if checks["database"] else 503,
    )
    if response.status_code == 503:
        response["Retry-After"] = "2"
    return response


@require_safe
def startup(request: HttpRequest) -> JsonResponse:
    """Every migration has been applied."""
    done = _answers(_ask_migrations)
    response = JsonResponse({"status": "ok" if done else "migrating"}, status=200 if done else 503)
    if not done:
        response["Retry-After"] = "2"
    return response


def _answers(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except Exception:
        return False


def _ask_database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone())


def _ask_cache() -> bool:
    client = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
    return bool(client.ping())


def _ask_broker() -> bool:
    with current_app.connection_for_write(connect_timeout=0.5) as broker:
        broker.ensure_connection(max_retries=0, timeout=1)
        return True


def _ask_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
