"""The one list envelope: `count`, `next`, `previous`, `results`, all four always there, and a Link header."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from apps.common.api.serializers import QuerySerializer
from apps.common.errors import NotFound

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


class PageQuery(QuerySerializer):
    """Parameters of every numbered list."""

    page = serializers.IntegerField(min_value=1, max_value=100_000, default=1, help_text="Page number, from 1.")
    page_size = serializers.IntegerField(
        min_value=1, max_value=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE, help_text="Rows per page."
    )


class FeedQuery(QuerySerializer):
    """Parameters of every feed: a list that grows and is not counted."""

    page_size = serializers.IntegerField(
        min_value=1, max_value=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE, help_text="Rows per page."
    )


class CursorQuery(FeedQuery):
    """Parameters of a feed that grows at its head."""

    cursor = serializers.UUIDField(required=False, help_text="Opaque position from `next`.")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, with the addresses of its neighbours."""

    count: int | None
    next: str | None
    previous: str | None
    results: Sequence[Any]

    def body(self) -> dict[str, Any]:
        return {"count": self.count, "next": self.next, "previous": self.previous, "results": self.results}

    def headers(self) -> dict[str, str]:
        links = [f'<{url}>; rel="{rel}"' for rel, url in (("next", self.next), ("prev", self.previous)) if url]
        return {"Link": ", ".join(links)} if links else {}

    def response(self) -> Response:
        return Response(self.body(), headers=self.headers())


def numbered_page(
    request: Request,
    query: dict[str, Any],
    queryset: "QuerySet[Any, Any]",
    present: Callable[[Any], Any],
    *,
    count: int | None = None,
) -> Page:
    """Cut page `query["page"]` out of an ordered queryset. Raises `NotFound` past the end.

    `count` is passed in where it is cached; otherwise it is one more statement.
    """
    number, size = query["page"], query["page_size"]
    total = queryset.count() if count is None else count
    if number > 1 and (number - 1) * size >= total:
        raise NotFound("This page is past the end of the list.")
    rows = [present(row) for row in queryset[(number - 1) * size : number * size]] if total else []
    url = request.build_absolute_uri()
    return Page(
        count=total,
        next=replace_query_param(url, "page", number + 1) if number * size < total else None,
        previous=_previous(url, number),
        results=rows,
    )


def _previous(url: str, number: int) -> str | None:
    if number <= 1:
        return None
    return remove_query_param(url, "page") if number == 2 else replace_query_param(url, "page", number - 1)


def newest_first(
    request: Request, query: dict[str, Any], queryset: "QuerySet[Any, Any]", present: Callable[[Any], Any]
) -> Page:
    """A page of a feed ordered by UUIDv7 id, newest first, from the row after `cursor`. `count` is null."""
    cursor: UUID | None = query.get("cursor")
    size = query["page_size"]
    if cursor is not None:
        queryset = queryset.filter(id__lt=cursor)
    rows = list(queryset.order_by("-id")[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    url = request.build_absolute_uri()
    return Page(
        count=None,
        next=replace_query_param(url, "cursor", str(rows[-1].id)) if more else None,
        previous=remove_query_param(url, "cursor") if cursor is not None else None,
        results=[present(row) for row in rows],
    )
