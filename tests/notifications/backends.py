"""Mail backends that misbehave."""

from typing import Any, ClassVar

from django.core.mail.backends.locmem import EmailBackend


class Flaky(EmailBackend):
    """Raises the exceptions of `failures` one by one, then works like Django's outbox. Reset it in each test."""

    failures: ClassVar[list[Exception]] = []
    tries: ClassVar[int] = 0

    @classmethod
    def will_raise(cls, *failures: Exception) -> None:
        cls.failures, cls.tries = list(failures), 0

    def send_messages(self, messages: Any) -> int:
        type(self).tries += 1
        if self.failures:
            raise self.failures.pop(0)
        return super().send_messages(messages)


class Silent(EmailBackend):
    """Sends nothing and does not say so, as `fail_silently` does."""

    def send_messages(self, messages: Any) -> int:
        return 0


class BadGoodbye(EmailBackend):
    """Takes the mail, then fails while saying goodbye."""

    def close(self) -> None:
        raise ConnectionResetError("reset while quitting")
