"""How views describe themselves in OpenAPI: each status, header and parameter, from the code that enforces it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from apps.common.api.pagination import MAX_PAGE_SIZE, FeedQuery, PageQuery
from apps.common.api.permissions import Anyone
from apps.common.api.query import OrderingField, TrueFalseField
from apps.common.api.serializers import QuerySerializer, StrictSerializer

_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Makes a retry safe: the first answer is replayed for 24 hours.",
)
CART_TOKEN = OpenApiParameter(
    "X-Cart-Token",
    {"type": "string", "format": "uuid", "maxLength": 36},
    OpenApiParameter.HEADER,
    description="A guest's cart.",
)
ORDER_TOKEN = OpenApiParameter(
    "X-Order-Token",
    {"type": "string", "maxLength": 128},
    OpenApiParameter.HEADER,
    description="A guest's key to an order.",
)
CURRENCY = OpenApiParameter(
    "X-Currency",
    {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3},
    OpenApiParameter.HEADER,
    description="Wanted currency.",
)
_IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "maxLength": 200},
    OpenApiParameter.HEADER,
    description="Refuse (412) when the resource changed.",
)
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    {"type": "string", "maxLength": 200},
    OpenApiParameter.HEADER,
    description="Answer 304 when unchanged.",
)
TRANSPORT = OpenApiParameter(
    "X-Auth-Transport",
    {"type": "string", "enum": ["cookie", "body"], "default": "body"},
    OpenApiParameter.HEADER,
    description="Where the refresh token travels; `cookie` is for browsers.",
)
HEADER_SETS = {"cart": [CART_TOKEN], "order": [ORDER_TOKEN], "currency": [CURRENCY], "transport": [TRANSPORT]}
# Lists inside a resource (lines, pictures, history) have no page; none may be longer than this.
MAX_INNER_ITEMS = 1000


class ListEnvelope:
    """How `responses=XSerializer(many=True)` is documented: the page that `numbered_page` and `newest_first` answer."""

    def __init__(self, *, counted: bool) -> None:
        self.counted = counted

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters come from the view's `query_class`."""
        return []

    def get_paginated_response_schema(self, rows: dict[str, Any]) -> dict[str, Any]:
        count = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 2147483647}
        count |= {"description": "Rows in all pages."} if self.counted else {"nullable": True, "description": "Null."}
        address = {"type": "string", "format": "uri", "maxLength": 4000, "nullable": True}
        return {
            "type": "object",
            "description": "One page of a list.",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": count,
                "next": {**address, "description": "Address of the next page."},
                "previous": {**address, "description": "Address of the previous page."},
                "results": {**rows, "maxItems": MAX_PAGE_SIZE},
            },
        }


class ApiSchema(AutoSchema):
    """Adds to each operation what `ApiView` does for it.

    A view may declare `header_sets` (names from HEADER_SETS), `problems = {"POST": [409, ...]}` for its own refusals,
    `conditional_read`, `conditional_write`, `edit_etag` when its ETag is for If-Match alone, and `starts_job` when
    its 202 has the address of a job. A response `XSerializer(many=True)` is a page of a list.
    """

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = []
        query_class = self._query_class()
        if query_class is not None:
            parameters.append(query_class)
        if self._is_idempotent():
            parameters.append(_IDEMPOTENCY)
        for name in getattr(self.view, "header_sets", ()):
            parameters.extend(HEADER_SETS[name])
        if self.method == "GET" and getattr(self.view, "conditional_read", False):
            parameters.append(_IF_NONE_MATCH)
        if self.method in ("PATCH", "DELETE") and getattr(self.view, "conditional_write", False):
            parameters.append(_IF_MATCH)
        return parameters

    def get_auth(self) -> list[dict[str, list[str]]]:
        if self._needs_staff() and "/admin/" in self.path:
            return [{"staffJwt": []}]
        permissions = self.view.get_permissions()
        return [{"jwt": []}, {}] if any(isinstance(p, Anyone) for p in permissions) else [{"jwt": []}]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation:
            for status in self._problem_statuses(operation):
                operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
            if self.method == "GET" and getattr(self.view, "conditional_read", False):
                operation["responses"].setdefault("304", {"description": "Unchanged since the given ETag."})
            for status, response in operation["responses"].items():
                if "$ref" not in response:
                    self._describe_answer(status, response)
            operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _problem_statuses(self, operation: dict[str, Any]) -> list[int]:
        statuses = [400, 401, 406, 429, 500, 503]
        if self._needs_staff():
            statuses.append(403)
        if "{" in self.path:
            statuses.append(404)
        if "requestBody" in operation:
            statuses += [411, 413, 415]
        if self._is_idempotent():
            statuses += [409, 422]
        if self.method in ("PATCH", "DELETE") and getattr(self.view, "conditional_write", False):
            statuses.append(412)
        return statuses + list(getattr(self.view, "problems", {}).get(self.method, ()))

    def _describe_answer(self, status: str, response: dict[str, Any]) -> None:
        names = ["Location"] if status == "201" or (status == "202" and getattr(self.view, "starts_job", False)) else []
        readable = getattr(self.view, "conditional_read", False) or getattr(self.view, "edit_etag", False)
        if readable and status in ("200", "304"):
            names.append("ETag")
        if "cart" in getattr(self.view, "header_sets", ()):
            names.append("X-Cart-Token")
        if self._is_idempotent():
            names.append("Idempotent-Replayed")
        if self._query_has_pages():
            names.append("Link")
        response["description"] = response.get("description") or HTTPStatus(int(status)).phrase
        for name in names:
            response.setdefault("headers", {})[name] = {"$ref": f"#/components/headers/{name}"}

    def _query_class(self) -> type[QuerySerializer] | None:
        return getattr(self.view, "query_class", None) if self.method == "GET" else None

    def _needs_staff(self) -> bool:
        return any(type(permission).__name__.startswith("StaffWith") for permission in self.view.get_permissions())

    def _is_idempotent(self) -> bool:
        return bool(getattr(getattr(self.view, self.method.lower(), None), "is_idempotent", False))

    def _query_has_pages(self) -> bool:
        query_class = self._query_class()
        return query_class is not None and issubclass(query_class, PageQuery | FeedQuery)

    def _is_feed(self) -> bool:
        query_class = self._query_class()
        return query_class is not None and issubclass(query_class, FeedQuery)

    def _get_paginator(self) -> ListEnvelope | None:
        if not self._query_has_pages():
            return None
        return ListEnvelope(counted=not self._is_feed())

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}{'Feed' if self._is_feed() else 'Page'}"

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        base: Any = super()  # drf-spectacular is not typed
        parameters: list[dict[str, Any]] = base._resolve_path_parameters(variables)
        for parameter in parameters:
            described = settings.API_PATH_PARAMETERS
            # A name may mean another thing under another resource: `categories/slug` before `slug`.
            resource = self.path.partition("/{" + parameter["name"])[0].rpartition("/")[2]
            name = f"{resource}/{parameter['name']}"
            description, example, longest = described.get(name) or described[parameter["name"]]
            parameter["description"] = description
            parameter["schema"]["maxLength"] = longest
            if example is not None:
                parameter["example"] = example
        return parameters

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        own = _of_query_field(field)
        if own is not None:
            return {**own, **({"description": str(field.help_text)} if field.help_text else {})}
        base: Any = super()
        schema = base._map_serializer_field(field, direction, bypass_extensions)
        if schema is None:
            return None
        if direction == "response" and schema.get("type") == "integer":
            schema = {"minimum": -_INT32 - 1, "maximum": _INT32} | schema
        return bounded(schema, field)

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        base: Any = super()
        schema = base._map_basic_serializer(serializer, direction)
        if isinstance(serializer, StrictSerializer) and direction == "request":
            schema["additionalProperties"] = False
            for part in schema.get("properties", {}).values():
                _default_in_words(part)
        return schema


def _of_query_field(field: Any) -> dict[str, Any] | None:
    if isinstance(field, TrueFalseField):
        return {"type": "boolean"}
    if isinstance(field, OrderingField):
        return {"type": "string", **one_or_more([f"-?{key}" for key in field.keys])}
    return None


def one_or_more(values: Sequence[str]) -> dict[str, Any]:
    """The schema of a parameter that takes some of these, separated by commas."""
    one = f"({'|'.join(values)})"
    return {"pattern": f"^{one}(,{one})*$", "maxLength": sum(len(value) + 1 for value in values)}


def bounded(schema: dict[str, Any], field: Any) -> dict[str, Any]:
    """A field's schema with the limits that its type has anyway (a UUID's length, an inner list's)."""
    kind = schema.get("type")
    if kind == "integer":
        schema.setdefault("format", "int64" if schema.get("maximum", 0) > _INT32 else "int32")
    elif kind == "array":
        schema.setdefault("maxItems", getattr(field, "max_length", None) or MAX_INNER_ITEMS)
    elif kind == "string" and "enum" not in schema:
        longest = _LONGEST.get(schema.get("format", ""))
        if schema.get("format") == "binary":
            longest = settings.IMAGE_UPLOAD_MAX_BYTES
        if isinstance(field, serializers.DecimalField) and field.max_digits is not None:
            longest = field.max_digits + 2  # sign and point
            places, sign = field.decimal_places or 0, "" if field.min_value == 0 else "-?"
            schema["pattern"] = rf"^{sign}\d{{1,{field.max_digits - places}}}(\.\d{{1,{places}}})?$"
        if longest is not None:
            schema.setdefault("maxLength", longest)
    return schema


_INT32 = 2**31 - 1
_LONGEST = {"uuid": 36, "date-time": 40, "date": 10, "time": 15}


def _default_in_words(schema: dict[str, Any]) -> None:
    # `default` in a request body makes client generators demand the field.
    for holder in (schema, *schema.get("oneOf", ())):
        default = holder.pop("default", None)
        if default not in (None, ""):
            schema["description"] = f"{schema.get('description', '')} Default: {default}.".strip()
