"""The table of a run, as Markdown."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.flows import Flow
from scripts.bench.load import Load

HEAD = (
    "| Flow | Cache | Statements | Web ms | DB ms | Cache ms | 1 conn: /s | p50 | p95 | 16 conn: /s | p50 | p95 |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One flow: statements per request, processor milliseconds per flow (one connection), both loads."""

    flow: Flow
    statements: list[int]
    cpu: dict[str, float | None]
    single: Load
    many: Load


def table(rows: Sequence[Row]) -> str:
    return "\n".join([HEAD, *(_line(row) for row in rows)])


def conditions(*, products: int, seconds: float) -> str:
    """On what it was measured, in one line; the load of the machine tells how far to trust it."""
    one, five, _ = os.getloadavg()
    return (
        f"{products} products, {seconds:g} s per cell, {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, load average before: {one:.1f} (1 min), {five:.1f} (5 min)."
    )


def _line(row: Row) -> str:
    counts = str(sum(row.statements))
    if len(row.statements) > 1:
        counts += f" ({' + '.join(map(str, row.statements))})"
    cells = [row.flow.name, row.flow.mode, counts]
    cells += [_number(row.cpu[name]) for name in ("web", "database", "cache")]
    for load in (row.single, row.many):
        cells += [_number(load.rate), _number(load.percentile(0.5) * 1000), _number(load.percentile(0.95) * 1000)]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
