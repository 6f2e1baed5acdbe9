"""Customers."""

from __future__ import annotations

from scripts.standin import payment_methods
from scripts.standin.calls import Call, Route, takes
from scripts.standin.events import emit
from scripts.standin.lists import PAGE_PARAMS, page
from scripts.standin.params import mapping, merge_metadata, text
from scripts.standin.store import Obj, new_id, now, random_text

TEXTS = ("email", "name", "phone", "description")
WRITABLE = takes(
    "email name phone description address shipping metadata invoice_settings preferred_locales tax tax_exempt"
)


def create(call: Call) -> Obj:
    customer: Obj = {
        "id": new_id("cus"),
        "object": "customer",
        "address": mapping(call.params, "address") or None,
        "balance": 0,
        "created": now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "discount": None,
        "invoice_prefix": random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "shipping": mapping(call.params, "shipping") or None,
        "tax_exempt": "none",
        "test_clock": None,
    } | {name: text(call.params, name) for name in TEXTS}
    merge_metadata(customer, call.params)
    method = payment_methods.from_params(call)
    call.store.put(customer)
    emit(call, "customer.created", customer)
    if method:
        payment_methods.join(call, method, customer["id"])
    return customer


def retrieve(call: Call) -> Obj:
    return call.addressed("customer")


def update(call: Call) -> Obj:
    customer = call.addressed("customer")
    merge_metadata(customer, call.params)
    previous = {name: customer[name] for name in TEXTS if name in call.params}
    for name in previous:
        customer[name] = text(call.params, name)
    for name in ("address", "shipping"):
        if name in call.params:
            customer[name] = mapping(call.params, name) or None
    customer["invoice_settings"] |= mapping(call.params, "invoice_settings")
    call.store.put(customer)
    emit(call, "customer.updated", customer, previous)
    return customer


def delete(call: Call) -> Obj:
    customer = call.addressed("customer")
    for method in call.store.where("payment_method", "customer", call.id):
        method["customer"], method["_used_up"] = None, True
        call.store.put(method)
    emit(call, "customer.deleted", customer)
    return call.store.put({"id": call.id, "object": "customer", "deleted": True})


def list_all(call: Call) -> Obj:
    return page(call, "customer", "email")


ROUTES = (
    Route("POST", "/v1/customers", create, WRITABLE | takes("payment_method")),
    Route("GET", "/v1/customers", list_all, PAGE_PARAMS | takes("email")),
    Route("GET", "/v1/customers/{id}", retrieve),
    Route("POST", "/v1/customers/{id}", update, WRITABLE),
    Route("DELETE", "/v1/customers/{id}", delete),
)
