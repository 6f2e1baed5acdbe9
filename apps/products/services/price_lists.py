"""Staff's changes of currencies and price lists. Each makes cached catalogue answers stale."""

import csv
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from apps.common import currencies
from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.events import Actor, record
from apps.common.models import Currency
from apps.common.money import MAX_AMOUNT, Money, exponent
from apps.products.models import Price, PriceList, ProductVariant
from apps.products.services import listing
from apps.products.services.catalogue import accept
from apps.products.services.slugs import unique_keys

MAX_ROWS = 10_000
MAX_TIER = 999_999
_TIER = re.compile("[1-9][0-9]{0,5}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,7}(\.\d{1,4})?", re.ASCII)
Precondition = Callable[[PriceList], None]


class CurrencyFixed(Conflict):
    code = "in_use"
    detail = "A list that has prices keeps its currency."


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price as staff set it; no amount takes it off the list."""

    sku: str
    minimum_quantity: int
    amount: Money | None
    compare_at: Money | None = None


@transaction.atomic
def create(*, actor: Actor | None, code: str, group: str | None = None, **fields: Any) -> PriceList:
    """A new list; `group` names a group of customers. Raises Invalid: taken code, unknown group, dates or currency."""
    price_list = PriceList(code=code, group=_group(group), **fields)
    save_by_staff(price_list=price_list, actor=actor, changed=["code", "group", *fields])
    return price_list


@transaction.atomic
def change(
    *, code: str, changes: Mapping[str, Any], actor: Actor | None, precondition: Precondition = accept
) -> PriceList:
    """Change what is given. Raises NotFound, Invalid as `create`, CurrencyFixed."""
    price_list = _locked(code)
    precondition(price_list)
    wanted = dict(changes)
    if "group" in wanted:
        wanted["group"] = _group(wanted["group"])
    changed = [name for name, value in wanted.items() if getattr(price_list, name) != value]
    for name in changed:
        setattr(price_list, name, wanted[name])
    save_by_staff(price_list=price_list, actor=actor, changed=changed)
    return price_list


@transaction.atomic
def save_by_staff(*, price_list: PriceList, actor: Actor | None, changed: Collection[str]) -> None:
    """Store a list that staff edited; `changed` names the fields. Raises as `change`."""
    is_new = price_list._state.adding
    if not is_new and not changed:
        return
    _check_list(price_list, is_new=is_new, changed=changed)
    with unique_keys():
        price_list.save()
    kind = "price_list.created" if is_new else "price_list.changed"
    record(kind, target=price_list, actor=actor, data={"code": price_list.code, "fields": sorted(changed)})
    listing.bump_version()


@transaction.atomic
def set_prices(*, code: str, rows: Sequence[PriceRow], actor: Actor | None) -> PriceList:
    """Set or take off prices, all of them or none; the others of the list stay. Raises NotFound, Invalid (each row)."""
    price_list = _locked(code)
    variants = {row.sku: row for row in ProductVariant.objects.filter(sku__in={each.sku for each in rows})}
    _check_rows(price_list, rows, variants)
    for row in rows:
        if row.amount is None:
            Price.objects.filter(
                price_list=price_list, variant=variants[row.sku], minimum_quantity=row.minimum_quantity
            ).delete()
    Price.objects.bulk_create(
        [
            Price(
                price_list=price_list,
                variant=variants[row.sku],
                minimum_quantity=row.minimum_quantity,
                amount=row.amount.amount,
                compare_at=row.compare_at.amount if row.compare_at is not None else None,
            )
            for row in rows
            if row.amount is not None
        ],
        update_conflicts=True,
        unique_fields=["variant", "price_list", "minimum_quantity"],
        update_fields=["amount", "compare_at", "updated_at"],
    )
    record("price_list.priced", target=price_list, actor=actor, data={"code": code, "rows": len(rows)})
    listing.bump_version()
    return price_list


def import_csv(*, code: str, lines: Iterable[str], actor: Actor | None) -> int:
    """Set prices from CSV with the columns sku, amount, minimum_quantity and compare_at (the last two may be missing).

    Returns the number of rows. Raises NotFound, or Invalid naming each row (the header is row 1); then nothing changes.
    """
    currency = PriceList.objects.filter(code=code).values_list("currency", flat=True).first()
    if currency is None:
        raise NotFound
    reader = csv.DictReader(lines)
    if not {"sku", "amount"} <= set(reader.fieldnames or ()):
        raise Invalid.field("/file", "invalid", "The columns sku and amount are needed.")
    rows: list[PriceRow] = []
    for number, cells in enumerate(reader, start=2):
        if number > MAX_ROWS:
            raise Invalid.field("/file", "max_length", f"At most {MAX_ROWS} rows.")
        rows.append(_row_of(cells, number, currency))
    set_prices(code=code, rows=rows, actor=actor)
    return len(rows)


@transaction.atomic
def save_currency(*, currency: Currency, actor: Actor | None, changed: Collection[str]) -> None:
    """Store a currency that staff edited. Raises Invalid: unknown to ISO 4217, or a rounding it cannot express."""
    currencies.check(currency)
    is_new = currency._state.adding
    currency.save()
    data = {"code": currency.code, "fields": sorted(changed)}
    record("currency.created" if is_new else "currency.changed", target=None, actor=actor, data=data)
    listing.bump_version()
    transaction.on_commit(currencies.forget)


def _check_list(price_list: PriceList, *, is_new: bool, changed: Collection[str]) -> None:
    if price_list.starts_at and price_list.ends_at and price_list.ends_at <= price_list.starts_at:
        raise Invalid.field("/ends_at", "min_value", "The end must be after the start.")
    if "currency" in changed:
        if not currencies.is_supported(price_list.currency):
            raise Invalid.field("/currency", "unsupported_currency", "The shop does not sell in this currency.")
        if not is_new and price_list.prices.exists():
            raise CurrencyFixed
    emptied = not is_new and "group" in changed and _is_public(price_list)
    if emptied and price_list.prices.filter(minimum_quantity=1).exists():
        raise Invalid.field("/group", "required", _OWN_PRICES)


_OWN_PRICES = "What everybody pays for one unit in the shop's own currency is the variant's price."


def _is_public(price_list: PriceList) -> bool:
    """Whether it would give everybody another price in the shop's own currency than the catalogue shows."""
    return price_list.group_id is None and bool(price_list.currency == settings.DEFAULT_CURRENCY)


def _check_rows(price_list: PriceList, rows: Sequence[PriceRow], variants: Mapping[str, ProductVariant]) -> None:
    errors: list[FieldError] = []
    seen: set[tuple[str, int]] = set()
    for number, row in enumerate(rows):
        place = (row.sku, row.minimum_quantity)
        if row.sku not in variants:
            errors.append(FieldError("does_not_exist", "There is no such SKU.", f"/prices/{number}/sku"))
        elif place in seen:
            errors.append(FieldError("unique", "This SKU and quantity come twice.", f"/prices/{number}/sku"))
        else:
            errors += [
                FieldError(code, detail, f"/prices/{number}{at}") for at, code, detail in _faults(price_list, row)
            ]
        seen.add(place)
    if errors:
        raise Invalid(errors=errors[:100])


def _faults(price_list: PriceList, row: PriceRow) -> Iterable[tuple[str, str, str]]:
    """What is wrong with a row: pointer within it, code, words."""
    if _is_public(price_list) and row.minimum_quantity == 1 and row.amount is not None:
        yield "/minimum_quantity", "min_value", _OWN_PRICES
    amounts = [(name, money) for name in ("amount", "compare_at") if (money := getattr(row, name)) is not None]
    for name, money in amounts:
        if money.currency != price_list.currency:
            yield f"/{name}", "unsupported_currency", f"This list is in {price_list.currency}."
        elif money.amount % exponent(money.currency):
            yield f"/{name}", "too_precise", "This has more decimal places than the currency."
    if len(amounts) > 1 and amounts[1][1].amount <= amounts[0][1].amount:
        yield "/compare_at", "min_value", "This must be above the amount."


def _row_of(cells: Mapping[str, str | None], number: int, currency: str) -> PriceRow:
    was = (cells.get("compare_at") or "").strip()
    minimum = (cells.get("minimum_quantity") or "").strip() or "1"
    if not _TIER.fullmatch(minimum):
        raise Invalid.field("/file", "invalid", f"Row {number}: minimum_quantity is not a number from 1 on.")
    return PriceRow(
        sku=(cells["sku"] or "").strip(),
        minimum_quantity=int(minimum),
        amount=_money((cells["amount"] or "").strip(), currency, number),
        compare_at=_money(was, currency, number) if was else None,
    )


def _money(text: str, currency: str, number: int) -> Money:
    if not _DECIMAL.fullmatch(text) or Decimal(text) > MAX_AMOUNT:
        raise Invalid.field("/file", "invalid", f"Row {number}: {text[:20]!r} is not an amount.")
    return Money(Decimal(text), currency)


def _group(name: str | None) -> Group | None:
    if not name:
        return None
    group = Group.objects.filter(name=name).first()
    if group is None:
        raise Invalid.field("/group", "does_not_exist", "There is no such group.")
    return group


def _locked(code: str) -> PriceList:
    price_list = PriceList.objects.lock().filter(code=code).first()
    if price_list is None:
        raise NotFound
    return price_list
