"""Addresses of stored pictures."""

from django.core.files.storage import default_storage


def media_url(name: str) -> str | None:
    """The URL of a stored file, None for no file."""
    return default_storage.url(name) if name else None
