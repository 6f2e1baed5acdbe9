"""The shop as production runs it: nginx in front of Gunicorn, production settings, collected static files."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.services.nginx_edge import REPOSITORY, Edge, free_port, running_edge
from tests.services.production import HOST, production_environment, running_gunicorn

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def static_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collected") / "static"
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(command, cwd=REPOSITORY, env=production_environment(folder, 0), check=True)
    return folder


@pytest.fixture
def edge(static_root: Path, tmp_path: Path) -> Iterator[Edge]:
    port = free_port()
    with (
        running_gunicorn(static_root, port),
        running_edge(tmp_path, upstream_port=port, scheme="https", static_root=static_root) as running,
    ):
        yield running


@pytest.fixture
def shop() -> requests.Session:
    session = requests.Session()
    session.headers["Host"] = HOST
    return session


def test_the_shop_answers_through_the_edge_as_over_https(edge: Edge, shop: requests.Session) -> None:
    alive = shop.get(f"{edge.url}/healthz", headers={"X-Request-ID": "edge-1"}, timeout=30)
    ready = shop.get(f"{edge.url}/ready", timeout=30)
    stranger = requests.get(f"{edge.url}/healthz", headers={"Host": "evil.example"}, timeout=30)
    unknown = shop.get(f"{edge.url}/api/v1/nothing/", headers={"X-Request-ID": "edge-2"}, timeout=30)

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert alive.headers["X-Request-ID"] == "edge-1"
    assert alive.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": "ok", "cache": "ok", "broker": "down"}
    assert stranger.status_code == 400
    assert stranger.headers["Content-Type"] == "application/problem+json"
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert unknown.json()["request_id"] == unknown.headers["X-Request-ID"] == "edge-2"


def test_pages_and_their_files_come_compressed_and_cacheable(edge: Edge, shop: requests.Session) -> None:
    page = shop.get(f"{edge.url}/admin/login/", timeout=30)
    [style, *_] = re.findall(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page.text)
    file = shop.get(edge.url + style, headers={"Accept-Encoding": "gzip"}, timeout=30)

    assert page.status_code == 200
    assert page.headers["Content-Encoding"] == "gzip"
    assert file.status_code == 200
    assert file.headers["Content-Encoding"] == "gzip"
    assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_validator_survives_compression(edge: Edge, shop: requests.Session) -> None:
    first = shop.get(f"{edge.url}/api/v1/products/categories/", timeout=30)
    again = shop.get(
        f"{edge.url}/api/v1/products/categories/",
        headers={"If-None-Match": f"W/{first.headers['ETag'].removeprefix('W/')}"},
        timeout=30,
    )

    assert first.status_code == 200
    assert (again.status_code, again.content) == (304, b"")


def test_an_application_that_comes_back_is_found_at_once(
    static_root: Path, tmp_path: Path, shop: requests.Session
) -> None:
    port = free_port()
    with running_edge(tmp_path, upstream_port=port, scheme="https", static_root=static_root) as edge:
        down = shop.get(f"{edge.url}/healthz", timeout=30)
        with running_gunicorn(static_root, port):
            up = shop.get(f"{edge.url}/healthz", timeout=30)
        down_again = shop.get(f"{edge.url}/healthz", timeout=30)

    assert (down.status_code, down.json()["code"], down.headers["Retry-After"]) == (502, "unavailable", "5")
    assert (up.status_code, up.json()) == (200, {"status": "ok"})
    assert (down_again.status_code, down_again.json()["code"]) == (502, "unavailable")
