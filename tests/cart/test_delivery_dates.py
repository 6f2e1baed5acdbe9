"""When an order arrives: business days, holidays of both ends, the cut-off by the shop's clock; and over HTTP."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from apps.cart.models import ShippingHoliday, ShippingMethod
from apps.cart.pricing.delivery_dates import Delivery, estimate
from tests.factories import sellable
from tests.orders.steps import cart_with, order_body

# 2 November 2026 is a Monday.
MONDAY, FRIDAY, SATURDAY = (datetime(2026, 11, day, 10, tzinfo=UTC) for day in (2, 6, 7))


def days(first: int, last: int, month: int = 11) -> Delivery:
    return Delivery(date(2026, month, first), date(2026, month, last))


@pytest.mark.parametrize(
    ("now", "cutoff", "min_days", "max_days", "expected"),
    [
        (MONDAY, None, 1, 3, days(3, 5)),
        (MONDAY, 11, 1, 3, days(3, 5)),
        (MONDAY, 10, 1, 3, days(4, 6)),
        (FRIDAY, None, 1, 2, days(9, 10)),
        (FRIDAY, 10, 1, 1, days(10, 10)),
        (SATURDAY, None, 1, 1, days(10, 10)),
        (MONDAY, None, 0, 0, days(2, 2)),
        (SATURDAY, None, 0, 0, days(9, 9)),
        (MONDAY, None, 5, 10, days(9, 16)),
    ],
)
def test_days_are_business_days_counted_from_the_day_of_sending(now, cutoff, min_days, max_days, expected):
    assert estimate(now, cutoff_hour=cutoff, min_days=min_days, max_days=max_days) == expected


def test_holidays_here_delay_the_sending_and_holidays_there_the_arrival():
    tuesday, thursday = date(2026, 11, 3), date(2026, 11, 5)
    late = MONDAY.replace(hour=18)
    assert estimate(late, cutoff_hour=12, min_days=1, max_days=2) == days(4, 5)
    assert estimate(late, cutoff_hour=12, min_days=1, max_days=2, closed_here={tuesday}) == days(5, 6)
    assert estimate(late, cutoff_hour=12, min_days=1, max_days=2, closed_there={thursday}) == days(4, 6)


@pytest.mark.django_db
@time_machine.travel("2026-11-06T23:30:00+00:00", tick=False)
def test_offer_and_order_say_the_days_by_the_shops_clock(settings):
    ShippingMethod.objects.create(code="standard", name="Standard", price=5, min_days=1, max_days=2, cutoff_hour=16)
    # In New York it is 18:30 on Friday, after the cut-off: sent on Monday. In Auckland it is Saturday noon: the same.
    settings.SHOP_TIME_ZONE = "America/New_York"
    cart = cart_with(sellable())
    found = cart.post("/cart/shipping-rates/", {"country": "US"}).json()["results"][0]
    assert found["delivery"] == {"earliest": "2026-11-10", "latest": "2026-11-11"}
    ShippingHoliday.objects.create(country="US", day=date(2026, 11, 11), name="Veterans Day")
    placed = cart.post("/orders/", order_body()).json()
    assert placed["delivery"] == {"earliest": "2026-11-10", "latest": "2026-11-12"}


@pytest.mark.django_db
@time_machine.travel("2026-11-02T10:00:00+00:00", tick=False)
def test_a_holiday_of_another_country_changes_nothing():
    ShippingMethod.objects.create(code="standard", name="Standard", price=5, min_days=1, max_days=1)
    ShippingHoliday.objects.create(country="DE", day=date(2026, 11, 3), name="Feiertag")
    cart = cart_with(sellable())
    to = {country: cart.post("/cart/shipping-rates/", {"country": country}).json() for country in ("US", "DE")}
    assert {country: body["results"][0]["delivery"]["earliest"] for country, body in to.items()} == {
        "US": "2026-11-03",
        "DE": "2026-11-04",
    }
