"""Human keys of the catalogue: slugs made, refused and kept unique by the database, not by looking first."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from apps.common.errors import Invalid

T = TypeVar("T")
# Words of the API's own addresses under /products/.
RESERVED_SLUGS = frozenset({"categories", "facets", "suggestions", "featured", "bulk", "import"})
# Words of the API's own addresses beside /admin/inventory/{sku}/ and /inventory/{sku}/.
RESERVED_SKUS = frozenset(
    {"alerts", "commit", "counts", "import", "movements", "release", "reservations", "reserve", "transfers"}
)
_SUFFIX_BYTES = 4


def refuse_reserved(slug: str) -> None:
    """Raises Invalid (code `reserved`) for a word that is an address of the API."""
    if slug in RESERVED_SLUGS:
        raise Invalid.field("/slug", "reserved", "This word is an address of the API.")


def refuse_reserved_sku(sku: str) -> None:
    """Raises Invalid (code `reserved`) for a word that is an address of the API."""
    if sku in RESERVED_SKUS:
        raise Invalid.field("/sku", "reserved", "This word is an address of the API.")


def insert_with_slug(*, slug: str | None, name: str, kind: str, longest: int, insert: Callable[[str], T]) -> T:
    """Insert a row under the given slug, or under one made from the name, with a suffix where that one is taken.

    Raises Invalid when the given slug is reserved or taken.
    """
    if slug:
        refuse_reserved(slug)
        with unique_keys():
            return insert(slug)
    stem = slugify(name)[: longest - 2 * _SUFFIX_BYTES - 1].strip("-_")
    if stem and stem not in RESERVED_SLUGS:
        try:
            with unique_keys():
                return insert(stem)
        except Invalid:
            pass  # another row has it: add something random
    with unique_keys():
        return insert(f"{stem or kind}-{secrets.token_hex(_SUFFIX_BYTES)}")


@contextmanager
def unique_keys() -> Iterator[None]:
    """A savepoint in which a taken slug or SKU becomes Invalid (code `unique`), naming the field."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        for field in ("slug", "sku", "code"):
            if f"_{field}_" in constraint:
                raise Invalid.field(f"/{field}", "unique", "This is already taken.") from None
        raise
