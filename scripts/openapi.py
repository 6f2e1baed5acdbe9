"""Write docs/openapi.yaml from the code, or with --check say whether the committed one is current.

python -m scripts.openapi [--check]
"""

import sys
from typing import Any

from scripts.serverless import PROJECT, set_up

DOCUMENT = PROJECT / "docs" / "openapi.yaml"


def document() -> dict[str, Any]:
    """The OpenAPI document of the present code. Django must be set up. Exits when the generator warns."""
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.validation import validate_schema

    GENERATOR_STATS.reset()
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    if GENERATOR_STATS:
        sys.exit("The API document has warnings (above).")
    validate_schema(schema)
    return schema


def render(schema: dict[str, Any]) -> str:
    """As YAML, the same on every machine."""
    from drf_spectacular.renderers import OpenApiYamlRenderer

    text: str = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()
    return text


def main(arguments: list[str]) -> int:
    """0 when written or current, 1 when --check finds the committed document old."""
    set_up()
    text = render(document())
    name = DOCUMENT.relative_to(PROJECT)
    if arguments != ["--check"]:
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"wrote {name}: {text.count('operationId:')} operations")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == text:
        print(f"{name} is current")
        return 0
    print(f"{name} is not what the code says: run `make openapi` and commit it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
