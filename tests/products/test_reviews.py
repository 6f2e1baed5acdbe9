"""Reviews through HTTP."""

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from apps.common.models import Event
from apps.products.models import Product, Purchase, Review
from apps.products.services import reviews
from tests.client import ApiClient, code
from tests.factories import ProductFactory, UserFactory
from tests.races.threads import together

pytestmark = pytest.mark.django_db
FIVE = {"rating": 5, "title": "Großartig", "body": "とても良い\nsecond line"}


@pytest.fixture
def product() -> Product:
    return ProductFactory(slug="x")


def staff_client(*permissions: str) -> ApiClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return ApiClient(user)


def test_a_review_waits_for_staff_and_then_counts(api, product):
    author = ApiClient(UserFactory(first_name="Zoë", last_name="Åberg"))
    written = author.post("/products/x/reviews/", FIVE)
    assert written.status_code == 201
    body = written.json()
    assert (body["status"], body["author"], body["is_verified_purchase"]) == ("pending", "Zoë Å.", False)
    assert api.get("/products/x/reviews/").json()["count"] == 0

    staff = staff_client("view_review", "change_review")
    assert [row["id"] for row in staff.get("/admin/reviews/", {"status": "pending"}).json()["results"]] == [body["id"]]
    assert staff.post(f"/admin/reviews/{body['id']}/approve/").json()["status"] == "approved"
    assert code(staff.post(f"/admin/reviews/{body['id']}/approve/")) == (409, "invalid_transition")
    shown = api.get("/products/x/reviews/").json()
    assert [row["body"] for row in shown["results"]] == ["とても良い\nsecond line"]
    assert shown["summary"] == {
        "rating": "5.00",
        "review_count": 1,
        "histogram": [{"rating": stars, "count": int(stars == 5)} for stars in (5, 4, 3, 2, 1)],
    }
    row = api.get("/products/").json()["results"][0]
    assert (row["rating"], row["review_count"]) == ("5.00", 1)

    assert staff.post(f"/admin/reviews/{body['id']}/reject/", {"reason": "Spam"}).json()["status"] == "rejected"
    product.refresh_from_db()
    assert (product.rating, product.review_count) == (None, 0)
    assert Event.objects.get(type="review.rejected").data == {"reason": "Spam"}


def test_buyers_are_marked(product):
    user = UserFactory()
    Purchase.objects.create(user=user, product=product)
    assert ApiClient(user).post("/products/x/reviews/", FIVE).json()["is_verified_purchase"] is True


def test_one_review_per_customer_and_product(product):
    client = ApiClient(UserFactory())
    client.post("/products/x/reviews/", FIVE)
    assert code(client.post("/products/x/reviews/", {"rating": 1})) == (409, "already_reviewed")
    assert [review.rating for review in Review.objects.all()] == [5]


@pytest.mark.django_db(transaction=True)
def test_ten_identical_reviews_at_once_are_one():
    ProductFactory(slug="x")
    client = ApiClient(UserFactory())
    statuses = together([lambda: client.post("/products/x/reviews/", FIVE).status_code] * 10)
    assert sorted(statuses) == [201] + [409] * 9
    assert Review.objects.count() == 1


def test_authors_change_and_delete_their_own_alone(product):
    author, stranger = ApiClient(UserFactory()), ApiClient(UserFactory())
    review = author.post("/products/x/reviews/", FIVE).json()["id"]
    staff_client("change_review").post(f"/admin/reviews/{review}/approve/")
    assert code(stranger.patch(f"/reviews/{review}/", {"rating": 1})) == (404, "not_found")
    assert code(stranger.delete(f"/reviews/{review}/")) == (404, "not_found")
    assert Review.objects.get().rating == 5
    changed = author.patch(f"/reviews/{review}/", {"rating": 4}).json()
    assert (changed["rating"], changed["title"], changed["status"]) == (4, "Großartig", "pending")
    product.refresh_from_db()
    assert product.review_count == 0
    assert author.delete(f"/reviews/{review}/").status_code == 204
    assert Review.objects.count() == 0
    assert code(author.delete(f"/reviews/{review}/")) == (404, "not_found")


def test_a_deleted_review_no_longer_counts(product):
    author = ApiClient(UserFactory())
    review = author.post("/products/x/reviews/", FIVE).json()["id"]
    staff_client("change_review").post(f"/admin/reviews/{review}/approve/")
    author.delete(f"/reviews/{review}/")
    product.refresh_from_db()
    assert (product.rating, product.review_count) == (None, 0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"rating": 0}, "/rating"),
        ({"rating": 6}, "/rating"),
        ({"rating": "5"}, "/rating"),
        ({}, "/rating"),
        ({"rating": 5, "title": "x" * 121}, "/title"),
        ({"rating": 5, "body": "\u202eevil"}, "/body"),
        ({"rating": 5, "body": "bell\u0007"}, "/body"),
        ({"rating": 5, "title": "two\nlines"}, "/title"),
        ({"rating": 5, "status": "approved"}, "/status"),
        ({"rating": 5, "is_verified_purchase": True}, "/is_verified_purchase"),
    ],
)
def test_a_bad_review_names_its_field(product, body, pointer):
    response = ApiClient(UserFactory()).post("/products/x/reviews/", body)
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
    assert Review.objects.count() == 0


def test_who_may_do_what(api, product):
    ProductFactory(slug="draft", status="draft")
    client = ApiClient(UserFactory())
    assert code(api.post("/products/x/reviews/", FIVE)) == (401, "authentication_required")
    assert code(client.post("/products/draft/reviews/", FIVE)) == (404, "not_found")
    assert code(api.get("/products/draft/reviews/")) == (404, "not_found")
    assert code(client.get("/admin/reviews/")) == (403, "permission_denied")
    review = client.post("/products/x/reviews/", FIVE).json()["id"]
    for action in ("approve", "reject"):
        assert code(client.post(f"/admin/reviews/{review}/{action}/", {})) == (403, "permission_denied")
        assert code(staff_client("view_review").post(f"/admin/reviews/{review}/{action}/", {})) == (
            403,
            "permission_denied",
        )
    assert Review.objects.get().status == "pending"
    missing = "00000000-0000-4000-8000-000000000000"
    assert code(staff_client("change_review").post(f"/admin/reviews/{missing}/approve/")) == (404, "not_found")


def test_a_change_that_changes_nothing_leaves_a_shown_review_shown(product):
    author = ApiClient(UserFactory())
    review = author.post("/products/x/reviews/", FIVE).json()["id"]
    staff_client("change_review").post(f"/admin/reviews/{review}/approve/")
    for body in ({}, {"rating": 5}, FIVE):
        assert author.patch(f"/reviews/{review}/", body).json()["status"] == "approved"
    product.refresh_from_db()
    assert product.review_count == 1
    assert Event.objects.filter(type="review.changed").count() == 0


def test_only_the_twin_is_called_a_twin(product):
    """Another broken rule must not be told to the customer as a second review."""
    with pytest.raises(IntegrityError), transaction.atomic():
        reviews.write_review(user=UserFactory(), product_slug="x", rating=9, title="", body="")
    assert Review.objects.count() == 0


def test_a_reason_with_hidden_characters_decides_nothing(product):
    review = ApiClient(UserFactory()).post("/products/x/reviews/", FIVE).json()["id"]
    response = staff_client("change_review").post(f"/admin/reviews/{review}/reject/", {"reason": "sp\u202eam"})
    assert [each["pointer"] for each in response.json()["errors"]] == ["/reason"]
    assert Review.objects.get().status == "pending"
    assert Event.objects.filter(type="review.rejected").count() == 0


def test_staff_may_change_their_mind_both_ways(product):
    review = ApiClient(UserFactory()).post("/products/x/reviews/", FIVE).json()["id"]
    staff = staff_client("change_review")
    counts = []
    for action in ("reject", "approve", "reject"):
        assert staff.post(f"/admin/reviews/{review}/{action}/", {}).status_code == 200
        assert code(staff.post(f"/admin/reviews/{review}/{action}/", {})) == (409, "invalid_transition")
        product.refresh_from_db()
        counts.append(product.review_count)
    assert counts == [0, 1, 0]
    types = Event.objects.filter(type__startswith="review.").order_by("id").values_list("type", flat=True)
    assert list(types) == ["review.submitted", "review.rejected", "review.approved", "review.rejected"]


def test_reviews_are_revalidated_by_what_they_show(api, product):
    review = Review.objects.create(product=product, user=UserFactory(first_name="Ann"), rating=5, status="approved")
    first = api.get("/products/x/reviews/")
    assert (first.status_code, first["Cache-Control"]) == (200, "public, max-age=60")
    assert api.get("/products/x/reviews/", If_None_Match=first["ETag"]).status_code == 304
    review.user.first_name = "Bea"
    review.user.save()
    renamed = api.get("/products/x/reviews/", If_None_Match=first["ETag"])
    assert (renamed.status_code, renamed.json()["results"][0]["author"]) == (200, "Bea U.")
