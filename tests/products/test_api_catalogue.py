"""The public catalogue through HTTP."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from apps.products.models import Category, Product, ProductVariant, RetiredSlug, StockLevel
from apps.products.services import listing
from tests.client import ApiClient, code
from tests.factories import CategoryFactory, ProductFactory, UserFactory, VariantFactory, receive, sellable

pytestmark = pytest.mark.django_db


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def refresh() -> None:
    with transaction.atomic():
        listing.refresh(list(Product.objects.values_list("id", flat=True)))


def slugs(response) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["slug"] for row in response.json()["results"]]


@pytest.fixture
def tree() -> dict[str, Category]:
    clothing = CategoryFactory(name="Clothing", slug="clothing")
    shirts = CategoryFactory(name="Shirts", slug="shirts", parent=clothing)
    polo = CategoryFactory(name="Polo", slug="polo", parent=shirts)
    tools = CategoryFactory(name="Tools", slug="tools", position=1)
    return {"clothing": clothing, "shirts": shirts, "polo": polo, "tools": tools}


def test_a_row_has_what_a_list_shows(api, tree):
    variant = sellable(price="19.90", product__name="Linen shirt", product__slug="linen-shirt", product__brand="Nord")
    Product.objects.update(category=tree["shirts"])
    VariantFactory(product=variant.product, price=Decimal("15.00"), compare_at_price=Decimal("20.00"))
    refresh()
    body = api.get("/products/").json()
    published = Product.objects.get().published_at
    assert (body["count"], body["next"], body["previous"]) == (1, None, None)
    assert body["results"] == [
        {
            "id": str(variant.product_id),
            "slug": "linen-shirt",
            "name": "Linen shirt",
            "brand": "Nord",
            "price": usd("15.00"),
            "compare_at_price": usd("20.00"),
            "thumbnail": None,
            "rating": None,
            "review_count": 0,
            "in_stock": True,
            "featured": False,
            "category": {"slug": "shirts", "name": "Shirts"},
            "published_at": published.isoformat().replace("+00:00", "Z"),
        }
    ]


def test_drafts_and_archived_products_are_not_shown(api):
    ProductFactory(slug="draft", status="draft")
    ProductFactory(slug="archived", status="archived")
    ProductFactory(slug="active")
    assert slugs(api.get("/products/")) == ["active"]
    for slug in ("draft", "archived", "never-was"):
        assert code(api.get(f"/products/{slug}/")) == (404, "not_found")


def test_a_category_takes_in_everything_below_it(api, tree):
    ProductFactory(slug="polo-shirt", category=tree["polo"])
    ProductFactory(slug="hammer", category=tree["tools"])
    assert slugs(api.get("/products/", {"category": "clothing"})) == ["polo-shirt"]
    assert slugs(api.get("/products/", {"category": "polo"})) == ["polo-shirt"]
    assert slugs(api.get("/products/", {"category": "tools"})) == ["hammer"]
    assert slugs(api.get("/products/", {"category": "no-such"})) == []


def test_filters_are_anded(api):
    ProductFactory(slug="a", price=Decimal(10), brand="Nord", in_stock=True, rating=Decimal("4.5"), is_featured=True)
    ProductFactory(slug="b", price=Decimal(20), brand="Süd", in_stock=False, rating=Decimal("3.0"))
    ProductFactory(slug="c", price=Decimal(30), brand="West", in_stock=True)
    for query, expected in (
        ({"price_min": "20"}, {"b", "c"}),
        ({"price_max": "20.00"}, {"a", "b"}),
        ({"price_min": "10", "price_max": "20", "in_stock": "true"}, {"a"}),
        ({"in_stock": "false"}, {"b"}),
        ({"rating_min": "4"}, {"a"}),
        ({"featured": "true"}, {"a"}),
        ({"brand": "Nord,Süd"}, {"a", "b"}),
        ({"created_after": "2999-01-01T00:00:00Z"}, set()),
        ({"created_before": "2999-01-01T00:00:00Z"}, {"a", "b", "c"}),
    ):
        assert set(slugs(api.get("/products/", query))) == expected, query


def test_orderings_with_nulls_last(api):
    now = timezone.now()
    for index, (slug, price, rating, sold) in enumerate([("a", 30, None, 5), ("b", 10, 4, 9), ("c", 20, 5, 1)]):
        ProductFactory(
            slug=slug,
            name=slug,
            price=Decimal(price),
            rating=rating,
            sold_count=sold,
            published_at=now + timezone.timedelta(seconds=index),
        )
    for ordering, expected in (
        ("price", "bca"),
        ("-price", "acb"),
        ("rating", "bca"),
        ("-rating", "cba"),
        ("-popularity", "bac"),
        ("name", "abc"),
        ("created_at", "abc"),
        ("-created_at", "cba"),
        ("-rating,price", "cba"),
    ):
        assert "".join(slugs(api.get("/products/", {"ordering": ordering}))) == expected, ordering
    assert "".join(slugs(api.get("/products/"))) == "cba"


@pytest.mark.parametrize(
    ("query", "answer", "parameter"),
    [
        ("colour=red", (400, "unknown_parameter"), "colour"),
        ("page=1&page=2", (400, "repeated_parameter"), "page"),
        ("category=", (400, "empty_parameter"), "category"),
        ("ordering=password", (400, "validation_error"), "ordering"),
        ("ordering=price,price,price,price,price,price", (400, "validation_error"), "ordering"),
        ("in_stock=yes", (400, "validation_error"), "in_stock"),
        ("page_size=101", (400, "validation_error"), "page_size"),
        ("page=0", (400, "validation_error"), "page"),
        ("price_min=-1", (400, "validation_error"), "price_min"),
        ("price_min=NaN", (400, "validation_error"), "price_min"),
        ("rating_min=6", (400, "validation_error"), "rating_min"),
        ("fields=password", (400, "validation_error"), "fields"),
        ("search=" + "x" * 101, (400, "validation_error"), "search"),
        ("search=a%00b", (400, "validation_error"), "search"),
        ("created_after=yesterday", (400, "validation_error"), "created_after"),
    ],
)
def test_a_query_is_taken_literally(api, query, answer, parameter):
    response = api.get("/products/", query)
    assert code(response) == answer
    assert [each["parameter"] for each in response.json()["errors"]] == [parameter]


def test_a_currency_without_prices_is_refused(api):
    assert code(api.get("/products/", {"currency": "EUR"})) == (400, "unsupported_currency")
    assert code(api.get("/products/", X_Currency="EUR")) == (400, "unsupported_currency")
    assert api.get("/products/", X_Currency="USD").status_code == 200


def test_pages_link_to_their_neighbours(api):
    for number in range(5):
        ProductFactory(slug=f"p{number}")
    first = api.get("/products/", {"page_size": 2, "ordering": "created_at"})
    assert first.json()["count"] == 5
    assert "page=2" in first.json()["next"]
    second = ApiClient().get(first.json()["next"].removeprefix("http://testserver"))
    assert slugs(second) == ["p2", "p3"]
    assert second["Link"].endswith('rel="prev"')
    assert code(api.get("/products/", {"page": 4, "page_size": 2})) == (404, "not_found")


def test_fields_narrow_the_rows(client):
    product = ProductFactory(slug="x", name="X")
    assert client.get("/api/v1/products/", {"fields": "name"}).json()["results"] == [
        {"id": str(product.id), "slug": "x", "name": "X"}
    ]


def test_search_finds_words_stems_unfinished_words_brands_and_skus(api):
    shirt = sellable(product__name="Running shirts", product__slug="shirt", product__brand="Ünïcode", sku="TP-0001-1")
    sellable(product__name="Walking boots", product__slug="boots", sku="TP-0002-1", product__description="for running")
    refresh()
    for text, expected in (
        ("shirt", ["shirt"]),
        ("run", ["shirt", "boots"]),
        ("runni", ["shirt"]),
        ("walk", ["boots"]),
        ("ünïcode", ["shirt"]),
        ("TP-0001-1", ["shirt"]),
        ("running -shirts", ["boots"]),
        ("running zzz", []),
        ("!!!", []),
        ("'; DROP TABLE x; --", []),
    ):
        assert slugs(api.get("/products/", {"search": text})) == expected, text
    assert shirt.product.slug == "shirt"


def test_search_in_scripts_without_spaces(api):
    ProductFactory(name="日本語のシャツ", slug="nihon")
    assert slugs(api.get("/products/", {"search": "シャツ"})) == ["nihon"]


def test_search_ranks_the_name_above_the_description(api):
    ProductFactory(name="Other", slug="other", description="a teapot", sold_count=99)
    ProductFactory(name="Teapot", slug="teapot")
    assert slugs(api.get("/products/", {"search": "teapot"})) == ["teapot", "other"]
    assert slugs(api.get("/products/", {"search": "teapot", "ordering": "-popularity"})) == ["other", "teapot"]


def test_a_product_page_has_variants_pictures_and_categories(api, tree):
    variant = sellable(price="10.00", stock=3, product__slug="x", options={"size": "M"}, name="M")
    Product.objects.update(category=tree["polo"], attributes={"material": "linen"}, description="Fine.")
    VariantFactory(product=variant.product, sku="GONE", archived_at=timezone.now())
    VariantFactory(product=variant.product, sku="EMPTY", price=Decimal("12.00"), position=2)
    receive(VariantFactory(product=variant.product, sku="MANY", position=3), 100)
    refresh()
    body = api.get("/products/x/").json()
    assert [ref["slug"] for ref in body["categories"]] == ["clothing", "shirts", "polo"]
    assert (body["attributes"], body["description"], body["canonical_slug"]) == ({"material": "linen"}, "Fine.", "x")
    assert [(v["sku"], v["availability"], v["in_stock"]) for v in body["variants"]] == [
        (variant.sku, "low_stock", True),
        ("EMPTY", "out_of_stock", False),
        ("MANY", "in_stock", True),
    ]
    assert body["variants"][0]["options"] == {"size": "M"}
    assert body["images"] == []


def test_an_old_slug_still_finds_the_product(api):
    product = ProductFactory(slug="new")
    RetiredSlug.objects.create(slug="old", product=product)
    body = api.get("/products/old/").json()
    assert (body["slug"], body["canonical_slug"]) == ("new", "new")


def test_staff_with_the_right_see_drafts_and_nothing_is_cached_for_others(api):
    ProductFactory(slug="draft", status="draft")
    boss = ApiClient(UserFactory(is_staff=True, is_superuser=True))
    response = boss.get("/products/draft/")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert code(api.get("/products/draft/")) == (404, "not_found")
    assert code(ApiClient(UserFactory(is_staff=True)).get("/products/draft/")) == (404, "not_found")


def test_the_category_tree_counts_active_products_below(api, tree):
    ProductFactory(category=tree["polo"])
    ProductFactory(category=tree["shirts"])
    ProductFactory(category=tree["tools"], status="draft")
    assert api.get("/products/categories/").json() == {
        "results": [
            {
                "slug": "clothing",
                "name": "Clothing",
                "product_count": 2,
                "children": [
                    {
                        "slug": "shirts",
                        "name": "Shirts",
                        "product_count": 2,
                        "children": [{"slug": "polo", "name": "Polo", "product_count": 1, "children": []}],
                    }
                ],
            },
            {"slug": "tools", "name": "Tools", "product_count": 0, "children": []},
        ]
    }
    below = api.get("/products/categories/", {"parent": "clothing", "depth": 1}).json()["results"]
    assert below == [{"slug": "shirts", "name": "Shirts", "product_count": 2, "children": []}]
    assert code(api.get("/products/categories/", {"parent": "nope"})) == (404, "not_found")


def test_a_category_knows_its_place_and_an_inactive_branch_is_hidden(api, tree):
    body = api.get("/products/categories/shirts/").json()
    assert [ref["slug"] for ref in body["ancestors"]] == ["clothing"]
    assert [node["slug"] for node in body["children"]] == ["polo"]
    Category.objects.filter(slug="shirts").update(is_active=False)
    with transaction.atomic():
        listing.bump_version()
    assert code(api.get("/products/categories/shirts/")) == (404, "not_found")
    assert code(api.get("/products/categories/polo/")) == (404, "not_found")


def test_a_warm_answer_takes_one_statement_and_an_unchanged_one_is_304(api, django_assert_num_queries):
    sellable(product__slug="x")
    refresh()
    for path in ("/products/", "/products/x/", "/products/categories/", "/products/?search=product"):
        first = api.get(path)
        assert (first.status_code, first["Cache-Control"]) == (200, "public, max-age=60")
        with django_assert_num_queries(1):
            again = api.get(path)
        assert again.content == first.content
        with django_assert_num_queries(1):
            unchanged = api.get(path, If_None_Match=first["ETag"])
        assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", first["ETag"])


@pytest.mark.parametrize("path", ["/products/", "/products/?category=clothing&ordering=price&in_stock=true"])
def test_a_cold_list_takes_at_most_four_statements(api, tree, django_assert_max_num_queries, path):
    for _ in range(25):
        sellable(product__category=tree["polo"])
    refresh()
    with django_assert_max_num_queries(4):
        assert api.get(path).json()["count"] == 25


def test_a_cold_search_takes_three_statements_and_a_cold_product_five(api, tree, django_assert_num_queries):
    sellable(product__slug="x", product__category=tree["polo"])
    refresh()
    with django_assert_num_queries(3):
        api.get("/products/", {"search": "product"})
    with django_assert_num_queries(5):
        api.get("/products/x/")


def test_every_write_is_seen_by_the_next_read(api):
    variant = sellable(price="10.00", stock=2, product__slug="x")
    refresh()
    level = StockLevel.objects.get()

    def seen() -> tuple[str, bool, str]:
        row = api.get("/products/").json()["results"][0]
        availability = api.get("/products/x/").json()["variants"][0]["availability"]
        return row["price"]["amount"], row["in_stock"], availability

    assert seen() == ("10.00", True, "low_stock")
    from apps.products.services import stock

    stock.adjust(level_id=level.id, delta=50, reason="delivery")
    assert seen() == ("10.00", True, "in_stock")
    stock.adjust(level_id=level.id, delta=-52, reason="gone")
    assert seen() == ("10.00", False, "out_of_stock")
    ProductVariant.objects.filter(id=variant.id).update(price=Decimal("12.00"))
    refresh()
    assert seen() == ("12.00", False, "out_of_stock")


def test_staff_change_what_they_read_unless_somebody_was_faster():
    ProductFactory(slug="x")
    first, second = (ApiClient(UserFactory(is_staff=True, is_superuser=True)) for _ in range(2))
    etag = first.get("/products/x/")["ETag"]
    assert second.patch("/products/x/", {"name": "Second"}, If_Match=etag).status_code == 200
    assert code(first.patch("/products/x/", {"name": "First"}, If_Match=etag)) == (412, "precondition_failed")
    assert Product.objects.get().name == "Second"
