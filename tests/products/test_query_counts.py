"""What each read of the catalogue costs in SQL statements: exact numbers, whatever the number of rows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.common.currencies import rules
from apps.products.models import Product, RetiredSlug, Review
from apps.products.services import listing
from tests.client import ApiClient, code
from tests.factories import CategoryFactory, ProductFactory, UserFactory, VariantFactory, sellable

pytestmark = pytest.mark.django_db

# version + count + rows; the tree of categories and an old slug are one more each.
COLD = {
    "/products/": 3,
    "/products/?page=2&page_size=1": 3,
    "/products/?ordering=-price": 3,
    "/products/?ordering=-popularity,name&in_stock=true&featured=false": 3,
    "/products/?brand=Nord,West&price_min=1&price_max=100": 3,
    "/products/?fields=name,price": 3,
    "/products/?category=bags": 4,
    "/products/?category=no-such-category": 2,
    "/products/?search=leather": 3,
    "/products/?search=leather&ordering=price": 3,
    "/products/?search=leather&category=bags": 4,
    "/products/?search=SKU-OF-ALL": 3,
    "/products/?search=no-such-word": 2,
    "/products/?search=%21%21": 1,
    "/products/it/": 5,
    "/products/its-old-name/": 6,
    "/products/it/variants/": 4,
    "/products/categories/": 2,
    "/products/categories/?parent=bags&depth=1": 2,
    "/products/categories/bags/": 2,
}


def statements(call: Callable[[], Any], *, status: int = 200) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = call()
    assert response.status_code == status, response.content
    return len(captured)


def shop(products: int) -> None:
    """A shop in which every path of `COLD` has something to show."""
    bags = CategoryFactory(slug="bags", parent=CategoryFactory())
    it = sellable(sku="SKU-OF-ALL", product__slug="it", product__name="Leather it", product__category=bags).product
    RetiredSlug.objects.create(slug="its-old-name", product=it)
    for number in range(products):
        below = CategoryFactory(parent=bags)
        product = ProductFactory(name=f"Leather {number}", category=below, brand="Nord", in_stock=number % 2 == 0)
        VariantFactory(product=product)
        VariantFactory(product=it)
        user = UserFactory(email=f"reviewer{number}@example.com")
        Review.objects.create(product=it, user=user, rating=5, status="approved")
    with transaction.atomic():
        listing.refresh(list(Product.objects.values_list("id", flat=True)))


@pytest.mark.parametrize("products", [2, 15])
def test_a_cold_read_costs_the_same_whatever_the_number_of_rows(api, products):
    shop(products)
    measured = {}
    for path in COLD:
        cache.clear()
        measured[path] = statements(lambda path=path: api.get(path))
    assert measured == COLD


def test_a_warm_read_and_an_unchanged_one_cost_one_statement(api):
    shop(3)
    measured = {}
    for path in COLD:
        first = api.get(path)
        warm = statements(lambda path=path: api.get(path))
        unchanged = statements(lambda path=path, etag=first["ETag"]: api.get(path, If_None_Match=etag), status=304)
        measured[path] = (warm, unchanged)
    assert measured == dict.fromkeys(COLD, (1, 1))


def test_the_count_of_a_list_and_the_tree_are_shared_by_its_pages(api):
    shop(3)
    api.get("/products/?category=bags&page_size=1")
    assert statements(lambda: api.get("/products/?category=bags&page_size=1&page=2")) == 2
    assert statements(lambda: api.get("/products/?category=bags&page_size=1&ordering=price")) == 2
    assert statements(lambda: api.get("/products/it/")) == 4


def test_what_is_not_there_is_asked_for_again(api):
    shop(0)
    for path in ("/products/never/", "/products/never/variants/"):
        assert [statements(lambda path=path: api.get(path), status=404) for _ in range(2)] == [3, 3]
    assert [statements(lambda: api.get("/products/categories/never/"), status=404) for _ in range(2)] == [2, 1]


def test_a_refused_query_costs_nothing(api, django_assert_num_queries):
    rules()  # the currencies are remembered
    for path in ("/products/?colour=red", "/products/?currency=EUR", "/products/?page_size=1000"):
        with django_assert_num_queries(0):
            assert code(api.get(path))[0] == 400


@pytest.mark.parametrize("rows", [1, 12])
def test_reviews_wishlists_and_stores_cost_the_same_whatever_the_number_of_rows(api, rows):
    shop(rows)
    customer = ApiClient(UserFactory())
    for product in Product.objects.all():
        customer.post(f"/products/{product.slug}/wishlist/")
    measured = {path: statements(lambda path=path: api.get(path)) for path in ("/products/it/reviews/", "/stores/")}
    measured["/wishlist/"] = statements(lambda: customer.get("/wishlist/"))
    # Product, histogram, rows; the empty list of stores needs no rows; who it is, count, rows.
    assert measured == {"/products/it/reviews/": 3, "/stores/": 1, "/wishlist/": 3}
