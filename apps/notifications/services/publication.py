"""Events go out to the exchange, in the order of their positions, each at least once.

A consumer tells a repetition by the message's id: a publisher that dies between the broker's confirmation and our note
publishes again. While the broker is away nothing is lost and nothing waits: the feed goes on, the exchange catches up.
"""

import structlog

from apps.common import stream
from apps.notifications.channels import exchange

log = structlog.get_logger(__name__)
BATCH = 100


def publish_pending() -> int:
    """Place what has committed, then publish what has not gone out; returns how many went out. Safe to run twice."""
    while stream.place_committed():
        pass
    if not exchange.is_configured() or not stream.lease():
        return 0
    try:
        return _publish_all()
    except Exception as error:
        log.warning("event_publication_failed", error=f"{type(error).__name__}: {error}"[:300])
        return 0
    finally:
        stream.give_up_lease()


def _publish_all() -> int:
    """One lease's work: a bounded number of batches, well within its time."""
    done = 0
    for _ in range(10):
        events = stream.unpublished(BATCH)
        if not events:
            break
        exchange.publish(stream.message(event) for event in events)
        stream.note_published(events)
        done += len(events)
    return done
