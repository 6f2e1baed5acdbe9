"""Staff's changes of promotions. A change waits for the orders that are just using the promotion, and they for it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.cart.models import Promotion, PromotionTier
from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.events import Actor, record

RELATED = ("products", "categories", "customer_groups", "get_products")
Status = Promotion.Status


class PromotionInUse(Conflict):
    code = "in_use"
    detail = "Orders carry this promotion."


def accept(promotion: Promotion) -> None:
    """The precondition that always holds."""


@transaction.atomic
def create_promotion(*, actor: Actor | None, columns: Mapping[str, Any]) -> Promotion:
    """A new promotion, a draft unless `status` says otherwise. `columns` by name; those of RELATED are lists of rows,
    `tiers` are pairs of threshold and value.

    Raises Invalid: name taken, or what does not fit together.
    """
    promotion = Promotion()
    _write(promotion, columns)
    record("promotion.created", target=promotion, actor=actor, data={"fields": sorted(columns)})
    return promotion


@transaction.atomic
def change_promotion(
    *,
    promotion_id: UUID,
    columns: Mapping[str, Any],
    actor: Actor | None,
    precondition: Callable[[Promotion], None] = accept,
) -> Promotion:
    """Change what is given; orders keep what they carry. A usage limit counts the uses so far.

    `precondition` sees the locked row and may raise. Raises NotFound, Invalid as `create_promotion`, and PromotionInUse
    when what orders carry is to become a draft.
    """
    promotion = _locked(promotion_id)
    precondition(promotion)
    if columns.get("status") == Status.DRAFT != promotion.status and promotion.uses.exists():
        raise PromotionInUse
    _write(promotion, columns)
    record("promotion.changed", target=promotion, actor=actor, data={"fields": sorted(columns)})
    return promotion


@transaction.atomic
def delete_promotion(
    *, promotion_id: UUID, actor: Actor | None, precondition: Callable[[Promotion], None] = accept
) -> None:
    """Remove a promotion with its codes. Raises NotFound, PromotionInUse once an order has carried it."""
    promotion = _locked(promotion_id)
    precondition(promotion)
    if promotion.uses.exists():
        raise PromotionInUse
    record("promotion.deleted", target=promotion, actor=actor, data={"name": promotion.name})
    promotion.delete()


def _locked(promotion_id: UUID) -> Promotion:
    promotion = Promotion.objects.lock().filter(pk=promotion_id).first()
    if promotion is None:
        raise NotFound
    return promotion


def _write(promotion: Promotion, columns: Mapping[str, Any]) -> None:
    _check_currency(promotion, columns)
    for name, value in columns.items():
        if name not in RELATED and name != "tiers":
            setattr(promotion, name, value)
    promotion.used_count = _uses_to_count(promotion)
    _check(promotion)
    with _free_name():
        promotion.save()
    for name in RELATED:
        if name in columns:
            getattr(promotion, name).set(columns[name])
    if "tiers" in columns:
        promotion.tiers.all().delete()
        PromotionTier.objects.bulk_create(
            PromotionTier(promotion=promotion, threshold=threshold, value=value)
            for threshold, value in columns["tiers"]
        )


def _uses_to_count(promotion: Promotion) -> int:
    """The counter: the live uses while there is a limit. The lock holds off orders that would add to them."""
    if promotion.usage_limit is None or promotion._state.adding:
        return 0
    return promotion.uses.live().count()


def _check_currency(before: Promotion, columns: Mapping[str, Any]) -> None:
    """Amounts that stay as they are must not get another currency. Raises Invalid."""
    if before._state.adding or columns.get("currency", before.currency) == before.currency:
        return
    benefit_stays = "kind" not in columns and before.benefit_names_amounts
    if benefit_stays or ("minimum_subtotal" not in columns and before.minimum_subtotal):
        pointer = "/conditions/minimum_subtotal" if benefit_stays else "/benefit"
        raise Invalid.field(pointer, "invalid", f"Its other amounts are in {before.currency}.")


def _check(promotion: Promotion) -> None:
    """What several columns must say together. Raises Invalid naming each."""
    errors = [FieldError("invalid", text, pointer) for pointer, text in _faults(promotion)]
    if errors:
        raise Invalid(errors=errors)


def _faults(promotion: Promotion) -> Iterator[tuple[str, str]]:
    if promotion.starts_at and promotion.ends_at and promotion.ends_at <= promotion.starts_at:
        yield "/conditions/ends_at", "It must end after it starts."
    if promotion.from_time and promotion.from_time == promotion.until_time:
        yield "/conditions/until_time", "The hours must not be empty."
    if promotion.usage_limit is not None and promotion.usage_limit < promotion.used_count:
        yield "/usage_limit", f"It has been used {promotion.used_count} times."
    foreign = set(promotion.currencies) - {promotion.currency}
    if promotion.names_amounts and foreign:
        yield "/conditions/currencies", f"Its amounts are in {promotion.currency}."


@contextmanager
def _free_name() -> Iterator[None]:
    """A savepoint in which a taken name becomes Invalid (code `unique`)."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        if "_name_" in constraint:
            raise Invalid.field("/name", "unique", "This is already taken.") from None
        raise
