"""Every mail renders, says the right thing, and carries nothing that a mail client would fetch or run."""

import re
from copy import deepcopy
from dataclasses import FrozenInstanceError
from html.parser import HTMLParser

import pytest
from django.template import TemplateDoesNotExist

from apps.notifications.rendering import render_mail
from tests.notifications.mail_samples import (
    EVENTS,
    HOSTILE_NAME,
    LINKS,
    ORDER_EVENTS,
    SAMPLES,
    SUBJECTS,
    bare_context,
    hostile_context,
    long_context,
)

VARIANTS = {
    "plain": SAMPLES.__getitem__,
    "long": long_context,
    "hostile": hostile_context,
    "bare": bare_context,
}
ALLOWED_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "div",
    "h1",
    "h2",
    "p",
    "a",
    "br",
    "span",
    "strong",
}
ALLOWED_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
GMAIL_CLIPS_AT = 102_000
TEXT_COLOURS = ("#1d1b18", "#5f5a52", "#14614f")


class Page(HTMLParser):
    """What a reader of the HTML sees: tags, links and the words."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.words, self._open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    @property
    def hrefs(self):
        return [attrs["href"] for tag, attrs in self.elements if tag == "a"]


@pytest.fixture(autouse=True)
def _unknown_variables_shout(settings):
    templates = deepcopy(settings.TEMPLATES)
    templates[0].setdefault("OPTIONS", {})["string_if_invalid"] = "UNRESOLVED[%s]"
    settings.TEMPLATES = templates


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("event", EVENTS)
def test_every_mail_renders_with_no_variable_or_tag_left_over(event, variant):
    mail = render_mail(event, VARIANTS[variant](event))

    for part in (mail.subject, mail.text, mail.html):
        assert part.strip()
        assert not re.search(r"UNRESOLVED|\{\{|\}\}|\{%|%\}|\{#|None", part)
    assert mail.html.startswith("<!DOCTYPE html>")
    assert len(mail.html.encode()) < GMAIL_CLIPS_AT


@pytest.mark.parametrize("event", EVENTS)
def test_subject_is_exact_and_is_the_title_of_the_page(event):
    mail = render_mail(event, SAMPLES[event])

    assert mail.subject == SUBJECTS[event]
    assert f"<title>{SUBJECTS[event]}</title>" in mail.html


@pytest.mark.parametrize("event", EVENTS)
def test_hostile_text_is_escaped_in_html_and_intact_in_text(event):
    mail = render_mail(event, hostile_context(event))

    assert "<script" not in mail.html
    assert "&lt;script&gt;" in mail.html
    assert f"Hello {HOSTILE_NAME}," in Page(mail.html).text
    assert mail.text.startswith(f"Hello {HOSTILE_NAME},\n")
    assert not re.search("&lt;|&amp;|&#", mail.text)


def test_subject_keeps_quotes_and_letters_as_they_are():
    mail = render_mail("welcome", hostile_context("welcome"))

    assert mail.subject == f"Welcome to Tradepost, {HOSTILE_NAME}"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_newline_in_a_name_cannot_break_the_subject_or_forge_a_line(newline):
    mail = render_mail("welcome", SAMPLES["welcome"] | {"recipient_name": f"Ada{newline}Bcc: eve@example.com"})

    assert mail.subject == "Welcome to Tradepost, Ada Bcc: eve@example.com"
    assert mail.text.startswith("Hello Ada Bcc: eve@example.com,\n")


@pytest.mark.parametrize("event", EVENTS)
def test_newline_in_the_name_of_the_shop_cannot_break_a_subject(event):
    context = deepcopy(SAMPLES[event])
    context["shop"]["name"] = "Trade\r\nX-Evil: 1"

    assert render_mail(event, context).subject == SUBJECTS[event].replace("Tradepost", "Trade X-Evil: 1")


def test_very_long_name_is_cut_in_the_subject():
    mail = render_mail("welcome", SAMPLES["welcome"] | {"recipient_name": "A" * 500})

    assert mail.subject == "Welcome to Tradepost, " + "A" * 59 + "…"


@pytest.mark.parametrize("event", EVENTS)
def test_without_a_name_the_greeting_is_neutral(event):
    mail = render_mail(event, bare_context(event))

    assert mail.text.startswith("Hello,\n")
    assert "Hello," in Page(mail.html).text


def test_without_a_name_the_subject_of_welcome_ends_at_the_shop():
    assert render_mail("welcome", bare_context("welcome")).subject == "Welcome to Tradepost"


@pytest.mark.parametrize("event", EVENTS)
def test_every_link_is_in_text_and_html_and_there_is_no_other(event):
    mail = render_mail(event, SAMPLES[event])

    shop = SAMPLES[event]["shop"]
    assert set(Page(mail.html).hrefs) == {*LINKS[event], shop["url"], f"mailto:{shop['support_email']}"}
    assert set(re.findall(r"https?://\S+", mail.text)) == {*LINKS[event], shop["url"]}
    for link in LINKS[event]:
        assert link in mail.text.splitlines(), "a link stands alone on its line"


@pytest.mark.parametrize("event", EVENTS)
def test_html_loads_and_runs_nothing(event):
    mail = render_mail(event, hostile_context(event))

    page = Page(mail.html)
    assert {tag for tag, _ in page.elements} <= ALLOWED_TAGS
    for _, attrs in page.elements:
        assert not {"src", "srcset", "background", "action"} & attrs.keys()
        assert not [name for name in attrs if name.startswith("on")]
    assert not re.search(r"url\(|@import|@font-face", mail.html)


@pytest.mark.parametrize("event", EVENTS)
def test_styles_are_inlined_and_only_media_queries_stay_in_the_head(event):
    html = render_mail(event, SAMPLES[event]).html

    head, body = html.split("</head>")
    assert head.count('<style data-css-inline="keep">') == 2
    assert "(max-width: 600px)" in head
    assert "(prefers-color-scheme: dark)" in head
    assert ".preheader { display: none" not in head
    assert re.search(r'<h1 style="[^"]*font-size: 28px', body)
    assert "<style" not in body
    assert head.index('charset="utf-8"') < 200, "browsers look for the charset at the very start"


@pytest.mark.parametrize("event", EVENTS)
def test_every_coloured_text_has_a_colour_for_dark_mode(event):
    html = render_mail(event, SAMPLES[event]).html

    dark = html.split("(prefers-color-scheme: dark)")[1].split("</style>")[0]
    selectors = set(re.findall(r"[.\w-]+(?=[,{ ])", " ".join(re.findall(r"([^{}]+)\{[^}]*[^-]color:", dark))))
    coloured = [
        (tag, attrs)
        for tag, attrs in Page(html).elements
        if any(re.search(rf"(^|;)color: {colour}", attrs.get("style", "")) for colour in TEXT_COLOURS)
    ]
    assert coloured
    for tag, attrs in coloured:
        names = {tag, *(f".{name}" for name in attrs.get("class", "").split())}
        assert names & selectors, f"<{tag} class={attrs.get('class')!r}> stays dark on dark"


@pytest.mark.parametrize("event", EVENTS)
def test_html_is_readable_by_a_screen_reader(event):
    page = Page(render_mail(event, SAMPLES[event]).html)

    tag, attrs = page.elements[0]
    assert (tag, attrs["lang"], attrs["dir"]) == ("html", "en", "ltr")
    assert [tag for tag, _ in page.elements].count("h1") == 1
    for tag, attrs in page.elements:
        if tag == "table":
            assert attrs.get("role") == "presentation" or attrs.get("aria-label")
        if tag == "th":
            assert attrs["scope"] in {"row", "col"}


@pytest.mark.parametrize("event", ORDER_EVENTS)
def test_order_mails_list_every_item_total_and_address_line(event):
    context = long_context(event)
    mail = render_mail(event, context)

    order, seen = context["order"], Page(mail.html).text
    values = [order[key] for key in ("number", "placed_on", "email", "status", "shipping_method")]
    values += order["shipping_address"] + order["billing_address"]
    values += [value for value in order["totals"].values() if value]
    for item in order["items"]:
        values += [item["name"], item["options"], item["sku"], item["unit_price"], item["line_total"]]
    for value in values:
        assert value in mail.text
        assert " ".join(value.split()) in seen
    for item in order["items"]:
        assert f"{item['quantity']} x {item['name']}\n" in mail.text
        assert f"{item['quantity']} \N{MULTIPLICATION SIGN} {item['unit_price']}" in seen


def test_totals_in_text_are_a_column_of_amounts():
    mail = render_mail("order_confirmation", SAMPLES["order_confirmation"])

    assert (
        "TOTALS\n\n"
        "Subtotal         $116.50\n"
        "Discount         -$11.65\n"
        "Shipping           $4.95\n"
        "Tax                $8.39\n"
        "Total            $118.19\n"
    ) in mail.text
    assert "Discount\N{MINUS SIGN}$11.65" in Page(mail.html).text.replace(" ", "")


def test_without_a_discount_there_is_no_discount_line():
    mail = render_mail("order_confirmation", bare_context("order_confirmation"))

    assert "Discount" not in mail.text
    assert "Discount" not in mail.html


def test_the_same_billing_address_is_not_repeated():
    mail = render_mail("order_confirmation", bare_context("order_confirmation"))

    assert mail.text.count("14 Clarendon Street") == 1
    assert "Same as the delivery address" in mail.text
    assert Page(mail.html).text.count("14 Clarendon Street") == 1
    assert "Same as the delivery address" in mail.html


def test_shipped_mail_names_carrier_and_tracking():
    mail = render_mail("order_shipped", SAMPLES["order_shipped"])

    for part in (mail.text, Page(mail.html).text):
        assert "your parcel has left us with DHL." in part
        assert "JD014600006281230704" in part
        assert "Track your parcel" in part


def test_shipped_mail_without_tracking_says_nothing_of_it():
    mail = render_mail("order_shipped", bare_context("order_shipped"))

    for part in (mail.text, Page(mail.html).text):
        assert "your parcel has left us." in part
        assert "rack" not in part
        assert "View your order" in part


def test_cancelled_mail_gives_reason_and_refund_only_when_known():
    told = render_mail("order_cancelled", SAMPLES["order_cancelled"])
    bare = render_mail("order_cancelled", bare_context("order_cancelled"))

    assert "Reason: You asked us to cancel the order.\n" in told.text
    assert "Refund: We have refunded $118.19 to your card." in told.text
    assert "You asked us to cancel the order." in Page(told.html).text
    assert "We have refunded $118.19 to your card." in Page(told.html).text
    for part in (bare.text, Page(bare.html).text):
        assert "Reason" not in part
        assert "Refund" not in part


@pytest.mark.parametrize("event", ["verification", "password_reset"])
def test_token_is_in_text_and_html(event):
    mail = render_mail(event, SAMPLES[event])

    assert SAMPLES[event]["token"] in mail.text.splitlines()
    assert SAMPLES[event]["token"] in Page(mail.html).text


@pytest.mark.parametrize(
    ("event", "key", "value", "words"),
    [
        ("verification", "expires_hours", 24, "work for 24 hours."),
        ("verification", "expires_hours", 1, "work for 1 hour."),
        ("password_reset", "expires_minutes", 60, "work once, for 60 minutes."),
        ("password_reset", "expires_minutes", 1, "work once, for 1 minute."),
    ],
)
def test_expiry_is_told_in_words(event, key, value, words):
    mail = render_mail(event, SAMPLES[event] | {key: value})

    assert f"The link and the code {words}" in mail.text
    assert f"The link and the code {words}" in Page(mail.html).text


def test_password_reset_says_what_to_do_if_it_was_not_you():
    mail = render_mail("password_reset", SAMPLES["password_reset"])

    assert "It was not you? Ignore this mail. Your password stays as it is." in mail.text
    assert "It was not you? Ignore this mail. Your password stays as it is." in Page(mail.html).text


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("event", EVENTS)
def test_text_is_tidy(event, variant):
    text = render_mail(event, VARIANTS[variant](event)).text

    assert text == text.strip() + "\n"
    assert "\n\n\n" not in text
    assert text.splitlines() == [line.rstrip() for line in text.splitlines()]


def test_context_is_left_as_it_was():
    context = deepcopy(SAMPLES["welcome"])

    render_mail("welcome", context)

    assert context == SAMPLES["welcome"]


def test_rendered_mail_cannot_be_changed():
    mail = render_mail("welcome", SAMPLES["welcome"])

    with pytest.raises(FrozenInstanceError):
        mail.subject = "Another"


@pytest.mark.parametrize("event", ["no_such_mail", "../../config", ""])
def test_unknown_event_is_refused(event):
    with pytest.raises(TemplateDoesNotExist):
        render_mail(event, SAMPLES["welcome"])
