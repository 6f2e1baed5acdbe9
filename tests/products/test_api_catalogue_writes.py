"""Staff's writes of the catalogue over HTTP."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from apps.common.models import Event
from apps.products.api import urls_stock
from apps.products.models import Category, Product, ProductVariant
from apps.products.services.slugs import RESERVED_SKUS
from tests.client import ApiClient, code
from tests.factories import CategoryFactory, ProductFactory, UserFactory, VariantFactory, sellable

pytestmark = pytest.mark.django_db
USD_20 = {"amount": "20.00", "currency": "USD"}


def staff_client(*permissions: str) -> ApiClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return ApiClient(user)


@pytest.fixture
def editor() -> ApiClient:
    models = ("product", "category")
    return staff_client(*(f"{verb}_{model}" for verb in ("add", "change", "delete", "view") for model in models))


def field_code(response) -> tuple[int, str, str]:
    error = response.json()["errors"][0]
    return response.status_code, error["pointer"], error["code"]


def test_a_product_is_created_given_a_variant_published_and_seen(editor, api):
    CategoryFactory(slug="bags", name="Bags")
    assert api.get("/products/").json()["count"] == 0
    made = editor.post("/products/", {"name": "Everyday backpack", "category": "bags", "attributes": {"litres": "24"}})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/v1/products/everyday-backpack/"
    body = made.json()
    assert (body["status"], body["variants"], body["published_at"]) == ("draft", [], None)
    assert api.get("/products/everyday-backpack/").status_code == 404

    variant = editor.post("/products/everyday-backpack/variants/", {"sku": "BAG-1", "price": USD_20})
    assert variant.status_code == 201
    assert variant.headers["Location"] == "/api/v1/products/everyday-backpack/variants/BAG-1/"
    assert (variant.json()["price"], variant.json()["available"]) == (USD_20, 0)

    published = editor.patch("/products/everyday-backpack/", {"status": "active"})
    assert published.status_code == 200
    assert published.json()["published_at"] is not None
    seen = api.get("/products/everyday-backpack/").json()
    assert (seen["price"], seen["attributes"]) == (USD_20, {"litres": "24"})
    assert [v["sku"] for v in api.get("/products/everyday-backpack/variants/").json()["results"]] == ["BAG-1"]
    assert [row["slug"] for row in api.get("/products/").json()["results"]] == ["everyday-backpack"]
    assert api.get("/products/categories/").json()["results"][0]["product_count"] == 1


def test_a_renamed_product_is_found_under_both_slugs(editor, api):
    sellable(product__slug="old")
    assert editor.patch("/products/old/", {"slug": "new"}).json()["slug"] == "new"
    assert api.get("/products/old/").json()["canonical_slug"] == "new"
    assert code(editor.patch("/products/old/", {"name": "X"})) == (404, "not_found")


def test_a_price_change_is_seen_at_once_in_lists(editor, api):
    variant = sellable(sku="A-1", product__slug="thing")
    assert api.get("/products/").json()["results"][0]["price"]["amount"] == "19.99"
    changed = editor.patch("/products/thing/variants/A-1/", {"price": USD_20, "compare_at_price": None})
    assert (changed.status_code, changed.json()["price"]) == (200, USD_20)
    assert api.get("/products/").json()["results"][0]["price"] == USD_20
    variant.refresh_from_db()
    assert variant.price == Decimal("20.00")


def test_a_product_is_archived_and_keeps_its_rows(editor, api):
    variant = sellable(product__slug="thing")
    assert editor.delete("/products/thing/").status_code == 204
    assert editor.delete("/products/thing/").status_code == 204
    assert api.get("/products/thing/").status_code == 404
    variant.product.refresh_from_db()
    assert variant.product.status == "archived"
    assert Event.objects.filter(type="product.archived").count() == 1


def test_an_outdated_form_does_not_overwrite(editor):
    sellable(product__slug="thing", sku="A-1")
    etag = editor.patch("/products/thing/", {"brand": "One"}).headers["ETag"]
    assert editor.patch("/products/thing/", {"brand": "Two"}, If_Match=etag).status_code == 200
    assert code(editor.patch("/products/thing/", {"brand": "Three"}, If_Match=etag)) == (412, "precondition_failed")
    assert code(editor.delete("/products/thing/", If_Match=etag)) == (412, "precondition_failed")
    product = Product.objects.get(slug="thing")
    assert (product.brand, product.status) == ("Two", "active")
    variant_etag = editor.patch("/products/thing/variants/A-1/", {"name": "Red"}).headers["ETag"]
    path = "/products/thing/variants/A-1/"
    assert editor.patch(path, {"name": "Blue"}, If_Match=variant_etag).status_code == 200
    assert code(editor.patch(path, {"name": "Green"}, If_Match=variant_etag)) == (412, "precondition_failed")
    assert ProductVariant.objects.get(sku="A-1").name == "Blue"


def test_a_sale_does_not_outdate_a_form(editor):
    variant = sellable(product__slug="thing")
    etag = editor.patch("/products/thing/", {"brand": "One"}).headers["ETag"]
    variant.stock_levels.update(reserved=10)
    assert editor.patch("/products/thing/", {"brand": "Two"}, If_Match=etag).status_code == 200


def test_a_variant_with_stock_is_not_archived(editor):
    variant = sellable(product__slug="thing", sku="A-1", stock=1)
    VariantFactory(product=variant.product, sku="A-2")
    assert code(editor.delete("/products/thing/variants/A-1/")) == (409, "has_stock")
    assert ProductVariant.objects.get(sku="A-1").archived_at is None
    assert editor.delete("/products/thing/variants/A-2/").status_code == 204
    assert editor.delete("/products/thing/variants/A-2/").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer", "error"),
    [
        ({"name": "X", "category": "bags", "slug": "taken"}, "/slug", "unique"),
        ({"name": "X", "category": "bags", "slug": "featured"}, "/slug", "reserved"),
        ({"name": "X", "category": "bags", "slug": "no spaces"}, "/slug", "invalid"),
        ({"name": "X", "category": "none"}, "/category", "does_not_exist"),
        ({"name": "", "category": "bags"}, "/name", "blank"),
        ({"name": "a\nb", "category": "bags"}, "/name", "control_character"),
        ({"name": "X" * 201, "category": "bags"}, "/name", "max_length"),
        ({"name": "X", "category": "bags", "status": "active"}, "/status", "unknown_field"),
        ({"name": "X", "category": "bags", "price": "1"}, "/price", "unknown_field"),
        ({"name": "X", "category": "bags", "attributes": {"litres": 24}}, "/attributes", "wrong_type"),
        ({"name": "X", "category": "bags", "attributes": {"": "24"}}, "/attributes", "max_length"),
        ({"name": "X", "category": "bags", "attributes": []}, "/attributes", "wrong_type"),
    ],
)
def test_a_bad_product_is_refused(editor, body, pointer, error):
    ProductFactory(slug="taken", category=CategoryFactory(slug="bags"))
    assert field_code(editor.post("/products/", body)) == (400, pointer, error)
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "pointer", "error"),
    [
        ({"sku": "TAKEN", "price": USD_20}, "/sku", "unique"),
        ({"sku": "a b", "price": USD_20}, "/sku", "invalid"),
        ({"sku": "A", "price": {"amount": "1", "currency": "EUR"}}, "/price", "unsupported_currency"),
        ({"sku": "A", "price": {"amount": "-1", "currency": "USD"}}, "/price", "min_value"),
        ({"sku": "A", "price": USD_20, "compare_at_price": USD_20}, "/compare_at_price", "min_value"),
        ({"sku": "A"}, "/price", "required"),
    ],
)
def test_a_bad_variant_is_refused(editor, body, pointer, error):
    VariantFactory(sku="TAKEN", product=ProductFactory(slug="thing"))
    assert field_code(editor.post("/products/thing/variants/", body)) == (400, pointer, error)
    assert ProductVariant.objects.count() == 1


def test_categories_are_made_moved_and_deleted(editor, api):
    made = editor.post("/products/categories/", {"name": "Bags"})
    assert (made.status_code, made.json()["slug"], made.json()["parent"]) == (201, "bags", None)
    assert made.headers["Location"] == "/api/v1/products/categories/bags/"
    below = editor.post("/products/categories/", {"name": "Backpacks", "parent": "bags"}).json()
    assert below["parent"] == "bags"
    cycle = editor.patch("/products/categories/bags/", {"parent": "backpacks"})
    assert field_code(cycle) == (400, "/parent", "cycle")
    assert code(editor.delete("/products/categories/bags/")) == (409, "category_not_empty")
    moved = editor.patch("/products/categories/backpacks/", {"parent": None})
    assert (moved.status_code, moved.json()["parent"]) == (200, None)
    stale = editor.patch("/products/categories/backpacks/", {"name": "Packs"}, If_Match='"old"')
    assert code(stale) == (412, "precondition_failed")
    fresh = editor.patch("/products/categories/backpacks/", {"name": "Packs"}, If_Match=moved.headers["ETag"])
    assert fresh.json()["name"] == "Packs"
    assert [row["slug"] for row in api.get("/products/categories/").json()["results"]] == ["bags", "backpacks"]
    assert editor.delete("/products/categories/bags/").status_code == 204
    assert list(Category.objects.values_list("slug", flat=True)) == ["backpacks"]
    assert code(editor.delete("/products/categories/bags/")) == (404, "not_found")


def test_a_product_is_created_with_its_variants_in_their_order(editor, api):
    CategoryFactory(slug="bags")
    variants = [
        {"sku": "BAG-R", "price": USD_20, "options": {"colour": "red"}},
        {"sku": "BAG-B", "price": {"amount": "15.00", "currency": "USD"}, "compare_at_price": USD_20},
    ]
    made = editor.post("/products/", {"name": "Bag", "category": "bags", "variants": variants})
    assert made.status_code == 201
    body = made.json()
    assert [(each["sku"], each["position"]) for each in body["variants"]] == [("BAG-R", 0), ("BAG-B", 1)]
    assert (body["status"], body["price"]["amount"], body["compare_at_price"]) == ("draft", "15.00", USD_20)
    assert editor.patch("/products/bag/", {"status": "active"}).status_code == 200
    assert [each["sku"] for each in api.get("/products/bag/").json()["variants"]] == ["BAG-R", "BAG-B"]
    events = Event.objects.filter(type="variant.created").order_by("id")
    assert [event.data["sku"] for event in events] == ["BAG-R", "BAG-B"]


@pytest.mark.parametrize(
    ("second", "pointer", "error"),
    [
        ({"sku": "TAKEN", "price": USD_20}, "/variants/1/sku", "unique"),
        ({"sku": "NEW", "price": USD_20}, "/variants/1/sku", "unique"),
        ({"sku": "counts", "price": USD_20}, "/variants/1/sku", "reserved"),
        ({"sku": "B", "price": USD_20, "compare_at_price": USD_20}, "/variants/1/compare_at_price", "min_value"),
        ({"sku": "B"}, "/variants/1/price", "required"),
        ({"sku": "B", "price": USD_20, "colour": "red"}, "/variants/1/colour", "unknown_field"),
        ("B", "/variants/1", "wrong_type"),
    ],
)
def test_a_bad_variant_refuses_the_whole_product(editor, second, pointer, error):
    VariantFactory(sku="TAKEN", product=ProductFactory(category=CategoryFactory(slug="bags")))
    body = {"name": "Bag", "category": "bags", "variants": [{"sku": "NEW", "price": USD_20}, second]}
    assert field_code(editor.post("/products/", body)) == (400, pointer, error)
    assert (Product.objects.count(), ProductVariant.objects.count(), Event.objects.count()) == (1, 1, 0)


def test_too_many_variants_are_refused(editor):
    CategoryFactory(slug="bags")
    variants = [{"sku": f"S-{number}", "price": USD_20} for number in range(101)]
    response = editor.post("/products/", {"name": "Bag", "category": "bags", "variants": variants})
    assert field_code(response) == (400, "/variants", "max_length")
    assert Product.objects.count() == 0


def test_a_repeated_creation_under_one_key_makes_one_product(editor):
    CategoryFactory(slug="bags")
    first = editor.post("/products/", {"name": "Bag", "category": "bags"}, Idempotency_Key="k1")
    again = editor.post("/products/", {"name": "Bag", "category": "bags"}, Idempotency_Key="k1")
    assert (first.json(), again.headers["Idempotent-Replayed"]) == (again.json(), "true")
    assert Product.objects.count() == 1


WRITES = [
    ("post", "/products/", "add_product", {"name": "X", "category": "bags"}),
    ("patch", "/products/thing/", "change_product", {"name": "X"}),
    ("delete", "/products/thing/", "delete_product", None),
    ("post", "/products/thing/variants/", "change_product", {"sku": "NEW", "price": USD_20}),
    ("patch", "/products/thing/variants/A-1/", "change_product", {"name": "X"}),
    ("delete", "/products/thing/variants/A-1/", "change_product", None),
    ("post", "/products/categories/", "add_category", {"name": "X"}),
    ("patch", "/products/categories/bags/", "change_category", {"name": "X"}),
    ("delete", "/products/categories/bags/", "delete_category", None),
]


@pytest.mark.parametrize(("method", "path", "permission", "body"), WRITES)
def test_nobody_writes_without_the_permission(api, method, path, permission, body):
    sellable(sku="A-1", product=ProductFactory(slug="thing", name="Thing", category=CategoryFactory(slug="bags")))
    others = ["add_product", "change_product", "delete_product", "view_product", "add_category"]
    others += ["change_category", "delete_category"]
    others.remove(permission)
    before = (list(Product.objects.values()), list(ProductVariant.objects.values()), list(Category.objects.values()))
    expected = [
        (api, (401, "authentication_required")),
        (ApiClient(UserFactory()), (403, "permission_denied")),
        (staff_client(*others), (403, "permission_denied")),
    ]
    for client, refusal in expected:
        arguments = () if method == "delete" else (body,)
        assert code(getattr(client, method)(path, *arguments)) == refusal
    assert before == (
        list(Product.objects.values()),
        list(ProductVariant.objects.values()),
        list(Category.objects.values()),
    )


@pytest.mark.parametrize("path", ["/products/no/", "/products/thing/variants/NO/", "/products/categories/no/"])
def test_what_is_not_there_is_not_changed(editor, path):
    ProductFactory(slug="thing")
    assert code(editor.patch(path, {"name": "X"})) == (404, "not_found")
    assert code(editor.delete(path)) == (404, "not_found")


@pytest.mark.parametrize("word", sorted(RESERVED_SKUS))
def test_a_word_of_the_stock_addresses_is_no_sku(editor, word):
    sellable(sku="A-1", product__slug="thing")
    changed = editor.patch("/products/thing/variants/A-1/", {"sku": word})
    added = editor.post("/products/thing/variants/", {"sku": word, "price": USD_20})
    assert field_code(changed) == field_code(added) == (400, "/sku", "reserved")
    assert list(ProductVariant.objects.values_list("sku", flat=True)) == ["A-1"]


def test_every_word_beside_a_skus_address_is_reserved():
    routes = [str(entry.pattern).removeprefix("admin/") for entry in urls_stock.urlpatterns]
    words = {route.split("/")[1] for route in routes if route.startswith("inventory/")}
    assert words - {"", "<str:sku>"} == RESERVED_SKUS


def test_a_variants_least_and_most_units_of_a_cart_are_set_shown_and_kept_in_order(editor, api):
    sellable(sku="BAG-1", product__slug="bag")
    path = "/products/bag/variants/BAG-1/"
    changed = editor.patch(path, {"min_quantity": 2, "max_quantity": 6}).json()
    assert (changed["min_quantity"], changed["max_quantity"]) == (2, 6)
    (shown,) = api.get("/products/bag/").json()["variants"]
    assert (shown["min_quantity"], shown["max_quantity"]) == (2, 6)
    assert field_code(editor.patch(path, {"min_quantity": 7})) == (400, "/max_quantity", "min_value")
    assert field_code(editor.patch(path, {"max_quantity": 0})) == (400, "/max_quantity", "min_value")
    assert ProductVariant.objects.get().min_quantity == 2
    assert editor.patch(path, {"max_quantity": None}).json()["max_quantity"] is None
