"""A consumer of the events' exchange, as another system would be: what it has received is the proof of publication."""

from kombu import Connection, Exchange, Queue

NAME = "tradepost_chaos_events"
EXCHANGE = Exchange("tradepost.events", type="topic", durable=True)


class Consumer:
    """Keeps the ids of all messages; talks to the broker only while it reads, and past the proxy."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[str] = []
        with Connection(url) as connection:
            self._queue(connection).declare()

    def _queue(self, connection: Connection) -> Queue:
        return Queue(NAME, exchange=EXCHANGE, routing_key="#", durable=True)(connection.default_channel)

    def drain(self) -> list[str]:
        """The ids of everything received so far, in the order received."""
        with Connection(self.url) as connection:
            queue = self._queue(connection)
            while (message := queue.get(no_ack=True)) is not None:
                self.received.append(str(message.payload["id"]))
        return self.received

    def close(self, *queues: str) -> None:
        """Delete the queue, and others of this run."""
        with Connection(self.url) as connection:
            for name in (NAME, *queues):
                Queue(name)(connection.default_channel).delete()
