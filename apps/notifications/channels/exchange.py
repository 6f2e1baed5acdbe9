"""The topic exchange on RabbitMQ that other systems bind their queues to. The routing key is the event's type."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from kombu import Connection, Exchange

# Messages are persistent: that is what an exchange asks for unless told otherwise.
EXCHANGE = Exchange("tradepost.events", type="topic", durable=True)
SECONDS = 5


def is_configured() -> bool:
    """Whether there is a broker that knows exchanges."""
    return bool(settings.EVENTS_BROKER_URL)


def publish(messages: Iterable[dict[str, Any]]) -> None:
    """Hand messages to the broker and wait for its confirmation of each. Raises what kombu raises when it fails."""
    options = {
        "confirm_publish": True,
        "confirm_timeout": SECONDS,
        "read_timeout": SECONDS,
        "write_timeout": SECONDS,
        "max_retries": 0,
    }
    with Connection(settings.EVENTS_BROKER_URL, connect_timeout=SECONDS, transport_options=options) as connection:
        producer = connection.Producer(serializer="json")
        for message in messages:
            producer.publish(
                message,
                exchange=EXCHANGE,
                declare=[EXCHANGE],
                routing_key=message["type"],
                message_id=message["id"],
                timeout=SECONDS,
                retry=False,
            )
