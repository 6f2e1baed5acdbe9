"""The committed API documents are those of the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from scripts import openapi, postman
from tests.contracts import schema_truth

ROOT = Path(settings.BASE_DIR)
METHODS = {"get", "post", "put", "patch", "delete"}


def operations() -> list[tuple[str, str, dict]]:
    return [
        (path, method, operation)
        for path, methods in schema_truth.document()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_committed_document_is_current() -> None:
    committed = (ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8")
    assert committed == openapi.render(openapi.document()), "run `make openapi` and commit docs/openapi.yaml"


def test_the_committed_postman_collection_is_current() -> None:
    committed = (ROOT / "docs" / "postman_collection.json").read_text(encoding="utf-8")
    assert committed == postman.render(), "run `make postman` and commit docs/postman_collection.json"


def test_every_operation_is_named_resource_verb_and_only_once() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []
    assert len(names) == len(set(names))


def test_every_operation_says_what_it_does_and_who_may_call_it() -> None:
    tags = {tag["name"] for tag in schema_truth.document()["tags"]}
    for path, method, operation in operations():
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert set(operation["tags"]) <= tags, where
        assert operation["security"], where


def test_every_request_body_has_an_example_that_fits_its_schema() -> None:
    for path, method, operation in operations():
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if media is None or path in PROVIDER_BODIES:
            continue
        assert media.get("examples"), f"{method} {path} has no example of its body"
        check = body_validator(media["schema"])
        for name, example in media["examples"].items():
            assert [error.message for error in check.iter_errors(example["value"])] == [], f"{method} {path}: {name}"


def test_a_body_with_an_unknown_member_does_not_fit() -> None:
    schema = {"$ref": "#/components/schemas/AddItemBodyRequest"}
    assert not body_validator(schema).is_valid({"sku": "OS-MUG-OAT", "quantity": 1, "price": "0.01"})


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict]]:
    """Every object of the document with its place in it, examples left out."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from nodes(item, f"{path}/{index}")
    elif isinstance(node, dict):
        yield path, node
        for key, item in node.items():
            if key not in ("example", "examples"):
                yield from nodes(item, f"{path}/{key}")


def test_every_number_and_text_has_its_limits() -> None:
    """What the linters of scripts/api_clients refuse, without Node."""
    found = list(nodes(schema_truth.document()))
    numbers = [path for path, node in found if node.get("type") == "integer" and not {"minimum", "maximum"} <= {*node}]
    texts = [path for path, node in found if node.get("type") == "string" and not {"maxLength", "enum"} & {*node}]
    assert numbers + texts == []


def test_a_list_of_values_that_may_be_null_has_null_among_them() -> None:
    found = list(nodes(schema_truth.document()))
    assert [path for path, node in found if node.get("nullable") and None not in node.get("enum", [None])] == []


def test_every_parameter_has_its_description() -> None:
    found = list(nodes(schema_truth.document()))
    assert [path for path, node in found if {"in", "name"} <= {*node} and not node.get("description")] == []


# Stripe's own bodies, which are Stripe's to describe.
PROVIDER_BODIES = {"/api/v1/payments/webhook/", "/api/v1/payments/stripe/webhook/", "/api/v1/payments/paypal/webhook/"}


def body_validator(schema: dict) -> schema_truth.Draft202012Validator:
    components = schema_truth.document()["components"]["schemas"]
    definitions = {name: schema_truth.as_json_schema(part, answer=False) for name, part in components.items()}
    return schema_truth.Draft202012Validator(
        {**schema_truth.as_json_schema(schema, answer=False), "$defs": definitions}
    )


@pytest.mark.parametrize("path", ["/api/schema/", "/api/schema/?format=json"])
def test_the_server_serves_the_same_operations(client, path: str) -> None:
    text = client.get(path).content.decode()
    served = set(re.findall(r'operationId"?: ?"?(\w+)', text))
    assert served == {operation["operationId"] for _, _, operation in operations()}
    assert "https://api.example.com" not in text
