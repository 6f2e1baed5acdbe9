"""The catalogue's staff screens: the rules of the API hold here too, and shoppers see a change at once."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import modelform_factory
from django.test import Client

from apps.common.models import Event
from apps.products.models import (
    Category,
    Product,
    ProductImage,
    ProductVariant,
    Review,
    StockLevel,
    StockMovement,
    Store,
    Warehouse,
)
from tests.client import ApiClient
from tests.factories import CategoryFactory, ProductFactory, UserFactory, VariantFactory, WarehouseFactory, sellable
from tests.products.test_images import files, picture

pytestmark = pytest.mark.django_db
ROOT = "/admin/products"


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def admin_with(*permissions: str, **fields: bool) -> Client:
    client = Client()
    user = UserFactory(is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.fixture
def root() -> Client:
    return admin_with(is_superuser=True)


def act(client: Client, model: str, action: str, *rows: Any) -> str:
    keys = [str(row.pk) for row in rows]
    response = client.post(f"{ROOT}/{model}/", {"action": action, "_selected_action": keys}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def form_of(client: Client, path: str, **changes: Any) -> dict[str, Any]:
    """What a browser would send back of a page's forms, with some fields changed."""
    context = client.get(path).context
    forms = [context["adminform"].form]
    data: dict[str, Any] = {}
    for formset in (inline.formset for inline in context["inline_admin_formsets"]):
        forms += [formset.management_form, *formset.forms]
    for form in forms:
        for field in form:
            if field.value() is not None and field.value() is not False:
                data[field.html_name] = field.value()
    return data | changes


def save(client: Client, path: str, **changes: Any) -> Any:
    return client.post(path, form_of(client, path, **changes), follow=True)


@pytest.mark.parametrize("model", list(apps.get_app_config("products").get_models()), ids=lambda model: model.__name__)
def test_every_model_has_a_screen_that_opens(root, model):
    sellable()
    assert model in admin.site._registry
    name = model._meta.model_name
    assert root.get(f"{ROOT}/{name}/").status_code == 200
    assert root.get(f"{ROOT}/{name}/", {"q": "x"}).status_code == 200
    assert root.get(f"{ROOT}/{name}/add/").status_code in (200, 403)
    row = model.objects.first()
    if row is not None:
        assert root.get(f"{ROOT}/{name}/{row.pk}/change/").status_code == 200


def test_a_product_is_made_with_variants_and_pictures_and_published(root, api, media):
    category = CategoryFactory(slug="bags")
    assert api.get("/products/").json()["count"] == 0
    save(
        root,
        f"{ROOT}/product/add/",
        name="Everyday backpack",
        category=str(category.pk),
        attributes='{"litres": "24"}',
        **{
            "variants-TOTAL_FORMS": 1,
            "variants-0-sku": "BAG-1",
            "variants-0-price": "20.00",
            "variants-0-options": '{"colour": "red"}',
            "variants-0-weight_grams": 5,
            "variants-0-min_quantity": 1,
            "variants-0-position": 0,
            "images-TOTAL_FORMS": 1,
            "images-0-file": SimpleUploadedFile("a.jpg", picture()),
            "images-0-alt": "A bag",
            "images-0-position": 0,
        },
    )
    product = Product.objects.get(slug="everyday-backpack")
    assert (product.status, product.price, product.attributes) == ("draft", Decimal("20.00"), {"litres": "24"})
    variant, image = product.variants.get(), product.images.get()
    assert (variant.sku, variant.options, variant.weight_grams) == ("BAG-1", {"colour": "red"}, 5)
    assert (image.alt, product.thumbnail, len(files(media))) == ("A bag", image.thumbnail, 2)
    assert "1 published" in act(root, "product", "publish", product)
    assert api.get("/products/").json()["results"][0]["slug"] == "everyday-backpack"
    assert set(Event.objects.values_list("type", "actor")) == {
        ("product.created", "user"),
        ("variant.created", "user"),
        ("product.changed", "user"),
    }


def test_a_price_changed_in_a_row_is_seen_at_once(root, api):
    variant = sellable(sku="A-1")
    path = f"{ROOT}/product/{variant.product_id}/change/"
    assert api.get("/products/").json()["results"][0]["price"]["amount"] == "19.99"
    assert save(root, path, **{"variants-0-price": "25.50"}).status_code == 200
    assert api.get("/products/").json()["results"][0]["price"]["amount"] == "25.50"
    assert Event.objects.get(type="variant.changed").data == {"sku": "A-1", "fields": ["price"]}
    assert Event.objects.filter(type="product.changed").count() == 0


def test_a_renamed_product_keeps_its_old_address(root, api):
    product = sellable(product__slug="old").product
    save(root, f"{ROOT}/product/{product.pk}/change/", slug="new", name="New name")
    assert api.get("/products/old/").json()["canonical_slug"] == "new"
    assert api.get("/products/new/").json()["name"] == "New name"


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "featured"},
        {"slug": "taken"},
        {"name": "a\u202eb"},
        {"attributes": '{"a": 1}'},
        {"attributes": "[1]"},
        {"variants-0-price": "-1"},
        {"variants-0-price": "1.001"},
        {"variants-0-compare_at_price": "19.99"},
        {"variants-0-sku": "a b"},
        {"variants-0-sku": "TAKEN"},
        {"variants-0-options": '{"a": {}}'},
        {"images-TOTAL_FORMS": 1, "images-0-file": SimpleUploadedFile("a.jpg", b"<svg/>"), "images-0-position": 0},
    ],
)
def test_what_the_api_refuses_is_refused_here_too(root, changes, media):
    variant = sellable(product__name="Thing")
    VariantFactory(sku="TAKEN", product=ProductFactory(slug="taken"))
    before = (list(Product.objects.values()), list(ProductVariant.objects.values()))
    response = save(root, f"{ROOT}/product/{variant.product_id}/change/", **changes)
    assert len(response.context["errors"]) == 1
    assert (list(Product.objects.values()), list(ProductVariant.objects.values())) == before
    assert (files(media), Event.objects.count()) == ([], 0)


def test_columns_that_services_keep_are_not_fields(root):
    variant = sellable()
    page = root.get(f"{ROOT}/product/{variant.product_id}/change/").content.decode()
    for name in ("status", "price", "in_stock", "rating", "sold_count", "published_at", "currency"):
        assert f'name="{name}"' not in page
    save(root, f"{ROOT}/product/{variant.product_id}/change/", status="archived", price="1", sold_count="9")
    assert Product.objects.values_list("status", "price", "sold_count").get() == ("active", Decimal("19.99"), 0)


def test_a_product_without_variants_is_not_published(root):
    product = ProductFactory(name="Empty", status="draft", published_at=None)
    assert "needs a variant" in act(root, "product", "publish", product)
    product.refresh_from_db()
    assert (product.status, product.published_at) == ("draft", None)


def test_products_are_withdrawn_and_archived(root, api):
    first, second = sellable().product, sellable().product
    assert "2 withdrawn" in act(root, "product", "withdraw", first, second)
    assert api.get("/products/").json()["count"] == 0
    assert "2 archived" in act(root, "product", "archive", first, second)
    assert set(Product.objects.values_list("status", flat=True)) == {"archived"}


def test_actions_take_the_permissions_of_the_api():
    product = sellable().product
    act(admin_with("view_product"), "product", "withdraw", product)
    act(admin_with("view_product", "change_product"), "product", "archive", product)
    product.refresh_from_db()
    assert product.status == "active"
    act(admin_with("view_product", "delete_product"), "product", "archive", product)
    product.refresh_from_db()
    assert product.status == "archived"


@pytest.mark.parametrize("model", ["product", "productvariant", "warehouse", "stocklevel", "stockmovement"])
def test_not_even_a_superuser_deletes_what_orders_point_to(root, model):
    sellable()
    row = apps.get_model("products", model).objects.get()
    assert root.post(f"{ROOT}/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    act(root, model, "delete_selected", row)
    assert type(row).objects.filter(pk=row.pk).exists()


def test_variants_are_archived_but_not_with_stock(root):
    stocked = sellable(sku="A-1")
    empty = VariantFactory(product=stocked.product, sku="A-2")
    page = act(root, "productvariant", "archive", stocked, empty)
    assert "A-1: There is stock left." in page
    assert "1 archived" in page
    assert list(ProductVariant.objects.filter(archived_at=None)) == [stocked]
    assert root.post(f"{ROOT}/productvariant/{empty.pk}/change/", {"sku": "B"}).status_code == 403


def test_a_variant_is_added_and_changed_on_its_own_screen(root, api):
    product = sellable(price="30.00").product
    assert api.get("/products/").json()["results"][0]["price"]["amount"] == "30.00"
    save(root, f"{ROOT}/productvariant/add/", product=str(product.pk), sku="NEW-1", price="12.00", options="{}")
    assert api.get("/products/").json()["results"][0]["price"]["amount"] == "12.00"
    variant = ProductVariant.objects.get(sku="NEW-1")
    save(root, f"{ROOT}/productvariant/{variant.pk}/change/", price="11.00", compare_at_price="15.00")
    row = api.get("/products/").json()["results"][0]
    assert (row["price"]["amount"], row["compare_at_price"]["amount"]) == ("11.00", "15.00")


def test_a_picture_is_added_moved_and_deleted(root, media, django_capture_on_commit_callbacks):
    product = ProductFactory()
    path = f"{ROOT}/productimage"
    for alt in ("first", "second"):
        upload = SimpleUploadedFile("a.jpg", picture())
        save(root, f"{path}/add/", product=str(product.pk), file=upload, alt=alt, position=1)
    first, second = ProductImage.objects.order_by("id")
    product.refresh_from_db()
    assert (product.thumbnail, len(files(media))) == (first.thumbnail, 4)
    save(root, f"{path}/{second.pk}/change/", position=0)
    product.refresh_from_db()
    assert product.thumbnail == second.thumbnail
    with django_capture_on_commit_callbacks(execute=True):
        root.post(f"{path}/{second.pk}/delete/", {"post": "yes"})
        act(root, "productimage", "delete_selected", first)
        root.post(f"{path}/", {"action": "delete_selected", "_selected_action": [str(first.pk)], "post": "yes"})
    product.refresh_from_db()
    assert (product.thumbnail, files(media), ProductImage.objects.count()) == ("", [], 0)


def test_a_picture_is_deleted_in_its_product(root, media, django_capture_on_commit_callbacks):
    product = sellable().product
    save(
        root,
        f"{ROOT}/productimage/add/",
        product=str(product.pk),
        file=SimpleUploadedFile("a.jpg", picture()),
        position=0,
    )
    with django_capture_on_commit_callbacks(execute=True):
        save(root, f"{ROOT}/product/{product.pk}/change/", **{"images-0-DELETE": "on"})
    assert (files(media), ProductImage.objects.count()) == ([], 0)


def test_categories_are_made_moved_and_deleted_by_the_rules(root, api):
    save(root, f"{ROOT}/category/add/", name="Bags", position=0, is_active="on")
    bags = Category.objects.get(slug="bags")
    save(root, f"{ROOT}/category/add/", name="Backpacks", parent=str(bags.pk), position=0, is_active="on")
    packs = Category.objects.get(slug="backpacks")
    product = sellable(product__category=packs).product
    assert [row["slug"] for row in api.get("/products/categories/").json()["results"]] == ["bags"]
    ring = save(root, f"{ROOT}/category/{bags.pk}/change/", parent=str(packs.pk))
    assert "descendant of itself" in ring.content.decode()
    save(root, f"{ROOT}/category/{bags.pk}/change/", name="Luggage", position=4)
    product.refresh_from_db()
    assert "Luggage" in product.keywords
    assert api.get("/products/categories/").json()["results"][0]["name"] == "Luggage"
    refused = root.post(
        f"{ROOT}/category/", {"action": "delete_selected", "_selected_action": [str(bags.pk)], "post": "yes"}
    )
    assert refused.status_code in (200, 302)
    assert Category.objects.count() == 2
    empty = CategoryFactory()
    root.post(f"{ROOT}/category/{empty.pk}/delete/", {"post": "yes"})
    assert Category.objects.count() == 2
    assert Event.objects.filter(type="category.deleted").count() == 1


def test_a_closed_warehouse_takes_its_stock_off_the_shop(root, api):
    variant = sellable()
    variant.product.refresh_from_db()
    assert api.get("/products/", "in_stock=true").json()["count"] == 1
    data = form_of(root, f"{ROOT}/warehouse/{Warehouse.objects.get().pk}/change/")
    data.pop("is_active")
    root.post(f"{ROOT}/warehouse/{Warehouse.objects.get().pk}/change/", data)
    assert api.get("/products/", "in_stock=true").json()["count"] == 0
    assert Event.objects.get(type="warehouse.changed").data == {"code": "main", "fields": ["is_active"]}


def test_stock_is_corrected_with_a_reason_and_a_ledger_row(root):
    sellable(stock=10)
    level = StockLevel.objects.get()
    path = f"{ROOT}/stocklevel/{level.pk}/change/"
    assert "Say why" in save(root, path, delta="-3").content.decode()
    save(root, path, delta="-3", reason="broken", low_stock_threshold="2", on_hand="99")
    level.refresh_from_db()
    assert (level.on_hand, level.low_stock_threshold) == (7, 2)
    movement = StockMovement.objects.order_by("id").last()
    assert (movement.kind, movement.quantity, movement.on_hand_after, movement.reason) == (
        *("adjustment", -3, 7, "broken"),
    )
    assert movement.actor_id is not None
    StockLevel.objects.update(reserved=7)
    page = save(root, path, delta="-1", reason="broken", low_stock_threshold="5").content.decode()
    assert "already promised" in page
    level.refresh_from_db()
    assert (level.on_hand, level.low_stock_threshold, StockMovement.objects.count()) == (7, 2, 2)


def test_a_level_is_opened_with_its_first_units(root, api):
    variant = VariantFactory()
    place = WarehouseFactory()
    save(
        root,
        f"{ROOT}/stocklevel/add/",
        variant=str(variant.pk),
        warehouse=str(place.pk),
        delta="4",
        reason="first delivery",
    )
    assert StockLevel.objects.values_list("on_hand", "reserved").get() == (4, 0)
    assert StockMovement.objects.get().quantity == 4
    assert api.get("/products/", "in_stock=true").json()["count"] == 1


def test_reviews_are_approved_and_rejected(root, api):
    product = sellable(product__slug="thing").product
    good, bad = (
        Review.objects.create(product=product, user=UserFactory(), rating=rating, title="T", body="B")
        for rating in (5, 1)
    )
    act(admin_with("view_review"), "review", "approve", good)
    good.refresh_from_db()
    assert good.status == "pending"
    assert "1 approved" in act(root, "review", "approve", good)
    assert "1 rejected" in act(root, "review", "reject", bad)
    assert api.get("/products/thing/").json()["review_count"] == 1
    assert list(Review.objects.order_by("id").values_list("status", flat=True)) == ["approved", "rejected"]


def test_a_store_has_a_real_time_zone(root):
    fields = {
        "slug": "soho", "name": "Soho", "line1": "1 Spring St", "city": "New York", "country": "US",
        "latitude": "40.7", "longitude": "-74.0", "hours": '{"mon": []}', "is_active": "on",
    }  # fmt: skip
    save(root, f"{ROOT}/store/add/", **fields, timezone="Mars/Olympus")
    assert Store.objects.count() == 0
    save(root, f"{ROOT}/store/add/", **fields, timezone="America/New_York")
    assert Store.objects.get().timezone == "America/New_York"
    assert Event.objects.get(type="store.created").actor == "user"


def test_a_customer_does_not_get_in():
    client = Client()
    client.force_login(UserFactory())
    assert client.get(f"{ROOT}/product/").status_code == 302
    assert ApiClient().get("/products/").status_code == 200


@pytest.mark.parametrize(
    ("hours", "good"),
    [
        ({"mon": [["09:00", "18:00"]], "sun": []}, True),
        ({"fri": [["20:00", "02:00"], ["10:00", "14:00"]]}, True),
        ({"mon": "9-5"}, False),
        ({"mon": [["09:00"]]}, False),
        ({"mon": [["9:00", "18:00"]]}, False),
        ({"mon": [[9, 18]]}, False),
        ({"monday": []}, False),
        (["mon"], False),
    ],
)
def test_only_hours_that_the_public_pages_can_read_are_taken(hours, good):
    from apps.products.admin.engagement import StoreForm

    form = modelform_factory(Store, form=StoreForm, fields=["hours"])
    assert form({"hours": json.dumps(hours)}).is_valid() is good
