"""How many SQL statements each flow needs, transaction control (BEGIN, COMMIT, SAVEPOINT) counted.

python -m scripts.bench.statements          # in the environment of the run; prints JSON
"""

import itertools
import json
import sys
from collections.abc import Mapping
from typing import Any

import django
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scripts.bench.flows import FLOWS, Answer, Flow


class InProcess:
    """A `Caller` that runs the whole request in this process and notes the statements of each."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.client = Client(headers={"host": "127.0.0.1"})

    def __call__(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        data = b"" if body is None else json.dumps(body)
        with CaptureQueriesContext(connection) as captured:
            response = self.client.generic(
                method, path, data, content_type="application/json", headers=dict(headers or {})
            )
        self.counts.append(len(captured))
        return Answer(response.status_code, response.content)


def count(flow: Flow, numbers: "itertools.count[int]") -> list[int]:
    """Statements of each request of the flow; of its second run, as the first one of a process warms it up."""
    fixed = next(numbers)
    for _ in range(2):
        caller = InProcess()
        flow.run(caller, next(numbers) if flow.fresh else fixed)
    return caller.counts


def main() -> int:
    django.setup()
    numbers = itertools.count(5_000_000)
    json.dump([count(flow, numbers) for flow in FLOWS], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
