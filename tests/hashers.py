"""Password hashing for the suite."""

from apps.users.services.hashing import BoundedArgon2


class CheapArgon2(BoundedArgon2):
    """The real algorithm with its smallest parameters."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
