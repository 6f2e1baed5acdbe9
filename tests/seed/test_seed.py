"""The demo shop: everything that is promised is there, and it is as true as a real past would be."""

import random
from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from PIL import Image

from apps.cart.models import Coupon, CouponBatch, Promotion, PromotionUse
from apps.common.models import Event, EventDelivery
from apps.notifications.models import Notification
from apps.notifications.services import sending
from apps.orders.models import Order, OrderItem, Return
from apps.orders.services import lifecycle, stock_audit
from apps.payments.models import Dispute, Payment, ReconciliationBreak, Refund, RiskReview, StoreCreditEntry
from apps.products.models import (
    Category,
    Product,
    ProductImage,
    ProductVariant,
    Review,
    StockAlert,
    StockCount,
    StockLevel,
    StockMovement,
    StockReservation,
    StockTransfer,
    Store,
    Warehouse,
    Wishlist,
)
from apps.users.models import User
from scripts.seed import catalogue, everything, orders
from scripts.seed.money import Till
from scripts.seed.orders import Replay
from scripts.seed.scale import seed_scale
from scripts.seed.words import KINDS
from tests.client import ApiClient, code

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]  # the first one draws 126 pictures


@pytest.fixture(scope="module")
def shop(django_db_setup: Any, django_db_blocker: Any) -> Any:
    """The demo shop, loaded once for this module and rolled back after it; returns what the command said."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer._from_testcase = True  # as Django's own test case does, so that durable blocks are allowed inside
        outer.__enter__()
        said = StringIO()
        call_command("seed", stdout=said)
        yield said.getvalue()
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def _shop(shop: str) -> None:
    """Every test of this module looks at the demo shop."""


def everything_counted() -> dict[str, int]:
    models = (Category, Product, ProductVariant, ProductImage, Review, Order, Payment, Refund, StockReservation, Event)
    return {model.__name__: model.objects.count() for model in (*models, StockLevel, Notification, User)}


def test_the_command_says_what_it_did_and_how_to_sign_in(shop):
    assert "42 categories, 63 products, 203 variants" in shop
    assert "sign in: alice@example.com / Alice@123" in shop


def test_the_catalogue_is_a_three_level_tree_of_products_with_two_to_six_variants():
    parents = dict(Category.objects.values_list("id", "parent_id"))
    depths = Counter(1 + (parent is not None) + (parents.get(parent) is not None) for parent in parents.values())
    assert depths == {1: 5, 2: 13, 3: 24}
    assert Counter(Product.objects.values_list("status", flat=True)) == {"active": 60, "draft": 3}
    assert Product.objects.filter(is_featured=True).count() == 8
    counts = set(Product.objects.annotate(n=Count("variants")).values_list("n", flat=True))
    assert counts == {2, 3, 4, 5, 6}
    assert Product.objects.filter(status="active", in_stock=False).count() == 2


def test_listing_columns_are_those_of_the_variants():
    mug = Product.objects.get(slug="stoneware-mug")
    assert (mug.price, mug.in_stock, mug.thumbnail) == (
        mug.variants.earliest("price").price,
        True,
        "products/demo/stoneware-mug-1-small.webp",
    )
    approved = mug.reviews.filter(status="approved")
    assert mug.review_count == approved.count() > 0


def test_pictures_are_real_and_have_thumbnails():
    assert ProductImage.objects.count() == 126
    image = ProductImage.objects.filter(product__slug="fjell-2-tent").earliest("position")
    with default_storage.open(image.image.name) as file, Image.open(file) as picture:
        assert (picture.format, picture.size) == ("WEBP", (1200, 1200))
    with default_storage.open(image.thumbnail) as file, Image.open(file) as picture:
        assert (picture.format, picture.size) == ("WEBP", (400, 400))
    assert (image.width, image.height, image.alt) == (1200, 1200, "Fjell 2 Tent")


def test_the_ledger_adds_up_to_every_level():
    levels = StockLevel.objects.annotate(moved=Sum("movements__quantity"))
    assert [level.pk for level in levels if (level.moved or 0) != level.on_hand] == []
    assert Warehouse.objects.filter(stock_levels__on_hand__gt=0).distinct().count() == 2


def test_stock_ledger_reservations_and_orders_add_up():
    assert list(map(str, stock_audit.audit())) == []


def test_staff_have_worked_with_the_stock():
    assert Counter(StockTransfer.objects.values_list("status", flat=True)) == {
        "received": 1,
        "cancelled": 1,
        "in_transit": 1,
        "draft": 1,
    }
    assert Counter(StockCount.objects.values_list("status", flat=True)) == {"applied": 1, "open": 1}
    assert {alert.kind: alert.told_at is not None for alert in StockAlert.objects.open()} == {"low": True, "out": True}
    kinds = set(StockMovement.objects.values_list("kind", flat=True))
    assert kinds == {"receive", "sale", "return", "transfer_out", "transfer_in", "damage", "count"}
    assert StockMovement.objects.filter(kind="damage").count() == 2
    assert StockAlert.objects.filter(told_at=None).count() == 0
    assert not EventDelivery.objects.filter(event__type__startswith="stock.").exclude(status="done").exists()
    levels = StockLevel.objects
    assert (levels.filter(safety_stock=5).count(), levels.filter(backorder_limit=12).count()) == (1, 1)


def test_what_is_reserved_is_what_unpaid_orders_hold():
    held = Q(reservations__status=StockReservation.Status.HELD)
    levels = StockLevel.objects.annotate(held=Sum("reservations__quantity", filter=held))
    assert [level.pk for level in levels if (level.held or 0) != level.reserved] == []
    promised = OrderItem.objects.filter(order__status="pending").aggregate(units=Sum("quantity"))["units"]
    assert StockLevel.objects.aggregate(units=Sum("reserved"))["units"] == promised > 0


def test_orders_of_every_status_lie_in_the_last_sixty_days():
    assert Counter(Order.objects.values_list("status", flat=True)) == {
        "pending": 3,
        "confirmed": 6,
        "processing": 2,
        "shipped": 3,
        "delivered": 13,
        "cancelled": 4,
        "returned": 2,
    }
    oldest = Order.objects.earliest("placed_at")
    assert 59 <= (timezone.now() - oldest.placed_at).days < 60
    in_order_of_ids = list(Order.objects.order_by("id").values_list("placed_at", flat=True))
    assert in_order_of_ids == sorted(in_order_of_ids)


def test_order_totals_are_the_sums_of_their_lines():
    for order in Order.objects.annotate(lines=Sum("items__line_total"), off=Sum("items__discount")):
        assert (order.subtotal, order.discount_total) == (order.lines, order.off), order.number
    assert Order.objects.filter(discount_total__gt=0).exists()


def test_payments_and_refunds_match_what_the_orders_say():
    paid = Payment.objects.filter(status="succeeded")
    assert not paid.exclude(captured=F("order__total")).exists()
    assert Counter(paid.values_list("order__payment_status", flat=True)) == {
        "paid": 21,
        "disputed": 1,
        "partly_refunded": 3,
        "refunded": 2,
    }
    unpaid = Order.objects.exclude(payments__status="succeeded")
    assert set(unpaid.values_list("payment_status", flat=True)) == {"unpaid", "failed", "authorised"}
    assert Counter(Refund.objects.values_list("status", flat=True)) == {"succeeded": 5}
    for payment in paid.annotate(given=Sum("refunds__amount")):
        assert payment.refunded == (payment.given or 0)


def test_each_history_runs_in_order_of_time():
    for order in Order.objects.all():
        moves = list(order.history.order_by("created_at").values_list("from_status", "to_status"))
        assert moves[0] == ("", "pending")
        assert [before for before, _ in moves[1:]] == [after for _, after in moves[:-1]]
        assert moves[-1][1] == order.status


def test_the_mails_of_the_past_are_history_and_are_not_sent_now(mailoutbox):
    kinds = Counter(Notification.objects.values_list("kind", flat=True))
    assert kinds == {
        "order_confirmation": 28,
        "order_shipped": 19,
        "return_requested": 7,
        "return_approved": 4,
        "return_rejected": 1,
        "return_received": 2,
        "return_completed": 1,
        "order_delivered": 15,
        "order_cancelled": 4,
        "invoice": 28,
        "credit_note": 6,
    }
    assert not Notification.objects.exclude(status="sent").exists()
    assert not EventDelivery.objects.exclude(status="done").exists()
    assert sending.send_due() == 0
    assert mailoutbox == []


def test_the_order_desk_finds_a_return_in_every_status_a_hold_and_a_part():
    assert Counter(Return.objects.values_list("status", flat=True)) == dict.fromkeys(Return.Status.values, 1)
    assert Order.objects.filter(hold_reason="Call about the address", status="confirmed").count() == 1
    assert Order.objects.filter(fulfilment_status="partly_fulfilled").count() == 1
    kinds = Counter(StoreCreditEntry.objects.values_list("kind", flat=True))
    assert kinds == {"granted": 1, "returned_goods": 1}
    assert stock_audit.audit() == []


def test_unpaid_demo_orders_are_not_cancelled_by_the_next_sweep():
    assert lifecycle.cancel_expired() == 0
    assert Order.objects.filter(status="pending").count() == 3


def test_the_queues_about_money_have_something_in_them():
    assert Counter(Payment.objects.filter(status="authorised").values_list("order__payment_status", flat=True)) == {
        "authorised": 1
    }
    transfer = Payment.objects.get(provider="manual")
    assert (transfer.status, transfer.manual_method, transfer.order.status) == (
        "processing",
        "bank_transfer",
        "pending",
    )
    assert Payment.objects.get(provider="paypal").order.payment_status == "paid"
    review = RiskReview.objects.get()
    assert (review.status, review.score, review.order.hold_reason) == ("pending", 60, "risk review")
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.evidence.count()) == ("needs_response", 5)
    found = ReconciliationBreak.objects.get()
    assert (found.kind, found.status, str(found.there)) == ("paid_without_order", "open", "49.9000")


def test_reviews_are_verified_where_the_customer_has_bought():
    reviews = Counter(Review.objects.values_list("status", flat=True))
    assert reviews["approved"] >= 150
    assert reviews["pending"] >= 5
    bought = Order.objects.filter(confirmed_at__isnull=False).values_list("user_id", "items__product_id")
    verified = Review.objects.filter(is_verified_purchase=True).values_list("user_id", "product_id")
    assert set(verified) <= set(bought)
    assert len(verified) > 0
    assert [wishlist.items.count() for wishlist in Wishlist.objects.all()] == [5, 5]


def test_offers_of_every_kind_run_with_codes_a_batch_and_a_draft_to_try():
    kinds = set(Promotion.objects.values_list("kind", flat=True))
    assert kinds == set(Promotion.Kind.values)
    assert set(Coupon.objects.filter(batch=None).values_list("code", flat=True)) == {
        "WELCOME10",
        "SHIPFREE",
        "MUGFORYOU",
        "FIVEOFF",
    }
    assert CouponBatch.objects.get().coupons.count() == 25
    assert Promotion.objects.get(status="draft").name == "Autumn sale"
    carried = Order.objects.exclude(status="cancelled").values_list("discounts__promotion_id", flat=True)
    used = Counter(PromotionUse.objects.live().values_list("promotion_id", flat=True))
    assert used == Counter(carried.exclude(discounts=None))
    assert used.total() > 0


def test_stores_are_where_they_say_they_are():
    assert Store.objects.count() == 6
    berlin = Store.objects.get(slug="berlin-alexanderplatz")
    assert (str(berlin.latitude), str(berlin.longitude)) == ("52.52192", "13.41321")
    assert berlin.hours["mon"] == [["10:00", "20:00"]]
    assert berlin.hours["sun"] == []


@pytest.mark.parametrize(
    ("email", "password", "is_staff"),
    [
        ("admin@example.com", "Admin@123", True),
        ("staff@example.com", "Staff@123", True),
        ("alice@example.com", "Alice@123", False),
        ("bob@example.com", "Bob@123", False),
    ],
)
def test_the_demo_accounts_sign_in(api, email, password, is_staff):
    answer = api.post("/auth/login/", {"email": email, "password": password})
    assert answer.status_code == 200
    user = User.objects.get(email=email)
    assert (user.is_staff, user.has_perm("orders.change_order")) == (is_staff, is_staff)
    assert user.is_superuser is (email == "admin@example.com")


def test_the_order_desk_moves_orders_and_nothing_else():
    staff = ApiClient(User.objects.get(email="staff@example.com"))
    order = Order.objects.filter(status="confirmed").earliest("id")
    moved = staff.post(f"/admin/orders/{order.pk}/transitions/", {"to": "processing"})
    assert (moved.status_code, moved.json()["status"]) == (200, "processing")
    alice = ApiClient(User.objects.get(email="alice@example.com"))
    refused = alice.post(f"/admin/orders/{order.pk}/transitions/", {"to": "shipped"})
    assert code(refused) == (403, "permission_denied")


def test_an_empty_shop_is_filled_and_a_full_one_left_alone_with_if_empty():
    before = everything_counted()
    said = StringIO()
    call_command("seed", if_empty=True, stdout=said)
    assert said.getvalue().strip() == "The shop has products: nothing to do."
    assert everything_counted() == before


def test_seeding_again_restores_accounts_and_catalogue_and_adds_nothing():
    before = everything_counted()
    alice = User.objects.get(email="alice@example.com")
    alice.set_password("Something-else-1")
    alice.save()
    Product.objects.filter(slug="stoneware-mug").update(name="Changed", status="archived")
    call_command("seed", stdout=StringIO())
    alice.refresh_from_db()
    mug = Product.objects.get(slug="stoneware-mug")
    assert (alice.check_password("Alice@123"), mug.name, mug.status) == (True, "Stoneware Mug", "active")
    assert everything_counted() == before


def test_production_needs_force(monkeypatch):
    before = everything_counted()
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings.production")
    with pytest.raises(CommandError, match="This is production"):
        call_command("seed", stdout=StringIO())
    assert everything_counted() == before
    call_command("seed", force=True, if_empty=True, stdout=StringIO())


def test_a_seed_that_fails_leaves_nothing_behind(monkeypatch):
    before = everything_counted()

    def broken(*_: Any, **__: Any) -> None:
        Category.objects.create(name="Half", slug="half")
        raise OSError("disk full")

    monkeypatch.setattr(catalogue, "seed_stock", broken)
    with pytest.raises(OSError, match="disk full"):
        everything.seed(scale=0, say=lambda _: None)
    assert everything_counted() == before


def test_bulk_products_are_sellable_found_and_never_loaded_twice():
    assert seed_scale(30, now=timezone.now()) == 30
    assert seed_scale(30, now=timezone.now()) == 0
    bulk = Product.objects.filter(slug__startswith="bulk-")
    assert bulk.count() == 30
    first = bulk.get(slug="bulk-000000")
    assert (first.price, first.variants.count()) == (first.variants.earliest("price").price, 2)
    assert first.category.slug in KINDS
    assert "000000" in first.keywords
    levels = StockLevel.objects.filter(variant__product__in=bulk).annotate(moved=Sum("movements__quantity"))
    assert {(level.on_hand, level.moved or 0) for level in levels} == {(1000, 1000), (0, 0)}


def test_past_payments_exist_at_the_stripe_stand_in_when_it_runs(stripe, monkeypatch):
    stories = ("delivered", "cancelled_paid", "declined", "returned")
    monkeypatch.setattr(
        orders, "PLAN", tuple((20 - n, "alice@example.com", s, "standard") for n, s in enumerate(stories))
    )
    replay = Replay(dict(User.objects.in_bulk(field_name="email")), Till())
    replay.rng = random.Random("other numbers")
    replay.play(now=timezone.now())
    payments = Payment.objects.filter(order__in=replay._ids()).order_by("order_id")
    assert [payment.status for payment in payments] == ["succeeded", "succeeded", "failed", "succeeded"]
    known = {row["id"]: row["status"] for row in stripe.control("GET", "objects")["payment_intent"]}
    assert [known[payment.provider_reference] for payment in payments] == [
        "succeeded",
        "succeeded",
        "requires_payment_method",
        "succeeded",
    ]
    assert Counter(Refund.objects.filter(payment__in=payments).values_list("status", flat=True)) == {"succeeded": 2}
