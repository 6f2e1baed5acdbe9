"""One context per mail, as its caller would pass it, and harder ones: long, foreign, hostile, bare."""

from copy import deepcopy

SHOP = {
    "name": "Tradepost",
    "url": "https://shop.example/",
    "support_email": "help@shop.example",
    "address": "12 Harbour Street, Dublin D02 X285, Ireland",
}

HOSTILE_NAME = """<script>alert("x")</script> Ünïcode 日本語 O'Neil & "Co\""""

ORDER = {
    "number": "TP-2026-000184",
    "placed_on": "12 May 2026, 14:05 UTC",
    "email": "ada@example.com",
    "status": "Confirmed",
    "url": "https://shop.example/orders/TP-2026-000184?a=1&b=2",
    "items": [
        {
            "name": "Washed linen shirt",
            "options": "Sage, M",
            "sku": "LIN-SHIRT-SAG-M",
            "quantity": 2,
            "unit_price": "$49.00",
            "line_total": "$98.00",
        },
        {
            "name": "Stoneware mug",
            "options": "",
            "sku": "MUG-STONE",
            "quantity": 1,
            "unit_price": "$18.50",
            "line_total": "$18.50",
        },
    ],
    "totals": {
        "subtotal": "$116.50",
        "discount": "$11.65",
        "shipping": "$4.95",
        "tax": "$8.39",
        "total": "$118.19",
    },
    "shipping_address": [
        "Ada Lovelace",
        "14 Clarendon Street",
        "Apartment 3",
        "Portland, OR 97205",
        "United States",
    ],
    "billing_address": ["Analytical Engines Inc.", "2100 Mill Road", "Salem, OR 97301", "United States"],
    "shipping_method": "Standard (3 to 5 working days)",
}


def _order_mail(status: str, **extra: object) -> dict[str, object]:
    return {"shop": SHOP, "recipient_name": "Ada", "order": {**ORDER, "status": status}, **extra}


RMA = {
    "number": "RMA-7K3M9Q2X",
    "url": "https://shop.example/returns/RMA-7K3M9Q2X?a=1&b=2",
    "reply": "",
    "outcome": "refund",
    "has_arrived": False,
    "address": ["Tradepost", "Newark warehouse", "12 Dock Road", "Newark NJ 07114", "US"],
    "lines": [
        {
            "name": "Washed linen shirt",
            "sku": "LIN-SHIRT-SAG-M",
            "quantity": 2,
            "received": 1,
            "reason": "Wrong size",
        }
    ],
    "amount": "$44.00",
    "goods": "$49.00",
    "fee": "-$10.00",
    "shipping": "$5.00",
}


def _return_mail(**changes: object) -> dict[str, object]:
    return _order_mail("Delivered", rma={**deepcopy(RMA), **changes})


SAMPLES: dict[str, dict[str, object]] = {
    "verification": {
        "shop": SHOP,
        "recipient_name": "Ada",
        "link": "https://shop.example/verify?token=Vx7Qm2&next=%2Faccount",
        "token": "Vx7Qm2-h0kq3nVYb1tPz8sJd5wRfLcA9uEgTiXoM4y",
        "expires_hours": 24,
    },
    "password_reset": {
        "shop": SHOP,
        "recipient_name": "Ada",
        "link": "https://shop.example/reset?token=Rz4Kp9&next=%2Faccount",
        "token": "Rz4Kp9-Wc2mB7xQhT0vNf6yLsJ1dGaUeI3oXkP8rZq",
        "expires_minutes": 60,
    },
    "welcome": {"shop": SHOP, "recipient_name": "Ada", "link": "https://shop.example/new?from=mail&x=1"},
    "account_exists": {
        "shop": SHOP,
        "recipient_name": "Ada",
        "login_link": "https://shop.example/login?from=mail&x=1",
        "reset_link": "https://shop.example/forgot?from=mail&x=1",
    },
    "order_confirmation": _order_mail("Confirmed"),
    "order_shipped": _order_mail(
        "Shipped",
        shipment={
            "carrier": "DHL",
            "tracking_number": "JD014600006281230704",
            "tracking_url": "https://track.example/?id=JD014600006281230704&lang=en",
        },
    ),
    "order_ready_for_pickup": _order_mail(
        "Processing", collection_code="7K3M9Q", store=["Tradepost Flatiron", "175 Fifth Avenue", "New York"]
    ),
    "order_delivered": _order_mail("Delivered"),
    "order_cancelled": _order_mail(
        "Cancelled",
        reason="You asked us to cancel the order.",
        refund_note="We have refunded $118.19 to your card. Banks take 5 to 10 days to show it.",
    ),
    "order_expiring": _order_mail("Pending", expires_on="13 May 2026, 14:05 UTC"),
    "late_orders": {
        "shop": SHOP,
        "recipient_name": "Ada",
        "count": 2,
        "hours": 48,
        "orders": [
            {"number": "TP-2026-000184", "waiting": "3 days", "method": "Standard", "status": "Confirmed"},
            {"number": "TP-2026-000185", "waiting": "2 days", "method": "Express", "status": "Processing"},
        ],
        "more": 1,
        "link": "https://shop.example/admin/orders/order/?late=yes&x=1",
    },
    "return_requested": _return_mail(),
    "return_approved": _return_mail(reply="Please keep the box."),
    "return_rejected": _return_mail(reply="The shirt shows wear."),
    "return_received": _return_mail(has_arrived=True),
    "return_completed": _return_mail(has_arrived=True),
    "stock_digest": {
        "shop": SHOP,
        "recipient_name": "Ada",
        "link": "https://shop.example/admin/products/stockalert/?a=1&b=2",
        "summary": "1 sold out, 2 running low",
        "groups": [
            {
                "heading": "Sold out",
                "lines": [{"name": "Stoneware mug", "sku": "MUG-STONE", "warehouse": "Newark", "left": 0}],
            },
            {
                "heading": "Running low",
                "lines": [
                    {"name": "Washed linen shirt", "sku": "LIN-SHIRT-SAG-M", "warehouse": "Newark", "left": 2},
                    {"name": "Washed linen shirt", "sku": "LIN-SHIRT-SAG-L", "warehouse": "Leipzig", "left": 4},
                ],
            },
        ],
        "more": 3,
    },
    "cart_recovery": {
        "shop": SHOP,
        "recipient_name": "Ada",
        "cart": {
            "items": [
                {"name": "Washed linen shirt", "options": "Sage, M", "quantity": 2, "line_total": "$98.00"},
                {"name": "Stoneware mug", "options": "", "quantity": 1, "line_total": "$18.50"},
            ],
            "subtotal": "$116.50",
        },
        "link": "https://shop.example/cart/restore?token=01a1.1sT9xk.9bq3Z&from=mail",
        "unsubscribe_link": "https://shop.example/unsubscribe?token=c01a1.9bq3Z&from=mail",
    },
    "invoice": _order_mail("Confirmed", invoice={"number": "INV-2026-000042", "total": "$118.19"}),
    "credit_note": _order_mail("Confirmed", invoice={"number": "CN-2026-000007", "total": "$49.00"}),
}

SUBJECTS = {
    "verification": "Confirm your e-mail address for Tradepost",
    "password_reset": "Reset your Tradepost password",
    "welcome": "Welcome to Tradepost, Ada",
    "account_exists": "You already have an account at Tradepost",
    "order_confirmation": "Your Tradepost order TP-2026-000184 is confirmed",
    "order_shipped": "Your Tradepost order TP-2026-000184 is on its way",
    "order_ready_for_pickup": "Your Tradepost order TP-2026-000184 is ready to be collected",
    "order_delivered": "Your Tradepost order TP-2026-000184 has been delivered",
    "order_cancelled": "Your Tradepost order TP-2026-000184 has been cancelled",
    "order_expiring": "Your Tradepost order TP-2026-000184 waits for your payment",
    "late_orders": "2 late orders at Tradepost",
    "return_requested": "We have your return request RMA-7K3M9Q2X at Tradepost",
    "return_approved": "Your return RMA-7K3M9Q2X is approved at Tradepost",
    "return_rejected": "About your return request RMA-7K3M9Q2X at Tradepost",
    "return_received": "We have received your return RMA-7K3M9Q2X at Tradepost",
    "return_completed": "Your return RMA-7K3M9Q2X is settled at Tradepost",
    "stock_digest": "Stock at Tradepost: 1 sold out, 2 running low",
    "cart_recovery": "You left something in your cart at Tradepost",
    "invoice": "Invoice INV-2026-000042 for your Tradepost order TP-2026-000184",
    "credit_note": "Credit note CN-2026-000007 for your Tradepost order TP-2026-000184",
}

LINKS = {
    "verification": ["https://shop.example/verify?token=Vx7Qm2&next=%2Faccount"],
    "password_reset": ["https://shop.example/reset?token=Rz4Kp9&next=%2Faccount"],
    "welcome": ["https://shop.example/new?from=mail&x=1"],
    "account_exists": [
        "https://shop.example/login?from=mail&x=1",
        "https://shop.example/forgot?from=mail&x=1",
    ],
    "order_confirmation": [ORDER["url"]],
    "order_shipped": [ORDER["url"], "https://track.example/?id=JD014600006281230704&lang=en"],
    "order_ready_for_pickup": [ORDER["url"]],
    "order_delivered": [ORDER["url"]],
    "order_cancelled": [ORDER["url"]],
    "order_expiring": [ORDER["url"]],
    "late_orders": ["https://shop.example/admin/orders/order/?late=yes&x=1"],
    "return_requested": [RMA["url"]],
    "return_approved": [RMA["url"]],
    "return_rejected": [RMA["url"]],
    "return_received": [RMA["url"]],
    "return_completed": [RMA["url"]],
    "stock_digest": ["https://shop.example/admin/products/stockalert/?a=1&b=2"],
    "cart_recovery": [
        "https://shop.example/cart/restore?token=01a1.1sT9xk.9bq3Z&from=mail",
        "https://shop.example/unsubscribe?token=c01a1.9bq3Z&from=mail",
    ],
    "invoice": [ORDER["url"]],
    "credit_note": [ORDER["url"]],
}

EVENTS = sorted(SAMPLES)
ORDER_EVENTS = [event for event in EVENTS if event.startswith("order_")]

_LONG_NAMES = [
    ("Donaudampfschifffahrtsgesellschaftskapitänsmütze aus gewalkter Schurwolle", "Nachtblau, Größe 59 cm"),
    ("南部鉄器 急須 あられ模様 茶こし付き 0.65リットル 職人手作り限定品", "黒、ギフト包装あり"),
    (
        "Ergonomic standing desk with solid oak top, cable tray and four memory heights",
        "Oak, 180 x 80 cm, white frame",
    ),
    ("Merino base layer", "Charcoal, XL"),
    ("Überzugsdecke für Straßenmöbel, wetterfest, mit Ösen & Spannseil", "Grün, 200 x 300 cm"),
    ("Pneumonoultramicroscopicsilicovolcanoconiosis-Demonstrationsmodell", ""),
    ("有田焼 飯碗 (夫婦セット)", "藍色"),
    ('6" cast-iron skillet, <seasoned> & "ready"', ""),
]


def long_context(event: str) -> dict[str, object]:
    """The same mail with eight lines, long German and Japanese names, and long addresses."""
    context = deepcopy(SAMPLES[event])
    context["recipient_name"] = "Friederike-Charlotte Großmann-Wittelsbach"
    _lengthen_rows(context)
    if "cart" in context:
        context["cart"]["items"] = [
            {"name": name, "options": options, "quantity": number, "line_total": "3.747,00 €"}
            for number, (name, options) in enumerate(_LONG_NAMES, start=1)
        ]
    if "order" not in context:
        return context
    context["order"] |= {
        "number": "TP-2026-000184-REPLACEMENT-02",
        "email": "friederike-charlotte.grossmann-wittelsbach@verwaltung.beispielunternehmen.example",
        "items": [
            {
                "name": name,
                "options": options,
                "sku": f"SKU-{number:02d}-EXTRA-LONG-ARTICLE-CODE",
                "quantity": number * 3,
                "unit_price": "1.249,00 €",
                "line_total": f"{number * 3747:,},00 €".replace(",", ".", 1),
            }
            for number, (name, options) in enumerate(_LONG_NAMES, start=1)
        ],
        "totals": {
            "subtotal": "134.892,00 €",
            "discount": "",
            "shipping": "0,00 €",
            "tax": "25.629,48 €",
            "total": "160.521,48 €",
        },
        "shipping_address": [
            "Friederike-Charlotte Großmann-Wittelsbach",
            "Verwaltungsgesellschaft für Donaudampfschifffahrt mbH & Co. KG",
            "Abteilung Beschaffung, Hinterhaus, 4. Obergeschoss links",
            "Rechtsanwalt-Dr.-Maximilian-Oberhuber-Straße 128a",
            "84489 Burghausen an der Salzach",
            "Deutschland",
        ],
        "billing_address": [
            "〒150-0041",
            "東京都渋谷区神南一丁目十九番十一号パークウェイスクエア2 八階",
            "山田 花子 様",
            "日本",
        ],
        "shipping_method": "Versand mit Spedition, Lieferung bis zur Bordsteinkante (10 bis 15 Werktage)",
    }
    return context


def _lengthen_rows(context: dict[str, object]) -> None:
    if "groups" in context:
        context["groups"][0]["lines"] = [
            {"name": name, "sku": f"SKU-{number:02d}-EXTRA-LONG-ARTICLE-CODE", "warehouse": options, "left": number}
            for number, (name, options) in enumerate(_LONG_NAMES)
        ]
    if "rma" in context:
        context["rma"]["lines"] = [
            {"name": name, "sku": f"SKU-{number:02d}-EXTRA-LONG-ARTICLE-CODE", "quantity": number, "received": number}
            | {"reason": options}
            for number, (name, options) in enumerate(_LONG_NAMES)
        ]


def hostile_context(event: str) -> dict[str, object]:
    """The same mail with markup, quotes and foreign letters in every text that a person can type."""
    context = deepcopy(SAMPLES[event])
    context["recipient_name"] = HOSTILE_NAME
    if "order" in context:
        context["order"]["items"][0] |= {"name": HOSTILE_NAME, "options": HOSTILE_NAME}
        context["order"]["shipping_address"] = [HOSTILE_NAME]
    if "cart" in context:
        context["cart"]["items"][0] |= {"name": HOSTILE_NAME, "options": HOSTILE_NAME}
    if "reason" in context:
        context["reason"] = HOSTILE_NAME
    if "rma" in context:
        context["rma"] |= {"reply": HOSTILE_NAME, "address": [HOSTILE_NAME]}
        context["rma"]["lines"][0] |= {"name": HOSTILE_NAME}
    if "groups" in context:
        context["groups"][0]["lines"][0] |= {"name": HOSTILE_NAME, "warehouse": HOSTILE_NAME}
    return context


def bare_context(event: str) -> dict[str, object]:
    """The same mail with everything left empty that may be empty."""
    context = deepcopy(SAMPLES[event])
    context["recipient_name"] = ""
    if "order" in context:
        context["order"]["totals"]["discount"] = ""
        context["order"]["billing_address"] = context["order"]["shipping_address"]
        for item in context["order"]["items"]:
            item["options"] = ""
    if "shipment" in context:
        context["shipment"] = {"carrier": "", "tracking_number": "", "tracking_url": ""}
    if "reason" in context:
        context |= {"reason": "", "refund_note": ""}
    if "rma" in context:
        context["rma"] |= {"reply": "", "amount": "", "fee": "", "shipping": ""}
    if "groups" in context:
        context |= {"groups": context["groups"][:1], "summary": "1 sold out", "more": 0}
    return context
