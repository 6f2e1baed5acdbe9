"""A mail server that takes its time, so that a worker that is killed is killed while it sends."""

import time
from collections.abc import Sequence

from django.core.mail import EmailMessage

from apps.notifications.channels.folder import EmailBackend as FolderBackend

SECONDS = 0.15


class EmailBackend(FolderBackend):
    """Mails into a folder, each after a moment."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        time.sleep(SECONDS)
        return super().send_messages(email_messages)
