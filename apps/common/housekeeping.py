"""Deleting many old rows without holding many locks: a batch per statement, so that nobody waits long."""

from typing import Any

from django.db.models import QuerySet

BATCH = 1000


def delete_in_batches(rows: "QuerySet[Any, Any]", *, size: int = BATCH) -> int:
    """Delete all rows of the query, `size` at a time; returns how many. Repeatable, also by two callers at once."""
    total = 0
    while True:
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:size])
        # The query's own condition once more: a row that was renewed meanwhile stays.
        deleted, _ = rows.filter(pk__in=keys).delete() if keys else (0, {})
        total += deleted
        if len(keys) < size:
            return total
