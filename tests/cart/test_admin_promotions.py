"""The promotions' staff screens: the rules of the API hold here too, and the services do the writing."""

import csv
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.cart.models import Coupon, CouponBatch, Promotion, PromotionUse
from apps.common.models import Event
from tests.cart.offers import coupon, offer
from tests.factories import CategoryFactory, UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db
ROOT = "/admin/cart"
EMPTY = {f"{name}-{part}": 0 for name in ("tiers", "coupons") for part in ("TOTAL_FORMS", "INITIAL_FORMS")}


def admin_with(*permissions: str, **fields: bool) -> Client:
    client = Client()
    user = UserFactory(is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.fixture
def root() -> Client:
    return admin_with(is_superuser=True)


def typed(**changes: Any) -> dict[str, Any]:
    """What the browser sends of a new promotion's form."""
    plain = {
        "name": "Ten",
        "status": "active",
        "kind": "percent",
        "value": "10",
        "currency": "USD",
        "minimum_subtotal": "0",
        "minimum_quantity": "0",
        "buy": "0",
        "get": "1",
        "tier_by": "subtotal",
        "tier_kind": "percent",
        "priority": "0",
        "group": "default",
    }
    return EMPTY | plain | changes


def add(client: Client, **changes: Any) -> Any:
    return client.post(f"{ROOT}/promotion/add/", typed(**changes), follow=True)


def resend(client: Client, promotion: Promotion, **changes: Any) -> Any:
    """The change form sent back as it is shown, with some fields changed."""
    path = f"{ROOT}/promotion/{promotion.pk}/change/"
    context = client.get(path).context
    forms = [context["adminform"].form]
    for formset in (inline.formset for inline in context["inline_admin_formsets"]):
        forms += [formset.management_form, *formset.forms]
    data = {field.html_name: field.value() for form in forms for field in form if field.value() not in (None, "")}
    sent = {name: _text(value) for name, value in data.items() if value is not False}
    return client.post(path, sent | changes, follow=True)


def _text(value: Any) -> Any:
    return [str(getattr(each, "pk", each)) for each in value] if isinstance(value, list) else value


def test_a_promotion_is_made_with_conditions_tiers_and_a_code_in_one_go(root):
    bags = CategoryFactory(name="Bags")
    response = add(
        root,
        name="More saves more",
        kind="tiered",
        value="0",
        tier_by="quantity",
        categories=[str(bags.pk)],
        weekdays=["4", "5"],
        countries="de, us",
        needs_coupon="on",
        usage_limit="5",
        **{
            "tiers-TOTAL_FORMS": 2,
            "tiers-0-threshold": "2",
            "tiers-0-value": "5",
            "tiers-1-threshold": "4",
            "tiers-1-value": "10",
            "coupons-TOTAL_FORMS": 1,
            "coupons-0-code": "more",
            "coupons-0-usage_limit": "1",
            "coupons-0-is_active": "on",
        },
    )
    assert response.status_code == 200
    row = Promotion.objects.get()
    assert (row.tier_by, row.weekdays, row.countries, row.usage_limit) == ("quantity", [4, 5], ["DE", "US"], 5)
    assert [(tier.threshold, tier.value) for tier in row.tiers.all()] == [(2, 5), (4, 10)]
    assert list(row.categories.all()) == [bags]
    assert (row.coupons.get().code, row.coupons.get().usage_limit) == ("MORE", 1)
    assert [event.type for event in Event.objects.filter(target_type__in=("promotion", "coupon")).order_by("id")] == [
        "promotion.created",
        "coupon.created",
    ]
    listed = root.get(f"{ROOT}/promotion/").content.decode()
    assert "from 2 units: 5 % off; from 4 units: 10 % off, on Bags, in DE, US, with a code" in listed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": "0"}, "A benefit of the kind percent requires this."),
        ({"value": "101"}, "At most 100 %."),
        ({"buy": "2"}, "A benefit of the kind percent does not have this."),
        ({"kind": "free_shipping"}, "A benefit of the kind free_shipping does not have this."),
        ({"kind": "gift", "value": "0"}, "A benefit of the kind gift requires this."),
        ({"kind": "tiered", "value": "0"}, "A benefit of the kind tiered requires tiers."),
        ({"name": "Taken"}, "already exists"),
        ({"name": "a\tb"}, "Line breaks and control characters are not allowed."),
        ({"from_time": "09:00", "until_time": "09:00"}, "The hours must not be empty."),
        (
            {"tiers-TOTAL_FORMS": 1, "tiers-0-threshold": "1", "tiers-0-value": "5"},
            "Only a benefit of the kind tiered has tiers.",
        ),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_made(root, changes, words):
    offer("Taken")
    page = add(root, **changes).content.decode()
    assert words in page
    assert Promotion.objects.count() == 1
    assert not Event.objects.filter(type="promotion.created").exists()


def test_a_change_writes_what_changed_and_keeps_the_rest(root):
    ten = offer("Ten", categories=[CategoryFactory()], needs_coupon=True)
    code = coupon("TEN", promotion=ten)
    assert resend(root, ten, value="15", usage_limit="3").status_code == 200
    ten.refresh_from_db()
    assert (ten.value, ten.usage_limit, ten.categories.count(), ten.needs_coupon) == (Decimal(15), 3, 1, True)
    assert Event.objects.get(type="promotion.changed").data == {"fields": ["usage_limit", "value"]}
    path = f"{ROOT}/promotion/{ten.pk}/change/"
    form = root.get(path).context["inline_admin_formsets"][1].formset.forms[0]
    assert {name for name, field in form.fields.items() if field.disabled} == {
        "code",
        "usage_limit",
        "starts_at",
        "ends_at",
    }
    code.refresh_from_db()
    assert code.is_active is True


def used() -> Promotion:
    shop_rates()
    ten = offer("Ten", needs_coupon=True)
    coupon("TEN", promotion=ten)
    client = cart_with(sellable(price="20.00"))
    client.post("/cart/coupons/", {"code": "TEN"})
    assert client.post("/orders/", order_body()).status_code == 201
    return ten


def test_a_used_promotion_is_not_deleted_and_an_unused_one_is(root):
    ten, idle = used(), offer("Idle")
    root.post(f"{ROOT}/promotion/{ten.pk}/delete/", {"post": "yes"})
    root.post(f"{ROOT}/promotion/{idle.pk}/delete/", {"post": "yes"})
    assert list(Promotion.objects.all()) == [ten]
    use = PromotionUse.objects.get()
    assert root.get(f"{ROOT}/promotionuse/{use.pk}/change/").status_code == 200
    assert root.post(f"{ROOT}/promotionuse/{use.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "1" in root.get(f"{ROOT}/promotion/", {"q": "ten"}).content.decode()


def act(client: Client, model: str, action: str, *rows: Any) -> None:
    keys = [str(row.pk) for row in rows]
    response = client.post(f"{ROOT}/{model}/", {"action": action, "_selected_action": keys}, follow=True)
    assert response.status_code == 200


def test_offers_and_codes_are_switched_by_actions(root):
    ten = offer("Ten")
    code = coupon("TEN", promotion=ten)
    act(root, "promotion", "pause", ten)
    act(root, "coupon", "switch_off", code)
    ten.refresh_from_db(), code.refresh_from_db()
    assert (ten.status, code.is_active) == ("paused", False)
    act(root, "promotion", "switch_on", ten)
    act(root, "coupon", "switch_on", code)
    ten.refresh_from_db(), code.refresh_from_db()
    assert (ten.status, code.is_active) == ("active", True)
    assert Event.objects.filter(type__in=("promotion.changed", "coupon.changed")).count() == 4


def test_a_batch_is_made_and_downloaded_as_a_file_without_formulas(root):
    ten = offer("=Ten", needs_coupon=True)
    form = {"promotion": str(ten.pk), "name": "=Flyer", "prefix": "fly-", "size": "30", "usage_limit": "1"}
    page = root.post(f"{ROOT}/couponbatch/add/", form, follow=True)
    assert page.status_code == 200
    batch = CouponBatch.objects.get()
    assert (batch.size, batch.prefix, batch.created_by.is_superuser) == (30, "FLY-", True)
    response = root.get(f"{ROOT}/couponbatch/{batch.pk}/codes.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(b"".join(response.streaming_content).decode().splitlines()))
    assert rows[0] == ["code", "usage_limit", "uses", "is_active", "ends_at"]
    assert sorted(row[0] for row in rows[1:]) == sorted(Coupon.objects.values_list("code", flat=True))
    assert {cell[:1] for row in rows for cell in row} & set("=+-@\t\r") == set()
    assert root.get(f"{ROOT}/couponbatch/{batch.pk}/change/").status_code == 200
    assert root.post(f"{ROOT}/couponbatch/add/", form | {"prefix": "=1+"}).status_code == 200
    assert CouponBatch.objects.count() == 1


def test_the_file_of_codes_needs_the_right_to_see_codes():
    batch = CouponBatch.objects.create(promotion=offer(), name="Flyer", size=1)
    path = f"{ROOT}/couponbatch/{batch.pk}/codes.csv"
    assert Client().get(path).status_code == 302
    assert admin_with("view_couponbatch").get(path).status_code == 403
    assert admin_with("view_coupon").get(path).status_code == 200


@pytest.mark.parametrize("model", ["promotion", "promotiontier", "couponbatch", "coupon", "cartcoupon", "promotionuse"])
def test_every_screen_opens_and_is_searched(root, model):
    ten = offer("Ten", kind="tiered", value=Decimal(0))
    ten.tiers.create(threshold=1, value=5)
    coupon("TEN", promotion=ten)
    assert root.get(f"{ROOT}/{model}/").status_code == 200
    if model not in ("promotiontier",):
        assert root.get(f"{ROOT}/{model}/", {"q": "ten"}).status_code == 200


def test_who_may_only_look_changes_nothing():
    ten = offer("Ten")
    viewer = admin_with("view_promotion")
    path = f"{ROOT}/promotion/{ten.pk}/change/"
    assert viewer.get(path).status_code == 200
    assert viewer.post(path, typed(value="50")).status_code == 403
    assert viewer.post(f"{ROOT}/promotion/add/", typed(name="Mine")).status_code == 403
    ten.refresh_from_db()
    assert (ten.value, Promotion.objects.count()) == (Decimal(10), 1)
