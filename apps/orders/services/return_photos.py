"""Pictures that buyers add to a return: checked and cleaned like those of products, shown to the buyer and to staff."""

from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.common.errors import Conflict, NotFound
from apps.orders.models import Return, ReturnPhoto
from apps.orders.services import return_moves
from apps.orders.services.lifecycle import InvalidTransition
from apps.products.services.images import Upload, clean

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

_WAITING: Final = (Return.Status.REQUESTED, Return.Status.APPROVED, Return.Status.IN_TRANSIT)


class TooManyPhotos(Conflict):
    code = "too_many_photos"
    detail = "The return has as many pictures as it may."


def add_photo(*, return_id: UUID, upload: Upload, actor: "Actor" = None) -> ReturnPhoto:
    """Add a picture while the goods have not arrived. Raises NotFound, FileTooLarge, UnsupportedImage, TooManyPhotos or
    InvalidTransition.
    """
    _require_room(Return.objects.filter(pk=return_id).first())  # before the slow part, which holds no lock
    picture = clean(upload)
    with transaction.atomic():
        _, rma = return_moves.locked(return_id)
        _require_room(rma)
        return ReturnPhoto.objects.create(
            rma=rma,
            image=picture.image,
            thumbnail=picture.thumbnail,
            width=picture.width,
            height=picture.height,
        )


def about(rma: Return, photo_id: UUID) -> ReturnPhoto:
    """A picture's row without its bytes. Raises NotFound."""
    found = rma.photos.defer("image", "thumbnail").filter(pk=photo_id).first()
    if found is None:
        raise NotFound
    return found


def photo_of(rma: Return, photo_id: UUID, *, small: bool = False) -> bytes:
    """The bytes of a picture, WebP. Raises NotFound."""
    found = rma.photos.filter(pk=photo_id).values_list("thumbnail" if small else "image", flat=True).first()
    if found is None:
        raise NotFound
    return bytes(found)


def _require_room(rma: Return | None) -> None:
    if rma is None:
        raise NotFound
    if rma.status not in _WAITING:
        raise InvalidTransition("The return takes no more pictures.", extra={"allowed": []})
    if rma.photos.count() >= settings.RETURN_PHOTO_LIMIT:
        raise TooManyPhotos
