"""One refresh token, many users of it at once, with real connections."""

import time
from collections import Counter
from uuid import UUID, uuid4

import pytest
from rest_framework_simplejwt.tokens import RefreshToken

from apps.users.models import Session
from apps.users.services import tokens
from apps.users.services.tokens import TokenInvalid, TokenPair, TokenReused
from tests.factories import UserFactory
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
CALLERS = 20


def outcome_of(result: object) -> str:
    return "refused" if isinstance(result, TokenReused | TokenInvalid) else type(result).__name__


@pytest.mark.parametrize("_round", range(5))
def test_of_twenty_parallel_refreshes_exactly_one_wins(_round):
    pair = tokens.open_session(user=UserFactory(), user_agent="", ip=None)
    results = together([lambda: tokens.rotate(refresh=pair.refresh)] * CALLERS)
    assert Counter(map(outcome_of, results)) == {"TokenPair": 1, "refused": CALLERS - 1}
    assert Session.objects.get().revoked_reason == "refresh token reused"


def naive_rotate(refresh: str) -> TokenPair:
    """What the guarded UPDATE replaces: look, then write."""
    claims = RefreshToken(refresh).payload
    session = Session.objects.get(id=UUID(claims["sid"]))
    if session.refresh_jti != UUID(claims["jti"]):
        raise TokenReused
    time.sleep(0.05)
    session.refresh_jti = uuid4()
    session.save()
    return tokens._pair(session.id, session.refresh_jti)


def test_without_the_guarded_update_several_would_win():
    pair = tokens.open_session(user=UserFactory(), user_agent="", ip=None)
    results = together([lambda: naive_rotate(pair.refresh)] * CALLERS)
    assert Counter(map(outcome_of, results))["TokenPair"] > 1
