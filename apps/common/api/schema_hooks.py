"""Last touches on the OpenAPI document: problem responses, security schemes, headers of every answer, samples."""

import json
import re
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from apps.common.api.problems import PROBLEMS
from apps.common.api.schema_components import MONEY_SCHEMA, PROBLEM_SCHEMA
from apps.common.api.schema_samples import code_samples


def _count(description: str) -> dict[str, Any]:
    schema = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 2147483647}
    return {"description": description, "schema": schema}


def _text(description: str, longest: int) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", "maxLength": longest}}


HEADERS: dict[str, dict[str, Any]] = {
    "API-Version": _text("Release of this document that the server speaks.", 20),
    "Access-Control-Allow-Origin": _text("The calling page's origin, when the shop allows it.", 300),
    "ETag": _text("Validator of this representation, for If-None-Match and If-Match.", 200),
    "Idempotent-Replayed": _text("`true` when this is the stored answer to an earlier twin.", 4),
    "Link": _text("Addresses of the neighbouring pages (RFC 8288).", 8000),
    "Location": _text("Address of the new resource, where it has one.", 300),
    "Retry-After": _count("Seconds to wait."),
    "X-Cart-Token": _text("A guest's cart: send it along from now on.", 36),
    "X-RateLimit-Limit": _count("Requests allowed in the window."),
    "X-RateLimit-Remaining": _count("Requests left in the window."),
    "X-RateLimit-Reset": _count("Seconds until the window ends."),
    "X-Request-ID": _text("Correlation id, also in the logs.", 64),
}
EVERY_ANSWER = (
    "API-Version",
    "Access-Control-Allow-Origin",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)
_LONGEST_DOCUMENT = 20_000_000
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def finish_schema(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular postprocessing hook."""
    if request is not None:
        here = {"url": "/", "description": "This server (local, staging or production)", "x-internal": False}
        result["servers"] = [here]
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= deepcopy({"Problem": PROBLEM_SCHEMA, "Money": MONEY_SCHEMA})
    operations = [
        (path, method, operation) for path, methods in result["paths"].items() for method, operation in methods.items()
    ]
    components["responses"] = {f"Problem{s}": _problem_response(s) for s in _used_statuses(operations)}
    components["headers"] = HEADERS
    components["securitySchemes"] = _security_schemes()
    for path, method, operation in operations:
        _add_headers(operation)
        _describe_documents(operation)
        operation["x-codeSamples"] = code_samples(path, method, operation)
    _name_nullable_references(result["paths"], schemas)
    _name_nullable_references(dict(schemas), schemas)
    components["schemas"] = dict(sorted(_used(result["paths"], schemas).items()))
    result["components"] = dict(sorted(components.items()))
    return result


def _security_schemes() -> dict[str, Any]:
    return {
        "jwt": {
            **_BEARER,
            "description": "Access token from /auth/login/: a JWT (RFC8725) that lives ten minutes.",
        },
        "staffJwt": {
            **_BEARER,
            "description": "The same kind of token (RFC8725), of a staff account that holds the permission.",
        },
    }


def _used_statuses(operations: list[tuple[str, str, dict[str, Any]]]) -> list[int]:
    return sorted(
        {
            int(status)
            for _, _, operation in operations
            for status, response in operation["responses"].items()
            if "$ref" in response
        }
    )


def _problem_response(status: int) -> dict[str, Any]:
    names = [*EVERY_ANSWER]
    if status in (409, 429, 502, 503):
        names.append("Retry-After")
    if status < 429:
        names.append("Idempotent-Replayed")
    media = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _problem_example(status)}
    return {
        "description": f"{HTTPStatus(status).phrase}. Codes: {_codes(status)}.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {"application/problem+json": media},
    }


def _codes(status: int) -> str:
    return ", ".join(f"`{problem.code}`" for problem in PROBLEMS if problem.status == status) or "see the guide"


def _problem_example(status: int) -> dict[str, Any]:
    problem = next((problem for problem in PROBLEMS if problem.status == status), None)
    code = problem.code if problem else "conflict"
    return {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": problem.when if problem else "The request cannot be carried out.",
        "request_id": "0199f3a2-7c1e-7d3a-9a55-6f1c2d3e4f50",
    }


def _add_headers(operation: dict[str, Any]) -> None:
    for response in operation["responses"].values():
        if "$ref" not in response:
            headers = response.setdefault("headers", {})
            for name in EVERY_ANSWER:
                headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    # OpenAPI 3.0.3: a list of values that lacks null refuses it, whatever `nullable` says.
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | values | {"nullable": True}


def _describe_documents(operation: dict[str, Any]) -> None:
    """PDF or a picture beside JSON: how long at most, and what `format` chooses."""
    for response in operation["responses"].values():
        for kind in ("application/pdf", "image/webp"):
            if kind in response.get("content", {}):
                response["content"][kind]["schema"]["maxLength"] = _LONGEST_DOCUMENT
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "format" and parameter["in"] == "query":
            parameter.setdefault("description", "The form of the answer, as `Accept` would name it.")


def _used(paths: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schemas that some operation refers to, by way of others too."""
    used: set[str] = set()
    waiting = _references(paths) | {"Problem"}
    while waiting:
        used |= waiting
        waiting = {name for each in waiting for name in _references(schemas[each])} - used
    return {name: schema for name, schema in schemas.items() if name in used}


def _references(node: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(node, default=str)))


def _name_nullable_references(node: Any, schemas: dict[str, Any]) -> None:
    """Turn `nullable` beside a reference, which OpenAPI 3.0 gives no meaning, into a reference to a nullable twin."""
    if isinstance(node, list):
        for item in node:
            _name_nullable_references(item, schemas)
    elif isinstance(node, dict):
        references = node.get("allOf")
        if node.get("nullable") and references and "type" not in node:
            name = references[0]["$ref"].rpartition("/")[2]
            twin = f"{name}OrNull"
            schemas.setdefault(twin, _nullable(schemas[name]))
            reference = {"$ref": f"#/components/schemas/{twin}"}
            rest = {key: value for key, value in node.items() if key not in ("allOf", "nullable")}
            node.clear()
            node.update({**rest, "allOf": [reference]} if rest else reference)
        for item in list(node.values()):
            _name_nullable_references(item, schemas)
