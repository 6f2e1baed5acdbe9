"""How staff write what pricing reads: zones, rates, methods, exemptions. The same rules for each table."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from apps.cart.models import ShippingBand, ShippingMethod
from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.events import Actor, record
from apps.common.models import BaseModel
from apps.products.models import Product, TaxCategory

Row = TypeVar("Row", bound=BaseModel)
# Members that are rows of their own; None means: leave them.
_PARTS = ("bands", "stores")
Kind = ShippingMethod.Kind
# Django's codes that mean something to clients; the others are `invalid`.
_CODES = {code: code for code in ("required", "blank", "unique", "overlaps")} | {"unique_together": "unique"}
_BANDED = (Kind.WEIGHT, Kind.PRICE, Kind.TABLE)


class StillUsed(Conflict):
    code = "still_used"
    detail = "Other rows still refer to this one."


def accept(row: object) -> None:
    """The precondition that always holds."""


@transaction.atomic
def create(model: type[Row], *, fields: Mapping[str, Any], actor: Actor | None) -> Row:
    """A new row of these columns. Raises Invalid where a rule of the table is broken."""
    row = model(**_own(fields))
    _store(row)
    _relate(row, fields)
    record(f"{_name(model)}.created", target=row, actor=actor, data={"fields": sorted(fields)})
    return row


@transaction.atomic
def change(
    model: type[Row],
    *,
    row_id: UUID,
    fields: Mapping[str, Any],
    actor: Actor | None,
    precondition: Callable[[Row], None] = accept,
) -> Row:
    """Change the given columns alone. `precondition` sees the locked row and may raise. Raises NotFound or Invalid."""
    row = _locked(model, row_id)
    precondition(row)
    for name, value in _own(fields).items():
        setattr(row, name, value)
    _store(row)
    _relate(row, fields)
    record(f"{_name(model)}.changed", target=row, actor=actor, data={"fields": sorted(fields)})
    return row


@transaction.atomic
def save_typed(row: BaseModel, *, actor: Actor | None, changed: Collection[str]) -> None:
    """Store a row that a staff form has checked; `changed` names the fields. Raises Invalid if another was faster."""
    done = "created" if row._state.adding else "changed"
    with _rules_named():
        row.save()
    record(f"{_name(type(row))}.{done}", target=row, actor=actor, data={"fields": sorted(changed)})


@transaction.atomic
def delete(
    model: type[Row], *, row_id: UUID, actor: Actor | None, precondition: Callable[[Row], None] = accept
) -> None:
    """Delete a row. Raises NotFound or StillUsed."""
    row = _locked(model, row_id)
    precondition(row)
    # Products name their category by its code.
    if isinstance(row, TaxCategory) and Product.objects.filter(tax_category=row.code).exists():
        raise StillUsed
    record(f"{_name(model)}.deleted", target=row, actor=actor, data={"name": str(row)})
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError:
        raise StillUsed from None


def _locked(model: type[Row], row_id: UUID) -> Row:
    found: Row | None = model._default_manager.select_for_update(of=("self",)).filter(pk=row_id).first()
    if found is None:
        raise NotFound
    return found


def _name(model: type[BaseModel]) -> str:
    return str(model._meta.verbose_name).replace(" ", "_")


def _own(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _PARTS}


def _store(row: BaseModel) -> None:
    with _rules_named():
        row.full_clean()
        row.save()


def _relate(row: BaseModel, fields: Mapping[str, Any]) -> None:
    """Replace the parts that were given. Raises Invalid for parts that the method's kind does not have."""
    if not isinstance(row, ShippingMethod):
        return
    stores, bands = fields.get("stores"), fields.get("bands")
    if stores and row.kind != Kind.PICKUP:
        raise Invalid.field("/stores", "invalid", "Only a pick-up is handed out in stores.")
    if bands and row.kind not in _BANDED:
        raise Invalid.field("/bands", "invalid", f"A method of the kind {row.kind} has no bands.")
    if stores is not None:
        row.stores.set(stores)
    if bands is not None:
        _replace_bands(row, bands)


def _replace_bands(method: ShippingMethod, rows: Sequence[Mapping[str, Any]]) -> None:
    method.bands.all().delete()
    bands = [ShippingBand(method=method, **row) for row in rows]
    for number, band in enumerate(bands):
        if band.country and method.kind != Kind.TABLE:
            raise Invalid.field(f"/bands/{number}/country", "invalid", "Only a table knows destinations.")
        with _rules_named(f"/bands/{number}"):
            band.clean_fields(exclude=["method"])
            band.validate_constraints(exclude=["method"])
    with _rules_named("/bands"):
        ShippingBand.objects.bulk_create(bands)


@contextmanager
def _rules_named(pointer: str = "") -> Iterator[None]:
    """What the model or the database refuses becomes Invalid, naming the column where there is one."""
    try:
        with transaction.atomic():
            yield
    except ValidationError as refusal:
        raise Invalid(errors=list(_field_errors(refusal, pointer))) from None
    except IntegrityError:
        raise Invalid.field(pointer, "unique", "A row that excludes this one exists already.") from None


def _field_errors(refusal: ValidationError, pointer: str) -> Iterator[FieldError]:
    for name, errors in refusal.error_dict.items():
        where = pointer if name == NON_FIELD_ERRORS or pointer else f"/{name}"
        for error in errors:
            yield FieldError(_CODES.get(error.code or "", "invalid"), " ".join(error.messages)[:300], where)
