"""`make chaos`: sets a scratch shop up, breaks one thing after the other under load, audits, prints a table.

    python -m scripts.chaos [fault ...] [--port 8150] [--write] [--without-sweeps]

Ends with 1 when a promise was broken. `--without-sweeps` is a positive control: beat does not run, and the audit must
find what the killed parts left behind.
"""

import argparse
import os
import platform
import re
import signal
import sys
import time
import traceback
from pathlib import Path

from scripts.chaos import controls
from scripts.chaos.audit import Report, audit
from scripts.chaos.exchange import Consumer
from scripts.chaos.faults import FAULTS, Fault, possible
from scripts.chaos.shop import PROJECT, QUEUE, Shop
from scripts.chaos.stage import SETTLE_SECONDS, Observed, Stage

DOCUMENT = PROJECT / "docs" / "reliability.md"
RABBITMQ_URL = "amqp://guest:guest@127.0.0.1:5672//"
HEAD = (
    "| fault | what happened | orders | captured | kept | refunded | mails | events | retried answers"
    " | longest wait | settled after | breaks |"
)
RULE = "| --- | --- | --: | --: | --: | --: | --: | --: | --- | --: | --: | --: |"


def read_arguments() -> argparse.Namespace:
    names = [each.name for each in FAULTS]
    parser = argparse.ArgumentParser(description="Break a scratch shop and see whether its promises hold.")
    parser.add_argument("faults", nargs="*", metavar="fault", help=f"default: all of {', '.join(names)}")
    parser.add_argument("--port", type=int, default=8150, help="and the two above it")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--without-sweeps", action="store_true", help="positive control: beat does not run")
    parser.add_argument("--no-controls", action="store_true", help="do not prove the audit itself")
    options = parser.parse_args()
    if unknown := set(options.faults) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


def main() -> int:
    options = read_arguments()
    for name in ("DATABASE_URL", "CACHE_URL", "CELERY_BROKER_URL", "EVENTS_BROKER_URL", "EMAIL_URL", "SENTRY_DSN"):
        os.environ.pop(name, None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also then everything is stopped and taken away
    shop = Shop(options.port)
    consumer = Consumer(RABBITMQ_URL) if shop.rabbitmq else None
    try:
        rows, broken = run(shop, consumer, options)
    finally:
        shop.stop()
        if consumer:
            consumer.close(QUEUE)
    print("\n" + "\n".join(rows))
    if options.write and not options.without_sweeps:
        write(DOCUMENT, rows)
    return 1 if broken else 0


def run(shop: Shop, consumer: Consumer | None, options: argparse.Namespace) -> tuple[list[str], int]:
    """The table's lines, and how many promises were broken."""
    say("starting a scratch shop")
    shop.start()
    stage = Stage(shop, "start")
    stage.settle()
    if options.without_sweeps:
        shop.end("beat")
    rows, broken = [HEAD, RULE], 0
    for fault in possible(shop):
        if options.faults and fault.name not in options.faults:
            continue
        row, breaks = one(shop, fault, consumer, patience=40 if options.without_sweeps else SETTLE_SECONDS)
        rows.append(row)
        broken += breaks
        if options.write and not options.without_sweeps:
            write(DOCUMENT, [row])
    if not options.no_controls and not options.without_sweeps:
        say("positive controls of the audit")
        text, missed = controls.run(shop, consumer)
        rows += ["", *text]
        broken += missed
    return rows, broken


def one(shop: Shop, fault: Fault, consumer: Consumer | None, *, patience: float) -> tuple[str, int]:
    """One fault and its line of the table; the sweeps get so many seconds."""
    say(fault.title)
    stage = Stage(shop, fault.name)
    note = "did not end"
    try:
        note = fault.run(stage)
    except Exception as error:
        traceback.print_exc()
        stage.seen.complaints.append(f"{type(error).__name__}: {error}")
    stage.settle(patience)
    stage.judge_answers(fault.down)
    found = audit(shop, fault.name, stage.seen, consumer)
    for each in found.breaks:
        say(f"  BREAK {each}")
    line = row(fault, note, stage.seen, found)
    say(line)
    return line, len(found.breaks)


def row(fault: Fault, note: str, seen: Observed, found: Report) -> str:
    counts, answers = found.counts, seen.answers
    failed = {name: number for name, number in sorted(answers.items()) if name == "cut" or name >= "500"}
    retried = ", ".join(f"{number} {name}" for name, number in failed.items()) or "none"
    waited = max((each["waited"] for each in seen.purchases), default=0.0)
    mails = f"{counts['mails']}" + (f" ({counts['mails_twice']} twice)" if counts["mails_twice"] else "")
    cells = [fault.title, note, counts["orders"], counts["captured"], counts["kept"], counts["refunded"], mails]
    cells += [counts["events"], retried, f"{waited:.1f} s", f"{seen.settle_seconds:.0f} s", len(found.breaks)]
    return "| " + " | ".join(map(str, cells)) + " |"


def write(document: Path, rows: list[str]) -> None:
    """Put the lines between the two marks of the document; faults that were not run keep the line they have."""
    found = document.read_text(encoding="utf-8")
    marks = re.compile(r"(?<=<!-- measured -->\n).*?(?=\n<!-- end -->)", re.DOTALL)
    known = marks.search(found)
    lines = {line.split(" | ")[0].split(":")[0]: line for line in (known[0] if known else "").splitlines() + rows}
    table = [line for each in FAULTS if (line := lines.get(f"| {each.title}"))]
    text = "\n".join(
        [f"{time.strftime('%Y-%m-%d')}, {conditions()}", "", HEAD, RULE, *table, "", lines.get(controls.TITLE, "")]
    )
    document.write_text(marks.sub(lambda _: text.rstrip(), found), encoding="utf-8")


def conditions() -> str:
    one, five, _ = os.getloadavg()
    return (
        f"{os.cpu_count()} cores ({platform.machine()}) shared with other work, Python {platform.python_version()},"
        f" load average {one:.1f} (1 min), {five:.1f} (5 min)."
    )


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
