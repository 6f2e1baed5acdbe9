"""Pictures of products: read with suspicion, turned upright, stripped of metadata, stored again as WebP.

Files are written before the row and removed when the transaction fails, and removed after the commit that deletes it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, Protocol
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max
from PIL import Image, ImageOps

from apps.common.errors import NotFound, PayloadTooLarge, UnsupportedMedia
from apps.common.events import Actor, record
from apps.products.models import Product, ProductImage
from apps.products.services import listing

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 40_000_000
LONGEST_SIDE = 2000
THUMBNAIL_SIDE = 400
QUALITY = 82


class FileTooLarge(PayloadTooLarge):
    code = "file_too_large"
    detail = "The picture is over the limit in bytes or pixels."


class UnsupportedImage(UnsupportedMedia):
    code = "unsupported_image"
    detail = "The file is not a JPEG, PNG or WebP picture."


class Upload(Protocol):
    """What we need of an uploaded file. Its name and declared type are the sender's word and are not used."""

    @property
    def size(self) -> int | None: ...
    def read(self, num_bytes: int = ...) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A clean picture: WebP bytes, its thumbnail, its size in pixels."""

    image: bytes
    thumbnail: bytes
    width: int
    height: int


def clean(upload: Upload) -> Picture:
    """Decode an upload into a clean picture. Raises FileTooLarge, UnsupportedImage."""
    limit = settings.IMAGE_UPLOAD_MAX_BYTES
    if (upload.size or 0) > limit:
        raise FileTooLarge
    raw = upload.read(limit + 1)
    if len(raw) > limit:
        raise FileTooLarge
    header = _opened(BytesIO(raw))
    if header.width * header.height > MAX_PIXELS:
        raise FileTooLarge("The picture has more than 40 million pixels.")
    try:
        upright = _upright(header)
        thumbnail = upright.copy()
        thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    except Exception as error:  # decoders raise almost anything on hostile bytes
        raise UnsupportedImage("The picture is damaged.") from error
    return Picture(_webp(upright), _webp(thumbnail), upright.width, upright.height)


def add_image(
    *, product_id: UUID, upload: Upload, actor: Actor | None, alt: str = "", position: int | None = None
) -> ProductImage:
    """Store a picture, last unless a position is given. Raises NotFound, FileTooLarge, UnsupportedImage."""
    picture = clean(upload)  # the slow part holds no lock
    return add_picture(product_id=product_id, picture=picture, actor=actor, alt=alt, position=position)


def add_picture(
    *, product_id: UUID, picture: Picture, actor: Actor | None, alt: str = "", position: int | None = None
) -> ProductImage:
    """Store a clean picture. Raises NotFound."""
    stem = f"products/{secrets.token_hex(16)}"
    stored: list[str] = []
    try:
        for name, content in ((f"{stem}.webp", picture.image), (f"{stem}-small.webp", picture.thumbnail)):
            stored.append(default_storage.save(name, ContentFile(content)))
        with transaction.atomic():
            image = ProductImage(image=stored[0], thumbnail=stored[1], width=picture.width, height=picture.height)
            _insert(image, product_id=product_id, actor=actor, alt=alt, position=position)
    except BaseException:
        _remove(stored)
        raise
    return image


@transaction.atomic
def change_image(*, image_id: UUID, changes: Mapping[str, Any], actor: Actor | None) -> ProductImage:
    """Change `alt` or `position`. Raises NotFound."""
    image = _locked_image(image_id)
    fields = sorted(name for name, value in changes.items() if getattr(image, name) != value)
    if not fields:
        return image
    for name in fields:
        setattr(image, name, changes[name])
    image.save(update_fields=[*fields, "updated_at"])
    record("product.changed", target=image.product, actor=actor, data={"fields": ["images"], "image": str(image.pk)})
    listing.refresh([image.product_id])
    return image


@transaction.atomic
def delete_image(*, image_id: UUID, actor: Actor | None) -> None:
    """Remove a picture and, after the commit, its files. Raises NotFound."""
    image = _locked_image(image_id)
    files = [name for name in (image.image.name, image.thumbnail) if name]
    record("product.changed", target=image.product, actor=actor, data={"fields": ["images"], "image": str(image.pk)})
    image.delete()
    listing.refresh([image.product_id])
    transaction.on_commit(lambda: _remove(files), robust=True)


def image_id_of(*, slug: str, image_id: UUID) -> UUID:
    """The key of a picture of the product with this slug. Raises NotFound."""
    if not ProductImage.objects.filter(product__slug=slug, pk=image_id).exists():
        raise NotFound
    return image_id


def _insert(image: ProductImage, *, product_id: UUID, actor: Actor | None, alt: str, position: int | None) -> None:
    product = _locked_product(product_id)
    if position is None:
        last: int | None = product.images.aggregate(last=Max("position"))["last"]
        position = 0 if last is None else last + 1
    image.product, image.alt, image.position = product, alt, position
    image.save(force_insert=True)
    record("product.changed", target=product, actor=actor, data={"fields": ["images"], "image": str(image.pk)})
    listing.refresh([product_id])


def _opened(stream: IO[bytes]) -> Image.Image:
    """Reads the header alone; nothing is decoded yet."""
    try:
        return Image.open(stream, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileTooLarge("The picture has more than 40 million pixels.") from error
    except Exception as error:  # decoders raise almost anything on hostile bytes
        raise UnsupportedImage from error


def _upright(image: Image.Image) -> Image.Image:
    """Decoded, in plain colours, no side longer than LONGEST_SIDE, turned as the camera was held.

    Made small before it is copied: 40 million pixels take 160 MB.
    """
    image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded small at once
    if image.mode.startswith("I;16"):
        image = image.convert("L")
    plain = "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
    if image.mode != plain:
        image = image.convert(plain)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return ImageOps.exif_transpose(image)


def _webp(image: Image.Image) -> bytes:
    # Metadata is written only when it is passed; the empty values say so.
    out = BytesIO()
    image.save(out, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=b"")
    return out.getvalue()


def _locked_product(product_id: UUID) -> Product:
    product = Product.objects.select_for_update(of=("self",), no_key=True).filter(pk=product_id).first()
    if product is None:
        raise NotFound
    return product


def _locked_image(image_id: UUID) -> ProductImage:
    """The picture, under its product's lock."""
    product_id = ProductImage.objects.filter(pk=image_id).values_list("product_id", flat=True).first()
    if product_id is None:
        raise NotFound
    product = _locked_product(product_id)
    image = ProductImage.objects.filter(pk=image_id).first()
    if image is None:
        raise NotFound
    image.product = product
    return image


def _remove(names: list[str]) -> None:
    for name in names:
        default_storage.delete(name)
