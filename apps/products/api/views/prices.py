"""Exchange rates, price lists and prices at a time, for staff."""

from decimal import Decimal

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common import currencies
from apps.common.api.conditional import check_if_match, conditional, etag_of
from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import PageQuery, newest_first, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView, created
from apps.common.errors import Invalid, NotFound
from apps.products.api.serializers.prices import (
    ListPriceOut,
    ListPriceQuery,
    ListPricesBody,
    PriceAtOut,
    PriceAtQuery,
    PriceListChangeBody,
    PriceListCreateBody,
    PriceListOut,
    RateBody,
    RateOut,
    RateQuery,
    present_list_price,
    present_past,
    present_price_list,
    present_rate,
    rows_of,
)
from apps.products.models import ExchangeRate, Price, PriceList
from apps.products.services import exchange, price_history, price_lists

TAGS = ["Prices for staff"]
_VIEW_LIST = staff("products.view_pricelist")
_USD, _EUR = "USD", "EUR"


class ExchangeRates(ApiView):
    permissions = {"GET": [staff("products.view_exchangerate")], "POST": [staff("products.add_exchangerate")]}
    query_class = RateQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_exchange_rates_list",
        summary="List exchange rates",
        description="Newest entry first.",
        tags=TAGS,
        responses=RateOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("base", "quote") if name in self.query}
        return newest_first(request, self.query, ExchangeRate.objects.filter(**wanted), present_rate).response()

    @extend_schema(
        operation_id="admin_exchange_rates_create",
        summary="Add an exchange rate",
        description="From its date on, until there is a newer one. Rates are not changed: the same again is answered"
        " as it is, another one for the same pair and date is refused. Whole files: `import_exchange_rates`.",
        tags=TAGS,
        request=RateBody,
        responses={201: RateOut},
        examples=[
            OpenApiExample(
                "The euro in pounds",
                {"base": _EUR, "quote": "GBP", "rate": "0.8321", "date": "2026-11-20", "source": "ECB"},
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        body = self.body(RateBody)
        rate = Decimal(body.pop("rate"))
        added = exchange.add(actor=request.user, rate=rate, **body)
        return created(present_rate(added), f"/api/v1/admin/exchange-rates/?base={added.base}&quote={added.quote}")


class PriceLists(ApiView):
    permissions = {"GET": [_VIEW_LIST], "POST": [staff("products.add_pricelist")]}
    query_class = PageQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_price_lists_list",
        summary="List price lists",
        description="The highest priority first, those that are off too.",
        tags=TAGS,
        responses=PriceListOut(many=True),
    )
    def get(self, request: Request) -> Response:
        found = PriceList.objects.select_related("group").order_by("-priority", "code")
        return numbered_page(request, self.query, found, present_price_list).response()

    @extend_schema(
        operation_id="admin_price_lists_create",
        summary="Make a price list",
        description="Prices in one currency, for everybody or for a group of customers, for a time or for good. Of the"
        " lists that have a price the highest priority wins, then the cheapest.",
        tags=TAGS,
        request=PriceListCreateBody,
        responses={201: PriceListOut},
        examples=[
            OpenApiExample("Euro zone", {"code": "euro", "name": "Euro zone", "currency": _EUR}, request_only=True)
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        row = price_lists.create(actor=request.user, **self.body(PriceListCreateBody))
        return created(present_price_list(row), f"/api/v1/admin/price-lists/{row.code}/")


class PriceListDetail(ApiView):
    permissions = {"GET": [_VIEW_LIST], "PATCH": [staff("products.change_pricelist")]}
    conditional_read = True
    conditional_write = True
    problems = {"PATCH": [409]}

    @extend_schema(
        operation_id="admin_price_lists_retrieve",
        summary="Read a price list",
        description="Without its prices, which have an address of their own.",
        tags=TAGS,
        responses=PriceListOut,
    )
    def get(self, request: Request, code: str) -> Response:
        return conditional(request, present_price_list(_list_of(code)))

    @extend_schema(
        operation_id="admin_price_lists_change",
        summary="Change a price list",
        description="Only the given members change. A list is switched off, never deleted: prices of the past stay"
        " explained.",
        tags=TAGS,
        request=PriceListChangeBody,
        responses=PriceListOut,
        examples=[OpenApiExample("Switch off", {"is_active": False}, request_only=True)],
    )
    def patch(self, request: Request, code: str) -> Response:
        row = price_lists.change(
            code=code,
            changes=self.body(PriceListChangeBody),
            actor=request.user,
            precondition=lambda locked: check_if_match(request, present_price_list(locked)),
        )
        body = present_price_list(row)
        return Response(body, headers={"ETag": etag_of(body)})


class ListPrices(ApiView):
    permissions = {"GET": [_VIEW_LIST], "PUT": [staff("products.change_price")]}
    query_class = ListPriceQuery
    problems = {"GET": [404], "PUT": [404]}

    @extend_schema(
        operation_id="admin_price_lists_prices_list",
        summary="List the prices of a price list",
        description="By SKU and quantity.",
        tags=TAGS,
        responses=ListPriceOut(many=True),
    )
    def get(self, request: Request, code: str) -> Response:
        found = Price.objects.filter(price_list=_list_of(code)).select_related("variant", "price_list")
        if "sku" in self.query:
            found = found.filter(variant__sku=self.query["sku"])
        ordered = found.order_by("variant__sku", "minimum_quantity")
        return numbered_page(request, self.query, ordered, present_list_price).response()

    @extend_schema(
        operation_id="admin_price_lists_prices_set",
        summary="Set prices of a price list",
        description="Up to 100 at once, all or none; other prices of the list stay. `amount` null takes one off. A"
        " price holds from `minimum_quantity` units of the variant on. Repeatable.",
        tags=TAGS,
        request=ListPricesBody,
        responses={200: PriceListOut},
        examples=[
            OpenApiExample(
                "Cheaper from ten on",
                {
                    "prices": [
                        {
                            "sku": "OS-MUG-OAT",
                            "minimum_quantity": 10,
                            "amount": {"amount": "9.90", "currency": _USD},
                        }
                    ]
                },
                request_only=True,
            )
        ],
    )
    def put(self, request: Request, code: str) -> Response:
        rows = rows_of(self.body(ListPricesBody))
        return Response(present_price_list(price_lists.set_prices(code=code, rows=rows, actor=request.user)))


class PriceAt(ApiView):
    permissions = {"GET": [staff("products.view_price")]}
    query_class = PriceAtQuery

    @extend_schema(
        operation_id="admin_prices_retrieve",
        summary="Read a price at a time",
        description="What a unit cost at `as_of`, and why: the prices, dates of lists and rates of that time. Which"
        " lists are on and how a currency is rounded are taken as they are now.",
        tags=TAGS,
        responses=PriceAtOut,
    )
    def get(self, request: Request, sku: str) -> Response:
        currency = self.query.get("currency") or settings.DEFAULT_CURRENCY
        if not currencies.is_supported(currency):
            raise Invalid.parameter("currency", "unsupported_currency", currencies.UnsupportedCurrency.detail)
        past = price_history.price_at(
            sku=sku,
            currency=currency,
            at=self.query.get("as_of") or timezone.now(),
            quantity=self.query["quantity"],
            group=self.query.get("group", ""),
        )
        return Response(present_past(past))


def _list_of(code: str) -> PriceList:
    found = PriceList.objects.select_related("group").filter(code=code).first()
    if found is None:
        raise NotFound
    return found
