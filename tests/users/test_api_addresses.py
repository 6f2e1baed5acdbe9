"""The address book over HTTP."""

from uuid import uuid4

import pytest

from apps.users.models import Address, User
from apps.users.services import address_book
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory
from tests.users.steps import errors_of

pytestmark = pytest.mark.django_db
BOOK = "/users/me/addresses/"
BERLIN = {
    **ADDRESS,
    "line1": "Invalidenstr. 1",
    "city": "Berlin",
    "region": "",
    "postal_code": "10115",
    "country": "DE",
}


@pytest.fixture
def me(alice: User) -> ApiClient:
    return ApiClient(alice)


def add(client: ApiClient, **changes: str) -> str:
    """The path of a new address."""
    return f"{BOOK}{client.post(BOOK, {**ADDRESS, **changes}).json()['id']}/"


def rows() -> list[dict]:
    return list(Address.objects.order_by("id").values())


def defaults() -> list[tuple[bool, bool]]:
    return list(Address.objects.order_by("id").values_list("is_default_shipping", "is_default_billing"))


def test_the_first_address_becomes_both_defaults_and_the_second_none(me, alice):
    response = me.post(BOOK, ADDRESS)
    body = response.json()
    assert response.status_code == 201
    assert body == {**ADDRESS, "id": body["id"], "is_default_shipping": True, "is_default_billing": True}
    assert response["Location"] == f"/api/v1{BOOK}{body['id']}/"
    second = me.post(BOOK, BERLIN).json()
    assert (second["is_default_shipping"], second["is_default_billing"]) == (False, False)
    assert me.get(response["Location"]).json() == body
    assert set(Address.objects.values_list("user_id", flat=True)) == {alice.id}


def test_the_book_is_listed_newest_first_in_pages(me):
    for n in range(3):
        add(me, line2=f"Floor {n}")
    body = me.get(BOOK, {"page_size": 2}).json()
    assert ([row["line2"] for row in body["results"]], body["count"]) == (["Floor 2", "Floor 1"], 3)
    assert body["next"].endswith("page=2&page_size=2") or body["next"].endswith("page_size=2&page=2")
    assert code(me.get(BOOK, {"page": 3, "page_size": 2})) == (404, "not_found")


def test_an_empty_book_is_an_empty_page(me):
    assert me.get(BOOK).json() == {"count": 0, "next": None, "previous": None, "results": []}


def test_an_address_may_leave_out_what_its_country_does_not_need(me):
    needed = {name: BERLIN[name] for name in ("first_name", "last_name", "line1", "city", "postal_code", "country")}
    body = me.post(BOOK, needed).json()
    assert (body["company"], body["line2"], body["region"], body["phone"]) == ("", "", "", "")


def test_an_address_is_kept_in_its_countrys_form(me):
    body = me.post(
        BOOK, {**ADDRESS, "region": "new york", "phone": "+1 (212) 555-0123", "line1": "  1 Main St "}
    ).json()
    assert (body["region"], body["phone"], body["line1"]) == ("NY", "+12125550123", "1 Main St")
    body = me.post(BOOK, {**ADDRESS, "country": "CA", "region": "Ontario", "postal_code": "k1a 0b6"}).json()
    assert (body["region"], body["postal_code"]) == ("ON", "K1A 0B6")


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"postal_code": ""}, [("/postal_code", "address_incomplete")]),
        ({"region": ""}, [("/region", "address_incomplete")]),
        ({"city": "", "region": ""}, [("/region", "address_incomplete"), ("/city", "address_incomplete")]),
        ({"postal_code": "ABC"}, [("/postal_code", "invalid")]),
        ({"postal_code": "90210"}, [("/postal_code", "invalid")]),
        ({"region": "Bavaria"}, [("/region", "invalid")]),
        ({"country": "ZZ"}, [("/country", "invalid")]),
        ({"country": "us"}, [("/country", "invalid")]),
        ({"country": "USA"}, [("/country", "max_length"), ("/country", "invalid")]),
        ({"phone": "555"}, [("/phone", "invalid")]),
        ({"phone": "2125550123"}, [("/phone", "invalid")]),
        ({"phone": "+1"}, [("/phone", "invalid")]),
        ({"line1": ""}, [("/line1", "blank")]),
        ({"line1": "x" * 201}, [("/line1", "max_length")]),
        ({"line1": "1 Main St\nBcc: x"}, [("/line1", "control_character")]),
        ({"first_name": "evil.example"}, [("/first_name", "link")]),
        ({"is_default_shipping": True}, [("/is_default_shipping", "unknown_field")]),
        ({"user": str(uuid4())}, [("/user", "unknown_field")]),
    ],
)
def test_an_address_that_does_not_fit_names_each_field_and_is_not_stored(me, changes, errors):
    response = me.post(BOOK, {**ADDRESS, **changes})
    assert code(response) == (400, "validation_error")
    assert errors_of(response) == errors
    assert Address.objects.count() == 0


def test_a_change_is_checked_as_a_whole(me):
    path = add(me)
    before = rows()
    response = me.patch(path, {"country": "GB"})
    assert (response.status_code, errors_of(response)) == (400, [("/postal_code", "invalid")])
    assert rows() == before
    changed = me.patch(path, {"line2": "Floor 86"})
    assert (changed.status_code, changed.json()["line2"], changed.json()["city"]) == (200, "Floor 86", "New York")
    assert me.patch(path, {"postal_code": "90210"}).status_code == 400
    assert me.get(path).json() == changed.json()


def test_a_change_of_country_drops_what_the_new_one_does_not_know(me):
    path = add(me)
    body = me.patch(path, {"country": "DE", "city": "Berlin", "postal_code": "10115"}).json()
    assert (body["country"], body["region"]) == ("DE", "")


def test_a_change_or_removal_over_somebody_elses_is_refused(me):
    path = add(me)
    etag = me.get(path)["ETag"]
    changed = me.patch(path, {"line2": "Floor 1"}, If_Match=etag)
    assert changed.status_code == 200
    assert code(me.patch(path, {"line2": "Floor 2"}, If_Match=etag)) == (412, "precondition_failed")
    assert code(me.delete(path, If_Match=etag)) == (412, "precondition_failed")
    assert Address.objects.get().line2 == "Floor 1"
    assert me.get(path, If_None_Match=changed["ETag"]).status_code == 304
    assert me.delete(path, If_Match=changed["ETag"]).status_code == 204


def test_a_removed_address_is_gone(me):
    path = add(me)
    assert (me.delete(path).status_code, code(me.delete(path))) == (204, (404, "not_found"))
    assert Address.objects.count() == 0


@pytest.mark.parametrize(("kind", "after"), [("shipping", (True, False)), ("billing", (False, True))])
def test_a_default_moves_and_the_other_kind_stays(me, kind, after):
    add(me)
    second = add(me)
    for _ in range(2):
        response = me.post(f"{second}set-default/", {"kind": kind})
        assert (response.status_code, response.json()[f"is_default_{kind}"]) == (200, True)
    assert defaults() == [(not after[0], not after[1]), after]


@pytest.mark.parametrize("body", [{}, {"kind": "both"}, {"kind": None}, {"kind": "shipping", "value": True}])
def test_a_default_of_no_kind_is_refused(me, body):
    add(me)
    second = add(me)
    assert me.post(f"{second}set-default/", body).status_code == 400
    assert defaults() == [(True, True), (False, False)]


def test_a_book_holds_fifty_addresses(me, alice):
    add(me)
    Address.objects.bulk_create(Address(user=alice, **ADDRESS) for _ in range(address_book.MAX_ADDRESSES - 2))
    assert me.post(BOOK, ADDRESS).status_code == 201
    assert code(me.post(BOOK, ADDRESS)) == (409, "address_book_full")
    assert Address.objects.count() == 50


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("get", "", None),
        ("patch", "", {"line2": "x"}),
        ("delete", "", None),
        ("post", "set-default/", {"kind": "billing"}),
    ],
)
def test_a_strangers_address_is_not_there(me, method, suffix, body):
    path = add(me)
    before = rows()
    stranger = ApiClient(UserFactory())
    arguments = [f"{path}{suffix}"] + ([body] if body else [])
    assert code(getattr(stranger, method)(*arguments)) == (404, "not_found")
    assert code(getattr(ApiClient(), method)(*arguments)) == (401, "authentication_required")
    assert rows() == before
    assert stranger.get(BOOK).json()["count"] == 0


def test_staff_have_no_door_to_an_address_book(me):
    path = add(me)
    admin = ApiClient(UserFactory(is_staff=True, is_superuser=True))
    assert code(admin.get(path)) == (404, "not_found")


def test_the_book_is_closed_to_guests(api):
    assert code(api.get(BOOK)) == (401, "authentication_required")
    assert code(api.post(BOOK, ADDRESS)) == (401, "authentication_required")
    assert Address.objects.count() == 0


def test_statements_of_the_book_do_not_grow_with_it(me, django_assert_num_queries):
    for _ in range(5):
        path = add(me)
    with django_assert_num_queries(3):
        me.get(BOOK)
    with django_assert_num_queries(2):
        me.get(path)
