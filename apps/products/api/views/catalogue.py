"""The public catalogue."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import Anyone
from apps.common.api.query import OrderingField, TrueFalseField
from apps.common.api.schema import one_or_more
from apps.common.api.serializers import QuerySerializer
from apps.common.api.views import ApiView
from apps.common.errors import NotFound
from apps.products.api.caching import CurrencyQuery, catalogue_response, currency_of, remember
from apps.products.api.serializers.catalogue import (
    ROW_COLUMNS,
    CategoryOut,
    CategoryTreeOut,
    ProductDetailOut,
    ProductRowOut,
    present_category,
    present_image,
    present_node,
    present_ref,
    present_row,
    present_variant,
)
from apps.products.api.serializers.catalogue_admin import present_staff_product, staff_etag
from apps.products.models import Product
from apps.products.services import detail, listing, search, shown_prices, tree
from apps.products.services.search import ORDERINGS, Filters

TAGS = ["Catalogue"]
_BOUND = "Cheapest variant at or {}; in another currency, of the shop's own price converted, before rounding."
_ROW_FIELDS = frozenset(ProductRowOut().fields)


@extend_schema_field({"type": "string", **one_or_more(sorted(_ROW_FIELDS))})
class FieldsField(serializers.Field[list[str], str, list[str], Any]):
    """`fields=name,price`: the listed members alone; `id` and `slug` always come."""

    default_error_messages = {"invalid_choice": "Unknown field."}

    def to_internal_value(self, data: str) -> list[str]:
        wanted = data.split(",")
        if not _ROW_FIELDS.issuperset(wanted):
            self.fail("invalid_choice")
        return wanted

    def to_representation(self, value: list[str]) -> list[str]:
        return value


class ProductQuery(PageQuery, CurrencyQuery):
    search = serializers.CharField(max_length=100, required=False, help_text="Words; the last may be unfinished.")
    category = serializers.CharField(max_length=140, required=False, help_text="Slug; with all below it.")
    brand = serializers.CharField(max_length=300, required=False, help_text="One or more, separated by commas.")
    price_min = serializers.DecimalField(
        max_digits=11, decimal_places=4, min_value=0, required=False, help_text=_BOUND.format("above")
    )
    price_max = serializers.DecimalField(
        max_digits=11, decimal_places=4, min_value=0, required=False, help_text=_BOUND.format("below")
    )
    rating_min = serializers.IntegerField(
        min_value=1, max_value=5, required=False, help_text="Average stars, at least."
    )
    in_stock = TrueFalseField(required=False, help_text="Something of it can be bought now.")
    featured = TrueFalseField(required=False, help_text="Chosen by the shop.")
    created_after = serializers.DateTimeField(required=False, help_text="Published at or after this time.")
    created_before = serializers.DateTimeField(required=False, help_text="Published before this time.")
    ordering = OrderingField(keys=ORDERINGS, required=False, help_text="Default: newest, or best match for a search.")

    def get_fields(self) -> dict[str, Any]:
        # `fields` is a parameter here and an attribute of every serializer.
        return {**super().get_fields(), "fields": FieldsField(required=False, help_text="Members of the rows.")}


class CategoriesQuery(QuerySerializer):
    depth = serializers.IntegerField(min_value=1, max_value=10, default=10, help_text="Levels of the tree.")

    def get_fields(self) -> dict[str, Any]:
        # `parent` is a parameter here and an attribute of every serializer.
        parent = serializers.CharField(max_length=140, required=False, help_text="Slug; only what is below it.")
        return {**super().get_fields(), "parent": parent}


class ProductList(ApiView):
    """GET of /products/; staff's POST is mixed in by the URL's view."""

    permissions = {"GET": [Anyone]}
    query_class = ProductQuery
    header_sets = ("currency",)
    conditional_read = True
    problems = {"GET": [404]}

    def _count(self, scope: str, who: str) -> None:
        searching = scope in ("anonymous", "user") and "search" in self.request.query_params
        super()._count("search" if searching else scope, who)

    @extend_schema(
        operation_id="products_list",
        summary="List and search products",
        description="Filters are and-ed. `category` takes in everything below it. Unknown parameters are refused.",
        tags=TAGS,
        responses=ProductRowOut(many=True),
    )
    def get(self, request: Request) -> Response:
        currency = currency_of(request, self.query.get("currency"))
        return catalogue_response(request, lambda version: self._build(version, currency))

    def _build(self, version: int, currency: str) -> tuple[Any, dict[str, str]]:
        wanted = shown_prices.showing(currency)
        filters = shown_prices.in_own_currency(_filters(self.query), wanted)
        whole = tree.load(version) if filters.category else None
        ordering = self.query.get("ordering", [])
        rows: Any
        if filters.search and not ordering:
            rows = search.best_matches(filters, whole, columns=ROW_COLUMNS)
            count = len(rows)
        else:
            found = search.matching(filters, whole)
            count = remember(version, repr(filters), found.count)
            rows = search.ordered(found, ordering).values(*ROW_COLUMNS)
        if wanted is not None:
            rows = shown_prices.PricedRows(rows, wanted)
        page = numbered_page(self.request, self.query, rows, self._presenter(), count=count)
        return page.body(), page.headers()

    def _presenter(self) -> Any:
        if "fields" not in self.query:
            return present_row
        wanted = {"id", "slug", *self.query["fields"]}
        return lambda row: {name: value for name, value in present_row(row).items() if name in wanted}


class ProductDetail(ApiView):
    """GET of /products/{slug}/; staff's PATCH and DELETE are mixed in by the URL's view."""

    permissions = {"GET": [Anyone]}
    query_class = CurrencyQuery
    header_sets = ("currency",)
    conditional_read = True

    @extend_schema(
        operation_id="products_retrieve",
        summary="Read a product",
        description="With variants, pictures and categories. A slug it used to have works, too. Staff see drafts.",
        tags=TAGS,
        responses=ProductDetailOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        currency = currency_of(request, self.query.get("currency"))
        if request.user.is_authenticated and request.user.is_staff and request.user.has_perm("products.view_product"):
            return self._for_staff(slug, currency)
        return catalogue_response(request, lambda version: (_present(slug, currency, version=version), {}))

    @staticmethod
    def _for_staff(slug: str, currency: str) -> Response:
        """Uncached, drafts too, with the validator that staff's PATCH takes as If-Match."""
        body = _present(slug, currency, version=listing.current_version(), unpublished=True)
        product = Product.objects.get(pk=body["id"])
        return Response(body, headers={"ETag": staff_etag(present_staff_product(product))})


class CategoryList(ApiView):
    """GET of /products/categories/."""

    permissions = {"GET": [Anyone]}
    query_class = CategoriesQuery
    conditional_read = True
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="categories_list",
        summary="Read the category tree",
        description="With the number of products in and below each category.",
        tags=TAGS,
        responses=CategoryTreeOut,
    )
    def get(self, request: Request) -> Response:
        return catalogue_response(request, self._build)

    def _build(self, version: int) -> tuple[Any, dict[str, str]]:
        whole = tree.load(version)
        nodes = whole.roots
        if "parent" in self.query:
            nodes = _node(whole, self.query["parent"]).children
        return {"results": [present_node(node, self.query["depth"]) for node in nodes]}, {}


class CategoryDetail(ApiView):
    """GET of /products/categories/{slug}/."""

    permissions = {"GET": [Anyone]}
    conditional_read = True

    @extend_schema(
        operation_id="categories_retrieve",
        summary="Read a category",
        description="With its ancestors and children.",
        tags=TAGS,
        responses=CategoryOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        def build(version: int) -> tuple[Any, dict[str, str]]:
            whole = tree.load(version)
            return present_category(_node(whole, slug), whole), {}

        return catalogue_response(request, build)


def _filters(query: dict[str, Any]) -> Filters:
    names = ("category", "price_min", "price_max", "rating_min", "in_stock", "featured")
    return Filters(
        search=query.get("search", ""),
        brands=tuple(part.strip() for part in query["brand"].split(",") if part.strip()) if "brand" in query else (),
        created_after=query.get("created_after"),
        created_before=query.get("created_before"),
        **{name: query.get(name) for name in names},
    )


def _node(whole: tree.Tree, slug: str) -> tree.Node:
    node = whole.by_slug.get(slug)
    if node is None:
        raise NotFound
    return node


def _present(slug: str, currency: str, *, version: int, unpublished: bool = False) -> dict[str, Any]:
    found = detail.find_product(slug, columns=ROW_COLUMNS, unpublished=unpublished)
    product, variants = shown_prices.of_detail(found.product, found.variants, shown_prices.showing(currency))
    whole = tree.load(version)
    own = whole.by_id.get(product["category_id"])
    return {
        **present_row(product),
        "canonical_slug": product["slug"],
        "description": product["description"],
        "attributes": product["attributes"],
        "categories": [present_ref(node) for node in [*whole.ancestors(own), own]] if own else [],
        "images": [present_image(image) for image in found.images],
        "variants": [present_variant(variant) for variant in variants],
    }
