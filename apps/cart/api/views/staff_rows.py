"""The base of the views on rows that pricing reads: list and create, read, change under If-Match, delete."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.services import staff_rows
from apps.common.api.conditional import check_if_match, conditional, etag_of
from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound
from apps.common.models import BaseModel

TAGS = ["Tax and shipping for staff"]


def rights(model: type[BaseModel], *methods: str) -> dict[str, list[Any]]:
    """Django's model permission for each HTTP method."""
    verbs = {"GET": "view", "POST": "add", "PATCH": "change", "DELETE": "delete"}
    label, name = model._meta.app_label, model._meta.model_name
    return {method: [staff(f"{label}.{verbs[method]}_{name}")] for method in methods}


class Resource:
    """What list and detail of one table share. `key` is the column that names a row in the address."""

    model: ClassVar[Any]
    key: ClassVar[str] = "code"
    path: ClassVar[str]

    @abstractmethod
    def rows(self) -> "QuerySet[Any]":
        """With everything that `present` reads."""

    @abstractmethod
    def present(self, row: Any) -> dict[str, Any]:
        """The row as JSON."""

    def columns(self, body: dict[str, Any], row: Any) -> Mapping[str, Any]:
        """The columns of a validated body; `row` is None for a new one."""
        return body


class RowList(Resource, ApiView):
    create_body: ClassVar[type[serializers.Serializer[Any]]]
    query_class = PageQuery
    problems = {"GET": [404]}

    def found(self) -> "QuerySet[Any]":
        """The rows that the query asks for, in order."""
        return self.rows()

    def get(self, request: Request) -> Response:
        found = self.found()
        return numbered_page(request, self.query, found, self.present, count=found.count()).response()

    @idempotent()
    def post(self, request: Request) -> Response:
        fields = self.columns(self.body(self.create_body), None)
        row = staff_rows.create(self.model, fields=fields, actor=request.user)
        return created(self.present(self.rows().get(pk=row.pk)), f"/api/v1/{self.path}{getattr(row, self.key)}/")


class RowDetail(Resource, ApiView):
    change_body: ClassVar[type[serializers.Serializer[Any]]]
    conditional_read = True
    conditional_write = True
    problems = {"DELETE": [409]}

    def get(self, request: Request, key: Any) -> Response:
        return conditional(request, self.present(self._row(key)))

    def patch(self, request: Request, key: Any) -> Response:
        row = self._row(key)
        fields = self.columns(self.body(self.change_body), row)
        staff_rows.change(self.model, row_id=row.pk, fields=fields, actor=request.user, precondition=self._unchanged)
        body = self.present(self.rows().get(pk=row.pk))
        return Response(body, headers={"ETag": etag_of(body)})

    def delete(self, request: Request, key: Any) -> Response:
        row_id = self._row(key).pk
        staff_rows.delete(self.model, row_id=row_id, actor=request.user, precondition=self._unchanged)
        return Response(status=204)

    def _row(self, key: Any) -> Any:
        row = self.rows().filter(**{self.key: key}).first()
        if row is None:
            raise NotFound
        return row

    def _unchanged(self, locked: Any) -> None:
        if "If-Match" in self.request.headers:
            check_if_match(self.request, self.present(self.rows().get(pk=locked.pk)))


def listed(
    noun: str, plural: str, *, about: str, creating: str, body: Any, out: Any, example: Mapping[str, Any]
) -> Any:
    """The OpenAPI part of a RowList, as a decorator."""
    name = plural.replace(" ", "_")
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"admin_{name}_list",
            summary=f"List {plural}",
            description=about,
            tags=TAGS,
            responses=out(many=True),
        ),
        post=extend_schema(
            operation_id=f"admin_{name}_create",
            summary=f"Create {_article(noun)}",
            description=creating,
            tags=TAGS,
            request=body,
            responses={201: out},
            examples=[OpenApiExample("One", dict(example), request_only=True)],
        ),
    )


def detailed(
    noun: str, plural: str, *, about: str, changing: str, deleting: str, body: Any, out: Any, example: Mapping[str, Any]
) -> Any:
    """The OpenAPI part of a RowDetail, as a decorator."""
    name = plural.replace(" ", "_")
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"admin_{name}_retrieve",
            summary=f"Read {_article(noun)}",
            description=about,
            tags=TAGS,
            responses=out,
        ),
        patch=extend_schema(
            operation_id=f"admin_{name}_change",
            summary=f"Change {_article(noun)}",
            description=changing,
            tags=TAGS,
            request=body,
            responses=out,
            examples=[OpenApiExample("Change", dict(example), request_only=True)],
        ),
        delete=extend_schema(
            operation_id=f"admin_{name}_delete",
            summary=f"Delete {_article(noun)}",
            description=deleting,
            tags=TAGS,
            request=None,
            responses={204: OpenApiResponse(description="Deleted.")},
        ),
    )


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
