"""Making codes: one that people remember, or a batch that nobody can guess."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.cart.models import Coupon, CouponBatch, Promotion
from apps.common import jobs
from apps.common.errors import Invalid, NotFound
from apps.common.events import Actor, record
from apps.common.models import BackgroundJob
from apps.users.models import User

# No vowels, so no words; no 0, 1, I, L, O, U, so nothing to misread. 27^10 = 2 * 10^14: of 10,000 codes one is found in
# about 2 * 10^10 tries.
ALPHABET: Final = "23456789BCDFGHJKMNPQRSTVWXZ"
RANDOM_CHARACTERS: Final = 10
MAX_BATCH: Final = 10_000
JOB: Final = "coupons.batch"
_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class CodeRules:
    """What the codes made at once have in common. `usage_limit` 1: single use; None: no limit."""

    usage_limit: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def columns(self) -> dict[str, Any]:
        return {"usage_limit": self.usage_limit, "starts_at": self.starts_at, "ends_at": self.ends_at}

    def as_json(self) -> dict[str, Any]:
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.columns().items()
        }

    @classmethod
    def of_json(cls, given: dict[str, Any]) -> "CodeRules":
        dates = {name: datetime.fromisoformat(given[name]) for name in ("starts_at", "ends_at") if given[name]}
        return cls(usage_limit=given["usage_limit"], **dates)


@transaction.atomic
def create_coupon(*, promotion_id: UUID, code: str, rules: CodeRules, actor: Actor | None) -> Coupon:
    """A code with a name of its own, in capitals. Raises NotFound, Invalid: taken, or dates that do not fit."""
    promotion = _promotion(promotion_id)
    _check_dates(rules)
    code = code.strip().upper()
    coupon = Coupon(promotion=promotion, code=code, **rules.columns())
    # Not "look, then insert": of two at once one gets the constraint.
    inserted = Coupon.objects.bulk_create([coupon], ignore_conflicts=True)
    stored = Coupon.objects.select_related("promotion").filter(pk=inserted[0].pk).first()
    if stored is None:
        raise Invalid.field("/code", "unique", "This is already taken.")
    record("coupon.created", target=stored, actor=actor, data={"code": code})
    return stored


@transaction.atomic
def create_batch(
    *,
    promotion_id: UUID,
    count: int,
    rules: CodeRules,
    actor: Any,
    name: str = "",
    prefix: str = "",
) -> CouponBatch:
    """`count` codes that nobody can guess, each after `prefix`; all or none. Raises NotFound, Invalid."""
    promotion = _promotion(promotion_id)
    _check_dates(rules)
    batch = CouponBatch.objects.create(
        promotion=promotion,
        name=name or f"{count} codes",
        prefix=prefix.upper(),
        size=count,
        created_by_id=actor.pk if actor is not None and actor.is_authenticated else None,
    )
    made = 0
    while made < count:
        made += _insert(batch, min(_CHUNK, count - made), rules)
    record("coupon_batch.created", target=batch, actor=actor, data={"size": count, "promotion": promotion.name})
    return batch


@transaction.atomic
def start_batch(
    *, promotion_id: UUID, count: int, rules: CodeRules, actor: Any, name: str = "", prefix: str = ""
) -> BackgroundJob:
    """`create_batch` as a background job. Raises NotFound, Invalid at once."""
    _promotion(promotion_id)
    _check_dates(rules)
    arguments = {"promotion": str(promotion_id), "count": count, "name": name, "prefix": prefix, **rules.as_json()}
    return jobs.start(kind=JOB, arguments=arguments, actor=actor, total=count)


def run_batch(run: jobs.Run) -> jobs.Result:
    """The job: its codes and its end are one transaction, so however often it is tried they are made once."""
    given = run.arguments
    promotion_id = UUID(given["promotion"])
    with transaction.atomic():
        batch = create_batch(
            promotion_id=promotion_id,
            count=given["count"],
            rules=CodeRules.of_json(given),
            actor=User.objects.filter(pk=run.actor_id).first() if run.actor_id is not None else None,
            name=given["name"],
            prefix=given["prefix"],
        )
        run.advance(done=batch.size, total=batch.size)
        address = f"/api/v1/admin/promotions/{promotion_id}/coupons/?batch={batch.pk}"
        result = jobs.Result({"batch": str(batch.pk), "codes": batch.size}, url=address)
        run.finish(result)
    return result


@transaction.atomic
def switch(*, promotion_id: UUID, code: str, is_active: bool, actor: Actor | None) -> Coupon:
    """Switch a code on or off. Raises NotFound."""
    coupon = Coupon.objects.select_for_update().filter(promotion_id=promotion_id, code=code.strip().upper()).first()
    if coupon is None:
        raise NotFound
    if coupon.is_active != is_active:
        coupon.is_active = is_active
        coupon.save(update_fields=["is_active", "updated_at"])
        record("coupon.changed", target=coupon, actor=actor, data={"code": coupon.code, "is_active": is_active})
    return coupon


def new_code(prefix: str) -> str:
    """A code that can't be guessed from another; the unique constraint watches over it."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))


def _insert(batch: CouponBatch, count: int, rules: CodeRules) -> int:
    """Insert new codes; returns how many were free."""
    codes = {new_code(batch.prefix) for _ in range(count)}
    rows = [Coupon(promotion_id=batch.promotion_id, batch=batch, code=code, **rules.columns()) for code in codes]
    Coupon.objects.bulk_create(rows, ignore_conflicts=True)
    return Coupon.objects.filter(batch=batch, code__in=codes).count()


def _promotion(promotion_id: UUID) -> Promotion:
    promotion = Promotion.objects.filter(pk=promotion_id).first()
    if promotion is None:
        raise NotFound
    return promotion


def _check_dates(rules: CodeRules) -> None:
    if rules.starts_at and rules.ends_at and rules.ends_at <= rules.starts_at:
        raise Invalid.field("/ends_at", "invalid", "It must end after it starts.")
