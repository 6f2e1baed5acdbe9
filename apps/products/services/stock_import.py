"""Adjusting stock by a CSV file, as a background job; `dry_run` tells what would happen and changes nothing.

Columns, in any order: `sku`, `warehouse`, and `delta` or `counted` (one per row); if wanted `kind` (receive,
adjustment, damage), `reason`, `expected_on_hand`. Rows that are refused are listed; the others are booked, a batch per
transaction, with the job as their reference.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.common import jobs
from apps.common.errors import Invalid, PayloadTooLarge, Problem
from apps.common.events import Actor
from apps.common.models import BackgroundJob
from apps.products.models import ProductVariant, StockLevel, StockMovement, Warehouse
from apps.products.services import stock_adjustments, stock_posting
from apps.products.services.stock_adjustments import Planned, Wanted

KIND: Final = "stock.import"
MAX_ROWS: Final = 5000
BATCH: Final = 250
REQUIRED: Final = frozenset({"sku", "warehouse"})
QUANTITIES: Final = frozenset({"delta", "counted"})
COLUMNS: Final = REQUIRED | QUANTITIES | {"kind", "reason", "expected_on_hand"}
_MAX_UNITS: Final = 1_000_000
_DEFAULT_REASON: Final = "import"

Row = dict[str, str]
Places = dict[tuple[str, str], UUID]


class FileTooLarge(PayloadTooLarge):
    code = "file_too_large"
    detail = "The file is over the limit."


class Upload(Protocol):
    """What we need of an uploaded file. Its name and declared type are the sender's word and are not used."""

    def read(self, num_bytes: int = ...) -> bytes: ...


@transaction.atomic
def start(*, upload: Upload, dry_run: bool, actor: Actor | None) -> BackgroundJob:
    """Queue the import of a file. Raises FileTooLarge, Invalid for a file that is no such table."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw = upload.read(limit + 1)
    if len(raw) > limit:
        raise FileTooLarge
    rows = parse(raw)
    return jobs.start(kind=KIND, arguments={"rows": rows, "dry_run": dry_run}, actor=actor, total=len(rows))


def parse(raw: bytes) -> list[Row]:
    """The rows of a CSV file, as text. Raises Invalid (pointer `/file`) for anything but a table of our columns."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("invalid", "The file is not UTF-8 text.") from None
    if "\x00" in text:
        raise _refused("invalid", "NUL characters are not allowed.")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_columns(reader.fieldnames or [])
        rows = list(reader)
    except csv.Error:
        raise _refused("invalid", "The file is not CSV.") from None
    if not rows:
        raise _refused("required", "The file has no row.")
    if len(rows) > MAX_ROWS:
        raise _refused("max_length", f"The file has more than {MAX_ROWS} rows.")
    return [
        {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)} | _surplus(row)
        for row in rows
    ]


def run(current: jobs.Run) -> jobs.Result:
    """The job. Each batch is booked in the transaction that notes it as done, so no row is booked twice."""
    rows: list[Row] = current.arguments["rows"]
    dry_run: bool = current.arguments["dry_run"]
    while current.done < len(rows):
        numbered = list(enumerate(rows, start=1))[current.done : current.done + (len(rows) if dry_run else BATCH)]
        with transaction.atomic():
            errors = _look(numbered) if dry_run else _book(numbered, current)
            current.advance(done=current.done + len(numbered), total=len(rows), errors=errors)
    booked = 0 if dry_run else StockMovement.objects.filter(reference=current.id).count()
    return jobs.Result(
        {
            "dry_run": dry_run,
            "rows": len(rows),
            "accepted": len(rows) - current.error_count,
            "refused": current.error_count,
            "movements": booked,
        }
    )


def _book(numbered: Sequence[tuple[int, Row]], current: jobs.Run) -> list[jobs.RowError]:
    wanted, errors = _read(numbered)
    places = _places(wanted.values(), make=True)
    planned, unknown = _planned(wanted, places)
    levels = stock_posting.locked(places.values())
    holdings = {level.pk: (level.on_hand, level.reserved - level.backorder_limit) for level in levels.values()}
    postings, refused = stock_adjustments.plan(planned, holdings=holdings)
    stock_posting.post(postings=postings, levels=levels, reference=current.id, actor_id=current.actor_id)
    return sorted([*errors, *unknown, *_row_errors(refused)], key=lambda error: error.row)


def _look(numbered: Sequence[tuple[int, Row]]) -> list[jobs.RowError]:
    """What would be refused, by the levels as they are now; nothing is locked."""
    wanted, errors = _read(numbered)
    places = _places(wanted.values(), make=False)
    planned, unknown = _planned(wanted, places)
    least = F("reserved") - F("backorder_limit")
    held = StockLevel.objects.filter(pk__in=places.values()).values_list("pk", "on_hand", least)
    holdings = dict.fromkeys(places.values(), (0, 0)) | {key: (on_hand, keep) for key, on_hand, keep in held}
    _, refused = stock_adjustments.plan(planned, holdings=holdings)
    return sorted([*errors, *unknown, *_row_errors(refused)], key=lambda error: error.row)


def _read(numbered: Iterable[tuple[int, Row]]) -> tuple[dict[int, tuple[Row, Wanted]], list[jobs.RowError]]:
    wanted: dict[int, tuple[Row, Wanted]] = {}
    errors = []
    for number, row in numbered:
        try:
            wanted[number] = (row, _wanted(row))
        except Problem as refusal:
            errors += _row_errors([(number, refusal)])
    return wanted, errors


def _wanted(row: Row) -> Wanted:
    if "" in row:
        raise Invalid.field("", "invalid", "The row has more values than the table has columns.")
    return Wanted(
        kind=row.get("kind") or StockMovement.Kind.ADJUSTMENT,
        delta=_units(row, "delta", least=-_MAX_UNITS),
        counted=_units(row, "counted", least=0),
        reason=row.get("reason", "")[:200] or _DEFAULT_REASON,
        expected_on_hand=_units(row, "expected_on_hand", least=-_MAX_UNITS),
    )


def _units(row: Row, name: str, *, least: int) -> int | None:
    text = row.get(name, "")
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise Invalid.field(f"/{name}", "invalid", "Expected a whole number.")
    units = int(text)
    if units < least:
        raise Invalid.field(f"/{name}", "min_value", "This is too small.")
    if units > _MAX_UNITS:
        raise Invalid.field(f"/{name}", "max_value", "This is too large.")
    return units


def _places(wanted: Iterable[tuple[Row, Wanted]], *, make: bool) -> Places:
    """The levels that rows are about, by (SKU, warehouse); pairs that do not exist are left out.

    A level that a warehouse does not have yet is made, or, when only looking, stood in for by a key of its own.
    """
    rows = [row for row, _ in wanted]
    variants = dict(ProductVariant.objects.filter(sku__in={row["sku"] for row in rows}).values_list("sku", "pk"))
    warehouses = dict(Warehouse.objects.filter(code__in={row["warehouse"] for row in rows}).values_list("code", "pk"))
    places: Places = {}
    for code, warehouse_id in sorted(warehouses.items()):
        skus = {row["sku"] for row in rows if row["warehouse"] == code and row["sku"] in variants}
        levels = _levels(warehouse_id, {variants[sku] for sku in skus}, make=make)
        places |= {(sku, code): levels.get(variants[sku]) or uuid5(variants[sku], code) for sku in skus}
    return places


def _levels(warehouse_id: UUID, variant_ids: set[UUID], *, make: bool) -> Mapping[UUID, UUID]:
    if make:
        return stock_posting.ensure_levels(warehouse_id=warehouse_id, variant_ids=variant_ids)
    found = StockLevel.objects.filter(warehouse_id=warehouse_id, variant_id__in=variant_ids)
    return dict(found.values_list("variant_id", "pk"))


def _planned(wanted: Mapping[int, tuple[Row, Wanted]], places: Places) -> tuple[list[Planned], list[jobs.RowError]]:
    planned, unknown = [], []
    codes = {code for _, code in places} | set(
        Warehouse.objects.filter(code__in={row["warehouse"] for row, _ in wanted.values()}).values_list(
            "code", flat=True
        )
    )
    for number, (row, each) in wanted.items():
        level_id = places.get((row["sku"], row["warehouse"]))
        if level_id is not None:
            planned.append(Planned(number, level_id, each))
        elif row["warehouse"] not in codes:
            unknown.append(jobs.RowError(number, "/warehouse", "does_not_exist", "There is no such warehouse."))
        else:
            unknown.append(jobs.RowError(number, "/sku", "does_not_exist", "There is no such SKU."))
    return planned, unknown


def _row_errors(refused: Iterable[tuple[int, Problem]]) -> list[jobs.RowError]:
    errors = []
    for number, refusal in refused:
        fields = [(error.pointer or "", error.code, error.detail) for error in refusal.errors]
        errors += [jobs.RowError(number, *field) for field in fields or [("", refusal.code, refusal.detail)]]
    return errors


def _check_columns(names: Sequence[str]) -> None:
    missing = REQUIRED - set(names)
    if missing:
        raise _refused("required", f"The file has no column {' and '.join(sorted(missing))}.")
    if not QUANTITIES & set(names):
        raise _refused("required", "The file has neither a column delta nor counted.")
    if len(set(names)) < len(names) or set(names) - COLUMNS:
        raise _refused("unknown_field", f"The columns are {', '.join(sorted(COLUMNS))}; each at most once.")


def _surplus(row: Mapping[Any, Any]) -> Row:
    """csv puts values beyond the last column under None; such a row is refused later, with its number."""
    return {"": "surplus"} if None in row else {}


def _refused(code: str, detail: str) -> Invalid:
    return Invalid.field("/file", code, detail)
