"""`make bench`: sets a scratch shop up, measures, prints a table, and takes everything down again.

    python -m scripts.bench [--products 10000] [--seconds 4] [--only checkout] [--write] [--keep]

With DATABASE_URL (and CACHE_URL) it works in a database `tradepost_bench` of that server instead of an embedded one.
"""

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from scripts.bench import load, report, servers
from scripts.bench.cpu import Meter, cache_process, postmaster, spent
from scripts.bench.flows import FLOWS, Flow

DOCUMENT = servers.PROJECT / "docs" / "benchmarks.md"
WARM_UP_SECONDS = 1.0
MANY = 16


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the main flows on a scratch shop.")
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="per flow and number of connections")
    parser.add_argument("--only", default="", help="flows whose name contains this")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--keep", action="store_true", help="leave the scratch shop for the next run")
    return parser.parse_args()


def main() -> int:
    options = read_arguments()
    conditions = report.conditions(products=options.products, seconds=options.seconds)
    os.environ["BENCH_PRODUCTS"] = str(options.products)
    (servers.HOME / "static").mkdir(parents=True, exist_ok=True)
    port, stripe_port = servers.free_port(), servers.free_port()
    with servers.scratch_services(keep=options.keep) as services:
        environment = servers.environment_for(services, port=port, stripe_port=stripe_port)
        servers.manage(environment, "migrate", "--no-input", "--verbosity", "0")
        servers.manage(environment, "seed", "--force", "--scale", str(options.products))
        with servers.running_shop(environment, stripe_port=stripe_port) as shop:
            meter = Meter(shop.gunicorn, postmaster(services.database_url), cache_process(services.cache_url))
            rows = measure(shop, meter, seconds=options.seconds, only=options.only)
    text = f"{report.table(rows)}\n\n{conditions}"
    print(f"\n{text}")
    if options.write:
        write(DOCUMENT, text)
    return 0


def measure(shop: servers.Shop, meter: Meter, *, seconds: float, only: str) -> list[report.Row]:
    """Every flow: statements first, then on one connection, then on many."""
    counted = subprocess.run(
        [sys.executable, "-m", "scripts.bench.statements"],
        cwd=servers.PROJECT,
        env={**shop.environment, "LOG_LEVEL": "ERROR"},
        stdout=subprocess.PIPE,
        check=True,
    )
    statements = json.loads(counted.stdout.splitlines()[-1])
    numbers = itertools.count(1)
    rows = []
    for flow, counts in zip(FLOWS, statements, strict=True):
        if only in flow.name:
            print(f"{flow.name}, {flow.mode} ...", flush=True)
            rows.append(_row(flow, counts, shop.url, meter, seconds, numbers))
    return rows


def _row(
    flow: Flow, counts: list[int], url: str, meter: Meter, seconds: float, numbers: "itertools.count[int]"
) -> report.Row:
    load.run(flow, url=url, connections=4, seconds=WARM_UP_SECONDS, numbers=numbers)
    time.sleep(0.3)
    before = meter.read()
    single = load.run(flow, url=url, connections=1, seconds=seconds, numbers=numbers)
    cpu = spent(before, meter.read(), single.count)
    many = load.run(flow, url=url, connections=MANY, seconds=seconds, numbers=numbers)
    return report.Row(flow=flow, statements=counts, cpu=cpu, single=single, many=many)


def write(document: Path, text: str) -> None:
    """Replace what stands between the two marks of the document."""
    found = document.read_text(encoding="utf-8")
    marks = re.compile(r"(<!-- measured -->\n).*?(\n<!-- end -->)", re.DOTALL)
    document.write_text(marks.sub(lambda match: f"{match[1]}{text}{match[2]}", found), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
