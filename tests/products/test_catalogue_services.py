"""Changes of the catalogue: slugs, publishing, events, versions, and two writers at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection

from apps.common.errors import Invalid, NotFound, Problem
from apps.common.models import Event, new_id
from apps.common.money import Money
from apps.products.models import Category, Product, ProductVariant, RetiredSlug
from apps.products.services import catalogue, categories, listing
from tests.factories import CategoryFactory, ProductFactory, VariantFactory, receive, sellable

pytestmark = pytest.mark.django_db


def create(**fields: str) -> Product:
    Category.objects.get_or_create(slug="bags", defaults={"name": "Bags"})
    return catalogue.create_product(actor=None, **{"name": "Bag", "category": "bags"} | fields)


def change(product: Product, **changes: object) -> Product:
    return catalogue.change_product(product_id=product.pk, changes=changes, actor=None)


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(Invalid) as error:
        call()
    return error.value.errors[0].pointer or "", error.value.errors[0].code


def test_a_slug_is_made_from_the_name():
    assert create(name="Café Crème 2").slug == "cafe-creme-2"
    again = create(name="Café Crème 2").slug
    assert again.startswith("cafe-creme-2-")
    assert len(again) == len("cafe-creme-2-") + 8
    assert create(name="背包").slug.startswith("product-")
    assert create(name="Featured").slug.startswith("featured-")
    assert len(create(name="x" * 200).slug) == 200
    assert len(categories.create_category(actor=None, name="y" * 120).slug) == 120


def test_a_given_slug_is_taken_literally_or_refused():
    assert create(slug="my-bag").slug == "my-bag"
    assert refusal(lambda: create(slug="my-bag")) == ("/slug", "unique")
    for word in ("categories", "facets", "suggestions", "featured", "bulk", "import"):
        assert refusal(lambda word=word: create(slug=word)) == ("/slug", "reserved")
    other = create()
    assert refusal(lambda: change(other, slug="my-bag")) == ("/slug", "unique")
    assert refusal(lambda: change(other, slug="bulk")) == ("/slug", "reserved")
    other.refresh_from_db()
    assert (other.slug, RetiredSlug.objects.count()) == ("bag", 0)


def test_old_slugs_belong_to_the_last_owner_and_end_when_used_again():
    first = create(slug="a")
    change(first, slug="b")
    change(first, slug="a")  # back again: `a` is live, `b` is old
    assert list(RetiredSlug.objects.values_list("slug", "product")) == [("b", first.pk)]
    second = create(slug="b")
    assert RetiredSlug.objects.count() == 0
    change(second, slug="c")
    third = create(slug="d")
    change(third, slug="b")
    assert RetiredSlug.objects.filter(slug="b").count() == 0
    change(third, slug="e")
    assert RetiredSlug.objects.get(slug="b").product_id == third.pk


def test_publishing_takes_a_variant_and_dates_the_product_once():
    product = create()
    with pytest.raises(catalogue.InvalidTransition) as error:
        change(product, status="active")
    assert error.value.extra == {"allowed": ["archived"]}
    catalogue.add_variant(product_id=product.pk, actor=None, sku="A", price=usd("5"))
    published = change(product, status="active").published_at
    assert published is not None
    change(product, status="draft")
    assert change(product, status="active").published_at == published


def test_a_published_product_keeps_its_last_variant():
    product = VariantFactory(sku="A").product
    with pytest.raises(catalogue.InvalidTransition):
        catalogue.archive_variant(variant_id=product.variants.get().pk, actor=None)
    change(product, status="draft")
    catalogue.archive_variant(variant_id=product.variants.get().pk, actor=None)
    assert ProductVariant.objects.get().archived_at is not None


@pytest.mark.parametrize("held", [{"on_hand": 1}, {"on_hand": 1, "reserved": 1}])
def test_a_variant_with_stock_is_kept(held):
    variant = VariantFactory(product=VariantFactory().product)
    receive(variant, 0)
    variant.stock_levels.update(**held)
    with pytest.raises(catalogue.HasStock):
        catalogue.archive_variant(variant_id=variant.pk, actor=None)
    variant.stock_levels.update(on_hand=0, reserved=0)
    catalogue.archive_variant(variant_id=variant.pk, actor=None)
    for call in (catalogue.archive_variant, lambda **fields: catalogue.change_variant(changes={}, **fields)):
        with pytest.raises(NotFound):
            call(variant_id=variant.pk, actor=None)


def test_prices_are_in_the_products_currency_and_make_sense():
    product = ProductFactory()
    add = partial(catalogue.add_variant, product_id=product.pk, actor=None, sku="A")
    assert refusal(lambda: add(price=Money(Decimal(5), "EUR"))) == ("/price", "unsupported_currency")
    assert refusal(lambda: add(price=usd("5"), compare_at_price=usd("5"))) == ("/compare_at_price", "min_value")
    variant = add(price=usd("5"), compare_at_price=usd("9"))
    raised = {"price": usd("9")}
    assert refusal(lambda: catalogue.change_variant(variant_id=variant.pk, changes=raised, actor=None)) == (
        *("/compare_at_price", "min_value"),
    )
    both = {"price": usd("9"), "compare_at_price": None}
    catalogue.change_variant(variant_id=variant.pk, changes=both, actor=None)
    product.refresh_from_db()
    assert (product.price, product.compare_at_price, product.variants.count()) == (Decimal(9), None, 1)


def test_each_change_is_told_and_seen_and_no_change_is_neither():
    product = create()
    version = listing.current_version()
    change(product, name="Other", brand="B", is_featured=False)
    event = Event.objects.get(type="product.changed")
    assert (event.target_id, event.data) == (product.pk, {"fields": ["brand", "name"]})
    assert listing.current_version() == version + 1
    change(product, name="Other")
    assert (Event.objects.count(), listing.current_version()) == (2, version + 1)
    catalogue.archive_product(product_id=product.pk, actor=None)
    assert Event.objects.get(type="product.archived").data == {"fields": ["status"]}


def test_a_precondition_that_fails_changes_nothing():
    variant = sellable()
    product = variant.product

    def refuse(row: object) -> None:
        raise Problem

    for call in (
        lambda: catalogue.change_product(product_id=product.pk, changes={"name": "X"}, actor=None, precondition=refuse),
        lambda: catalogue.archive_variant(variant_id=variant.pk, actor=None, precondition=refuse),
        lambda: categories.delete_category(category_id=product.category_id, actor=None, precondition=refuse),
    ):
        with pytest.raises(Problem):
            call()
    assert Product.objects.get().name == product.name
    assert Event.objects.count() == 0


def test_what_is_not_there_is_not_found():
    for call in (
        lambda: catalogue.change_product(product_id=new_id(), changes={}, actor=None),
        lambda: catalogue.add_variant(product_id=new_id(), actor=None, sku="A", price=usd("1")),
        lambda: catalogue.archive_variant(variant_id=new_id(), actor=None),
        lambda: categories.change_category(category_id=new_id(), changes={}, actor=None),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_category_is_not_moved_below_itself():
    top = categories.create_category(actor=None, name="Top")
    middle = categories.create_category(actor=None, name="Middle", parent="top")
    categories.create_category(actor=None, name="Low", parent="middle")
    for parent in ("top", "middle", "low"):
        move = partial(categories.change_category, category_id=top.pk, changes={"parent": parent}, actor=None)
        assert refusal(move) == ("/parent", "cycle")
    assert refusal(lambda: categories.create_category(actor=None, name="X", parent="no")) == (
        *("/parent", "does_not_exist"),
    )
    for category in (top, middle):
        with pytest.raises(categories.CategoryNotEmpty):
            categories.delete_category(category_id=category.pk, actor=None)
    with pytest.raises(categories.CategoryNotEmpty):
        categories.delete_category(category_id=ProductFactory().category_id, actor=None)


def test_products_are_found_by_the_new_name_of_a_category_above():
    top = CategoryFactory(name="Bags")
    product = sellable(product__category=CategoryFactory(name="Small", parent=top)).product
    categories.change_category(category_id=top.pk, changes={"name": "Luggage"}, actor=None)
    product.refresh_from_db()
    assert "Luggage" in product.keywords


def in_two_threads(*calls: Callable[[], object]) -> list[str]:
    """Outcomes of calls made at once: `done` or the code of the refusal."""

    def run(call: Callable[[], object]) -> str:
        try:
            call()
        except Problem as error:
            return error.errors[0].code if error.errors else error.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_two_creations_under_one_slug_make_one_product():
    CategoryFactory(slug="bags")
    outcomes = in_two_threads(*[lambda: create(slug="same")] * 4)
    assert outcomes == ["done", "unique", "unique", "unique"]
    assert Product.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_moves_at_once_make_no_ring():
    first, second = CategoryFactory(slug="a"), CategoryFactory(slug="b")
    outcomes = in_two_threads(
        lambda: categories.change_category(category_id=first.pk, changes={"parent": "b"}, actor=None),
        lambda: categories.change_category(category_id=second.pk, changes={"parent": "a"}, actor=None),
    )
    assert outcomes == ["cycle", "done"]
    assert Category.objects.filter(parent=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_product_put_into_a_category_while_it_is_deleted_is_not_lost():
    category = CategoryFactory(slug="bags")
    outcomes = in_two_threads(
        lambda: categories.delete_category(category_id=category.pk, actor=None),
        lambda: catalogue.create_product(actor=None, name="Bag", category="bags"),
    )
    expected = (["category_not_empty", "done"], 1) if Product.objects.exists() else (["does_not_exist", "done"], 0)
    assert (outcomes, Category.objects.count()) == expected


@pytest.mark.django_db(transaction=True)
def test_the_last_two_variants_are_not_both_archived():
    product = VariantFactory().product
    VariantFactory(product=product)
    calls = [
        lambda pk=pk: catalogue.archive_variant(variant_id=pk, actor=None)
        for pk in product.variants.values_list("pk", flat=True)
    ]
    assert in_two_threads(*calls) == ["done", "invalid_transition"]
    assert product.variants.filter(archived_at=None).count() == 1
