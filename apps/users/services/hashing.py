"""Password hashing with a bound: one Argon2 hash takes about 100 MB, so a burst of sign-ins must queue, not swell."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

HASHES_AT_ONCE = 2
_slots = threading.BoundedSemaphore(HASHES_AT_ONCE)


class BoundedArgon2(Argon2PasswordHasher):
    """Django's Argon2; at most `HASHES_AT_ONCE` run at the same time in a process, whatever door they come from."""

    def encode(self, password: str, salt: str) -> str:
        with _slots:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _slots:
            return super().verify(password, encoded)
