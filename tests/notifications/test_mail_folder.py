"""Mails on the local machine: files in a folder, and the command that reads them."""

from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from apps.notifications.services import mailbox, sending
from tests.factories import UserFactory
from tests.notifications.steps import message


@pytest.fixture
def folder(settings, tmp_path):
    settings.EMAIL_BACKEND = "apps.notifications.channels.folder.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    return tmp_path / "mail"


def write(*recipients):
    for number, recipient in enumerate(recipients):
        mail.send_mail(f"Mail {number}", f"Grüße {number}", None, [recipient])


def printed(*args):
    out = StringIO()
    call_command("mail", *args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_sent_message_is_one_whole_file(folder):
    row = message(user=UserFactory(first_name="Zoë"))
    assert sending.send(row.pk) == "sent"
    (path,) = folder.iterdir()
    assert path.suffix == ".eml"
    (found,) = mailbox.newest(folder, last=5)
    assert (found.path, found.sender, found.to) == (path, "Tradepost <shop@example.com>", row.email)
    assert found.subject == "Welcome to Tradepost, Zoë"
    assert found.text.startswith("Hello Zoë,\n")
    assert str(row.pk).encode() in path.read_bytes()


def test_the_command_prints_the_newest_mails_newest_last(folder):
    write("a@example.com", "b@example.com", "c@example.com", "d@example.com")
    text = printed()
    assert [line for line in text.splitlines() if line.startswith("Subject")] == [
        "Subject: Mail 1",
        "Subject: Mail 2",
        "Subject: Mail 3",
    ]
    assert "From:    Tradepost <shop@example.com>\nTo:      d@example.com\nSubject: Mail 3\nFile:    " in text
    assert text.endswith("\n\nGrüße 3\n")


def test_the_command_finds_one_recipients_mails_among_many(folder):
    write("ada@example.com", *["bob@example.com"] * 5)
    assert "Subject: Mail 0" in printed("--to", "ADA@")
    assert "bob@example.com" not in printed("--to", "ADA@")
    assert "Mail 5" in printed("--last", "1")
    assert "Mail 4" not in printed("--last", "1")


def test_a_mail_without_text_is_shown_without(folder):
    html = mail.EmailMessage("Only HTML", "<p>x</p>", to=["a@example.com"])
    html.content_subtype = "html"
    html.send()
    assert mailbox.newest(folder, last=1)[0].text == ""


def test_an_empty_folder_is_no_error(folder):
    assert printed() == f"No mail in {folder} yet.\n"


def test_without_a_folder_the_command_says_why(settings):
    settings.EMAIL_FILE_PATH = None
    with pytest.raises(CommandError, match="EMAIL_URL is set"):
        printed()


def test_a_senseless_number_is_refused(folder):
    with pytest.raises(CommandError, match="at least 1"):
        printed("--last", "0")
