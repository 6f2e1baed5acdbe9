"""Shipping by a CSV file, as a background job: each row is a parcel that leaves; `dry_run` only tells what is refused.

Columns, in any order: `order` (its number), `carrier`, `tracking_number`; if wanted `tracking_url`, and `sku` with
`quantity` for a part (rows of one order and tracking number are one parcel only when they are one row).
"""

import csv
import io
from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.db import transaction

from apps.common import jobs
from apps.common.errors import Invalid, Problem
from apps.common.events import Actor
from apps.common.models import BackgroundJob
from apps.orders.models import Order, Shipment, ShipmentLine
from apps.orders.services import fulfilment
from apps.orders.services.fulfilment import Label, Wanted
from apps.products.services.stock_import import FileTooLarge, Upload
from apps.users.models import User

KIND: Final = "shipments.import"
MAX_ROWS: Final = 2000
REQUIRED: Final = frozenset({"order", "carrier", "tracking_number"})
COLUMNS: Final = REQUIRED | {"tracking_url", "sku", "quantity"}
_LONGEST: Final = {"order": 20, "carrier": 80, "tracking_number": 80, "tracking_url": 300, "sku": 64, "quantity": 3}

Row = dict[str, str]


@transaction.atomic
def start(*, upload: Upload, dry_run: bool, actor: Actor | None) -> BackgroundJob:
    """Queue the shipping of a file's rows. Raises FileTooLarge, or Invalid for a file that is no such table."""
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
    # csv puts values beyond the last column under None; such a row is refused later, with its number.
    return [{name or "": "surplus" if name is None else (row[name] or "").strip() for name in row} for row in rows]


def run(current: jobs.Run) -> jobs.Result:
    """The job. A row is shipped in the transaction that notes it as done, so no parcel is made twice."""
    rows: list[Row] = current.arguments["rows"]
    dry_run: bool = current.arguments["dry_run"]
    actor = User.objects.filter(pk=current.actor_id).first() if current.actor_id else None
    while current.done < len(rows):
        with transaction.atomic():
            errors = _ship(current.done + 1, rows[current.done], actor, dry_run=dry_run)
            current.advance(done=current.done + 1, total=len(rows), errors=errors)
    accepted = len(rows) - current.error_count
    return jobs.Result({"dry_run": dry_run, "rows": len(rows), "accepted": accepted, "refused": current.error_count})


def _ship(number: int, row: Row, actor: User | None, *, dry_run: bool) -> list[jobs.RowError]:
    """Ship one row; what was refused of it. A dry run does it, too, and takes it back."""
    try:
        with transaction.atomic():
            _check(row)
            order = Order.objects.filter(number=row["order"].upper()).first()
            if order is None:
                raise Invalid.field("/order", "does_not_exist", "There is no such order.")
            label = Label(**{name: row.get(name, "") for name in ("carrier", "tracking_number", "tracking_url")})
            _refuse_twin(order, row)
            fulfilment.ship(order_id=order.pk, wanted=_wanted(order, row), label=label, is_leaving=True, actor=actor)
            if dry_run:
                transaction.set_rollback(True)
    except Problem as refusal:
        fields = [(error.pointer or "", error.code, error.detail) for error in refusal.errors]
        return [jobs.RowError(number, *each) for each in fields or [("", refusal.code, refusal.detail)]]
    return []


def _check(row: Row) -> None:
    if "" in row:
        raise Invalid.field("", "invalid", "The row has more values than the table has columns.")
    for name in ("order", "carrier"):
        if not row[name]:
            raise Invalid.field(f"/{name}", "required", "This is empty.")
    for name, longest in _LONGEST.items():
        if len(row.get(name, "")) > longest:
            raise Invalid.field(f"/{name}", "max_length", f"This has more than {longest} characters.")
    url = row.get("tracking_url", "")
    if url and not url.startswith(("https://", "http://")):
        raise Invalid.field("/tracking_url", "invalid", "Only http and https addresses.")


def _refuse_twin(order: Order, row: Row) -> None:
    """The same file sent twice must not send the same goods twice."""
    number, sku = row.get("tracking_number", ""), row.get("sku", "")
    sent = ShipmentLine.objects.filter(shipment__order=order, shipment__tracking_number=number, item__sku=sku)
    if number and sku and sent.exclude(shipment__status=Shipment.Status.CANCELLED).exists():
        raise Invalid.field("/tracking_number", "unique", "This SKU has already left under this number.")


def _wanted(order: Order, row: Row) -> Sequence[Wanted] | None:
    """The units of the row; None: all that is left of the order."""
    sku, units = row.get("sku", ""), row.get("quantity", "")
    if not sku and not units:
        return None
    if not (units.isascii() and units.isdigit() and int(units) > 0):
        raise Invalid.field("/quantity", "invalid", "Expected a whole number of at least one.")
    lines = [item for item in order.items.all() if item.sku == sku]
    if not lines:
        raise Invalid.field("/sku", "does_not_exist", "The order has no line with this SKU.")
    left, wanted = int(units), []
    for item in lines:  # one SKU may stand in several lines: a gift, say
        part = min(left, item.open_quantity) if item is not lines[-1] else left
        wanted += [Wanted(item.pk, part)] if part else []
        left -= part
    return wanted


def _check_columns(names: Sequence[str]) -> None:
    missing = REQUIRED - set(names)
    if missing:
        raise _refused("required", f"The file has no column {' and '.join(sorted(missing))}.")
    if len(set(names)) < len(names) or set(names) - COLUMNS:
        raise _refused("unknown_field", f"The columns are {', '.join(sorted(COLUMNS))}; each at most once.")


def _refused(code: str, detail: str) -> Invalid:
    return Invalid.field("/file", code, detail)
