"""Reviews: written by customers, shown once staff approved them; and the purchases that verify them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.common.errors import Conflict, NotFound
from apps.common.events import record
from apps.products.models import Product, Purchase, Review
from apps.products.services import listing

if TYPE_CHECKING:
    from apps.users.models import User

Status = Review.Status


class AlreadyReviewed(Conflict):
    code = "already_reviewed"
    detail = "You have reviewed this product. Change your review instead."


class ReviewDecided(Conflict):
    code = "invalid_transition"
    detail = "The review has this status already."


def note_purchases(*, user_id: UUID, product_ids: Iterable[UUID]) -> None:
    """Remember that a customer has bought these products; repeatable. One statement."""
    Purchase.objects.bulk_create(
        [Purchase(user_id=user_id, product_id=product_id) for product_id in product_ids], ignore_conflicts=True
    )


@transaction.atomic
def write_review(*, user: "User", product_slug: str, rating: int, title: str, body: str) -> Review:
    """A new review, waiting for staff. Raises NotFound or AlreadyReviewed."""
    product = Product.objects.filter(slug=product_slug, status=Product.Status.ACTIVE).first()
    if product is None:
        raise NotFound
    review = Review(
        product=product,
        user=user,
        rating=rating,
        title=title,
        body=body,
        is_verified_purchase=Purchase.objects.filter(user=user, product=product).exists(),
    )
    try:
        with transaction.atomic():
            review.save(force_insert=True)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) != "one_review_per_customer":
            raise
        raise AlreadyReviewed from None
    record("review.submitted", target=review, actor=user, data={"product": product_slug, "rating": rating})
    return review


@transaction.atomic
def edit_review(*, user: "User", review_id: UUID, changes: dict[str, object]) -> Review:
    """Change one's own review, which staff then reads again unless nothing differs. Raises NotFound."""
    review = _own(user, review_id)
    changes = {name: value for name, value in changes.items() if getattr(review, name) != value}
    if not changes:
        return review
    was_shown = review.status == Status.APPROVED
    for name, value in changes.items():
        setattr(review, name, value)
    review.status = Status.PENDING
    review.save()
    if was_shown:
        listing.refresh([review.product_id])
    record("review.changed", target=review, actor=user, data={"fields": sorted(changes)})
    return review


@transaction.atomic
def delete_review(*, user: "User", review_id: UUID) -> None:
    """Take one's own review away. Raises NotFound."""
    review = _own(user, review_id)
    record("review.deleted", target=review, actor=user)
    review.delete()
    if review.status == Status.APPROVED:
        listing.refresh([review.product_id])


def approve(*, review_id: UUID, actor: "User") -> Review:
    """Show a review. Raises NotFound or ReviewDecided."""
    return _decide(review_id, Status.APPROVED, actor=actor, reason="")


def reject(*, review_id: UUID, actor: "User", reason: str = "") -> Review:
    """Hide a review. Raises NotFound or ReviewDecided."""
    return _decide(review_id, Status.REJECTED, actor=actor, reason=reason)


@transaction.atomic
def _decide(review_id: UUID, status: str, *, actor: "User", reason: str) -> Review:
    review = Review.objects.select_for_update(of=("self",)).select_related("user").filter(pk=review_id).first()
    if review is None:
        raise NotFound
    if review.status == status:
        raise ReviewDecided
    visible = Status.APPROVED in (review.status, status)
    review.status = status
    review.save(update_fields=["status", "updated_at"])
    record(f"review.{status}", target=review, actor=actor, data={"reason": reason[:200]})
    if visible:
        listing.refresh([review.product_id])
    return review


def _own(user: "User", review_id: UUID) -> Review:
    review = Review.objects.select_for_update().filter(pk=review_id, user=user).first()
    if review is None:
        raise NotFound
    review.user = user
    return review
