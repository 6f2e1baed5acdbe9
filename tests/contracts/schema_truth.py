"""Holds every answer of the suite against the OpenAPI document of the code: status, headers, each member of the body.

The client of the tests calls `check` after each request. The committed docs/openapi.yaml is the same document
(test_openapi_current.py).
"""

import re
from functools import cache
from typing import Any

from django.urls import Resolver404
from jsonschema import Draft202012Validator

PREFIX = "/api/v1/"
# Headers that a client may rely on; one that is sent must be documented.
PROMISED_HEADERS = (
    "API-Version",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "X-Cart-Token",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)
FORMATS = {
    "uuid": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
    "date": r"^\d{4}-\d\d-\d\d$",
}


class SchemaMismatchError(AssertionError):
    """An answer that the document does not promise."""


def check(method: str, response: Any) -> None:
    """Raise SchemaMismatchError when the document does not describe this answer of an API view."""
    try:
        route = f"/{response.resolver_match.route}"
    except (AttributeError, Resolver404):  # no such address: nothing is promised
        return
    if not route.startswith(PREFIX):
        return
    template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
    problem = _mismatch(method.lower(), template, response)
    if problem:
        raise SchemaMismatchError(f"{method.upper()} {template} answered {response.status_code}: {problem}")


def _mismatch(method: str, template: str, response: Any) -> str | None:
    operation = document()["paths"].get(template, {}).get(method)
    if operation is None:
        if response.status_code in (405, 429):  # a method that the address does not have
            return None
        return "the document does not know this operation"
    described = operation["responses"].get(str(response.status_code))
    if described is None:
        return f"the document promises {', '.join(operation['responses'])}"
    described = _resolve(described)
    undocumented = [
        name for name in PROMISED_HEADERS if name in response.headers and name not in described.get("headers", {})
    ]
    if undocumented:
        return f"undocumented headers {undocumented}"
    return _body_mismatch(method, template, response, described.get("content", {}))


def _body_mismatch(method: str, template: str, response: Any, content: dict[str, Any]) -> str | None:
    if not content:
        return None if not response.content else "a body where none is documented"
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    if media_type not in content:
        return f"content type {media_type!r}, documented {list(content)}"
    if media_type == "application/pdf":
        return None if response.content.startswith(b"%PDF-") else "not a PDF"
    if media_type == "image/webp":
        return None if response.content[8:12] == b"WEBP" else "not a WebP picture"
    errors = validator(method, template, str(response.status_code), media_type).iter_errors(response.json())
    # `fields=` asks for rows with some of their members.
    sparse = "fields" in response.wsgi_request.GET
    errors = [error for error in errors if not (sparse and error.validator == "required")]
    found = [f"/{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in errors]
    return "; ".join(found[:5]) or None


@cache
def document() -> dict[str, Any]:
    """The document of the code as it is."""
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def validator(method: str, template: str, status: str, media_type: str) -> Draft202012Validator:
    """The compiled check of one body."""
    response = _resolve(document()["paths"][template][method]["responses"][status])
    schema = as_json_schema(response["content"][media_type]["schema"])
    return Draft202012Validator({**schema, "$defs": _definitions()})


@cache
def _definitions() -> dict[str, Any]:
    return {name: as_json_schema(schema) for name, schema in document()["components"]["schemas"].items()}


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def as_json_schema(schema: dict[str, Any], *, answer: bool = True) -> dict[str, Any]:
    """An OpenAPI 3.0 schema as JSON Schema, with `nullable` as a type. That of an answer demands every documented
    member and no other one (problem documents: only those that RFC 9457 and the code require)."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "#/$defs/")}
    result = {key: value for key, value in schema.items() if key not in ("nullable", "example", "description")}
    for combiner in {"allOf", "oneOf", "anyOf"} & set(result):
        result[combiner] = [as_json_schema(part, answer=answer) for part in result[combiner]]
    for inner in ("items", "additionalProperties"):
        if isinstance(result.get(inner), dict):
            result[inner] = as_json_schema(result[inner], answer=answer)
    if "properties" in result:
        parts = result["properties"].items()
        result["properties"] = {name: as_json_schema(part, answer=answer) for name, part in parts}
    if answer and "properties" in result:
        _complete(result, schema)
    if result.get("format") in FORMATS:
        result["pattern"] = FORMATS[result["format"]]
    return _with_null(result) if schema.get("nullable") else result


def _complete(result: dict[str, Any], schema: dict[str, Any]) -> None:
    result.setdefault("additionalProperties", False)
    if "RFC 9457" not in schema.get("description", "") and "pointer" not in schema["properties"]:
        result["required"] = [name for name in result["properties"] if name not in _OPTIONAL]


# Members of a problem document's `items` that only some codes have.
_OPTIONAL = {"requested", "available"}


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema
