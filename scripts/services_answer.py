"""Do PostgreSQL, Redis and RabbitMQ answer at these URLs? Says which do not; 1 when one does not.

python -m scripts.services_answer DATABASE_URL CACHE_URL CELERY_BROKER_URL
"""

import sys
from collections.abc import Callable

import psycopg2
import redis
from kombu import Connection


def _postgres(url: str) -> None:
    psycopg2.connect(url, connect_timeout=3).close()


def _redis(url: str) -> None:
    redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3).ping()


def _rabbitmq(url: str) -> None:
    with Connection(url, connect_timeout=3) as connection:
        connection.ensure_connection(max_retries=1, timeout=3)


CHECKS: tuple[tuple[str, Callable[[str], None]], ...] = (
    ("PostgreSQL", _postgres),
    ("Redis", _redis),
    ("RabbitMQ", _rabbitmq),
)


def main(urls: list[str]) -> int:
    """0 when all three answer."""
    silent = 0
    for (name, ask), url in zip(CHECKS, urls, strict=True):
        try:
            ask(url)
        except Exception as error:
            print(f"{name} does not answer: {type(error).__name__}", file=sys.stderr)
            silent += 1
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
