"""The whole demo shop in its order: what others refer to comes first."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.test.utils import override_settings
from django.utils import timezone

from apps.orders.models import Order
from apps.products.models import Category, Product, ProductVariant, Review, Store, Warehouse
from apps.products.services import listing
from scripts.seed import carts, catalogue, money_work, offers, opinions, orders, prices, returns, shop, stock_work
from scripts.seed.accounts import ADMIN, ALICE, BOB, PEOPLE, STAFF, seed_accounts
from scripts.seed.clock import at
from scripts.seed.money import Till
from scripts.seed.scale import seed_scale

Say = Callable[[str], None]


def seed(*, scale: int, say: Say) -> None:
    """Bring the demo shop into this database: all of it, or nothing when something fails.

    On a shop that has it already, accounts and catalogue become what they were; orders, stock and reviews stay as
    they are. `scale` bulk products come on top. `say` is told what goes on.
    """
    with _step("pictures", say):
        # Before the transaction: the database does not wait for a pencil.
        catalogue.store_pictures()
    # Nobody is told of the past, not even the workers; and nobody doubts it.
    quiet = override_settings(EVENT_NUDGES=False, RISK_HOLD_SCORE=0, RISK_REFUSE_SCORE=0)
    with quiet, _no_log(), transaction.atomic():
        _demo(say)
        if scale:
            with _step(f"{scale} bulk products", say):
                seed_scale(scale, now=timezone.now())
    _sum_up(say)


def is_empty() -> bool:
    """Whether the shop has no product yet."""
    return not Product.objects.exists()


def _demo(say: Say) -> None:
    now = timezone.now()
    with _step("accounts", say):
        users = seed_accounts()
    with _step("categories, products, prices", say):
        shop.seed_shop()
        products = catalogue.seed_products(catalogue.seed_categories(), now=now)
        catalogue.seed_images(products)
        prices.seed_prices()
        offers.seed_promotions(since=now - timedelta(days=90))
    with _step("stock in two warehouses", say), at(now - timedelta(days=62)):
        catalogue.seed_stock()
    customers = [user for email, user in users.items() if email not in (ADMIN, STAFF)]
    if not Order.objects.filter(user__in=customers).exists():
        with _step("orders of the last 60 days", say):
            orders.seed_orders(users, now=now)
    with _step("an abandoned cart", say):
        carts.seed_abandoned_cart(now=now)
    with _step("disputes and disagreements about money", say):
        money_work.seed_money_work(Till(), now=now)
    with _step("returns, holds and store credit", say):
        returns.seed_desk(users, now=now)
    with _step("transfers, counts and alerts", say):
        stock_work.seed_stock_work(users[STAFF], now=now)
    if not Review.objects.filter(user__in=customers).exists():
        with _step("reviews and wishlists", say):
            opinions.seed_reviews(customers, now=now)
            opinions.seed_wishlists([users[ALICE], users[BOB]])
    listing.refresh([product.pk for product in products])


@contextmanager
def _no_log() -> Iterator[None]:
    """The demo's past is no news: its disagreements about money are meant. What fails here is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _step(what: str, say: Say) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"{what} ({time.monotonic() - began:.1f} s)")


def _sum_up(say: Say) -> None:
    counts = {
        "categories": Category.objects.count(),
        "products": Product.objects.count(),
        "variants": ProductVariant.objects.count(),
        "reviews": Review.objects.count(),
        "warehouses": Warehouse.objects.count(),
        "stores": Store.objects.count(),
        "orders": Order.objects.count(),
    }
    say(", ".join(f"{number} {name}" for name, number in counts.items()))
    for email, password, *_ in PEOPLE:
        if password:
            say(f"sign in: {email} / {password}")
