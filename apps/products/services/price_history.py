"""What a variant cost at a time, from the history that the database keeps of every price."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import F, Q, QuerySet

from apps.common.currencies import RoundingRule, rules
from apps.common.errors import Invalid, NotFound
from apps.products.models import PriceHistory, PriceList, ProductVariant
from apps.products.services import exchange
from apps.products.services.prices import Asked, ListPrice, PricePoint, choose, point


@dataclass(frozen=True, slots=True)
class PastPrice:
    """The price that held, and every price it was chosen from. No price: there was no rate, or no variant yet."""

    sku: str
    currency: str
    at: datetime
    price: PricePoint | None
    offered: tuple[ListPrice, ...]


def price_at(*, sku: str, currency: str, at: datetime, quantity: int = 1, group: str = "") -> PastPrice:
    """The price of a unit at a time, also one to come, for a group's customers. Raises NotFound, Invalid (group).

    Prices, dates of lists and rates are those of that time; which lists are switched on, and how a currency is
    rounded, are those of now.
    """
    variant = ProductVariant.objects.filter(sku=sku).first()
    if variant is None:
        raise NotFound
    if group and not Group.objects.filter(name=group).exists():
        raise Invalid.parameter("group", "does_not_exist", "There is no such group.")
    offered = _lists_at(variant.pk, currency, at, group)
    own = _at(at).filter(variant=variant, price_list=None).order_by("-since", "-id").first()
    if own is None or own.amount is None:
        return PastPrice(sku, currency, at, None, offered)
    asked = Asked(variant.pk, quantity, own.amount, own.compare_at, own.currency)
    rate = exchange.find(own.currency, currency, on=at.date())
    rule = rules().get(currency, RoundingRule(currency))
    price = point(asked, choose(offered, quantity=quantity), rate, rule, currency)
    return PastPrice(sku, currency, at, price, offered)


def _lists_at(variant: UUID, currency: str, at: datetime, group: str) -> tuple[ListPrice, ...]:
    lists = PriceList.objects.running(at).filter(Q(group=None) | Q(group__name=group), currency=currency)
    rows = (
        _at(at)
        .filter(variant=variant, price_list__in=lists)
        .annotate(code=F("price_list__code"), priority=F("price_list__priority"))
        .order_by("price_list_id", "minimum_quantity", "-since", "-id")
        .distinct("price_list_id", "minimum_quantity")
    )
    return tuple(
        ListPrice(row.code, row.priority, row.minimum_quantity, row.amount, row.compare_at)
        for row in rows
        if row.amount is not None
    )


def _at(at: datetime) -> QuerySet[PriceHistory]:
    return PriceHistory.objects.filter(since__lte=at)
