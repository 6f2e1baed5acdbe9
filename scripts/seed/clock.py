"""Lets the services act at a moment in the past, so that ledgers, histories and mails carry true dates.

The append-only tables refuse to be backdated afterwards, and they are right to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Inside, `django.utils.timezone.now()` is `moment`, in this process alone."""
    with patch("django.utils.timezone.now", return_value=moment):
        yield
