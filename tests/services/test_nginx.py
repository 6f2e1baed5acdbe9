"""The edge: the project's nginx configuration, run by a real nginx in front of a recording upstream."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.services.nginx_edge import Edge, Upstream, free_port, running_edge, running_upstream

pytestmark = pytest.mark.services

MIB = 1024 * 1024
UPLOAD_PATH = "/api/v1/products/blue-mug/images/"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def edge(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("edge"), upstream_port=upstream.port) as running:
        yield running


@pytest.fixture(autouse=True)
def forget_earlier_requests(upstream: Upstream) -> None:
    upstream.seen.clear()


def assert_problem(answer: requests.Response, status: int, code: str, title: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] == "nginx"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"type", "title", "status", "code", "detail", "request_id"}
    assert body["type"] == "/problems/" + code.replace("_", "-")
    assert (body["title"], body["status"], body["code"]) == (title, status, code)
    assert body["detail"].endswith(".")
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


def test_json_of_the_application_comes_through(edge: Edge, upstream: Upstream) -> None:
    answer = requests.post(f"{edge.url}/api/v1/cart/items/?a=1", json={"quantity": 2}, timeout=5)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Server"] == "nginx"
    assert [(seen["method"], seen["path"], seen["body_bytes"]) for seen in upstream.seen] == [
        ("POST", "/api/v1/cart/items/", 15)
    ]
    headers = upstream.seen[0]["headers"]
    assert headers["host"] == headers["x-forwarded-host"] == f"127.0.0.1:{edge.port}"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-real-ip"] == "127.0.0.1"


def test_a_problem_of_the_application_is_not_replaced(edge: Edge) -> None:
    answer = requests.get(f"{edge.url}/conflict", timeout=5)

    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["path"] == "/conflict"


def test_json_is_compressed_when_the_client_takes_it(edge: Edge) -> None:
    packed = requests.get(f"{edge.url}/large", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=5)
    plain = requests.get(f"{edge.url}/large", headers={"Accept-Encoding": "identity"}, timeout=5)

    raw = packed.raw.read(decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["ETag"] == 'W/"v1"'
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 10
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] == '"v1"'


def test_a_body_over_the_json_limit_is_refused_before_the_application(edge: Edge, upstream: Upstream) -> None:
    answer = requests.post(f"{edge.url}/api/v1/orders/", data=b"x" * (MIB + 1), timeout=10)

    assert_problem(answer, 413, "payload_too_large", "Content Too Large")
    assert upstream.seen == []


def test_a_chunked_body_over_the_limit_is_refused_too(edge: Edge, upstream: Upstream) -> None:
    answer = requests.post(f"{edge.url}/api/v1/orders/", data=iter([b"x" * MIB, b"x"]), timeout=10)

    assert_problem(answer, 413, "payload_too_large", "Content Too Large")
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("path", "size"), [("/api/v1/orders/", MIB), (UPLOAD_PATH, 10 * MIB), ("/admin/products/", 10 * MIB)]
)
def test_a_body_of_exactly_the_limit_arrives_whole(edge: Edge, upstream: Upstream, path: str, size: int) -> None:
    answer = requests.post(f"{edge.url}{path}", data=b"x" * size, timeout=20)

    assert answer.status_code == 200
    assert [seen["body_bytes"] for seen in upstream.seen] == [size]


@pytest.mark.parametrize("path", [UPLOAD_PATH, "/admin/products/"])
def test_an_upload_over_its_limit_is_refused(edge: Edge, upstream: Upstream, path: str) -> None:
    answer = requests.post(f"{edge.url}{path}", data=b"x" * (10 * MIB + 1), timeout=20)

    assert_problem(answer, 413, "payload_too_large", "Content Too Large")
    assert upstream.seen == []


def test_a_dead_application_is_a_problem_that_says_when_to_come_back(tmp_path: Path) -> None:
    with running_edge(tmp_path, upstream_port=free_port()) as edge:
        answer = requests.get(f"{edge.url}/api/v1/products/", timeout=5)

    assert_problem(answer, 502, "unavailable", "Bad Gateway")
    assert answer.headers["Retry-After"] == "5"


def test_a_silent_application_is_a_gateway_timeout_and_a_write_is_sent_once(upstream: Upstream, tmp_path: Path) -> None:
    changes = {"proxy_read_timeout 60s;": "proxy_read_timeout 1s;"}
    with running_edge(tmp_path, upstream_port=upstream.port, changes=changes) as edge:
        answer = requests.post(f"{edge.url}/late", data=b"{}", timeout=5)

    assert_problem(answer, 504, "gateway_timeout", "Gateway Timeout")
    assert answer.headers["Retry-After"] == "5"
    assert [seen["path"] for seen in upstream.seen] == ["/late"]


def test_the_last_forwarded_address_is_the_one_nginx_saw(edge: Edge, upstream: Upstream) -> None:
    spoofed = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    requests.get(f"{edge.url}/a", timeout=5)
    requests.get(f"{edge.url}/b", headers=spoofed | {"Forwarded": "for=203.0.113.9"}, timeout=5)

    plain, forged = (seen["headers"] for seen in upstream.seen)
    assert plain["x-forwarded-for"] == "127.0.0.1"
    assert forged["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert forged["x-forwarded-proto"] == "http"
    assert forged["x-forwarded-host"] == f"127.0.0.1:{edge.port}"
    assert "forwarded" not in forged


def test_the_scheme_is_the_one_of_the_deployment(upstream: Upstream, tmp_path: Path) -> None:
    with running_edge(tmp_path, upstream_port=upstream.port, scheme="https") as edge:
        requests.get(f"{edge.url}/", timeout=5)

    assert upstream.seen[0]["headers"]["x-forwarded-proto"] == "https"


def test_a_slow_body_reaches_the_application_only_when_it_is_complete(edge: Edge, upstream: Upstream) -> None:
    head = b"POST /slow HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", edge.port), timeout=5) as connection:
        connection.sendall(head + b"01234")
        time.sleep(0.5)
        seen_before_the_rest = list(upstream.seen)
        connection.sendall(b"56789")
        status_line = connection.recv(65536).split(b"\r\n")[0]

    assert seen_before_the_rest == []
    assert status_line == b"HTTP/1.1 200 OK"
    assert [seen["body_bytes"] for seen in upstream.seen] == [10]


def test_a_request_id_of_the_client_is_passed_on(edge: Edge, upstream: Upstream) -> None:
    requests.get(f"{edge.url}/", headers={"X-Request-ID": "checkout-42.a_b"}, timeout=5)

    assert upstream.seen[0]["headers"]["x-request-id"] == "checkout-42.a_b"


@pytest.mark.parametrize("given", [None, "", 'quo"te', "two words", "x" * 65, "back\\slash"])
def test_a_request_id_is_made_when_the_client_has_no_good_one(
    edge: Edge, upstream: Upstream, given: str | None
) -> None:
    requests.get(f"{edge.url}/", headers={"X-Request-ID": given}, timeout=5)

    made = upstream.seen[0]["headers"]["x-request-id"]
    assert len(made) == 32
    assert set(made) <= set("0123456789abcdef")


def test_nginx_repeats_the_clients_request_id_in_its_own_problem(edge: Edge) -> None:
    answer = requests.get(f"{edge.url}/static/none.css", headers={"X-Request-ID": "mine-1"}, timeout=5)

    assert assert_problem(answer, 404, "not_found", "Not Found")["request_id"] == "mine-1"


def test_static_files_are_cached_for_as_long_as_their_name_allows(edge: Edge, upstream: Upstream) -> None:
    (edge.static_root / "app.0123456789ab.css").write_text("a{}")
    (edge.static_root / "app.css").write_text("a{}")

    hashed = requests.get(f"{edge.url}/static/app.0123456789ab.css", timeout=5)
    plain = requests.get(f"{edge.url}/static/app.css", timeout=5)

    assert (hashed.status_code, hashed.text) == (200, "a{}")
    assert hashed.headers["Content-Type"] == "text/css"
    assert hashed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert hashed.headers["X-Content-Type-Options"] == "nosniff"
    assert plain.headers["Cache-Control"] == "public, max-age=3600"
    assert upstream.seen == []


def test_media_files_can_never_act_as_a_page_of_the_shop(edge: Edge, upstream: Upstream) -> None:
    (edge.media_root / "mug.webp").write_bytes(b"RIFF")

    answer = requests.get(f"{edge.url}/media/mug.webp", timeout=5)

    assert (answer.status_code, answer.content) == (200, b"RIFF")
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Cache-Control"] == "public, max-age=604800"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert upstream.seen == []


@pytest.mark.parametrize("path", ["/media/", "/static/", "/metrics", "/metrics/", "/__problem"])
def test_what_is_not_public_is_not_there(edge: Edge, upstream: Upstream, path: str) -> None:
    answer = requests.get(f"{edge.url}{path}", timeout=5)

    assert_problem(answer, 404, "not_found", "Not Found")
    assert "Retry-After" not in answer.headers
    assert upstream.seen == []


@pytest.mark.parametrize("path", ["/media/../secret.txt", "/media/%2e%2e/secret.txt", "/media../secret.txt"])
def test_a_path_cannot_climb_out_of_the_media_folder(edge: Edge, upstream: Upstream, path: str) -> None:
    (edge.media_root.parent / "secret.txt").write_text("secret")

    status, _, body = edge.raw(f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())

    assert (status, body["method"]) == (200, "GET")  # the application answered, not the disk
    assert len(upstream.seen) == 1


def test_a_file_cannot_be_written_to(edge: Edge) -> None:
    kept = edge.media_root / "kept.txt"
    kept.write_text("kept")

    answer = requests.post(f"{edge.url}/media/kept.txt", data=b"x", timeout=5)

    assert_problem(answer, 405, "method_not_allowed", "Method Not Allowed")
    assert answer.headers["Allow"] == "GET, HEAD"
    assert kept.read_text() == "kept"


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"NOT HTTP\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: shop\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: shop\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/3.0\r\nHost: shop\r\n\r\n", 505, "malformed_request"),
    ],
)
def test_what_is_not_a_request_is_answered_with_a_problem(
    edge: Edge, upstream: Upstream, request_bytes: bytes, status: int, code: str
) -> None:
    answered, headers, body = edge.raw(request_bytes)

    assert (answered, body["status"], body["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == body["request_id"]
    assert len(body["request_id"]) == 32
    assert upstream.seen == []


def test_the_edge_answers_its_own_health_without_the_application(tmp_path: Path) -> None:
    with running_edge(tmp_path, upstream_port=free_port()) as edge:
        answer = requests.get(f"{edge.url}/edge/health", timeout=5)

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_the_access_log_is_json_and_keeps_no_query(upstream: Upstream, tmp_path: Path) -> None:
    with running_edge(tmp_path, upstream_port=upstream.port) as edge:
        requests.get(f"{edge.url}/reset/?token=secret", headers={"X-Request-ID": "log-1"}, timeout=5)
    # nginx writes the line after the answer; when it has ended, the line is there.
    lines = edge.access_log.read_text().splitlines()

    assert len(lines) == 1
    line = json.loads(lines[0])
    assert (line["request_id"], line["method"], line["path"], line["status"]) == (
        "log-1",
        "GET",
        "/reset/",
        200,
    )
    assert "secret" not in lines[0]
