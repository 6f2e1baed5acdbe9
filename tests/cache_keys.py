"""Keys of the suite's cache. Forgetting everything is a new prefix: Redis's own "clear" would empty the caches of the
other test processes too, in the middle of their tests."""

_generation = 0


def make_key(key: str, key_prefix: str, version: int) -> str:
    """KEY_FUNCTION of the test settings; the prefix is the process's own."""
    return f"{key_prefix}:{_generation}:{version}:{key}"


def forget_everything() -> None:
    """As if the cache of this process, in all its threads, had been emptied."""
    global _generation
    _generation += 1
