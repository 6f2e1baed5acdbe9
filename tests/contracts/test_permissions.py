"""Every address against the committed table of who may do what; whoever is refused has changed nothing."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.contracts.endpoints import World, addresses, fill, fingerprint
from tests.contracts.permission_table import BODIES, QUERIES, TABLE
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
ROLES = ("anonymous", "customer", "staff")


@pytest.fixture
def world() -> World:
    return World()


def test_the_table_names_every_address_of_the_server_and_no_other() -> None:
    assert sorted(TABLE) == sorted(addresses())


@pytest.mark.parametrize(("method", "path"), sorted(TABLE), ids=lambda part: part)
def test_each_caller_gets_the_status_of_the_table_and_a_refused_one_changes_nothing(
    world: World, method: str, path: str
) -> None:
    answers = {}
    for role, client in world.callers().items():
        before = fingerprint()
        with _undone():
            response = _call(client, method, path, world.names)
            answers[role] = response.status_code
            if response.status_code >= 400:
                after = fingerprint()
                changed = [table for table in before if before[table] != after[table]]
                assert changed == [], f"{role} was refused and changed {changed}"
    assert tuple(answers[role] for role in ROLES) == TABLE[method, path]


def _call(client: Any, method: str, path: str, names: dict[str, str]) -> Any:
    names = dict(names)
    if path.startswith(("products/categories/", "stores/")):
        names["slug"] = names["category" if "categories" in path else "store"]
    if path.startswith("/"):
        return Client().get(fill(path, names))
    arguments = [QUERIES.get(path, "")] if method == "GET" else []
    if method in ("POST", "PUT", "PATCH"):
        arguments = [fill(BODIES.get((method, path), {}), names)]
    return getattr(client, method.lower())(f"/{fill(path, names)}", *arguments)


class _undone:
    """A transaction that is always rolled back, and that `durable` blocks take for the test's own."""

    def __enter__(self) -> None:
        self.block = transaction.atomic()
        self.block._from_testcase = True
        self.block.__enter__()

    def __exit__(self, *error: Any) -> None:
        transaction.set_rollback(True)
        self.block.__exit__(*error)


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: model._meta.label), ids=str)
def test_no_admin_page_opens_without_its_permission(model: Any) -> None:
    urls = [reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}") for page in ("changelist", "add")]
    customer, staff = UserFactory(), UserFactory(is_staff=True)
    for url in urls:
        guest = Client()
        assert guest.get(url).headers["Location"].startswith("/admin/login/")
        guest.force_login(customer)
        assert guest.get(url).headers["Location"].startswith("/admin/login/")
        member = Client()
        member.force_login(staff)
        before = fingerprint()
        assert member.get(url).status_code == 403
        assert member.post(url, {}).status_code == 403
        assert fingerprint() == before


def test_the_fingerprint_notices_one_changed_value(world: World) -> None:
    before = fingerprint()
    type(world.order).objects.filter(pk=world.order.pk).update(note="changed")
    changed = {table for table, value in fingerprint().items() if before[table] != value}
    assert changed == {"orders_order"}
