"""What a client hears when a provider fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.common.errors import UpstreamFailed
from apps.payments.gateways.base import ProviderPaused, ProviderRefused, ProviderUnavailable


@contextmanager
def asking_provider() -> Iterator[None]:
    """Turns a provider's silence or refusal into UpstreamFailed; with `Retry-After` while its circuit is open."""
    try:
        yield
    except ProviderPaused as pause:
        raise UpstreamFailed(headers={"Retry-After": str(pause.retry_after)}) from pause
    except (ProviderUnavailable, ProviderRefused) as error:
        raise UpstreamFailed from error
