"""What taxes are made of, for staff: categories, zones, rates, exemptions."""

from typing import Any

from django.db.models import QuerySet

from apps.cart.api.serializers.taxes import (
    TaxCategoryBody,
    TaxCategoryChangeBody,
    TaxCategoryOut,
    TaxExemptionBody,
    TaxExemptionChangeBody,
    TaxExemptionOut,
    TaxExemptionQuery,
    TaxRateBody,
    TaxRateChangeBody,
    TaxRateOut,
    TaxRateQuery,
    TaxZoneBody,
    TaxZoneChangeBody,
    TaxZoneOut,
    TaxZoneQuery,
    present_category,
    present_exemption,
    present_rate,
    present_zone,
)
from apps.cart.api.views.staff_rows import Resource, RowDetail, RowList, detailed, listed, rights
from apps.cart.models import TaxExemption, TaxRate, TaxZone
from apps.products.models import TaxCategory
from apps.users.models.account import normalise_email

_WRITE = ("GET", "PATCH", "DELETE")
_ORDERS = "Carts are priced anew; orders keep what they froze."


class _Categories(Resource):
    model = TaxCategory
    path = "admin/tax-categories/"

    def rows(self) -> "QuerySet[Any]":
        return TaxCategory.objects.order_by("code")

    def present(self, row: Any) -> dict[str, Any]:
        return present_category(row)


@listed(
    "tax category",
    "tax categories",
    about="Kinds of goods that the law taxes apart. A product of a category without a rate pays the standard rate.",
    creating="Then give it rates and put products in it. `shipping` is the category that taxes shipping by itself.",
    body=TaxCategoryBody,
    out=TaxCategoryOut,
    example={"code": "books", "name": "Books"},
)
class TaxCategories(_Categories, RowList):
    permissions = rights(TaxCategory, "GET", "POST")
    create_body = TaxCategoryBody


@detailed(
    "tax category",
    "tax categories",
    about="Its code and name.",
    changing="Its name; products name its code, so that one stays.",
    deleting="Only one without rates and products (409 `still_used`).",
    body=TaxCategoryChangeBody,
    out=TaxCategoryOut,
    example={"name": "Printed books"},
)
class TaxCategoryDetail(_Categories, RowDetail):
    permissions = rights(TaxCategory, *_WRITE)
    change_body = TaxCategoryChangeBody


class _Zones(Resource):
    model = TaxZone
    path = "admin/tax-zones/"

    def rows(self) -> "QuerySet[Any]":
        return TaxZone.objects.order_by("country", "region", "postal_from", "code")

    def present(self, row: Any) -> dict[str, Any]:
        return present_zone(row)


@listed(
    "tax zone",
    "tax zones",
    about="By country, region and postal codes. The most specific active zone of an address taxes it, alone.",
    creating="A country, a region of it, or a range of the beginnings of postal codes. One zone per area.",
    body=TaxZoneBody,
    out=TaxZoneOut,
    example={"code": "us-ny-city", "name": "New York City", "country": "US", "postal_from": "100", "postal_to": "104"},
)
class TaxZones(_Zones, RowList):
    permissions = rights(TaxZone, "GET", "POST")
    create_body = TaxZoneBody
    query_class = TaxZoneQuery

    def found(self) -> "QuerySet[Any]":
        country = self.query.get("country")
        return self.rows().filter(country=country) if country else self.rows()


@detailed(
    "tax zone",
    "tax zones",
    about="The area it holds, and whether it is on.",
    changing=f"Only the given members change. {_ORDERS}",
    deleting="Only one without rates (409 `still_used`); another can be switched off.",
    body=TaxZoneChangeBody,
    out=TaxZoneOut,
    example={"is_active": False},
)
class TaxZoneDetail(_Zones, RowDetail):
    permissions = rights(TaxZone, *_WRITE)
    change_body = TaxZoneChangeBody


class _Rates(Resource):
    model = TaxRate
    key = "id"
    path = "admin/tax-rates/"

    def rows(self) -> "QuerySet[Any]":
        order = ("zone__country", "zone__code", "category__code", "jurisdiction", "valid_from", "id")
        return TaxRate.objects.select_related("zone", "category").order_by(*order)

    def present(self, row: Any) -> dict[str, Any]:
        return present_rate(row)


@listed(
    "tax rate",
    "tax rates",
    about="By zone, category and jurisdiction, with the days they hold.",
    creating="Rates of several jurisdictions of one zone and category add up. Two rates of one jurisdiction that hold"
    " on the same day are refused (`overlaps`): first let the old one end.",
    body=TaxRateBody,
    out=TaxRateOut,
    example={
        "zone": "us-ny-city",
        "category": "books",
        "name": "NYC sales tax",
        "jurisdiction": "US-NY-NYC",
        "rate": "0.045",
        "valid_from": "2027-01-01",
    },
)
class TaxRates(_Rates, RowList):
    permissions = rights(TaxRate, "GET", "POST")
    create_body = TaxRateBody
    query_class = TaxRateQuery

    def found(self) -> "QuerySet[Any]":
        rows: Any = self.rows()
        for name in ("zone", "category"):
            if name in self.query:
                rows = rows.filter(**{f"{name}__code": self.query[name]})
        found: QuerySet[Any] = rows.valid_on(self.query["valid_on"]) if "valid_on" in self.query else rows
        return found


@detailed(
    "tax rate",
    "tax rates",
    about="With the days it holds.",
    changing=f"Only the given members change; zone, category and jurisdiction stay. {_ORDERS}",
    deleting="Better let it end (`valid_until`): the past stays explained. Orders keep what they froze.",
    body=TaxRateChangeBody,
    out=TaxRateOut,
    example={"valid_until": "2026-12-31"},
)
class TaxRateDetail(_Rates, RowDetail):
    permissions = rights(TaxRate, *_WRITE)
    change_body = TaxRateChangeBody


class _Exemptions(Resource):
    model = TaxExemption
    key = "id"
    path = "admin/tax-exemptions/"

    def rows(self) -> "QuerySet[Any]":
        return TaxExemption.objects.select_related("user").order_by("-id")

    def present(self, row: Any) -> dict[str, Any]:
        return present_exemption(row)

    def columns(self, body: dict[str, Any], row: Any) -> dict[str, Any]:
        own = dict(body)
        return own | {"user": own.pop("email")} if "email" in own else own


@listed(
    "tax exemption",
    "tax exemptions",
    about="Customers who pay no tax, the latest first.",
    creating="Everywhere, or in one country; one of each per customer. Signed-in carts of the customer are tax-free at"
    " once.",
    body=TaxExemptionBody,
    out=TaxExemptionOut,
    example={"email": "alice@example.com", "country": "US", "reason": "Resale certificate 4711"},
)
class TaxExemptions(_Exemptions, RowList):
    permissions = rights(TaxExemption, "GET", "POST")
    create_body = TaxExemptionBody
    query_class = TaxExemptionQuery

    def found(self) -> "QuerySet[Any]":
        email = self.query.get("email")
        return self.rows().filter(user__email=normalise_email(email)) if email else self.rows()


@detailed(
    "tax exemption",
    "tax exemptions",
    about="Whose, where and why.",
    changing="Only the given members change; customer and country stay.",
    deleting="The customer pays tax again, from the next price on.",
    body=TaxExemptionChangeBody,
    out=TaxExemptionOut,
    example={"valid_until": "2027-12-31"},
)
class TaxExemptionDetail(_Exemptions, RowDetail):
    permissions = rights(TaxExemption, *_WRITE)
    change_body = TaxExemptionChangeBody
