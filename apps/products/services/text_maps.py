"""The small objects of names and texts that products (attributes) and variants (options) carry."""

from typing import Any

MAX_ENTRIES = 50
LONGEST_NAME = 64
LONGEST_ATTRIBUTE = 500
LONGEST_OPTION = 200
WRONG_TYPE = "Expected an object of names and texts."
TOO_LONG = f"At most {MAX_ENTRIES} entries; names of 1 to {LONGEST_NAME} characters; no text too long or empty."


def fault_of(value: Any, *, longest: int) -> str | None:
    """The rule that a value breaks, WRONG_TYPE or TOO_LONG; None for a good one."""
    if not isinstance(value, dict):
        return WRONG_TYPE
    if not all(isinstance(name, str) and isinstance(text, str) for name, text in value.items()):
        return WRONG_TYPE
    fits = all(0 < len(name) <= LONGEST_NAME and 0 < len(text.strip()) <= longest for name, text in value.items())
    return None if fits and len(value) <= MAX_ENTRIES else TOO_LONG
