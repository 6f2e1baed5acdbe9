"""Probes."""

import pytest
from django.db.utils import OperationalError

from apps.common.api import health

pytestmark = pytest.mark.django_db


def test_the_process_answers_without_touching_anything(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_names_each_part(client):
    response = client.get("/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok", "cache": "ok", "broker": "ok"}}


def test_a_dead_cache_or_broker_degrades_but_does_not_take_the_web_out(client, monkeypatch):
    def fails() -> bool:
        raise ConnectionError("secret address 10.0.0.7")

    monkeypatch.setattr(health, "_ask_cache", fails)
    monkeypatch.setattr(health, "_ask_broker", fails)
    response = client.get("/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"] == {"database": "ok", "cache": "down", "broker": "down"}
    assert b"10.0.0.7" not in response.content


def test_a_dead_database_is_not_ready(client, monkeypatch):
    def fails() -> bool:
        raise OperationalError("could not connect")

    monkeypatch.setattr(health, "_ask_database", fails)
    response = client.get("/ready")
    assert (response.status_code, response.json()["status"], response["Retry-After"]) == (503, "down", "2")


def test_startup_waits_for_migrations(client, monkeypatch):
    assert (client.get("/startup").status_code, client.get("/startup").json()) == (200, {"status": "ok"})
    monkeypatch.setattr(health, "_ask_migrations", lambda: False)
    response = client.get("/startup")
    assert (response.status_code, response.json()) == (503, {"status": "migrating"})


@pytest.mark.parametrize("path", ["/healthz", "/ready", "/startup"])
def test_probes_are_read_only(client, path):
    response = client.post(path)
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert (response.json()["code"], response["Allow"]) == ("method_not_allowed", "GET, HEAD")
