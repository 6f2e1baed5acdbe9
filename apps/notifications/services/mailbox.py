"""Reading the mails that the local machine keeps in a folder instead of sending them."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredMail:
    """One mail of the folder, as its reader sees it."""

    path: Path
    sender: str
    to: str
    subject: str
    text: str


def newest(folder: Path, *, to: str = "", last: int) -> list[StoredMail]:
    """The newest mails, newest last; `to` keeps those whose recipient contains it, whatever its case."""
    found: list[StoredMail] = []
    for mail in _newest_first(folder):
        if len(found) == last:
            break
        if to.lower() in mail.to.lower():
            found.append(mail)
    return found[::-1]


def _newest_first(folder: Path) -> Iterator[StoredMail]:
    # The names begin with the time (channels/folder.py).
    for path in sorted(folder.glob("*.eml"), reverse=True):
        message = message_from_bytes(path.read_bytes(), policy=default)
        body = message.get_body(("plain",))
        yield StoredMail(
            path=path,
            sender=str(message["From"]),
            to=str(message["To"]),
            subject=str(message["Subject"]),
            text=body.get_content() if body is not None else "",
        )
