"""Idempotency keys in both forms: sharing the transaction, and claimed before a call to a provider."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.common import idempotency
from apps.common.idempotency import StoredAnswer
from apps.common.models import IdempotencyKey
from tests.races.threads import together

pytestmark = pytest.mark.django_db
GUARD = {"scope": "user:1 /x", "key": "k"}


def claim(body: str = "body", **options: int) -> StoredAnswer | None:
    return idempotency.claim(**GUARD, body_hash=idempotency.fingerprint(body.encode()), **options)


def test_the_first_claim_wins_and_a_stored_answer_is_returned_to_the_next():
    assert claim() is None
    answer = StoredAnswer(status=201, headers={"Location": "/x/1"}, body=b'{"a":1}')
    idempotency.store(**GUARD, answer=answer)
    assert claim() == answer
    with pytest.raises(idempotency.KeyReused):
        claim("another body")
    assert IdempotencyKey.objects.count() == 1


def test_a_claim_for_a_provider_call_refuses_its_twin_until_its_time_is_over():
    assert claim(exclusive_seconds=50) is None
    with pytest.raises(idempotency.RequestInProgress) as refusal:
        claim(exclusive_seconds=50)
    assert refusal.value.headers == {"Retry-After": "1"}
    IdempotencyKey.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert claim(exclusive_seconds=50) is None
    with pytest.raises(idempotency.RequestInProgress):
        claim(exclusive_seconds=50)


def test_a_released_claim_can_be_taken_again_and_an_answer_cannot_be_released():
    claim(exclusive_seconds=50)
    idempotency.release(**GUARD)
    assert claim(exclusive_seconds=50) is None
    idempotency.store(**GUARD, answer=StoredAnswer(status=200, headers={}, body=b"{}"))
    idempotency.release(**GUARD)
    assert claim(exclusive_seconds=50) == StoredAnswer(status=200, headers={}, body=b"{}")


def test_keys_are_forgotten_after_their_day():
    claim()
    assert idempotency.delete_expired() == 0
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert idempotency.delete_expired() == 1


@pytest.mark.django_db(transaction=True)
def test_of_twenty_claims_at_once_one_runs_and_all_get_its_answer():
    runs: list[int] = []

    def request() -> int:
        with transaction.atomic():
            if answer := claim():
                return answer.status
            runs.append(1)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.1)")
            idempotency.store(**GUARD, answer=StoredAnswer(status=201, headers={}, body=b"{}"))
            return 201

    assert together([request] * 20) == [201] * 20
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
def test_a_look_up_before_the_insert_would_run_several_times():
    """Positive control: the usual shortcut."""
    runs: list[int] = []

    def request() -> None:
        if IdempotencyKey.objects.filter(**GUARD).exists():
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.1)")
        runs.append(1)
        IdempotencyKey.objects.bulk_create([IdempotencyKey(**GUARD, fingerprint="x")], ignore_conflicts=True)

    together([request] * 8)
    assert len(runs) > 1


@pytest.mark.django_db(transaction=True)
def test_what_died_midway_leaves_nothing_behind():
    def dies() -> None:
        with transaction.atomic():
            claim()
            raise SystemError("killed")

    assert isinstance(together([dies])[0], SystemError)
    assert IdempotencyKey.objects.count() == 0
    assert claim() is None
