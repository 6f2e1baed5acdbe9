"""The public stream: every event of an order once, numbered without gaps, placed after its commit."""

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from kombu import Connection, Queue

from apps.common import events, stream
from apps.common.models import Event, EventPublication, EventStream
from apps.notifications.channels import exchange
from apps.notifications.services import publication
from apps.notifications.tasks import publish_events
from apps.orders.models import Order
from tests.client import ApiClient
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.races.threads import together

pytestmark = pytest.mark.django_db


def an_order() -> Order:
    shop_rates()
    return place(sellable())[1]


def tell(order: Order, number: int = 0) -> Event:
    with transaction.atomic():
        return events.record("order.note", target=order, data={"n": str(number)})


def staff_client() -> ApiClient:
    return ApiClient(UserFactory(is_staff=True, is_superuser=True))


def feed(client: ApiClient, **query: Any) -> list[dict[str, Any]]:
    response = client.get("/events/", query)
    assert response.status_code == 200, response.json()
    return response.json()["results"]


def test_an_orders_events_are_numbered_from_one_without_gaps():
    order = an_order()
    with transaction.atomic():
        events.record("order.note", target=order)
        transaction.set_rollback(True)
    tell(order)
    assert list(Event.objects.filter(aggregate_id=order.pk).order_by("sequence").values_list("sequence", "type")) == [
        (1, "order.placed"),
        (2, "order.note"),
    ]


def test_events_without_an_aggregate_stay_inside():
    with transaction.atomic():
        events.record("user.password_reset_requested", target=UserFactory())
    publish_events()
    assert EventPublication.objects.count() == 0
    assert feed(staff_client()) == []


def test_the_feed_goes_on_where_it_was_left():
    order = an_order()
    for number in range(4):
        tell(order, number)
    publish_events()
    client = staff_client()
    first = client.get("/events/", {"page_size": 2}).json()
    assert [(each["position"], each["sequence"], each["type"]) for each in first["results"]] == [
        (1, 1, "order.placed"),
        (2, 2, "order.note"),
    ]
    rest = feed(client, after=first["results"][-1]["position"])
    assert [each["payload"]["n"] for each in rest] == ["1", "2", "3"]
    assert rest[-1]["aggregate"] == {"type": "order", "id": str(order.pk)}
    assert "after=2" in first["next"]
    assert client.get("/events/", {"after": 5}).json()["next"] is None


def test_the_feed_may_be_narrowed_to_types_and_to_an_order():
    shop_rates()
    first, second = place(sellable())[1], place(sellable())[1]
    tell(first)
    publish_events()
    client = staff_client()
    assert [each["type"] for each in feed(client, order=str(first.pk))] == ["order.placed", "order.note"]
    assert [each["aggregate"]["id"] for each in feed(client, type="order.placed")] == [str(first.pk), str(second.pk)]
    assert len(feed(client, type="order.,payment.")) == 3
    assert feed(client, type="payment.") == []
    assert feed(client, order=str(uuid4())) == []


@pytest.mark.parametrize(
    "query", [{"after": "-1"}, {"after": "x"}, {"type": "order"}, {"type": "order.*"}, {"order": "7"}]
)
def test_a_malformed_question_is_refused(query):
    assert staff_client().get("/events/", query).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_is_not_missed():
    order, other = an_order(), place(sellable())[1]
    begun, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            events.record("order.slow", target=order)
            begun.set()
            may_commit.wait(10)

    def quick() -> list[int | None]:
        begun.wait(10)
        tell(other)
        publish_events()
        seen = list(stream.published_after(0).values_list("type", flat=True))
        may_commit.set()
        return seen

    _, seen = together([slow, quick])
    assert seen == ["order.placed", "order.placed", "order.note"]
    publish_events()
    assert list(stream.published_after(3).values_list("type", flat=True)) == ["order.slow"]


@pytest.mark.django_db(transaction=True)
def test_twenty_writers_and_four_placers_leave_no_gap():
    order = an_order()

    def write() -> None:
        with transaction.atomic():
            Order.objects.lock().get(pk=order.pk)
            events.record("order.note", target=order)

    results = together([write] * 20 + [stream.place_committed] * 4)
    assert not [each for each in results if isinstance(each, Exception)]
    publish_events()
    placed = list(stream.published_after(0).values_list("publication__position", "sequence"))
    print(f"20 writers, 4 placers: positions {placed[0][0]} to {placed[-1][0]}")
    assert placed == [(number, number) for number in range(1, 22)]


def test_a_broker_that_is_away_holds_up_nothing_and_loses_nothing(settings):
    settings.EVENTS_BROKER_URL = "amqp://127.0.0.1:1//"
    order = an_order()
    assert publish_events() == 0
    assert [each["type"] for each in feed(staff_client())] == ["order.placed"]
    assert EventPublication.objects.get(event__target_id=order.pk).published_at is None
    assert EventStream.objects.get().leased_until is None


def test_one_publishes_at_a_time(settings):
    settings.EVENTS_BROKER_URL = "amqp://127.0.0.1:1//"
    an_order()
    stream.place_committed()
    assert stream.lease() is True
    assert stream.lease() is False
    stream.give_up_lease()
    assert stream.lease() is True


def test_the_database_numbers_and_queues_whatever_writes_an_event():
    order = an_order()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO common_event (id, type, aggregate_type, aggregate_id, target_type, actor, data, request_id,"
            " created_at) VALUES (%s, 'order.by_hand', 'order', %s, 'order', 'system', '{}', '', now())",
            [uuid4(), order.pk],
        )
    assert Event.objects.get(type="order.by_hand").sequence == 2
    assert EventPublication.objects.filter(event__type="order.by_hand", position=None).count() == 1


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_the_exchange_gets_each_event_once_in_order_and_confirmed(settings):
    settings.EVENTS_BROKER_URL = settings.CELERY_BROKER_URL
    got: list[tuple[str, dict[str, Any]]] = []
    with Connection(settings.EVENTS_BROKER_URL) as broker:
        queue = Queue(f"test-{uuid4()}", exchange.EXCHANGE, routing_key="order.#", exclusive=True, auto_delete=True)
        bound = queue.bind(broker.channel())
        bound.declare()
        order = an_order()
        tell(order, 1)
        assert publication.publish_pending() == 2
        assert publication.publish_pending() == 0
        while message := bound.get(no_ack=True):
            got.append((message.delivery_info["routing_key"], message.payload))
    assert [(key, body["sequence"]) for key, body in got] == [("order.placed", 1), ("order.note", 2)]
    assert got[1][1] == stream.message(Event.objects.select_related("publication").get(type="order.note"))
    assert EventPublication.objects.filter(published_at=None).count() == 0
