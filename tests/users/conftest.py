"""Fixtures of the users' tests."""

from typing import Any

import pytest

from apps.users.models import User
from tests.factories import UserFactory
from tests.users.steps import EMAIL, HashCounter


@pytest.fixture
def alice() -> User:
    """An account with the e-mail `EMAIL` and the password of the factories."""
    return UserFactory(email=EMAIL, first_name="Alice", last_name="Doe")


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> HashCounter:
    """Counts password hashes from here on."""
    return HashCounter(monkeypatch)


@pytest.fixture
def limits(settings: Any) -> Any:
    """Change limits for a test: `limits(login_account=(5, 60))`."""

    def change(**changes: tuple[int, int]) -> None:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, **changes}

    return change
