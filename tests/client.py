"""The test suite's API client: JSON in and out, signed in without the cost of a login, answers held to the schema."""

from typing import Any

from django.test import Client

from apps.users.models import User
from apps.users.services import tokens
from tests.contracts import schema_truth

API = "/api/v1"


class ApiClient:
    """`api.get("/products/")` and so on; paths are relative to /api/v1. Every answer is a Django test response."""

    def __init__(self, user: User | None = None, **headers: str) -> None:
        self.headers = dict(headers)
        self._client = Client(raise_request_exception=False)
        if user is not None:
            self.pair = tokens.open_session(user=user, user_agent="tests", ip="127.0.0.1")
            self.headers["Authorization"] = f"Bearer {self.pair.access}"

    def get(self, path: str, query: dict[str, Any] | str | None = None, **headers: str) -> Any:
        if isinstance(query, str):
            path, query = f"{path}?{query}", None
        return self._checked("get", self._client.get(self._url(path), query, headers=self._headers(headers)))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("patch", path, body, headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("put", path, body, headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self._checked("delete", self._client.delete(self._url(path), headers=self._headers(headers)))

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = b"" if body is None else body
        response = getattr(self._client, method)(
            self._url(path), data, content_type="application/json", headers=self._headers(headers)
        )
        return self._checked(method, response)

    @staticmethod
    def _checked(method: str, response: Any) -> Any:
        schema_truth.check(method, response)
        return response

    def _headers(self, extra: dict[str, str]) -> dict[str, str]:
        return {**self.headers, **{name.replace("_", "-"): value for name, value in extra.items()}}

    @staticmethod
    def _url(path: str) -> str:
        return path if path.startswith(("/api", "/healthz", "/ready", "/startup", "/problems")) else f"{API}{path}"


def code(response: Any) -> tuple[int, str]:
    """Status and problem code of a refusal."""
    return response.status_code, response.json()["code"]
