"""Bodies of reviews, wishlists and stores."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import LineField
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.media import media_url
from apps.common.text import has_control_character
from apps.products.models import Review, Store
from apps.products.services.wishlists import PricedWish

_LINE_BREAKS = str.maketrans("", "", "\n\r\t")


class ReviewTextField(serializers.CharField):
    """Text of several lines, without characters that do not show."""

    default_error_messages = {"control_character": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if has_control_character(text.translate(_LINE_BREAKS)):
            self.fail("control_character")
        return text


class ReviewBody(StrictSerializer):
    rating = serializers.IntegerField(min_value=1, max_value=5)
    title = LineField(max_length=120, required=False, allow_blank=True, default="")
    body = ReviewTextField(max_length=5000, required=False, allow_blank=True, default="")


class ReviewPatch(StrictSerializer):
    rating = serializers.IntegerField(min_value=1, max_value=5, required=False)
    title = LineField(max_length=120, required=False, allow_blank=True)
    body = ReviewTextField(max_length=5000, required=False, allow_blank=True)


class RejectBody(StrictSerializer):
    reason = LineField(max_length=200, required=False, allow_blank=True, default="")


class ReviewOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    rating = serializers.IntegerField(min_value=1, max_value=5)
    title = serializers.CharField(max_length=120)
    body = serializers.CharField(max_length=5000)
    status = serializers.ChoiceField(choices=Review.Status.choices)
    is_verified_purchase = serializers.BooleanField()
    author = serializers.CharField(max_length=90, help_text="first name and initial")
    created_at = serializers.DateTimeField()


class HistogramOut(serializers.Serializer[Any]):
    rating = serializers.IntegerField(min_value=1, max_value=5)
    count = serializers.IntegerField(min_value=0, max_value=2147483647)


class ReviewSummaryOut(serializers.Serializer[Any]):
    rating = serializers.DecimalField(max_digits=3, decimal_places=2, allow_null=True, min_value=1, max_value=5)
    review_count = serializers.IntegerField(min_value=0, max_value=2147483647)
    histogram = HistogramOut(many=True)


class ReviewPageOut(serializers.Serializer[Any]):
    count = serializers.IntegerField(min_value=0, max_value=2147483647)
    next = serializers.URLField(max_length=4000, allow_null=True)
    previous = serializers.URLField(max_length=4000, allow_null=True)
    results = ReviewOut(many=True)
    summary = ReviewSummaryOut()


class AdminReviewOut(ReviewOut):
    product = serializers.CharField(max_length=220)


class WishlistProductOut(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=220)
    name = serializers.CharField(max_length=200)
    price = MoneyField()
    thumbnail = serializers.CharField(max_length=300, allow_null=True)
    in_stock = serializers.BooleanField()


class WishlistItemOut(serializers.Serializer[Any]):
    product = WishlistProductOut()
    price_when_added = MoneyField()
    price_dropped = serializers.BooleanField()
    added_at = serializers.DateTimeField()


class StoreOut(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=80)
    name = serializers.CharField(max_length=120)
    line1 = serializers.CharField(max_length=200)
    city = serializers.CharField(max_length=120)
    region = serializers.CharField(max_length=120)
    postal_code = serializers.CharField(max_length=20)
    country = serializers.CharField(max_length=2)
    phone = serializers.CharField(max_length=20)
    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)
    timezone = serializers.CharField(max_length=40)
    hours = serializers.DictField(
        child=serializers.ListField(
            child=serializers.ListField(child=serializers.CharField(max_length=5), max_length=2), max_length=6
        ),
        help_text='by day: {"mon": [["09:00", "18:00"]]}',
    )


class NearbyStoreOut(StoreOut):
    distance_km = serializers.FloatField(min_value=0, max_value=20_100)


class NearbyStoresOut(serializers.Serializer[Any]):
    results = NearbyStoreOut(many=True)


def present_review(review: Review) -> dict[str, Any]:
    user = review.user
    initial = f" {user.last_name[0]}." if user.last_name else ""
    return {
        "id": review.id,
        "rating": review.rating,
        "title": review.title,
        "body": review.body,
        "status": review.status,
        "is_verified_purchase": review.is_verified_purchase,
        "author": f"{user.first_name or 'Anonymous'}{initial}",
        "created_at": review.created_at,
    }


def present_admin_review(review: Review) -> dict[str, Any]:
    return present_review(review) | {"product": review.product.slug}


def present_wish(wish: PricedWish) -> dict[str, Any]:
    item, product = wish.item, wish.item.product
    return {
        "product": {
            "slug": product.slug,
            "name": product.name,
            "price": wish.price.as_json(),
            "thumbnail": media_url(product.thumbnail),
            "in_stock": product.in_stock,
        },
        "price_when_added": wish.price_when_added.as_json(),
        "price_dropped": wish.price_dropped,
        "added_at": item.created_at,
    }


def present_store(store: Store) -> dict[str, Any]:
    plain = ("slug", "name", "line1", "city", "region", "postal_code", "country", "phone", "timezone", "hours")
    return {name: getattr(store, name) for name in plain} | {
        "latitude": float(store.latitude),
        "longitude": float(store.longitude),
    }
