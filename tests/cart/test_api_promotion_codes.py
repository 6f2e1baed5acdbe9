"""A promotion's codes and uses over HTTP, as staff make and read them."""

from typing import Any

import pytest
from django.db import transaction

from apps.cart.models import Coupon, CouponBatch, Promotion
from apps.cart.services import coupon_codes
from apps.common import jobs
from apps.common.models import BackgroundJob, Event
from apps.orders.models import Order
from apps.orders.services import lifecycle, transitions
from tests.cart.offers import coupon, offer
from tests.cart.staff import promotion_staff
from tests.client import ApiClient, code
from tests.factories import sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> ApiClient:
    return promotion_staff()


@pytest.fixture
def ten() -> Promotion:
    return offer(needs_coupon=True)


def address(promotion: Promotion, tail: str = "coupons/") -> str:
    return f"/admin/promotions/{promotion.pk}/{tail}"


def faults(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 400, response.json()
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


def test_a_code_of_ones_own_is_made_in_capitals_and_works(editor, ten):
    made = editor.post(address(ten), {"code": "summer-10", "usage_limit": 5, "ends_at": "2999-01-01T00:00:00Z"})
    assert (made.status_code, made.json()["batch"]) == (201, None)
    (row,) = made.json()["coupons"]
    assert (row["code"], row["usage_limit"], row["uses"], row["is_active"]) == ("SUMMER-10", 5, 0, True)
    client = cart_with(sellable())
    assert client.post("/cart/coupons/", {"code": "Summer-10"}).json()["coupons"][0]["applied"] is True
    assert Event.objects.filter(type="coupon.created").get().data == {"code": "SUMMER-10"}
    again = editor.post(address(offer("Other", needs_coupon=True)), {"code": "SUMMER-10"})
    assert faults(again) == [("/code", "unique")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/code", "required")]),
        ({"code": "TEN", "count": 5}, [("/code", "required")]),
        ({"code": "TEN", "prefix": "X"}, [("/prefix", "unknown_field")]),
        ({"code": "no spaces"}, [("/code", "invalid")]),
        ({"code": "AB"}, [("/code", "invalid")]),
        ({"count": 0}, [("/count", "min_value")]),
        ({"count": 10_001}, [("/count", "max_value")]),
        ({"count": 2, "usage_limit": 0}, [("/usage_limit", "min_value")]),
        (
            {"code": "TEN", "starts_at": "2030-02-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"},
            [("/ends_at", "invalid")],
        ),
    ],
)
def test_codes_that_do_not_fit_are_refused(editor, ten, body, expected):
    assert faults(editor.post(address(ten), body)) == expected
    assert not Coupon.objects.exists()


def test_a_batch_is_single_use_and_can_be_found_again(editor, ten):
    coupon("OTHER", promotion=ten)
    made = editor.post(address(ten), {"count": 25, "prefix": "fly-", "name": "Flyer"})
    body = made.json()
    assert (made.status_code, body["batch"]["size"], body["batch"]["name"]) == (201, 25, "Flyer")
    codes = {row["code"] for row in body["coupons"]}
    assert len(codes) == 25
    assert {(text[:4], len(text)) for text in codes} == {("FLY-", 14)}
    assert {row["usage_limit"] for row in body["coupons"]} == {1}
    batch = CouponBatch.objects.get()
    assert made.headers["Location"] == f"/api/v1/admin/promotions/{ten.pk}/coupons/?batch={batch.pk}"
    listed = editor.get(address(ten), {"batch": str(batch.pk), "page_size": 100}).json()
    assert {row["code"] for row in listed["results"]} == codes
    assert editor.get(address(ten), {"search": "oth"}).json()["count"] == 1
    assert editor.get(address(ten)).json()["count"] == 26


def test_the_same_key_makes_one_batch(editor, ten):
    first, second = (editor.post(address(ten), {"count": 3}, Idempotency_Key="flyer") for _ in range(2))
    assert first.json() == second.json()
    assert Coupon.objects.count() == 3


def test_codes_that_are_taken_already_are_drawn_again(ten, monkeypatch):
    coupon("TAKEN", promotion=ten)
    drawn = iter(["TAKEN", "FREE-1", "FREE-2"])
    monkeypatch.setattr(coupon_codes, "new_code", lambda prefix: next(drawn))
    coupon_codes.create_batch(promotion_id=ten.pk, count=2, rules=coupon_codes.CodeRules(), actor=None)
    assert set(Coupon.objects.values_list("code", flat=True)) == {"TAKEN", "FREE-1", "FREE-2"}


@pytest.mark.django_db(transaction=True)
def test_a_large_batch_is_a_job_that_makes_its_codes_once(editor, ten):
    accepted = editor.post(address(ten), {"count": 2500, "usage_limit": 2, "ends_at": "2999-01-01T00:00:00Z"})
    assert (accepted.status_code, accepted.json()["status"]) == (202, "queued")
    job = BackgroundJob.objects.get()
    assert accepted.headers["Location"] == f"/api/v1/admin/jobs/{job.pk}/"
    assert not Coupon.objects.exists()
    assert jobs.run(job.pk) is True
    assert jobs.run(job.pk) is False
    told = editor.get(f"/admin/jobs/{job.pk}/").json()
    batch = CouponBatch.objects.get()
    assert (told["status"], told["progress"], told["result"]) == (
        "succeeded",
        100,
        {"batch": str(batch.pk), "codes": 2500},
    )
    assert editor.get(told["result_url"].removeprefix("/api/v1")).json()["count"] == 2500
    assert (batch.created_by_id, batch.size) == (job.actor_id, 2500)
    assert {coupon.usage_limit for coupon in Coupon.objects.all()[:50]} == {2}


def test_a_code_is_switched_off_and_carts_say_so(editor, ten):
    coupon("TEN", promotion=ten)
    client = cart_with(sellable())
    client.post("/cart/coupons/", {"code": "TEN"})
    assert editor.patch(address(ten, "coupons/ten/"), {"is_active": False}).json()["is_active"] is False
    cart = client.get("/cart/").json()
    assert cart["coupons"][0]["reason"] == "code_inactive"
    assert [each["code"] for each in cart["warnings"]] == ["coupon_expired"]
    assert editor.patch(address(ten, "coupons/TEN/"), {"is_active": True}).json()["is_active"] is True
    assert client.get("/cart/").json()["coupons"][0]["applied"] is True
    assert code(editor.patch(address(offer("Other"), "coupons/TEN/"), {"is_active": False})) == (404, "not_found")


def test_uses_are_listed_newest_first_and_given_back_when_the_order_is_cancelled(editor, ten):
    shop_rates()
    coupon("ONCE", promotion=ten, usage_limit=1)
    variant = sellable(stock=5)
    client = cart_with(variant)
    client.post("/cart/coupons/", {"code": "ONCE"})
    order = client.post("/orders/", order_body(email="Guest@Example.com")).json()
    (use,) = editor.get(address(ten, "uses/")).json()["results"]
    assert (use["order"], use["coupon"], use["email"], use["given_back_at"]) == (
        order["id"],
        "ONCE",
        "guest@example.com",
        None,
    )
    assert editor.get(address(ten), {"used": "true"}).json()["results"][0]["uses"] == 1
    other = cart_with(variant)
    refused = other.post("/cart/coupons/", {"code": "ONCE"})
    assert (code(refused), refused.json()["reason"]) == ((409, "coupon_expired"), "code_used")

    client.post(f"/orders/{order['id']}/cancel/", {}, X_Order_Token=order["order_token"])
    client.post(f"/orders/{order['id']}/cancel/", {}, X_Order_Token=order["order_token"])
    (use,) = editor.get(address(ten, "uses/")).json()["results"]
    assert use["given_back_at"] is not None
    assert editor.get(address(ten), {"used": "true"}).json()["results"] == []
    assert other.post("/cart/coupons/", {"code": "ONCE"}).status_code == 200
    assert other.post("/orders/", order_body(email="other@example.com")).status_code == 201
    assert Coupon.objects.get().used_count == 1


def ordered_with(text: str, variant: Any) -> Order:
    client = cart_with(variant)
    assert client.post("/cart/coupons/", {"code": text}).status_code == 200
    return Order.objects.get(pk=client.post("/orders/", order_body()).json()["id"])


def test_an_order_that_expires_gives_its_use_back_and_one_that_is_returned_keeps_it(ten):
    shop_rates()
    variant = sellable(stock=5)
    coupon("ONCE", promotion=ten, usage_limit=1)
    expired = ordered_with("ONCE", variant)
    Order.objects.filter(pk=expired.pk).update(expires_at=expired.placed_at)
    assert lifecycle.cancel_expired() == 1
    assert (ten.uses.live().count(), Coupon.objects.get().used_count) == (0, 0)

    returned = ordered_with("ONCE", variant)
    with transaction.atomic():
        lifecycle.mark_paid(order=Order.objects.lock().get(pk=returned.pk))
    for status in ("shipped", "returned"):
        transitions.transition(order_id=returned.pk, to=status)
    assert (ten.uses.live().get().reference, Coupon.objects.get().used_count) == (returned.pk, 1)


def test_strange_promotions_are_not_found(editor):
    nobody = "/admin/promotions/01890000-0000-7000-8000-000000000000/"
    for tail in ("coupons/", "uses/"):
        assert code(editor.get(nobody + tail)) == (404, "not_found")
    assert code(editor.post(f"{nobody}coupons/", {"code": "TEN"})) == (404, "not_found")
    assert code(editor.post(f"{nobody}coupons/", {"count": 5000})) == (404, "not_found")
    assert not BackgroundJob.objects.exists()


def test_each_right_opens_its_own_door_alone(ten):
    viewer = promotion_staff("view_promotion")
    assert viewer.get("/admin/promotions/").status_code == 200
    assert code(viewer.get(address(ten))) == (403, "permission_denied")
    assert code(viewer.post(address(ten), {"code": "TEN"})) == (403, "permission_denied")
    assert code(viewer.patch(address(ten, ""), {"status": "paused"})) == (403, "permission_denied")
    assert code(viewer.delete(address(ten, ""))) == (403, "permission_denied")
