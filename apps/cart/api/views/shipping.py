"""What shipping is made of, for staff: zones, methods with their tariffs, holidays."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from apps.cart.api.serializers.shipping import (
    HolidayBody,
    HolidayChangeBody,
    HolidayOut,
    HolidayQuery,
    ShippingMethodBody,
    ShippingMethodChangeBody,
    ShippingMethodOut,
    ShippingMethodQuery,
    ShippingZoneBody,
    ShippingZoneChangeBody,
    ShippingZoneOut,
    method_columns,
    present_holiday,
    present_method,
    present_zone,
)
from apps.cart.api.views.staff_rows import Resource, RowDetail, RowList, detailed, listed, rights
from apps.cart.models import ShippingHoliday, ShippingMethod, ShippingZone

_WRITE = ("GET", "PATCH", "DELETE")


class _Zones(Resource):
    model = ShippingZone
    path = "admin/shipping-zones/"

    def rows(self) -> "QuerySet[Any]":
        return ShippingZone.objects.order_by("code")

    def present(self, row: Any) -> dict[str, Any]:
        return present_zone(row)


@listed(
    "shipping zone",
    "shipping zones",
    about="Addresses that are served alike. Of an address's zones only the most specific ones count.",
    creating="Countries; or regions, or beginnings of postal codes, of one country; or nothing: everywhere else.",
    body=ShippingZoneBody,
    out=ShippingZoneOut,
    example={"code": "hawaii", "name": "Hawaii", "countries": ["US"], "postal_prefixes": ["967", "968"]},
)
class ShippingZones(_Zones, RowList):
    permissions = rights(ShippingZone, "GET", "POST")
    create_body = ShippingZoneBody


@detailed(
    "shipping zone",
    "shipping zones",
    about="The addresses it holds.",
    changing="Only the given members change.",
    deleting="Only one without methods (409 `still_used`).",
    body=ShippingZoneChangeBody,
    out=ShippingZoneOut,
    example={"postal_prefixes": ["967", "968"]},
)
class ShippingZoneDetail(_Zones, RowDetail):
    permissions = rights(ShippingZone, *_WRITE)
    change_body = ShippingZoneChangeBody


class _Methods(Resource):
    model = ShippingMethod
    path = "admin/shipping-methods/"

    def rows(self) -> "QuerySet[Any]":
        rows = ShippingMethod.objects.select_related("zone").prefetch_related("bands", "stores")
        return rows.order_by("position", "code")

    def present(self, row: Any) -> dict[str, Any]:
        return present_method(row)

    def columns(self, body: dict[str, Any], row: Any) -> Mapping[str, Any]:
        return method_columns(body, currency=row.currency if row is not None else None)


@listed(
    "shipping method",
    "shipping methods",
    about="In the order in which shoppers see them, those that are off too.",
    creating="`kind` is flat, weight, price, table, carrier or pickup (docs/shipping.md); all amounts are of the"
    " currency of `price`.",
    body=ShippingMethodBody,
    out=ShippingMethodOut,
    example={
        "code": "by-weight",
        "name": "By weight",
        "kind": "weight",
        "price": {"amount": "3.00", "currency": "USD"},
        "per_kilogram": {"amount": "1.00", "currency": "USD"},
        "parcel_grams": 10000,
        "bands": [{"threshold": "5000", "price": {"amount": "2.50", "currency": "USD"}}],
    },
)
class ShippingMethods(_Methods, RowList):
    permissions = rights(ShippingMethod, "GET", "POST")
    create_body = ShippingMethodBody
    query_class = ShippingMethodQuery

    def found(self) -> "QuerySet[Any]":
        rows = self.rows()
        if "zone" in self.query:
            rows = rows.filter(zone__code=self.query["zone"])
        return rows.filter(is_active=self.query["is_active"]) if "is_active" in self.query else rows


@detailed(
    "shipping method",
    "shipping methods",
    about="With its tariff and the stores where it hands out orders.",
    changing="Only the given members change; `bands` and `stores` are replaced as a whole. The currency stays.",
    deleting="With its tariff. Orders keep its name and price; carts that chose it choose again.",
    body=ShippingMethodChangeBody,
    out=ShippingMethodOut,
    example={"is_active": False},
)
class ShippingMethodDetail(_Methods, RowDetail):
    permissions = rights(ShippingMethod, *_WRITE)
    change_body = ShippingMethodChangeBody


class _Holidays(Resource):
    model = ShippingHoliday
    key = "id"
    path = "admin/shipping-holidays/"

    def rows(self) -> "QuerySet[Any]":
        return ShippingHoliday.objects.order_by("day", "country")

    def present(self, row: Any) -> dict[str, Any]:
        return present_holiday(row)


@listed(
    "shipping holiday",
    "shipping holidays",
    about="Days on which nothing is sent from a country or delivered in it, in the order of days.",
    creating="One per country and day.",
    body=HolidayBody,
    out=HolidayOut,
    example={"country": "US", "day": "2027-07-05", "name": "Independence Day (observed)"},
)
class ShippingHolidays(_Holidays, RowList):
    permissions = rights(ShippingHoliday, "GET", "POST")
    create_body = HolidayBody
    query_class = HolidayQuery

    def found(self) -> "QuerySet[Any]":
        country = self.query.get("country")
        return self.rows().filter(country=country) if country else self.rows()


@detailed(
    "shipping holiday",
    "shipping holidays",
    about="The day, the country and the name.",
    changing="Its name; another day is another holiday.",
    deleting="It is a business day again.",
    body=HolidayChangeBody,
    out=HolidayOut,
    example={"name": "Independence Day"},
)
class ShippingHolidayDetail(_Holidays, RowDetail):
    permissions = rights(ShippingHoliday, *_WRITE)
    change_body = HolidayChangeBody
