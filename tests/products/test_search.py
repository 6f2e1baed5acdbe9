"""Searching and ordering: what is found, in which order, and that the list's indexes can serve it."""

import unicodedata
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.products.models import Product, ProductVariant
from apps.products.services import listing, search
from apps.products.services.search import Filters
from tests.factories import CategoryFactory, ProductFactory, VariantFactory, sellable

pytestmark = pytest.mark.django_db


def found(api, text: str, **query: str) -> list[str]:
    response = api.get("/products/", {"search": text, **query})
    assert response.status_code == 200, response.json()
    return [row["slug"] for row in response.json()["results"]]


def refresh() -> None:
    with transaction.atomic():
        listing.refresh(list(Product.objects.values_list("id", flat=True)))


def test_an_exact_sku_comes_before_what_only_resembles_it(api):
    sellable(sku="TP-7", product__slug="exact")
    for number in range(3):
        ProductFactory(name=f"TP 7 TP 7 spare {number}", slug=f"spare-{number}", brand="TP 7", sold_count=1000)
    refresh()
    for text in ("TP-7", "tp-7", " TP-7 "):
        rows = found(api, text)
        assert (rows[0], len(rows)) == ("exact", 4), text


def test_an_archived_variants_sku_is_not_an_exact_match(api):
    variant = sellable(sku="TP-7", product__slug="once", product__name="Teapot", product__category__name="Kitchen")
    VariantFactory(product=variant.product, sku="TP-8")
    ProductFactory(name="TP 7 spare", slug="spare")
    ProductVariant.objects.filter(sku="TP-7").update(archived_at=timezone.now())
    refresh()
    assert found(api, "TP-7") == ["spare"]


def test_an_exact_sku_still_has_to_pass_the_filters(api):
    sellable(sku="TP-7", price="10.00", product__slug="cheap")
    refresh()
    assert found(api, "TP-7", price_min="20") == []
    assert found(api, "TP-7", price_min="10") == ["cheap"]


def test_words_that_stand_together_rank_higher(api):
    ProductFactory(name="Red shoes with a cotton and a leather bag", slug="apart", sold_count=50)
    ProductFactory(name="Cotton bag in red with leather", slug="together")
    assert found(api, "cotton bag") == ["together", "apart"]


def test_equal_matches_come_by_popularity_and_then_by_age(api):
    for slug, sold in (("a", 1), ("b", 9), ("c", 1)):
        ProductFactory(name="Teapot", slug=slug, sold_count=sold)
    assert found(api, "teapot") == ["b", "c", "a"]


def test_pages_of_a_search_hold_each_product_once(api):
    for number in range(5):
        ProductFactory(name="Teapot", slug=f"teapot-{number}", sold_count=number)
    pages = [api.get("/products/", {"search": "teapot", "page": page, "page_size": 2}).json() for page in (1, 2, 3)]
    assert [page["count"] for page in pages] == [5, 5, 5]
    assert [row["slug"] for page in pages for row in page["results"]] == [f"teapot-{n}" for n in (4, 3, 2, 1, 0)]
    assert (pages[0]["previous"], pages[2]["next"]) == (None, None)


def test_a_search_ends_at_its_bound(api, monkeypatch):
    monkeypatch.setattr(search, "MAX_RANKED", 3)
    for number in range(5):
        ProductFactory(name="Teapot", slug=f"teapot-{number}", sold_count=number)
    sellable(sku="TEAPOT", product__name="Kettle", product__slug="kettle")
    refresh()
    assert found(api, "teapot") == ["kettle", "teapot-4", "teapot-3"]
    assert len(found(api, "teapot", ordering="name")) == 6


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("Großartige Straßenschuhe", ["großartige", "groß", "Straßensch"]),
        ("Crème brûlée", ["crème", "CRÈME", "brûl", unicodedata.normalize("NFD", "brûlée")]),
        ("Кожаная сумка", ["кожаная", "сумка".upper(), "сум"]),
        ("Δερμάτινη τσάντα", ["τσάντα", "τσά"]),
        ("कपड़े का थैला", ["कपड़े", "थैला", "थै"]),
        ("حقيبة جلدية", ["حقيبة", "جلد"]),
        ("日本語のシャツ", ["シャツ", "日本"]),
        ("กระเป๋าหนัง", ["หนัง"]),
        ("가죽가방", ["가방"]),
        ("T-shirt 100% cotton", ["t-shirt", "T-Sh", "100%", "cotton 100"]),
        ("Emoji 🎒 bag", ["🎒 bag", "bag 🎒"]),
    ],
)
def test_search_in_any_script(api, name, texts):
    ProductFactory(name=name, slug="it")
    ProductFactory(name="Other", slug="other")
    assert {text: found(api, text) for text in texts} == {text: ["it"] for text in texts}


@pytest.mark.parametrize(
    "text",
    [
        "'", "''", "\\", "\\'", "':*", "a & b | !c", "((((", "<->", "a:*b", '"', '"""', "-", "--", "- -x", "or",
        "or or", "*", "%", "_", "🎒", "\u0301", "\u200b", "\ufeff", "½ ²", "x" * 100, "a " * 50, "'\\'' <-> 'x':*A",
    ],
)  # fmt: skip
def test_no_text_breaks_a_search(api, text):
    ProductFactory(name="Zebra", slug="zebra")
    assert found(api, text) == []
    assert found(api, text, ordering="price") == []


def test_wildcards_of_like_are_plain_characters(api):
    ProductFactory(name="日本語", slug="it")
    assert found(api, "日%") == []
    assert found(api, "日_語") == []


def test_quotes_and_minus_and_or_mean_what_they_do_elsewhere(api):
    for slug, name in (("a", "Blue leather bag"), ("b", "Leather bag, blue strap"), ("c", "Red kettle")):
        ProductFactory(name=name, slug=slug)
    assert found(api, '"blue leather"') == ["a"]
    assert set(found(api, "bag -strap")) == {"a"}
    assert set(found(api, "kettle or strap")) == {"b", "c"}


def test_a_search_and_a_filter_and_an_ordering_are_combined(api):
    bags, tools = CategoryFactory(slug="bags"), CategoryFactory(slug="tools")
    for slug, category, price in (("a", bags, 30), ("b", bags, 10), ("c", tools, 20)):
        ProductFactory(name="Leather thing", slug=slug, category=category, price=Decimal(price))
    assert found(api, "leather", category="bags", ordering="price") == ["b", "a"]
    assert found(api, "leather", category="tools") == ["c"]
    assert found(api, "leather", category="no-such") == []


ORDERINGS = [key for name in search.ORDERINGS for key in (name, f"-{name}")]


@pytest.mark.parametrize("ordering", [each for each in ORDERINGS if each != "rating"])
def test_an_index_gives_the_order_of_each_list(ordering):
    """Else every list sorts the whole catalogue. Worst rated first is the one that nobody asks for."""
    with connection.cursor() as cursor:
        # The planner's taste on a small table is not the question: whether it has a choice is.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    plan = search.ordered(search.matching(Filters(), None), [ordering])[:20].explain()
    assert "Sort" not in plan, plan
    assert "Index Scan" in plan


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (Filters(brands=("Nord",)), "list_brand"),
        (Filters(price_min=Decimal(1), price_max=Decimal(2)), "list_price"),
        (Filters(featured=True), "list_featured"),
        (Filters(search="teapot"), "product_search"),
    ],
)
def test_an_index_serves_each_filter(filters, index):
    category = CategoryFactory()
    Product.objects.bulk_create(
        ProductFactory.build(category=category, brand=f"Brand {number}", price=Decimal(number)) for number in range(300)
    )
    with connection.cursor() as cursor:
        # As autovacuum leaves it.
        cursor.execute("SELECT gin_clean_pending_list('product_search')")
        cursor.execute("ANALYZE products_product; SET LOCAL enable_seqscan = off")
    plan = search.matching(filters, None).order_by().explain()
    assert index in plan, plan


def test_a_shown_product_has_a_date_to_be_ordered_by():
    with pytest.raises(IntegrityError, match="active_product_is_dated"), transaction.atomic():
        ProductFactory(published_at=None)
    assert Product.objects.count() == 0
