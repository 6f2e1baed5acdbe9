"""Bodies of orders."""

from typing import Any

from rest_framework import serializers

from apps.common.api.address import AddressBody, AddressOut
from apps.common.api.delivery import DeliveryOut, present_delivery
from apps.common.api.price_steps import PriceStepOut
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.media import media_url
from apps.common.money import money_json
from apps.orders.api.serializers.shipment import ShipmentOut, WantedBody, present_shipment, shipments_of
from apps.orders.models import Order, OrderDiscount, OrderItem, OrderTax
from apps.orders.services import lifecycle


class PlaceOrderBody(StrictSerializer):
    """Everything not said is taken from the cart; guests must give an e-mail somewhere."""

    email = serializers.EmailField(max_length=254, required=False)
    shipping_address = AddressBody(required=False)
    shipping_address_id = serializers.UUIDField(required=False, help_text="of the customer's address book")
    billing_address = AddressBody(required=False, help_text="default: the shipping address")
    shipping_method = serializers.SlugField(max_length=40, required=False)
    pickup_store = serializers.SlugField(max_length=80, required=False, help_text="slug, with a pick-up method")
    quote = serializers.CharField(
        max_length=120, required=False, help_text="of /cart/quote/; refuse when anything of it does not hold"
    )
    expected_total = MoneyField(required=False, help_text="refuse with `price_changed` when the total differs")
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)


class CancelBody(StrictSerializer):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    lines = serializers.ListField(
        child=WantedBody(), required=False, allow_empty=False, max_length=100, help_text="default: the whole order"
    )


class LookupBody(StrictSerializer):
    number = serializers.CharField(max_length=20)
    email = serializers.EmailField(max_length=254)


class TransitionBody(StrictSerializer):
    to = serializers.ChoiceField(choices=Order.Status.choices)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    carrier = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    tracking_number = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    tracking_url = serializers.URLField(max_length=300, required=False, allow_blank=True, default="")

    def validate_tracking_url(self, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise serializers.ValidationError("Only http and https addresses.", code="invalid")
        return value


class OrderItemOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=200)
    options = serializers.DictField(child=serializers.CharField(max_length=200))
    thumbnail = serializers.CharField(max_length=300, allow_null=True)
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    shipped_quantity = serializers.IntegerField(min_value=0, max_value=999, help_text="units in parcels")
    cancelled_quantity = serializers.IntegerField(min_value=0, max_value=999)
    returned_quantity = serializers.IntegerField(min_value=0, max_value=999, help_text="in open or received returns")
    refunded_quantity = serializers.IntegerField(min_value=0, max_value=999, help_text="units whose price went back")
    unit_price = MoneyField()
    line_total = MoneyField()
    discount = MoneyField()
    tax = MoneyField()
    is_gift = serializers.BooleanField(help_text="added by a promotion at no price")
    note = serializers.CharField(max_length=200, help_text="the buyer's, to this line")
    gift_wrap = serializers.BooleanField()
    gift_message = serializers.CharField(max_length=300)


class OrderDiscountOut(serializers.Serializer[Any]):
    """A promotion that counted."""

    promotion = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    code = serializers.CharField(max_length=40, allow_null=True, help_text="the coupon it came with")
    discount = MoneyField(help_text="off the goods")
    shipping = MoneyField(help_text="off the shipping")


class OrderTaxOut(serializers.Serializer[Any]):
    """One rate on a line, or on the shipping when `item` is null."""

    item = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(max_length=80)
    jurisdiction = serializers.CharField(max_length=130)
    rate = serializers.CharField(max_length=12, help_text="0.19 is 19 %")
    base = MoneyField()
    amount = MoneyField()


class PickupStoreOut(serializers.Serializer[Any]):
    """Where the goods are collected, as it was when the order was placed."""

    slug = serializers.CharField(max_length=80)
    name = serializers.CharField(max_length=120)
    line1 = serializers.CharField(max_length=200)
    city = serializers.CharField(max_length=120)
    region = serializers.CharField(max_length=120)
    postal_code = serializers.CharField(max_length=20)
    country = serializers.CharField(max_length=2)


class OrderTotalsOut(serializers.Serializer[Any]):
    subtotal = MoneyField()
    discount = MoneyField()
    shipping = MoneyField()
    tax = MoneyField()
    total = MoneyField(help_text="as it was ordered")
    cancelled = MoneyField(help_text="shares of units that were cancelled since, of an order that goes on")


class ExchangeRateOut(serializers.Serializer[Any]):
    """The rate at which the order's prices were converted."""

    rate = serializers.CharField(max_length=30, help_text="of one unit of the shop's currency in the order's")
    on = serializers.DateField()


class OrderRowOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField(max_length=20)
    status = serializers.ChoiceField(choices=Order.Status.choices)
    payment_status = serializers.ChoiceField(choices=Order.PaymentStatus.choices)
    fulfilment_status = serializers.ChoiceField(choices=Order.FulfilmentStatus.choices)
    email = serializers.CharField(max_length=254)
    total = MoneyField()
    placed_at = serializers.DateTimeField()


class ClaimedOut(serializers.Serializer[Any]):
    results = OrderRowOut(many=True)


class UnavailableOut(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=64)
    code = serializers.CharField(max_length=80, help_text="a problem code, such as insufficient_stock")
    detail = serializers.CharField(max_length=1000)


class ReorderOut(serializers.Serializer[Any]):
    added = serializers.ListField(child=serializers.CharField(max_length=64), max_length=100)
    unavailable = UnavailableOut(many=True)


class OrderOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField(max_length=20)
    status = serializers.ChoiceField(choices=Order.Status.choices)
    payment_status = serializers.ChoiceField(choices=Order.PaymentStatus.choices)
    fulfilment_status = serializers.ChoiceField(choices=Order.FulfilmentStatus.choices)
    email = serializers.CharField(max_length=254)
    items = OrderItemOut(many=True)
    totals = OrderTotalsOut()
    exchange_rate = ExchangeRateOut(allow_null=True, help_text="null: the order is in the shop's own currency")
    prices_include_tax = serializers.BooleanField()
    tax_exemption = serializers.CharField(max_length=20, allow_null=True, help_text="exempt or reverse_charge")
    discounts = OrderDiscountOut(many=True)
    taxes = OrderTaxOut(many=True)
    explain = PriceStepOut(many=True, allow_null=True, help_text="with `?explain=true`, else null")
    vat_number = serializers.CharField(max_length=20, allow_null=True)
    shipping_method = serializers.CharField(max_length=40)
    shipping_method_name = serializers.CharField(max_length=80)
    delivery = DeliveryOut(allow_null=True, help_text="as estimated when the order was placed")
    pickup_store = PickupStoreOut(allow_null=True)
    shipping_address = AddressOut()
    billing_address = AddressOut()
    shipments = ShipmentOut(many=True)
    note = serializers.CharField(max_length=500)
    placed_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="pending orders are cancelled then")
    cancellable = serializers.BooleanField()
    order_token = serializers.CharField(max_length=64, allow_null=True, help_text="guests, once: send as X-Order-Token")


class AdminOrderOut(OrderOut):
    customer = serializers.UUIDField(allow_null=True)
    allowed_transitions = serializers.ListField(child=serializers.CharField(max_length=12), max_length=7)
    held_at = serializers.DateTimeField(allow_null=True, help_text="held back by staff since then")
    hold_reason = serializers.CharField(max_length=200)
    late_at = serializers.DateTimeField(allow_null=True, help_text="it should have been shipped before then")
    tags = serializers.ListField(child=serializers.CharField(max_length=40), max_length=20)


class OrderTokenOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField(max_length=20)
    order_token = serializers.CharField(max_length=64)


def present_row(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "payment_status": order.payment_status,
        "fulfilment_status": order.fulfilment_status,
        "email": order.email,
        "total": money_json(order.total, order.currency),
        "placed_at": order.placed_at,
    }


def present_order(order: Order, *, token: str | None = None, explain: bool = False) -> dict[str, Any]:
    """An order with its lines; `token` only in the one answer that hands it to a guest."""
    currency = order.currency
    totals = {
        "subtotal": order.subtotal,
        "discount": order.discount_total,
        "shipping": order.shipping_total,
        "tax": order.tax_total,
        "total": order.total,
        "cancelled": order.cancelled_total,
    }
    row = present_row(order)
    row.pop("total")
    return row | {
        "items": [_present_item(item, currency) for item in order.items.all()],
        "totals": {name: money_json(amount, currency) for name, amount in totals.items()},
        "exchange_rate": _present_rate(order),
        "prices_include_tax": order.tax_included,
        "tax_exemption": order.tax_exemption or None,
        "discounts": [_present_discount(each, currency) for each in order.discounts.all()],
        "taxes": [_present_tax(each, currency) for each in order.taxes.all()],
        "explain": order.explanation.steps if explain else None,
        "vat_number": order.vat_number or None,
        "shipping_method": order.shipping_method,
        "shipping_method_name": order.shipping_method_name,
        "delivery": present_delivery(order.delivery_earliest, order.delivery_latest),
        "pickup_store": order.pickup_store,
        "shipping_address": order.shipping_address,
        "billing_address": order.billing_address,
        "shipments": [present_shipment(each) for each in shipments_of(order)],
        "note": order.note,
        "expires_at": order.expires_at if order.status == Order.Status.PENDING else None,
        "cancellable": lifecycle.is_cancellable(order),
        "order_token": token,
    }


def present_admin_order(order: Order) -> dict[str, Any]:
    return present_order(order) | {
        "customer": order.user_id,
        "allowed_transitions": lifecycle.allowed_moves(order),
        "held_at": order.held_at,
        "hold_reason": order.hold_reason,
        "late_at": order.late_at,
        "tags": order.tags,
    }


def _present_rate(order: Order) -> dict[str, Any] | None:
    if order.exchange_rate is None:
        return None
    return {"rate": f"{order.exchange_rate.normalize():f}", "on": order.exchange_rate_on}


def _present_item(item: OrderItem, currency: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "sku": item.sku,
        "name": item.name,
        "options": item.options,
        "thumbnail": media_url(item.thumbnail),
        "quantity": item.quantity,
        "shipped_quantity": item.shipped_quantity,
        "cancelled_quantity": item.cancelled_quantity,
        "returned_quantity": item.returned_quantity,
        "refunded_quantity": item.refunded_quantity,
        "unit_price": money_json(item.unit_price, currency),
        "line_total": money_json(item.line_total, currency),
        "discount": money_json(item.discount, currency),
        "tax": money_json(item.tax, currency),
        "is_gift": item.gift_of is not None,
        "note": item.note,
        "gift_wrap": item.gift_wrap,
        "gift_message": item.gift_message,
    }


def _present_discount(each: OrderDiscount, currency: str) -> dict[str, Any]:
    return {
        "promotion": each.promotion_id,
        "name": each.name,
        "code": each.code or None,
        "discount": money_json(each.discount, currency),
        "shipping": money_json(each.shipping, currency),
    }


def _present_tax(each: OrderTax, currency: str) -> dict[str, Any]:
    return {
        "item": each.item_id,
        "name": each.name,
        "jurisdiction": each.jurisdiction,
        "rate": f"{each.rate.normalize():f}",
        "base": money_json(each.base, currency),
        "amount": money_json(each.amount, currency),
    }
