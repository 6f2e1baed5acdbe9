"""An OpenAPI document, YAML or JSON, as JSON.

python -m scripts.api_clients.to_json IN OUT
"""

import json
import sys
from pathlib import Path

import yaml


class StringDates(yaml.CSafeLoader):
    """Keeps dates as the strings they were written as."""


StringDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_document(path: Path) -> dict[str, object]:
    """The document in a file."""
    document: dict[str, object] = yaml.load(path.read_text(encoding="utf-8"), Loader=StringDates)
    return document


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    target.write_text(json.dumps(read_document(source)), encoding="utf-8")
