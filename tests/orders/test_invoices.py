"""Invoices and credit notes: once each, numbered without gaps, adding up, unchangeable, as PDF and JSON."""

import hashlib
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core import mail
from django.db import IntegrityError, InternalError, transaction
from django.urls import reverse

from apps.notifications.services import sending
from apps.orders.models import Invoice, InvoiceDocument, InvoiceSeries, Order
from apps.orders.services import invoices
from apps.payments.services import refunds
from apps.payments.tasks import process_refund
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.payments.ledger import confirm, intent_for, order_to_pay
from tests.races.threads import together

pytestmark = pytest.mark.django_db
PDF = {"Accept": "application/pdf"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def paid(stripe, deliver):
    """A paid and invoiced order (50.00 + 5.00 shipping + 4.88 tax), its client and its payment's id."""
    shop_rates()
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    assert confirm(client, payment).status_code == 200
    deliver()
    return client, order, payment


def give_back(payment: str, amount: str, deliver, reason: str = "") -> None:
    refund = refunds.request_refund(payment_id=payment, amount=Decimal(amount), reason=reason)
    process_refund(str(refund.pk))
    deliver()


def confirmed_order() -> Order:
    _, order = place(sellable())
    Order.objects.filter(pk=order.pk).update(status="confirmed", confirmed_at=order.placed_at)
    return order


def test_a_paid_order_has_one_invoice_that_says_what_was_sold(paid):
    client, order, _ = paid
    invoice = client.get(f"/orders/{order.pk}/invoice/", **JSON).json()
    year = Invoice.objects.get().year
    assert invoice["number"] == f"INV-{year}-000001"
    assert (invoice["total"], invoice["tax"]) == (
        {"amount": "59.88", "currency": "USD"},
        {"amount": "4.88", "currency": "USD"},
    )
    content = invoice["content"]
    assert [(line["quantity"], line["unit_price"], line["amount"]) for line in content["lines"]] == [
        ("1", "$50.00", "$50.00")
    ]
    assert content["totals"] == [
        ["Subtotal", "$50.00"],
        ["Shipping, Standard", "$5.00"],
        ["Tax", "$4.88"],
    ]
    assert content["total"] == ["Total", "$59.88"]
    assert content["taxes"] == [{"name": "NY sales tax", "rate": "8.875 %", "base": "$55.00", "amount": "$4.88"}]
    assert content["buyer"][0] == "Alice Doe"


def test_the_pdf_is_the_same_every_time(paid):
    client, order, _ = paid
    first = client.get(f"/orders/{order.pk}/invoice/", **PDF)
    assert (first.status_code, first["Content-Type"]) == (200, "application/pdf")
    assert first.content.startswith(b"%PDF-")
    assert first["Content-Disposition"] == f'attachment; filename="{Invoice.objects.get().number}.pdf"'
    assert client.get(f"/orders/{order.pk}/invoice/").content == first.content
    assert InvoiceDocument.objects.get().sha256 == hashlib.sha256(first.content).hexdigest()


def test_an_unpaid_order_has_no_invoice_yet():
    shop_rates()
    client, order = place(sellable())
    assert code(client.get(f"/orders/{order.pk}/invoice/")) == (409, "not_ready")
    with pytest.raises(invoices.NotReady):
        invoices.issue_invoice(order_id=order.pk)
    assert (Invoice.objects.count(), InvoiceSeries.objects.count()) == (0, 0)


def test_strangers_find_no_invoice(paid):
    _, order, _ = paid
    number = Invoice.objects.get().number
    stranger = ApiClient(UserFactory())
    for path in (
        f"/orders/{order.pk}/invoice/",
        f"/orders/{order.pk}/invoices/",
        f"/orders/{order.pk}/invoices/{number}/",
    ):
        assert code(stranger.get(path)) == (404, "not_found")


def test_credit_notes_of_a_full_refund_in_parts_add_up_to_the_invoice(paid, deliver):
    client, order, payment = paid
    for amount in ("10.00", "0.01", "33.33", "16.54"):
        give_back(payment, amount, deliver, reason="Too small")
    rows = client.get(f"/orders/{order.pk}/invoices/").json()["results"]
    invoice, *notes = rows
    assert [(each["number"][:2], each["total"]["amount"], each["tax"]["amount"]) for each in notes] == [
        ("CN", "10.00", "0.81"),
        ("CN", "0.01", "0.01"),
        ("CN", "33.33", "2.71"),
        ("CN", "16.54", "1.35"),
    ]
    assert sum(Decimal(each["tax"]["amount"]) for each in notes) == Decimal(invoice["tax"]["amount"])
    assert {each["refers_to"] for each in notes} == {invoice["number"]}
    note = client.get(f"/orders/{order.pk}/invoices/{notes[0]['number']}/", **JSON).json()["content"]
    assert note["lines"][0]["details"] == "Too small"
    assert note["notes"] == [f"This credit note refers to invoice {invoice['number']}."]


def test_a_refund_is_credited_once(paid, deliver):
    _, order, payment = paid
    refund = refunds.request_refund(payment_id=payment, amount=Decimal("10.00"))
    process_refund(str(refund.pk))
    deliver()
    again = invoices.issue_credit_note(order_id=order.pk, refund_id=refund.pk, amount=refund.amount, reason="")
    assert again == Invoice.objects.get(kind="credit_note")
    assert Invoice.objects.filter(kind="credit_note").count() == 1


def test_never_more_is_credited_than_was_invoiced(paid):
    _, order, _ = paid
    first = invoices.issue_credit_note(order_id=order.pk, refund_id=uuid4(), amount=Decimal("100.00"), reason="")
    assert first is not None
    assert (first.total, first.tax_total) == (order.total, order.tax_total)
    assert invoices.issue_credit_note(order_id=order.pk, refund_id=uuid4(), amount=Decimal("1.00"), reason="") is None


def test_money_for_an_order_that_was_never_confirmed_is_not_credited():
    shop_rates()
    _, order = place(sellable())
    assert invoices.issue_credit_note(order_id=order.pk, refund_id=uuid4(), amount=Decimal("1.00"), reason="") is None
    assert Invoice.objects.count() == 0


def test_an_invoice_cannot_be_changed_or_deleted(paid):
    for change in (lambda: Invoice.objects.update(total=1), lambda: InvoiceDocument.objects.all().delete()):
        invoices.document(Invoice.objects.get())
        with pytest.raises(InternalError, match="Cannot update or delete"), transaction.atomic():
            change()


def test_the_database_refuses_a_second_invoice_of_an_order(paid):
    invoice = Invoice.objects.get()
    invoice.pk, invoice.number, invoice.sequence, invoice.cause = uuid4(), "INV-X", 99, "order:x"
    with pytest.raises(IntegrityError, match="one_invoice_per_order"), transaction.atomic():
        invoice.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_gaps_with_twenty_at_once_and_failures_between():
    shop_rates()
    orders = [confirmed_order() for _ in range(20)]

    def issue(order: Order) -> None:
        invoices.issue_invoice(order_id=order.pk)

    def fail(order: Order) -> None:
        with transaction.atomic():
            invoices.issue_invoice(order_id=order.pk)
            raise ZeroDivisionError

    together(
        [
            *(lambda each=each: fail(each) for each in orders[:10]),
            *(lambda each=each: issue(each) for each in orders[5:]),
        ]
    )
    for order in orders:
        issue(order)
    numbers = sorted(Invoice.objects.values_list("sequence", flat=True))
    print(f"20 orders, 10 failures: invoices {numbers[0]} to {numbers[-1]}")
    assert numbers == list(range(1, 21))


@pytest.mark.django_db(transaction=True)
def test_ten_twins_issue_one_invoice():
    shop_rates()
    order = confirmed_order()
    issued = together([lambda: invoices.issue_invoice(order_id=order.pk).number for _ in range(10)])
    assert (len(set(issued)), Invoice.objects.count(), InvoiceSeries.objects.get().last) == (1, 1, 1)


def test_the_document_goes_out_by_mail(paid, deliver):
    _, _, payment = paid
    give_back(payment, "10.00", deliver)
    sending.send_due()
    sent = {each.subject.split(" ")[0]: each for each in mail.outbox if each.attachments}
    assert sorted(sent) == ["Credit", "Invoice"]
    for each in sent.values():
        [attachment] = each.attachments
        assert attachment[0].endswith(".pdf")
        assert attachment[1].startswith(b"%PDF-")
        assert attachment[2] == "application/pdf"


def test_any_text_can_be_typeset(paid):
    _, order, _ = paid
    hostile = '#panic("x") $x$ *b* \\ " <script> محمد दिल्ली Ünï 日本 \u202e'
    content = {**Invoice.objects.get().content, "buyer": [hostile] * 3, "notes": [hostile]}
    assert invoices.typesetting.pdf(invoices.TEMPLATE, content, at=order.placed_at).startswith(b"%PDF-")


def test_staff_search_and_fetch_invoices(paid, deliver):
    _, order, payment = paid
    give_back(payment, "10.00", deliver)
    staff = ApiClient(UserFactory(is_staff=True, is_superuser=True))
    assert [each["kind"] for each in staff.get("/admin/invoices/").json()["results"]] == ["credit_note", "invoice"]
    found = staff.get("/admin/invoices/", {"search": order.number.lower(), "kind": "invoice"}).json()["results"]
    assert [each["order"] for each in found] == [str(order.pk)]
    assert staff.get(f"/admin/invoices/{found[0]['number']}/", **PDF).content.startswith(b"%PDF-")
    assert code(staff.get("/admin/invoices/INV-1999-000001/")) == (404, "not_found")


def test_the_staff_screen_hands_out_the_pdf(paid, client, admin_user):
    client.force_login(admin_user)
    invoice = Invoice.objects.get()
    page = client.get(reverse("admin:orders_invoice_changelist"))
    assert invoice.number in page.content.decode()
    response = client.get(reverse("admin:orders_invoice_pdf", args=[invoice.pk]))
    assert (response.status_code, response.content[:5]) == (200, b"%PDF-")
    client.force_login(UserFactory(is_staff=True))
    assert client.get(reverse("admin:orders_invoice_pdf", args=[invoice.pk])).status_code == 403
