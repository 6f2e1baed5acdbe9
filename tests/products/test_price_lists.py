"""Price lists: which price holds, how staff set it, and what it was at a time."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.common.currencies import RoundingRule
from apps.common.models import Event
from apps.common.money import exponent
from apps.products.models import Price, PriceHistory, PriceList, ProductVariant
from apps.products.services import price_lists, prices
from apps.products.services.prices import Asked, ListPrice
from tests.client import code
from tests.factories import UserFactory, VariantFactory
from tests.products.money_steps import money, price_list, rate, sells_in, today
from tests.products.stock_steps import chief, staff_client

D = Decimal


def unit_price(variant: ProductVariant, currency: str, *, quantity: int = 1, **who: Any) -> tuple[str, str] | None:
    asked = Asked(variant.pk, quantity, variant.price, variant.compare_at_price, variant.currency)
    found = prices.resolve(lines=[asked], currency=currency, at=timezone.now(), **who).get(variant.pk)
    return (f"{found.amount.normalize():f}", found.source) if found is not None else None


@pytest.mark.parametrize(
    ("amount", "rule", "expected"),
    [
        ("10.005", RoundingRule("EUR"), "10.01"),
        ("10.004", RoundingRule("EUR"), "10.00"),
        ("0.001", RoundingRule("EUR"), "0.01"),
        ("0", RoundingRule("EUR"), "0.00"),
        ("0", RoundingRule("EUR", D(1), D("0.99")), "0.00"),
        ("1234.5", RoundingRule("JPY"), "1235"),
        ("1234.9", RoundingRule("JPY", D(10)), "1230"),
        ("1235", RoundingRule("JPY", D(10)), "1240"),
        ("3", RoundingRule("JPY", D(10)), "10"),
        ("1.23456", RoundingRule("KWD"), "1.235"),
        ("9.97", RoundingRule("CHF", D("0.05")), "9.95"),
        ("9.975", RoundingRule("CHF", D("0.05")), "10.00"),
        ("10.48", RoundingRule("USD", D(1), D("0.99")), "9.99"),
        ("10.49", RoundingRule("USD", D(1), D("0.99")), "10.99"),
        ("0.20", RoundingRule("USD", D(1), D("0.99")), "0.99"),
    ],
)
def test_converted_prices_are_rounded_as_the_currency_says(amount, rule, expected):
    assert str(rule.round(D(amount))) == expected


_AMOUNTS = st.decimals(min_value=0, max_value=10**7, places=4)
_RULES = st.one_of(
    st.sampled_from(["USD", "JPY", "KWD", "CHF"]).map(RoundingRule),
    st.sampled_from([RoundingRule("JPY", D(10)), RoundingRule("CHF", D("0.05")), RoundingRule("USD", D(1), D("0.99"))]),
)


@given(amount=_AMOUNTS, factor=st.decimals(min_value=D("0.000001"), max_value=10**5, places=6), rule=_RULES)
def test_a_conversion_is_never_negative_nor_finer_than_the_currency_nor_free(amount, factor, rule):
    rounded = rule.round(amount * factor)
    assert rounded == rounded.quantize(exponent(rule.currency))
    assert (rounded > 0) if amount > 0 else (rounded == 0)
    if rule.increment is not None and rounded > 0:
        assert (rounded - (rule.ending or 0)) % rule.increment == 0


@given(low=_AMOUNTS, high=_AMOUNTS, rule=_RULES)
def test_a_dearer_price_never_becomes_the_cheaper_one(low, high, rule):
    low, high = sorted((low, high))
    assert rule.round(low) <= rule.round(high)


_TIERS = st.lists(
    st.builds(
        ListPrice,
        code=st.sampled_from("abc"),
        priority=st.just(0),
        minimum_quantity=st.integers(1, 20),
        amount=st.decimals(min_value=0, max_value=100, places=2),
        compare_at=st.none(),
    ),
    unique_by=lambda each: (each.code, each.minimum_quantity),
)


@given(offered=_TIERS, low=st.integers(1, 25), high=st.integers(1, 25), order=st.randoms())
def test_more_units_have_another_price_only_where_a_tier_begins_and_the_order_of_rows_is_nothing(
    offered, low, high, order
):
    low, high = sorted((low, high))
    one, more = prices.choose(offered, quantity=low), prices.choose(offered, quantity=high)
    if not any(low < each.minimum_quantity <= high for each in offered):
        assert one == more
    shuffled = list(offered)
    order.shuffle(shuffled)
    assert prices.choose(shuffled, quantity=high) == more


@pytest.mark.django_db
def test_without_a_list_the_price_is_converted_by_the_rate_of_the_day():
    sells_in("EUR", usd="0.9")
    variant = VariantFactory(price=D("19.99"))
    assert unit_price(variant, "USD") == ("19.99", "list_price")
    assert unit_price(variant, "EUR") == ("17.99", f"converted:0.9@{today().isoformat()}")


@pytest.mark.django_db
def test_without_a_rate_there_is_no_price_unless_a_list_has_one():
    listed, other = VariantFactory(), VariantFactory()
    price_list("euro", "EUR", {listed: "15.00"})
    assert (unit_price(listed, "EUR"), unit_price(other, "EUR")) == (("15", "price_list:euro"), None)


@pytest.mark.django_db
def test_the_highest_priority_wins_and_then_the_cheapest():
    variant = VariantFactory()
    price_list("a", "EUR", {variant: "9.00"})
    price_list("b", "EUR", {variant: "8.00"})
    assert unit_price(variant, "EUR") == ("8", "price_list:b")
    price_list("c", "EUR", {variant: "12.00"}, priority=1)
    assert unit_price(variant, "EUR") == ("12", "price_list:c")


@pytest.mark.django_db
def test_lists_that_are_off_not_begun_over_or_of_another_currency_are_no_lists():
    variant, now = VariantFactory(price=D("20.00")), timezone.now()
    rate("EUR", "0.5", base="USD")
    price_list("off", "EUR", {variant: "1.00"}, is_active=False)
    price_list("soon", "EUR", {variant: "1.00"}, starts_at=now + timedelta(days=1))
    price_list("over", "EUR", {variant: "1.00"}, ends_at=now - timedelta(days=1))
    price_list("other", "GBP", {variant: "1.00"})
    assert unit_price(variant, "EUR") == ("10", f"converted:0.5@{today().isoformat()}")


@pytest.mark.django_db
def test_tiers_and_groups_are_for_whom_they_are():
    variant = VariantFactory(price=D("20.00"))
    price_list("wholesale", "USD", {variant: {1: "15.00", 10: "12.00", 100: "9.50"}}, group="wholesale")
    buyer, stranger = UserFactory(), UserFactory()
    buyer.groups.add(Group.objects.get(name="wholesale"))
    found = [unit_price(variant, "USD", quantity=units, customer_id=buyer.pk) for units in (1, 9, 10, 99, 100)]
    assert [price for price, _ in filter(None, found)] == ["15", "15", "12", "12", "9.5"]
    assert unit_price(variant, "USD", quantity=100, customer_id=stranger.pk) == ("20", "list_price")
    assert unit_price(variant, "USD", quantity=100) == ("20", "list_price")


@pytest.mark.django_db
def test_the_number_of_statements_does_not_depend_on_the_number_of_lines():
    sells_in("EUR", usd="0.9")
    variants = [VariantFactory() for _ in range(12)]
    price_list("euro", "EUR", dict.fromkeys(variants[:6], "15.00"))
    unit_price(variants[-1], "EUR")  # remembers the currencies
    counts = []
    for number in (2, 12):
        lines = [Asked(row.pk, 1, row.price, None, "USD") for row in variants[-number:]]
        with CaptureQueriesContext(connection) as captured:
            assert len(prices.resolve(lines=lines, currency="EUR", at=timezone.now())) == number
        counts.append(len(captured))
    assert counts == [2, 2]


@pytest.mark.django_db
def test_the_history_keeps_every_price_however_it_was_written():
    variant = VariantFactory(price=D("10.00"))
    ProductVariant.objects.filter(pk=variant.pk).update(price=D("12.00"))
    ProductVariant.objects.filter(pk=variant.pk).update(name="same price")
    row = price_list("euro", "EUR", {variant: "9.00"})
    row.prices.update(amount=D("8.00"))
    row.prices.all().delete()
    kept = PriceHistory.objects.filter(variant=variant).order_by("id").values_list("price_list__code", "amount")
    assert list(kept) == [
        (None, D("10.00")),
        (None, D("12.00")),
        ("euro", D("9.00")),
        ("euro", None),
        ("euro", D("8.00")),
        ("euro", None),
    ]
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        PriceHistory.objects.all()._raw_delete("default")


@pytest.mark.django_db
def test_staff_read_what_a_price_was():
    variant, now = VariantFactory(price=D("10.00"), sku="MUG"), timezone.now()
    shift = {"variant": variant, "currency": "USD"}
    PriceHistory.objects.create(**shift, amount=D("7.00"), since=now - timedelta(days=9))
    PriceHistory.objects.create(**shift, amount=D("8.00"), since=now - timedelta(days=5))
    sells_in("EUR", usd="0.9")
    rate("EUR", "0.8", base="USD", days_ago=6)
    client = staff_client("view_price")

    def at(**query: Any) -> tuple[Any, Any]:
        days = query.pop("days_ago", 0)
        answer = client.get("/admin/prices/MUG/", {"as_of": (now - timedelta(days=days)).isoformat()} | query)
        assert answer.status_code == 200, answer.content
        body = answer.json()
        return body["price"] and body["price"]["amount"], body["source"]

    old = (today() - timedelta(days=6)).isoformat()
    assert at(days_ago=10) == (None, None)
    assert at(days_ago=6) == ("7.00", "list_price")
    assert at(days_ago=4) == ("8.00", "list_price")
    assert at(days_ago=-1) == ("10.00", "list_price")
    assert at(days_ago=6, currency="EUR") == ("5.60", f"converted:0.8@{old}")
    assert at(days_ago=9, currency="EUR") == (None, None)
    price_list("bulk", "USD", {variant: {10: "6.00"}}, group="trade")
    assert at(days_ago=-1, quantity=10, group="trade") == ("6.00", "price_list:bulk")
    assert at(days_ago=-1, quantity=10) == ("10.00", "list_price")


@pytest.mark.django_db
def test_a_price_that_nobody_can_ask_for():
    VariantFactory(sku="MUG")
    client = chief()
    assert code(client.get("/admin/prices/CUP/")) == (404, "not_found")
    assert code(client.get("/admin/prices/MUG/?currency=EUR")) == (400, "unsupported_currency")
    assert code(client.get("/admin/prices/MUG/?as_of=yesterday")) == (400, "validation_error")
    assert code(client.get("/admin/prices/MUG/?group=nobody")) == (400, "validation_error")


@pytest.mark.django_db
def test_staff_make_price_and_switch_off_a_list():
    sells_in("EUR", usd="0.9")
    variant = VariantFactory(sku="MUG")
    client = chief()
    made = client.post("/admin/price-lists/", {"code": "euro", "name": "Euro", "currency": "EUR"})
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/admin/price-lists/euro/")
    rows = [
        {"sku": "MUG", "amount": money("17.00", "EUR"), "compare_at": money("19.00", "EUR")},
        {"sku": "MUG", "minimum_quantity": 10, "amount": money("15.00", "EUR")},
    ]
    assert client.put("/admin/price-lists/euro/prices/", {"prices": rows}).status_code == 200
    assert client.put("/admin/price-lists/euro/prices/", {"prices": rows}).status_code == 200
    assert client.get("/admin/price-lists/euro/prices/").json()["results"] == [
        {"minimum_quantity": 1, **rows[0]},
        {"compare_at": None, **rows[1]},
    ]
    client.put("/admin/price-lists/euro/prices/", {"prices": [{"sku": "MUG", "amount": None}]})
    assert [
        row["minimum_quantity"] for row in client.get("/admin/price-lists/euro/prices/?sku=MUG").json()["results"]
    ] == [10]
    read = client.get("/admin/price-lists/euro/")
    stale = client.patch("/admin/price-lists/euro/", {"is_active": False}, If_Match='"other"')
    assert code(stale) == (412, "precondition_failed")
    off = client.patch("/admin/price-lists/euro/", {"is_active": False}, If_Match=read.headers["ETag"])
    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert unit_price(variant, "EUR", quantity=10) == ("17.99", f"converted:0.9@{today().isoformat()}")
    assert Event.objects.filter(type="price_list.priced").count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "pointer", "reason"),
    [
        ({"sku": "CUP"}, "/prices/0/sku", "does_not_exist"),
        ({"amount": money("17.00", "USD")}, "/prices/0/amount", "unsupported_currency"),
        ({"amount": money("17.001", "EUR")}, "/prices/0/amount", "too_precise"),
        ({"amount": money("-1.00", "EUR")}, "/prices/0/amount", "min_value"),
        ({"compare_at": money("17.00", "EUR")}, "/prices/0/compare_at", "min_value"),
        ({"minimum_quantity": 0}, "/prices/0/minimum_quantity", "min_value"),
    ],
)
def test_a_bad_row_sets_none(row, pointer, reason):
    sells_in("EUR", usd="0.9")
    VariantFactory(sku="MUG")
    VariantFactory(sku="JUG")
    price_list("euro", "EUR", {})
    good = {"sku": "JUG", "amount": money("5.00", "EUR")}
    bad = {"sku": "MUG", "amount": money("17.00", "EUR")} | row
    answer = chief().put("/admin/price-lists/euro/prices/", {"prices": [bad, good]})
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, reason)]
    assert not Price.objects.exists()


@pytest.mark.django_db
def test_a_price_comes_once_per_body():
    VariantFactory(sku="MUG")
    price_list("trade", "USD", {}, group="trade")
    row = {"sku": "MUG", "amount": money("5.00", "USD")}
    answer = chief().put("/admin/price-lists/trade/prices/", {"prices": [row, row]})
    assert answer.json()["errors"][0]["pointer"] == "/prices/1/sku"
    assert not Price.objects.exists()


@pytest.mark.django_db
def test_what_everybody_pays_in_the_shops_own_currency_is_the_variants_price():
    VariantFactory(sku="MUG")
    row = price_list("sale", "USD", {})
    client = chief()
    one, ten = ({"sku": "MUG", "minimum_quantity": units, "amount": money("5.00", "USD")} for units in (1, 10))
    answer = client.put("/admin/price-lists/sale/prices/", {"prices": [one]})
    assert answer.json()["errors"][0]["pointer"] == "/prices/0/minimum_quantity"
    assert client.put("/admin/price-lists/sale/prices/", {"prices": [ten]}).status_code == 200
    Group.objects.create(name="trade")
    client.patch("/admin/price-lists/sale/", {"group": "trade"})
    assert client.put("/admin/price-lists/sale/prices/", {"prices": [one]}).status_code == 200
    assert code(client.patch("/admin/price-lists/sale/", {"group": None})) == (400, "validation_error")
    row.refresh_from_db()
    assert row.group_id is not None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": "euro"}, "/code"),
        ({"code": "UP"}, "/code"),
        ({"currency": "GBP"}, "/currency"),
        ({"group": "nobody"}, "/group"),
        ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "/ends_at"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_bad_lists_are_refused(change, pointer):
    price_list("euro", "EUR", {})
    answer = chief().post("/admin/price-lists/", {"code": "new", "name": "New", "currency": "USD"} | change)
    assert code(answer) == (400, "validation_error")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert PriceList.objects.count() == 1


@pytest.mark.django_db
def test_a_list_with_prices_keeps_its_currency():
    sells_in("EUR", usd="0.9")
    price_list("trade", "USD", {VariantFactory(): "5.00"}, group="trade")
    assert code(chief().patch("/admin/price-lists/trade/", {"currency": "EUR"})) == (409, "in_use")
    assert PriceList.objects.get().currency == "USD"


@pytest.mark.django_db
def test_prices_come_from_a_file_all_or_none():
    VariantFactory(sku="MUG")
    price_list("trade", "USD", {}, group="trade")
    good = ["sku,amount,minimum_quantity,compare_at", "MUG,5.00,,6.50", "MUG,4.00,10,"]
    assert price_lists.import_csv(code="trade", lines=good, actor=None) == 2
    kept = [("5.0000", 1), ("4.0000", 10)]
    assert [(str(row.amount), row.minimum_quantity) for row in Price.objects.order_by("minimum_quantity")] == kept
    for bad in ("MUG,1e9,1,", "MUG,-1,1,", "CUP,1.00,1,", "MUG,1.00,0,", "MUG,1.001,1,"):
        with pytest.raises(price_lists.Invalid):
            price_lists.import_csv(code="trade", lines=[good[0], "MUG,3.00,5,", bad], actor=None)
    assert Price.objects.count() == 2
