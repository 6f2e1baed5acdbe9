"""Every refusal is a problem document: what the server answers to requests that make no sense."""

import json

import pytest
from django.test import Client

from apps.users.models import Address, User
from tests.client import ApiClient, code
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
LOGIN = "/api/v1/auth/login/"


def raw_post(body: bytes | str, *, content_type: str = "application/json", path: str = LOGIN, **headers: str):
    return Client(raise_request_exception=False).post(path, body, content_type=content_type, headers=headers)


def assert_problem(response, status: int, problem_code: str) -> dict:
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    body = response.json()
    assert body["status"] == status
    assert body["code"] == problem_code
    assert body["type"] == f"/problems/{problem_code.replace('_', '-')}"
    assert body["request_id"] == response["X-Request-ID"]
    assert set(body) - {"errors"} == {"type", "title", "status", "code", "detail", "request_id"}
    return body


def errors_of(response) -> list[tuple[str, str]]:
    return [(each.get("pointer", each.get("parameter")), each["code"]) for each in response.json()["errors"]]


@pytest.mark.parametrize("path", ["/api/v1/no-such-thing/", "/api/", "/no-such-page", "/api/v1/users/me/addresses/7/"])
def test_an_unknown_address_is_a_404(path):
    assert_problem(Client().get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", LOGIN), ("delete", LOGIN), ("put", "/api/v1/users/me/"), ("options", "/api/v1/users/me/")],
)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(method, path):
    response = getattr(ApiClient(UserFactory())._client, method)(path, headers=ApiClient(UserFactory()).headers)
    assert_problem(response, 405, "method_not_allowed")
    assert "POST" in response["Allow"] or "PATCH" in response["Allow"]


def test_a_wrong_method_is_a_405_for_a_stranger_too(api):
    assert code(api.put("/users/me/", {})) == (405, "method_not_allowed")


def test_only_json_is_answered():
    assert_problem(Client().get("/api/v1/users/me/", headers={"Accept": "text/html"}), 406, "not_acceptable")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_only_json_is_read(content_type):
    assert_problem(raw_post("email=a", content_type=content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"email": "a@example.com", "password": NaN}',
        b'{"email": "\\ud800"}',
        b'{"email": "a\\u0000b@example.com", "password": "x"}',
        b'{"a\\u0000b": 1}',
        b'{"email": ' + b"[" * 30 + b"]" * 30 + b"}",
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_a_body_that_cannot_be_read_is_a_400(body):
    assert_problem(raw_post(body), 400, "malformed_request")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null"])
def test_a_body_that_is_no_object_is_a_400(body):
    assert_problem(raw_post(body), 400, "validation_error")


def test_an_empty_body_lacks_every_field():
    response = raw_post(b"")
    assert_problem(response, 400, "validation_error")
    assert errors_of(response) == [("/email", "required"), ("/password", "required")]


def test_a_body_over_one_mebibyte_is_a_413():
    body = json.dumps({"email": "a@example.com", "password": "x" * (1024 * 1024)})
    assert_problem(raw_post(body), 413, "payload_too_large")


def test_a_body_of_unannounced_length_is_refused_not_taken_for_an_empty_one():
    """As Gunicorn hands a chunked body over: no Content-Length, and Django reads nothing."""
    headers = {**ApiClient(UserFactory()).headers, "Transfer-Encoding": "chunked"}
    client = Client(raise_request_exception=False)
    for method in (client.patch, client.post, client.delete):
        answer = method("/api/v1/users/me/", b"", content_type="application/json", headers=headers)
        assert_problem(answer, 411, "length_required")


@pytest.mark.parametrize(
    ("query", "problem_code", "errors"),
    [
        ("colour=red", "unknown_parameter", [("colour", "unknown_parameter")]),
        ("page=1&page=2", "repeated_parameter", [("page", "repeated_parameter")]),
        ("page=", "empty_parameter", [("page", "empty_parameter")]),
        ("page=1%00", "validation_error", [("page", "invalid")]),
        ("page=0", "validation_error", [("page", "min_value")]),
        ("page_size=101", "validation_error", [("page_size", "max_value")]),
        ("page=" + "9" * 30, "validation_error", [("page", "max_value")]),
        ("page=one", "validation_error", [("page", "invalid")]),
        ("a=1&b=2", "validation_error", [("a", "unknown_parameter"), ("b", "unknown_parameter")]),
    ],
)
def test_query_parameters_are_taken_literally(query, problem_code, errors):
    response = ApiClient(UserFactory()).get("/users/me/addresses/", query)
    body = response.json()
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert body["code"] == ("validation_error" if errors[0][1] == "invalid" else problem_code)


def test_a_parameter_where_none_is_known_is_refused_on_writes_too(api):
    response = api.post("/auth/login/?next=/x", {"email": "a@example.com", "password": "x"})
    assert code(response) == (400, "unknown_parameter")


def test_the_head_of_a_list_takes_the_same_parameters_as_the_list():
    client = ApiClient(UserFactory())
    response = client._client.head("/api/v1/users/me/addresses/?page_size=5", headers=client.headers)
    assert (response.status_code, response.content) == (200, b"")


def test_a_field_that_is_not_known_is_refused_and_nothing_is_stored():
    user = UserFactory(first_name="Old")
    response = ApiClient(user).patch("/users/me/", {"first_name": "New", "is_staff": True, "email": "x@example.com"})
    assert code(response) == (400, "validation_error")
    assert errors_of(response) == [("/is_staff", "unknown_field"), ("/email", "unknown_field")]
    user.refresh_from_db()
    assert (user.first_name, user.is_staff) == ("Old", False)


@pytest.mark.parametrize("value", [7, True, ["a"], {"a": 1}])
def test_a_value_of_the_wrong_type_is_refused(value):
    response = ApiClient(UserFactory()).patch("/users/me/", {"first_name": value})
    assert (response.status_code, errors_of(response)) == (400, [("/first_name", "wrong_type")])


def test_a_refusal_does_not_echo_what_was_sent(api):
    marker = "zq7-marker"
    answers = [
        api.post("/auth/login/", {"email": marker, "password": "x"}),
        api.get("/users/me/", Authorization=f"Bearer {marker}"),
        Client().get(f"/api/v1/{marker}/"),
        raw_post(marker, content_type=f"text/{marker}"),
        ApiClient(UserFactory()).post("/users/me/addresses/", {"country": marker}),
    ]
    assert [marker in each.content.decode() for each in answers] == [False] * 5
    assert Address.objects.count() == 0


def test_an_unexpected_error_shows_no_trace(monkeypatch):
    def explode(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("secret detail at /some/path.py")

    client = ApiClient(UserFactory())
    monkeypatch.setattr("apps.users.api.views.me.present_me", explode)
    response = client.get("/users/me/")
    assert_problem(response, 500, "server_error")
    assert b"secret" not in response.content
    assert b"ZeroDivision" not in response.content


def test_an_unexpected_error_outside_the_api_shows_no_trace(monkeypatch):
    def explode(*args: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("apps.common.api.docs.render", explode)
    response = Client(raise_request_exception=False).get("/problems/throttled")
    assert_problem(response, 500, "server_error")
    assert b"secret" not in response.content


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("order-4711", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("with blank", False),
        ("tab\there", False),
        ("umlaut-\u00e4", False),
        ("", False),
    ],
)
def test_a_request_id_is_kept_when_it_is_harmless_and_replaced_when_not(api, offered, kept):
    response = api.get("/users/me/", X_Request_ID=offered)
    assert (response["X-Request-ID"] == offered) is kept
    assert response.json()["request_id"] == response["X-Request-ID"] != ""


def test_a_path_without_its_slash_is_served_with_its_body():
    UserFactory(email="alice@example.com")
    body = json.dumps({"email": "alice@example.com", "password": PASSWORD})
    response = raw_post(body, path=LOGIN.removesuffix("/"))
    assert (response.status_code, response.json()["user"]["email"]) == (200, "alice@example.com")


def test_a_bad_host_is_a_400():
    response = Client().get("/api/v1/users/me/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert response.json()["code"] == "malformed_request"


def test_answers_of_the_api_are_private_and_carry_the_release(api):
    response = api.get("/users/me/")
    assert (response["Cache-Control"], response["API-Version"]) == ("no-store", "1.0.0")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert User.objects.count() == 0


@pytest.mark.parametrize("path", ["/inventory/%00/", "/inventory/A%00/", "/cart/coupons/%00/", "/products/%00/"])
def test_a_nul_in_an_address_is_a_404(path):
    method = "delete" if "coupons" in path else "get"
    assert code(getattr(ApiClient(), method)(path)) == (404, "not_found")
