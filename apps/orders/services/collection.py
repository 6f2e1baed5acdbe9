"""The code with which a buyer collects a parcel in a store.

Like a guest's order token it is made from the parcel's id under the server's secret: nothing is stored, and it can be
shown again. Wrong codes are counted per parcel, so guessing ends after a few.
"""

from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

_SALT = "orders.collection-code"
# As of order numbers: no vowels, nothing to misread.
_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"
LENGTH = 6


def collection_code(shipment_id: UUID) -> str:
    """Six characters that open the parcel at the counter; 27^6 of them."""
    number = int.from_bytes(salted_hmac(_SALT, str(shipment_id), algorithm="sha256").digest()[:8])
    letters = []
    for _ in range(LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def is_code_of(shipment_id: UUID, code: str) -> bool:
    """Whether this is the parcel's code; small letters, spaces and hyphens do not matter."""
    typed = code.upper().replace(" ", "").replace("-", "")
    return constant_time_compare(collection_code(shipment_id), typed)
