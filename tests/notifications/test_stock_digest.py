"""The digest of stock alerts: one mail of what crossed, to the right people, nothing twice, nothing empty."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.utils import timezone

from apps.notifications.models import Notification
from apps.notifications.services import sending, stock_digest
from apps.notifications.tasks import digest_stock_alerts
from apps.products.models import StockAlert
from tests.factories import UserFactory, WarehouseFactory, receive, sellable
from tests.races.threads import together

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _readers(settings: Any) -> None:
    settings.STOCK_ALERT_EMAILS = ["stock@example.com"]
    settings.PUBLIC_URL = "https://shop.example"


def alert(sku: str, kind: str, *, left: int, minutes_ago: int = 10, **fields: Any) -> StockAlert:
    level = fields.pop("level", None) or sellable(stock=left, sku=sku, product__name=f"The {sku}").stock_levels.get()
    now = timezone.now()
    return StockAlert.objects.create(
        level=level,
        kind=kind,
        available=left,
        crossed_at=now - timedelta(minutes=minutes_ago),
        closed_at=now if kind == "back" else None,
        **fields,
    )


def sent() -> list[mail.EmailMessage]:
    sending.send_due()
    return mail.outbox


def test_one_mail_tells_what_crossed_the_worst_first():
    alert("MUG", "low", left=3)
    alert("CUP", "out", left=0)
    alert("POT", "back", left=40)
    assert digest_stock_alerts() == 1
    (digest,) = sent()
    assert digest.to == ["stock@example.com"]
    assert digest.subject == "Stock at Tradepost: 1 sold out, 1 running low, 1 back in stock"
    assert digest.body.startswith("Hello,\n")
    assert (
        "SOLD OUT\n\n     0  The CUP\n        CUP, Main warehouse\n\n"
        "RUNNING LOW\n\n     3  The MUG\n        MUG, Main warehouse\n\n"
        "BACK IN STOCK\n\n    40  The POT\n        POT, Main warehouse\n"
    ) in digest.body
    assert "https://shop.example/admin/products/stockalert/\n" in digest.body


def test_nothing_is_told_twice_and_an_empty_digest_is_not_sent():
    alert("MUG", "low", left=3)
    assert [digest_stock_alerts() for _ in range(3)] == [1, 0, 0]
    alert("CUP", "low", left=1)
    assert digest_stock_alerts() == 1
    first, second = sent()
    assert ("MUG" in first.body, "CUP" in first.body) == (True, False)
    assert ("MUG" in second.body, "CUP" in second.body) == (False, True)


def test_a_level_that_crossed_to_and_fro_is_one_line_with_its_latest_crossing():
    low = alert("MUG", "low", left=3, minutes_ago=30)
    StockAlert.objects.update(closed_at=timezone.now())
    alert("MUG", "out", left=0, minutes_ago=20, level=low.level)
    StockAlert.objects.update(closed_at=timezone.now())
    alert("MUG", "back", left=3, minutes_ago=10, level=low.level)
    digest_stock_alerts()
    (digest,) = sent()
    assert digest.subject == "Stock at Tradepost: 1 back in stock"
    assert digest.body.count("The MUG") == 1


def test_the_numbers_are_those_of_the_moment_of_sending():
    level = alert("MUG", "low", left=3).level
    digest_stock_alerts()
    receive(level.variant, 4)
    (digest,) = sent()
    assert "     7  The MUG\n" in digest.body


def test_a_long_list_is_cut_and_says_so(settings, monkeypatch):
    monkeypatch.setattr("apps.notifications.services.stock_digest_text.MAX_LINES", 2)
    for number in range(4):
        alert(f"MUG-{number}", "out" if number else "low", left=0 if number else 1)
    digest_stock_alerts()
    (digest,) = sent()
    assert digest.subject == "Stock at Tradepost: 3 sold out, 1 running low"
    assert "And 2 more.\n" in digest.body
    assert "RUNNING LOW" not in digest.body


def test_without_addresses_the_staff_who_may_see_alerts_are_told(settings):
    settings.STOCK_ALERT_EMAILS = []
    right = Permission.objects.get(codename="view_stockalert")
    group = Group.objects.create(name="stock")
    group.permissions.add(right)
    people = {
        name: UserFactory(email=f"{name}@example.com", first_name=name.title(), is_staff=name != "customer")
        for name in ("own", "member", "both", "stranger", "customer", "gone")
    }
    for name in ("own", "both", "customer", "gone"):
        people[name].user_permissions.add(right)
    for name in ("member", "both"):
        people[name].groups.add(group)
    people["gone"].is_active = False
    people["gone"].save()
    UserFactory(email="root@example.com", is_staff=True, is_superuser=True)
    assert list(stock_digest.readers()) == [f"{name}@example.com" for name in ("both", "member", "own", "root")]
    alert("MUG", "low", left=3)
    assert digest_stock_alerts() == 4
    greetings = {message.to[0]: message.body.splitlines()[0] for message in sent()}
    assert greetings["own@example.com"] == "Hello Own,"
    assert len(greetings) == 4


def test_without_any_reader_the_news_does_not_pile_up(settings):
    settings.STOCK_ALERT_EMAILS = []
    alert("MUG", "low", left=3)
    assert digest_stock_alerts() == 0
    assert StockAlert.objects.get().told_at is not None
    settings.STOCK_ALERT_EMAILS = ["stock@example.com"]
    assert digest_stock_alerts() == 0
    assert Notification.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_tell_everything_once():
    for number in range(20):
        alert(f"MUG-{number}", "low", left=3)
    assert sorted(together([digest_stock_alerts] * 4))[-1] == 1
    bodies = "".join(message.body for message in sent())
    assert [bodies.count(f"MUG-{number},") for number in range(20)] == [1] * 20


def test_a_digest_whose_crossings_are_gone_is_dropped():
    alert("MUG", "low", left=3)
    digest_stock_alerts()
    StockAlert.objects.all().delete()
    assert sent() == []
    assert Notification.objects.get().last_error == "Undeliverable: its crossings do not exist"


def test_the_warehouse_is_named_as_people_name_it():
    level = receive(sellable(sku="MUG"), 1, warehouse=WarehouseFactory(code="lej", name="Leipzig"))
    alert("MUG", "low", left=1, level=level)
    digest_stock_alerts()
    (digest,) = sent()
    assert "MUG, Leipzig" in digest.body
