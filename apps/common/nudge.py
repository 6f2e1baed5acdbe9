"""Telling the workers that there is something to do, without ever making a request wait or fail.

A daemon thread publishes Celery messages, so a slow, frozen or dead broker costs the caller nothing. Messages are only
hints: what is dropped here is found by the periodic sweeps. The queue is bounded for the same reason.
"""

import queue
import threading
from typing import Any

import structlog
from celery import current_app
from django.conf import settings

log = structlog.get_logger(__name__)

_messages: "queue.Queue[tuple[str, tuple[Any, ...]]]" = queue.Queue(maxsize=1000)
_lock = threading.Lock()
_thread: threading.Thread | None = None


def send(task: str, *args: Any) -> None:
    """Ask a worker to run the named task soon. Returns at once, never raises; the hint may be lost."""
    if not getattr(settings, "EVENT_NUDGES", True):
        return
    _ensure_thread()
    try:
        _messages.put_nowait((task, args))
    except queue.Full:
        log.warning("nudge_dropped", task=task)


def flush(timeout: float) -> bool:
    """Wait until all that was handed over has been tried (short scripts that exit at once); False on time-out."""
    deadline = threading.Event()

    def wait() -> None:
        _messages.join()
        deadline.set()

    threading.Thread(target=wait, daemon=True).start()
    return deadline.wait(timeout)


def _ensure_thread() -> None:
    global _thread
    # A forked child inherits the variable but not the thread: is_alive() is False there.
    if _thread is None or not _thread.is_alive():
        with _lock:
            if _thread is None or not _thread.is_alive():
                _thread = threading.Thread(target=_publish_forever, name="nudge", daemon=True)
                _thread.start()


def _publish_forever() -> None:
    while True:
        task, args = _messages.get()
        try:
            current_app.send_task(task, args=args, retry=False)
        except Exception as error:
            log.warning("nudge_failed", task=task, error=type(error).__name__)
        finally:
            _messages.task_done()
