"""Finding products: the filters of the public list, and full-text search.

A text is searched in two ways at once: as English (stems) and word by word in any language with the last word open at
its end, so that results come while somebody types. Quotes, a minus before a word and "or" mean what they do elsewhere.
Scripts without spaces between words are looked up inside the name.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable, SearchRank
from django.db.models import F, FloatField, OrderBy, Q, QuerySet, Value

from apps.products.models import Product, ProductVariant
from apps.products.services.tree import Tree

# Ranking reads every candidate; the most popular ones are enough to find the best among.
MAX_RANKED = 1000
MAX_WORDS = 12
_OPERATORS = re.compile(r'"|(^|\s)-\w|\sor\s', re.IGNORECASE)
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_COLUMNS = {
    "name": "name",
    "price": "price",
    "rating": "rating",
    "popularity": "sold_count",
    "created_at": "published_at",
}
ORDERINGS = tuple(_COLUMNS)
# Every other column has a value in each shown row; NULLS LAST would keep the planner from their indexes.
_MAYBE_NULL = frozenset({"rating"})


@dataclass(frozen=True, slots=True)
class Filters:
    """What a shopper may ask of the list; None or empty is no condition."""

    search: str = ""
    category: str | None = None
    brands: tuple[str, ...] = ()
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    rating_min: int | None = None
    in_stock: bool | None = None
    featured: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def matching(filters: Filters, tree: Tree | None) -> "QuerySet[Product]":
    """Active products that fit, in no order. `tree` is needed with a category."""
    condition = Q(status=Product.Status.ACTIVE) & _category(filters, tree)
    if filters.brands:
        condition &= Q(brand__in=filters.brands)
    simple = {
        "price__gte": filters.price_min,
        "price__lte": filters.price_max,
        "rating__gte": filters.rating_min,
        "in_stock": filters.in_stock,
        "is_featured": filters.featured,
        "published_at__gte": filters.created_after,
        "published_at__lt": filters.created_before,
    }
    condition &= Q(**{name: value for name, value in simple.items() if value is not None})
    return Product.objects.filter(condition & _text(filters.search))


@dataclass(frozen=True, slots=True)
class BestMatches:
    """A search's products, best first, at most `MAX_RANKED`. A slice reads its rows: one statement.

    `columns` hold the id.
    """

    ids: Sequence[UUID]
    columns: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> list[Mapping[str, Any]]:
        wanted = self.ids[part]
        shown = Product.objects.filter(pk__in=wanted, status=Product.Status.ACTIVE)
        rows = {row["id"]: row for row in shown.values(*self.columns)}
        return [rows[key] for key in wanted if key in rows]


def ordered(products: "QuerySet[Product]", ordering: list[str]) -> "QuerySet[Product]":
    """In the wanted order, newest first without one. Ties are broken by id."""
    ordering = ordering or ["-created_at"]
    terms = [_term(key) for key in ordering]
    terms.append(F("id").desc() if ordering[-1].startswith("-") else F("id").asc())
    return products.order_by(*terms)


def best_matches(filters: Filters, tree: Tree | None, *, columns: tuple[str, ...]) -> BestMatches:
    """The products that fit, best match for the text first; an exact SKU before all. One statement."""
    found = matching(filters, tree)
    query = None if _NO_SPACES.search(filters.search) else _query(filters.search)
    rank: Any = SearchRank(F("search_vector"), query, cover_density=True) if query is not None else Value(0.0)
    candidates = ("rank", "sold_count", "id")
    popular = found.order_by("-sold_count", "-id").annotate(rank=rank)[:MAX_RANKED].values_list(*candidates)
    infinite = Value(float("inf"), output_field=FloatField())
    exact = found.filter(pk__in=_with_sku(filters.search)).order_by().annotate(rank=infinite).values_list(*candidates)
    best = sorted(exact.union(popular, all=True), reverse=True)
    # A product that came twice stays at its first place.
    return BestMatches(list(dict.fromkeys(key for _, _, key in best))[:MAX_RANKED], columns)


def _category(filters: Filters, tree: Tree | None) -> Q:
    if filters.category is None:
        return Q()
    node = tree.by_slug.get(filters.category) if tree is not None else None
    return Q(category_id__in=[each.id for each in node.subtree()]) if node else Q(pk__in=[])


def _text(text: str) -> Q:
    if not text:
        return Q()
    if _NO_SPACES.search(text):
        return Q(name__icontains=text.strip())
    query = _query(text)
    return Q(search_vector=query) if query is not None else Q(pk__in=[])


def _with_sku(text: str) -> "QuerySet[ProductVariant, UUID]":
    sku = text.strip()
    variants = ProductVariant.objects.filter(sku__in={sku, sku.upper()}, archived_at=None)
    return variants.values_list("product_id", flat=True)


def _words(text: str) -> list[str]:
    """Runs of letters, marks and digits of any script; nothing in them means anything to a tsquery."""
    kept = [each if unicodedata.category(each)[0] in "LMN" else " " for each in text]
    return "".join(kept).split()[:MAX_WORDS]


def _query(text: str) -> SearchQueryCombinable | None:
    text = unicodedata.normalize("NFC", text)
    words = _words(text)
    if not words:
        return None
    whole = SearchQuery(text, search_type="websearch", config="english")
    if _OPERATORS.search(text):
        return whole
    by_word = " & ".join([f"'{word}'" for word in words[:-1]] + [f"'{words[-1]}':*"])
    return whole | SearchQuery(by_word, search_type="raw", config="simple")


def _term(key: str) -> OrderBy:
    name = key.removeprefix("-")
    column = F(_COLUMNS[name])
    nulls_last = True if name in _MAYBE_NULL else None
    return column.desc(nulls_last=nulls_last) if key.startswith("-") else column.asc(nulls_last=nulls_last)
