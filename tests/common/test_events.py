"""Events: recorded with the change, delivered after it, to each subscriber exactly once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apps.common import events, nudge
from apps.common.context import current_request_id, request_context
from apps.common.models import Event, EventDelivery
from apps.common.tasks import deliver_events, redeliver_events
from tests.factories import CategoryFactory, UserFactory
from tests.races.threads import together

pytestmark = pytest.mark.django_db

seen: list[tuple[str, str]] = []
broken: list[str] = []


@pytest.fixture(autouse=True)
def _subscribers() -> Iterator[None]:
    seen.clear()
    broken.clear()
    kept = {name: dict(handlers) for name, handlers in events._handlers.items()}
    events.on("test.happened")(remember)
    events.on("test.happened")(trip)
    yield
    events._handlers.clear()
    events._handlers.update(kept)


def remember(event: Event) -> None:
    seen.append((event.data.get("n", ""), current_request_id()))


def trip(event: Event) -> None:
    CategoryFactory(slug=f"made-by-{event.id}")
    if broken:
        raise RuntimeError(broken[0])


def happen(n: str = "1") -> Event:
    with transaction.atomic():
        return events.record("test.happened", target=None, data={"n": n})


def test_an_event_outside_a_transaction_is_refused(transactional_db):
    with pytest.raises(RuntimeError, match="inside the transaction"):
        events.record("test.happened", target=None)
    assert Event.objects.count() == 0


def test_an_event_goes_with_its_transaction():
    with transaction.atomic():
        events.record("test.happened", target=None)
        transaction.set_rollback(True)
    assert (Event.objects.count(), EventDelivery.objects.count()) == (0, 0)


def test_an_event_names_who_did_what_to_what_and_in_which_request():
    user = UserFactory()
    with request_context("req-1"), transaction.atomic():
        event = events.record("test.happened", target=user, actor=user, data={"n": "7"})
    event.refresh_from_db()
    assert (event.target_type, event.target_id, event.actor, event.actor_id) == ("user", user.id, "user", user.id)
    assert (event.request_id, event.data) == ("req-1", {"n": "7"})


def test_each_subscriber_gets_its_own_delivery_once_under_the_events_request_id(deliver):
    with request_context("req-9"):
        happen("a")
    assert EventDelivery.objects.count() == 2
    assert deliver() == 2
    assert deliver() == 0
    assert seen == [("a", "req-9")]
    assert set(EventDelivery.objects.values_list("status", "attempts")) == {("done", 1)}


def test_a_message_that_comes_twice_has_no_second_effect():
    happen()
    ids = [str(each) for each in EventDelivery.objects.values_list("id", flat=True)]
    assert deliver_events(ids) == 2
    assert deliver_events(ids) == 0
    assert len(seen) == 1


def test_a_failing_subscriber_rolls_back_is_retried_later_and_hinders_nobody(deliver):
    from apps.products.models import Category

    broken.append("boom")
    happen()
    assert deliver() == 1
    failed = EventDelivery.objects.get(status="pending")
    assert (failed.attempts, failed.last_error) == (1, "RuntimeError: boom")
    assert failed.next_attempt_at > timezone.now()
    assert (len(seen), Category.objects.count()) == (1, 0)

    broken.clear()
    EventDelivery.objects.update(next_attempt_at=timezone.now())
    assert redeliver_events() == 1
    assert Category.objects.count() == 1


def test_a_delivery_that_keeps_failing_dies_visibly_and_can_be_revived(deliver):
    broken.append("boom")
    happen()
    for _ in range(events.MAX_ATTEMPTS):
        EventDelivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())
        events.deliver_due()
    dead = EventDelivery.objects.get(status="dead")
    assert dead.attempts == events.MAX_ATTEMPTS
    assert events.deliver(dead.id) is False
    broken.clear()
    assert events.retry_dead([dead.id]) == 1
    assert deliver() == 1


def test_a_subscriber_that_no_longer_exists_is_a_failure_not_a_loss(deliver):
    happen()
    events._handlers["test.happened"].clear()
    assert deliver() == 0
    assert set(EventDelivery.objects.values_list("status", "last_error")) == {
        ("pending", f"LookupError: no subscriber {__name__}.{name.__qualname__} for test.happened")
        for name in (remember, trip)
    }


def test_retries_wait_longer_and_longer_up_to_an_hour():
    waits = [events.backoff(n).total_seconds() for n in (1, 4, 30)]
    assert 1.6 <= waits[0] <= 2.4
    assert 12.8 <= waits[1] <= 19.2
    assert 2880 <= waits[2] <= 4320


@pytest.mark.django_db(transaction=True)
def test_ten_workers_with_the_same_message_deliver_once():
    happen()
    ids = [str(each) for each in EventDelivery.objects.values_list("id", flat=True)]
    assert sum(together([lambda: deliver_events(ids)] * 10)) == 2
    assert len(seen) == 1


def test_a_nudge_never_raises_and_never_waits(settings, monkeypatch):
    settings.EVENT_NUDGES = True
    sent: list[object] = []

    class DeadBroker:
        def send_task(self, name: str, args: object, retry: bool) -> None:
            sent.append((name, args, retry))
            raise ConnectionError("no broker")

    monkeypatch.setattr(nudge, "current_app", DeadBroker())
    started = timezone.now()
    nudge.send("deliver_events", ["x"])
    assert timezone.now() - started < timedelta(seconds=0.5)
    assert nudge.flush(timeout=5)
    assert sent == [("deliver_events", (["x"],), False)]


def test_nudges_over_the_limit_are_dropped(settings, monkeypatch):
    import queue

    settings.EVENT_NUDGES = True
    monkeypatch.setattr(nudge, "_messages", queue.Queue(maxsize=1))
    monkeypatch.setattr(nudge, "_ensure_thread", lambda: None)
    nudge.send("a")
    nudge.send("b")
    assert nudge._messages.qsize() == 1


def test_recording_nudges_after_commit_only(settings, monkeypatch, django_capture_on_commit_callbacks):
    settings.EVENT_NUDGES = True
    sent: list[object] = []
    monkeypatch.setattr(nudge, "send", lambda *message: sent.append(message))
    with django_capture_on_commit_callbacks(execute=True):
        happen()
        assert sent == []
    ids = [str(each) for each in EventDelivery.objects.order_by("id").values_list("id", flat=True)]
    assert sent == [("deliver_events", ids)]
