"""Counting the uses of promotions and coupons: once, when the order is placed, and back when it is cancelled.

A limit holds under any number of orders at once: the counters change by an UPDATE with the limit in its WHERE, and the
orders of one customer that use one capped promotion wait for each other. docs/promotions.md tells who takes which lock.
Promotions and coupons without a limit have no counter, so their orders never wait.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F
from django.utils import timezone

from apps.cart.models import Coupon, Promotion, PromotionUse
from apps.cart.pricing.comparison import OVER, Change, promotion_cause
from apps.cart.pricing.terms import AppliedPromotion
from apps.cart.services.customers import Customer
from apps.common.errors import Conflict
from apps.users.models.account import normalise_email


class CouponExpired(Conflict):
    code = "coupon_expired"
    detail = "This code can't be used any more."


class CouponNotApplicable(Conflict):
    code = "coupon_not_applicable"
    detail = "This code does not apply to the cart."


class PromotionUsedUp(Conflict):
    code = "price_changed"
    detail = "An offer ended while you ordered."


def refused(*, code: str, name: str, reason: str) -> Conflict:
    """The problem for a promotion that can't be used, with what it changes; `code` is empty for an automatic one."""
    field = "coupon" if code else "promotion"
    gone = Change(None, field, code or name, None, promotion_cause(code=code, reason=reason), reason)
    kind = PromotionUsedUp if not code else CouponExpired if reason in OVER else CouponNotApplicable
    return kind(extra={field: code or name, "reason": reason, "diff": [gone.as_json()]})


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def use(*, reference: UUID, applied: Sequence[AppliedPromotion], customer: Customer, email: str) -> None:
    """Count what an order carries. `reference` is the order; the caller's transaction has just priced it.

    Raises CouponExpired, CouponNotApplicable or PromotionUsedUp when another order was faster or staff switched it off;
    the caller must roll back.
    """
    if not applied:
        return
    promotions = Promotion.objects.hold(each.key for each in applied)
    coupons = Coupon.objects.in_bulk([each.code for each in applied if each.code], field_name="code")
    for each in applied:
        promotion = promotions.get(each.key)
        if promotion is None or promotion.status != Promotion.Status.ACTIVE:
            raise refused(code=each.code, name=each.name, reason="not_running")
    _check_customer(applied, promotions, customer)
    _count_promotions(applied, promotions)
    _count_coupons(applied, coupons)
    now = timezone.now()
    PromotionUse.objects.bulk_create(
        PromotionUse(
            promotion_id=each.key,
            coupon=coupons.get(each.code),
            reference=reference,
            user_id=customer.user_id,
            email=normalise_email(email),
            used_at=now,
        )
        for each in applied
    )


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def give_back(*, reference: UUID) -> int:
    """Take an order's uses back, once; returns how many. The caller holds the order's lock."""
    uses = list(PromotionUse.objects.live().filter(reference=reference))
    if not uses:
        return 0
    promotions = Promotion.objects.hold(use.promotion_id for use in uses)
    PromotionUse.objects.filter(pk__in=[use.pk for use in uses]).update(given_back_at=timezone.now())
    for promotion in promotions.values():
        if promotion.usage_limit is not None:
            Promotion.objects.filter(pk=promotion.pk).update(used_count=F("used_count") - 1)
    coupons = sorted({use.coupon_id for use in uses if use.coupon_id is not None})
    for coupon_id in coupons:
        Coupon.objects.filter(pk=coupon_id, usage_limit__isnull=False).update(used_count=F("used_count") - 1)
    return len(uses)


def used_by(customer: Customer, promotions: Collection[UUID]) -> Mapping[UUID, int]:
    """How often a customer's live orders carry each promotion; one statement."""
    if not promotions or not customer.is_known:
        return {}
    uses = PromotionUse.objects.live().of_customer(user_id=customer.user_id, emails=customer.emails)
    counted = uses.filter(promotion_id__in=promotions).order_by().values("promotion_id").annotate(uses=Count("pk"))
    return dict(counted.values_list("promotion_id", "uses"))


def limit_per_customer(promotion: Promotion) -> int | None:
    """How often one customer may use it: a first order comes once."""
    return 1 if promotion.first_order else promotion.per_customer_limit


def _check_customer(
    applied: Iterable[AppliedPromotion], promotions: Mapping[UUID, Promotion], customer: Customer
) -> None:
    limits = {key: limit for key, row in promotions.items() if (limit := limit_per_customer(row)) is not None}
    if not limits:
        return
    _wait_for_the_customers_other_orders(limits, customer)
    used = used_by(customer, limits)
    for each in applied:
        if each.key in limits and used.get(each.key, 0) >= limits[each.key]:
            raise refused(code=each.code, name=each.name, reason="customer_limit_reached")


def _wait_for_the_customers_other_orders(promotions: Iterable[UUID], customer: Customer) -> None:
    """Advisory locks, for there is no row to lock: the count of a customer who has not used it yet is no row at all."""
    people = [*customer.emails, *([str(customer.user_id)] if customer.user_id is not None else [])]
    names = [f"promotion {key} {who}" for key in promotions for who in people]
    keys = sorted(int.from_bytes(sha256(name.encode()).digest()[:8], signed=True) for name in names)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys])


def _count_promotions(applied: Sequence[AppliedPromotion], promotions: Mapping[UUID, Promotion]) -> None:
    for each in sorted(applied, key=lambda one: one.key):
        if promotions[each.key].usage_limit is None:
            continue
        free = Promotion.objects.filter(pk=each.key, used_count__lt=F("usage_limit"))
        if not free.update(used_count=F("used_count") + 1):
            raise refused(code=each.code, name=each.name, reason="usage_limit_reached")


def _count_coupons(applied: Sequence[AppliedPromotion], coupons: Mapping[str, Coupon]) -> None:
    asked = [(coupons.get(each.code), each) for each in applied if each.code]
    for coupon, each in sorted(asked, key=lambda pair: str(pair[0].pk if pair[0] else "")):
        if coupon is None or not coupon.is_active:
            raise refused(code=each.code, name=each.name, reason="code_inactive")
        if coupon.usage_limit is None:
            continue
        free = Coupon.objects.filter(pk=coupon.pk, is_active=True, used_count__lt=F("usage_limit"))
        if not free.update(used_count=F("used_count") + 1):
            raise refused(code=each.code, name=each.name, reason="code_used")
