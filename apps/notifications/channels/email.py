"""Handing one mail to the mail server."""

import smtplib
from contextlib import suppress

from django.conf import settings
from django.core import mail
from django.core.mail.message import sanitize_address

from apps.notifications.rendering import RenderedMail


class Refused(Exception):  # noqa: N818 - what the mail server did
    """The server will never take this mail: the address does not exist."""


class NotAccepted(Exception):  # noqa: N818 - what the mail server did
    """The mail was not sent, and the backend did not say why."""


def deliver(*, to: str, content: RenderedMail, message_id: str, request_id: str) -> None:
    """Send text and HTML to one address. Raises Refused when that is final, anything else when it may work later.

    Takes at most a few `EMAIL_TIMEOUT`s; must not be called inside a transaction.
    """
    headers = {**content.headers, "Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    if request_id:
        headers["X-Request-ID"] = request_id
    message = mail.EmailMultiAlternatives(content.subject, content.text, to=[to], headers=headers)
    message.attach_alternative(content.html, "text/html")
    for attachment in content.attachments:
        message.attach(attachment.name, attachment.content, attachment.media_type)
    connection = mail.get_connection()
    try:
        connection.open()
        if connection.send_messages([message]) != 1:
            raise NotAccepted
    except smtplib.SMTPRecipientsRefused as error:
        if _is_final(error):
            raise Refused(str(error)) from error
        raise
    finally:
        # Once the server has the mail, a failing goodbye must not look like a failure to send.
        with suppress(Exception):
            connection.close()


def message_id_for(unique: str) -> str:
    """A Message-ID that is the same at every attempt, so that a mail server can drop a repetition."""
    address = sanitize_address(settings.DEFAULT_FROM_EMAIL, "utf-8").rstrip(">")
    return f"<{unique}@{address.rpartition('@')[2]}>"


def _is_final(error: smtplib.SMTPRecipientsRefused) -> bool:
    # 4xx means "not now": greylisting, a full mailbox.
    return all(code >= 500 for code, _ in error.recipients.values())
