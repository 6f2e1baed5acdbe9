"""Who can say whether a VAT number is registered. The shop asks nobody unless VAT_REGISTRY names somebody."""

from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class VatRegistry(Protocol):
    """A register that is asked over the network, such as the European Commission's VIES.

    It must end by itself within a few seconds; whatever it raises counts as no answer.
    """

    def is_registered(self, number: str) -> bool:
        """Whether the register knows this number (in its short form with the country's letters)."""


def vat_registry() -> VatRegistry | None:
    """The register of the setting VAT_REGISTRY; None when it is empty."""
    if not settings.VAT_REGISTRY:
        return None
    registry: VatRegistry = import_string(settings.VAT_REGISTRY)()
    return registry
