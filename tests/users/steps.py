"""What the tests of sign-in do again and again."""

from typing import Any

import pytest

from apps.common.models import Event
from tests.client import ApiClient
from tests.factories import PASSWORD

EMAIL = "alice@example.com"
GOOD = {"email": EMAIL, "password": PASSWORD}
NEW_PASSWORD = "another-Passphrase-9"


def login(email: str = EMAIL, password: str = PASSWORD, **headers: str) -> Any:
    """The answer of a login by a new client."""
    return ApiClient().post("/auth/login/", {"email": email, "password": password}, **headers)


def signed_in(pair: dict[str, str]) -> ApiClient:
    """A client with the access token of a login."""
    return ApiClient(Authorization=f"Bearer {pair['access']}")


def event_types() -> list[str]:
    """The types of all events, oldest first."""
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def errors_of(response: Any) -> list[tuple[str, str]]:
    """Pointer and code of each rejected field."""
    return [(each["pointer"], each["code"]) for each in response.json()["errors"]]


def without_id(response: Any) -> dict[str, Any]:
    """A problem body without what differs each time."""
    return {name: value for name, value in response.json().items() if name != "request_id"}


class HashCounter:
    """How often a password was hashed or checked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.hashers import CheapArgon2

        self.calls = 0
        for name in ("encode", "verify"):
            monkeypatch.setattr(CheapArgon2, name, self._counted(getattr(CheapArgon2, name)))

    def _counted(self, method: Any) -> Any:
        def run(hasher: Any, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return method(hasher, *args, **kwargs)

        return run
