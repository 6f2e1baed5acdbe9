"""The two pages for people: what this is, and the bank's authentication page."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from scripts.standin import charging, setup_intents
from scripts.standin.api import Answer, Request, Shop
from scripts.standin.calls import Call
from scripts.standin.errors import ApiError
from scripts.standin.store import Obj, new_id

STYLE = "body{font:16px/1.5 sans-serif;max-width:40rem;margin:3rem auto}button{font:inherit}"
ROOT = """<h1>Stripe stand-in</h1>
<p>A local server that answers like Stripe's API in test mode.
No money moves and nothing leaves this machine.</p>
<ul><li><code>/v1/...</code> the API, for the <code>stripe</code> SDK</li>
<li><a href="/_control/objects">/_control/objects</a> all objects</li>
<li><a href="/_control/log">/_control/log</a> all requests</li>
<li><a href="/_control/webhooks">/_control/webhooks</a> deliveries</li>
<li><a href="/_control/faults">/_control/faults</a> ordered faults</li></ul>
<p>How to use it: docs/stripe-standin.md.</p>"""


def html(status: int, content: str) -> Answer:
    page = f"<!doctype html><meta charset=utf-8><title>Stripe stand-in</title><style>{STYLE}</style>{content}"
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Answer(status, page.encode(), headers)


def root() -> Answer:
    return html(200, ROOT)


def authentication(shop: Shop, request: Request) -> Answer:
    """GET shows the choice; POST .../complete or .../fail makes it and goes to the return_url."""
    parts = request.path.strip("/").split("/")
    object_id = parts[1] if len(parts) > 1 else ""
    intent = find_intent(shop, object_id)
    if intent is None:
        return html(404, "<h1>Not found</h1><p>No such payment or setup.</p>")
    if request.method == "GET" and len(parts) == 2:
        return html(200, _choice(intent))
    if request.method == "POST" and len(parts) == 3 and parts[2] in ("complete", "fail"):
        return _finish(shop, request, intent, passed=parts[2] == "complete")
    return html(405, "<h1>Not allowed</h1>")


def find_intent(shop: Shop, object_id: str) -> Obj | None:
    return shop.store.get("payment_intent", object_id) or shop.store.get("setup_intent", object_id)


def finish_authentication(shop: Shop, base_url: str, intent: Obj, *, passed: bool) -> str:
    """Pass or fail it as the cardholder; the answer is Stripe's redirect_status, succeeded or failed.

    Raises the 400 of an intent that does not wait for authentication.
    """
    call = Call(shop.store, base_url, {}, new_id("req"))
    finish = (
        charging.finish_authentication if intent["object"] == "payment_intent" else setup_intents.finish_authentication
    )
    try:
        with shop.store.transaction():
            finish(call, intent, passed=passed)
    except ApiError as error:
        if error.status != 402:
            raise
        passed = False
    finally:
        shop.webhooks.enqueue(shop.store.take_new_events())
    return "succeeded" if passed else "failed"


def _choice(intent: Obj) -> str:
    name = escape(intent["id"])
    if intent["status"] != "requires_action":
        return f"<h1>Nothing to do</h1><p>{name} has a status of {escape(intent['status'])}.</p>"
    return (
        f"<h1>3D Secure test page</h1><p>Authenticate {name}?</p>"
        f'<form method="post" action="/authenticate/{name}/complete"><button>Complete</button></form>'
        f'<form method="post" action="/authenticate/{name}/fail"><button>Fail</button></form>'
    )


def _finish(shop: Shop, request: Request, intent: Obj, *, passed: bool) -> Answer:
    try:
        outcome = finish_authentication(shop, request.base_url, intent, passed=passed)
    except ApiError as error:
        return html(error.status, f"<h1>Nothing to do</h1><p>{escape(str(error))}</p>")
    if not intent["_return_url"]:
        return html(200, f"<h1>Done</h1><p>{escape(intent['id'])}: {outcome}. You may close this page.</p>")
    query = urlencode(
        {
            intent["object"]: intent["id"],
            f"{intent['object']}_client_secret": intent["client_secret"],
            "redirect_status": outcome,
        }
    )
    joint = "&" if "?" in intent["_return_url"] else "?"
    return Answer(303, b"", {"Location": f"{intent['_return_url']}{joint}{query}"})
