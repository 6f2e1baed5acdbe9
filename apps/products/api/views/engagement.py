"""Reviews and wishlists."""

from typing import Any
from uuid import UUID

from django.db.models import Count
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import conditional
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import Anyone, SignedIn, staff
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound
from apps.products.api.caching import CurrencyQuery, currency_of
from apps.products.api.serializers.engagement import (
    AdminReviewOut,
    RejectBody,
    ReviewBody,
    ReviewOut,
    ReviewPageOut,
    ReviewPatch,
    WishlistItemOut,
    present_admin_review,
    present_review,
    present_wish,
)
from apps.products.models import Product, Review, WishlistItem
from apps.products.services import reviews, shown_prices, wishlists

TAGS = ["Reviews and wishlist"]
STARS = (5, 4, 3, 2, 1)
PUBLIC = {"Cache-Control": "public, max-age=60"}


class ProductReviews(ApiView):
    permissions = {"GET": [Anyone], "POST": [SignedIn]}
    query_class = PageQuery
    conditional_read = True
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="reviews_list",
        summary="Reviews of a product",
        description="The approved ones, newest first, with the number of reviews per rating.",
        tags=TAGS,
        responses=ReviewPageOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        shown = Product.objects.filter(slug=slug, status=Product.Status.ACTIVE)
        product = shown.only("rating", "review_count").first()
        if product is None:
            raise NotFound
        approved = Review.objects.filter(product=product, status=Review.Status.APPROVED)
        counts = dict(approved.order_by().values_list("rating").annotate(reviews=Count("id")))
        rows = approved.select_related("user").order_by("-id")
        page = numbered_page(request, self.query, rows, present_review, count=sum(counts.values()))
        summary = {
            "rating": product.rating,
            "review_count": product.review_count,
            "histogram": [{"rating": stars, "count": counts.get(stars, 0)} for stars in STARS],
        }
        return conditional(request, page.body() | {"summary": summary}, headers=PUBLIC | page.headers())

    @extend_schema(
        operation_id="reviews_create",
        summary="Write a review",
        description="One per customer and product; shown once staff approved it. Buyers are marked as such.",
        tags=TAGS,
        request=ReviewBody,
        responses={201: ReviewOut},
        examples=[OpenApiExample("Five stars", {"rating": 5, "title": "Great", "body": "Fits."}, request_only=True)],
    )
    def post(self, request: Request, slug: str) -> Response:
        user: Any = request.user
        review = reviews.write_review(user=user, product_slug=slug, **self.body(ReviewBody))
        return created(present_review(review), f"/api/v1/reviews/{review.pk}/")


class OwnReview(ApiView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="reviews_update",
        summary="Change my review",
        description="Staff reads it again before it is shown.",
        tags=TAGS,
        request=ReviewPatch,
        responses=ReviewOut,
        examples=[OpenApiExample("Four stars", {"rating": 4}, request_only=True)],
    )
    def patch(self, request: Request, review_id: UUID) -> Response:
        user: Any = request.user
        changes = self.body(ReviewPatch)
        return Response(present_review(reviews.edit_review(user=user, review_id=review_id, changes=changes)))

    @extend_schema(
        operation_id="reviews_delete",
        summary="Delete my review",
        description="For good.",
        tags=TAGS,
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, review_id: UUID) -> Response:
        user: Any = request.user
        reviews.delete_review(user=user, review_id=review_id)
        return Response(status=204)


class AdminReviewQuery(PageQuery):
    status = serializers.ChoiceField(choices=Review.Status.choices, required=False)


class AdminReviews(ApiView):
    permission_classes = [staff("products.view_review")]
    query_class = AdminReviewQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_reviews_list",
        summary="Reviews for staff",
        description="Oldest first: a queue.",
        tags=["Reviews for staff"],
        responses=AdminReviewOut(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = Review.objects.select_related("user", "product").order_by("id")
        if "status" in self.query:
            rows = rows.filter(status=self.query["status"])
        return numbered_page(request, self.query, rows, present_admin_review).response()


class ApproveReview(ApiView):
    permission_classes = [staff("products.change_review")]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_reviews_approve",
        summary="Approve a review",
        description="Shows it and counts it in the product's rating.",
        tags=["Reviews for staff"],
        request=None,
        responses=ReviewOut,
    )
    def post(self, request: Request, review_id: UUID) -> Response:
        actor: Any = request.user
        return Response(present_review(reviews.approve(review_id=review_id, actor=actor)))


class RejectReview(ApiView):
    permission_classes = [staff("products.change_review")]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_reviews_reject",
        summary="Reject a review",
        description="Hides it; the reason stays in the audit trail.",
        tags=["Reviews for staff"],
        request=RejectBody,
        responses=ReviewOut,
        examples=[OpenApiExample("With a reason", {"reason": "Advertising"}, request_only=True)],
    )
    def post(self, request: Request, review_id: UUID) -> Response:
        actor: Any = request.user
        reason = self.body(RejectBody)["reason"]
        return Response(present_review(reviews.reject(review_id=review_id, actor=actor, reason=reason)))


class ProductWish(ApiView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="wishlist_add",
        summary="Put a product on my wishlist",
        description="201 when it is new, 200 when it was there. Never toggles.",
        tags=TAGS,
        request=None,
        responses={200: WishlistItemOut, 201: WishlistItemOut},
    )
    def post(self, request: Request, slug: str) -> Response:
        user: Any = request.user
        item, is_new = wishlists.add(user=user, product_slug=slug)
        (wish,) = wishlists.priced([item], None)
        return Response(present_wish(wish), status=201 if is_new else 200)

    @extend_schema(
        operation_id="wishlist_remove",
        summary="Take a product off my wishlist",
        description="Repeatable.",
        tags=TAGS,
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, slug: str) -> Response:
        user: Any = request.user
        wishlists.remove(user=user, product_slug=slug)
        return Response(status=204)


class WishlistQuery(PageQuery, CurrencyQuery):
    pass


class MyWishlist(ApiView):
    permission_classes = [SignedIn]
    query_class = WishlistQuery
    header_sets = ("currency",)
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="wishlist_list",
        summary="My wishlist",
        description="Newest first, with today's price and stock. In another currency both prices are of today's rate.",
        tags=TAGS,
        responses=WishlistItemOut(many=True),
    )
    def get(self, request: Request) -> Response:
        user: Any = request.user
        items = WishlistItem.objects.filter(wishlist__user=user, product__status=Product.Status.ACTIVE).select_related(
            "product"
        )
        wanted = shown_prices.showing(currency_of(request, self.query.get("currency")))
        wishes: Any = wishlists.PricedWishes(items.order_by("-id"), wanted)
        return numbered_page(request, self.query, wishes, present_wish).response()
