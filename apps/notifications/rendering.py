"""What does a mail say and look like: templates in, subject, text and HTML out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import css_inline
from django.template.loader import render_to_string

# Many mail clients drop style blocks, so the rules become style attributes. Media queries (phone, dark mode)
# cannot; the templates mark their blocks to be left alone. Nothing is ever fetched while rendering.
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)

_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready to send: one-line subject, plain text, HTML with inlined styles, files, and headers of its own."""

    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def render_mail(event: str, context: Mapping[str, object]) -> RenderedMail:
    """Render `templates/emails/<event>/` with a context of plain dicts, lists and formatted strings.

    Raises `django.template.TemplateDoesNotExist` for an event without templates.
    """
    values = {**context, "recipient_name": _one_line(str(context.get("recipient_name") or ""))}
    subject = _one_line(render_to_string(f"emails/{event}/subject.txt", values))
    values["subject"] = subject
    return RenderedMail(
        subject=subject,
        text=_tidy(render_to_string(f"emails/{event}/body.txt", values)),
        html=_INLINER.inline(render_to_string(f"emails/{event}/body.html", values).lstrip()),
    )


def _one_line(text: str) -> str:
    # str.split() also splits at the Unicode line separators, which some mail servers take for a new header.
    return " ".join(text.split())


def _tidy(text: str) -> str:
    # Template tags leave blank lines and trailing spaces behind.
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return _BLANK_LINES.sub("\n\n", lines).strip() + "\n"
