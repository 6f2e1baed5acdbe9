"""What of a provider's message may be kept."""

import math
from collections.abc import Collection
from typing import Any


def storable(value: Any, *, without: Collection[str] = ()) -> Any:
    """JSON without secrets and without the characters that PostgreSQL refuses. Raises ValueError for NaN."""
    match value:
        case dict():
            return {_text(key): storable(each, without=without) for key, each in value.items() if key not in without}
        case list():
            return [storable(each, without=without) for each in value]
        case str():
            return _text(value)
        case float() if not math.isfinite(value):
            raise ValueError("not a number")
    return value


def _text(value: str) -> str:
    return value.replace("\x00", "").encode("utf-8", "replace").decode()
