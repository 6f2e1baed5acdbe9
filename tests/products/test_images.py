"""Pictures: what is taken, what is refused, and what is left of them."""

import io
import re
import struct
import zlib
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from apps.common.errors import NotFound
from apps.common.models import new_id
from apps.products.models import Product, ProductImage
from apps.products.services import images
from tests.client import ApiClient, code
from tests.contracts import schema_truth
from tests.factories import ProductFactory, UserFactory

pytestmark = pytest.mark.django_db
PATH = "/products/thing/images/"


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def product() -> Product:
    return ProductFactory(slug="thing")


@pytest.fixture
def editor() -> ApiClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="change_product"))
    return ApiClient(user)


def upload(client: ApiClient, content: bytes, name: str = "a.jpg", **fields: str):
    file = SimpleUploadedFile(name, content, content_type="image/jpeg")
    response = Client(raise_request_exception=False).post(
        f"/api/v1{PATH}", {"file": file, **fields}, headers=client.headers
    )
    schema_truth.check("post", response)
    return response


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 30), **options) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", size, "red")
    image.paste("blue", (0, 0, size[0] // 2, size[1]))
    image.save(out, kind, **options)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def files(media: Path) -> list[str]:
    return sorted(str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_stored_as_webp_with_a_thumbnail(editor, product, media, kind):
    response = upload(editor, picture(kind, (900, 450)), "../../etc/passwd", alt="A thing")
    assert response.status_code == 201
    body = response.json()
    row = ProductImage.objects.get()
    assert (body["width"], body["height"], body["alt"], body["position"]) == (900, 450, "A thing", 0)
    assert (row.width, row.height) == (900, 450)
    assert files(media) == sorted([row.image.name, row.thumbnail])
    assert body["url"] == default_storage.url(row.image.name)
    assert response.headers["Location"] == f"/api/v1{PATH}{row.pk}/"
    with Image.open(default_storage.open(row.image.name)) as stored:
        assert (stored.format, stored.size) == ("WEBP", (900, 450))
    with Image.open(default_storage.open(row.thumbnail)) as small:
        assert (small.format, small.size) == ("WEBP", (400, 200))
    product.refresh_from_db()
    assert product.thumbnail == row.thumbnail


def test_a_large_picture_is_made_smaller(product):
    image = images.clean(SimpleUploadedFile("a", picture(size=(4000, 1000))))
    assert (image.width, image.height) == (2000, 500)


def test_metadata_is_gone_and_the_picture_stands_upright(editor, product):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown rotated by 90 degrees
    exif[0x010E] = "Secret place"
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}
    assert upload(editor, picture(exif=exif, comment=b"Secret note")).status_code == 201
    row = ProductImage.objects.get()
    for name in (row.image.name, row.thumbnail):
        with default_storage.open(name) as stored:
            raw = stored.read()
        assert b"Secret" not in raw
        with Image.open(io.BytesIO(raw)) as image:
            assert image.size == (30, 60)
            assert dict(image.getexif()) == {}
            top, bottom = image.convert("RGB").getpixel((15, 5)), image.convert("RGB").getpixel((15, 55))
            assert top[2] > 200 > top[0]  # what was left is on top: blue
            assert bottom[0] > 200 > bottom[2]


def test_transparency_is_kept(product):
    out = io.BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(out, "PNG")
    cleaned = images.clean(SimpleUploadedFile("a", out.getvalue()))
    with Image.open(io.BytesIO(cleaned.image)) as stored:
        assert stored.convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "CMYK"])
def test_pictures_of_any_colour_model_are_taken(product, mode):
    out = io.BytesIO()
    Image.new(mode, (10, 10)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    assert images.clean(SimpleUploadedFile("a", out.getvalue())).width == 10


HOSTILE = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "gif": picture("GIF"),
    "tiff": picture("TIFF"),
    "bmp": picture("BMP"),
    "exe": b"MZ\x90\x00" + b"\0" * 200,
    "empty": b"",
    "half": picture(size=(600, 600))[:900],
    "half png": picture("PNG", (600, 600))[:100],
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_picture_is_refused_whatever_its_name(editor, product, media, kind):
    assert code(upload(editor, HOSTILE[kind], "photo.jpg")) == (415, "unsupported_image")
    assert (ProductImage.objects.count(), files(media)) == (0, [])


@pytest.mark.parametrize("size", [(13000, 13000), (10000, 10000), (40000, 40000), (8000, 5001)])
def test_a_bomb_is_refused_before_it_is_decoded(editor, product, media, size):
    assert code(upload(editor, bomb(*size), "bomb.png")) == (413, "file_too_large")
    assert (ProductImage.objects.count(), files(media)) == (0, [])


def test_a_file_over_the_limit_is_refused(editor, product, media, settings):
    limit = settings.IMAGE_UPLOAD_MAX_BYTES
    assert code(upload(editor, picture() + b"\0" * limit)) == (413, "file_too_large")
    assert code(upload(editor, b"\0" * (limit + 100_000))) == (413, "file_too_large")
    assert (ProductImage.objects.count(), files(media)) == (0, [])


def test_a_size_that_lies_does_not_help(settings):
    settings.IMAGE_UPLOAD_MAX_BYTES = 100
    file = SimpleUploadedFile("a", picture())
    file.size = 10
    with pytest.raises(images.FileTooLarge):
        images.clean(file)


@pytest.mark.parametrize(
    ("fields", "pointer", "error"),
    [
        ({"position": "first"}, "/position", "wrong_type"),
        ({"position": "-1"}, "/position", "wrong_type"),
        ({"position": "9" * 30}, "/position", "max_value"),
        ({"alt": "x" * 201}, "/alt", "max_length"),
        ({"caption": "x"}, "/caption", "unknown_field"),
    ],
)
def test_a_bad_form_is_refused(editor, product, media, fields, pointer, error):
    response = upload(editor, picture(), **fields)
    assert response.status_code == 400
    assert [(each["pointer"], each["code"]) for each in response.json()["errors"]] == [(pointer, error)]
    assert files(media) == []


def test_json_is_not_a_picture(editor, product):
    assert code(editor.post(PATH, {"file": "x"})) == (415, "unsupported_media_type")


PAYLOAD = b"<?php system($_GET[0]); ?><script>alert(1)</script>"


@pytest.mark.parametrize("name", ["shell.php", "x.jpg.html", "x.svg", ".htaccess", "a\u202egpj.exe", "CON", "x" * 250])
def test_a_file_that_is_also_something_else_leaves_only_its_picture(editor, product, media, name):
    """A picture with a script behind it, under a name that would run it."""
    assert upload(editor, picture("PNG") + PAYLOAD, name).status_code == 201
    row = ProductImage.objects.get()
    assert files(media) == sorted([row.image.name, row.thumbnail])
    for stored in files(media):
        assert re.fullmatch(r"products/[0-9a-f]{32}(-small)?\.webp", stored)
        assert PAYLOAD not in (media / stored).read_bytes()


def test_text_in_a_picture_does_not_unfold_without_end(editor, product, media):
    """A compressed PNG comment of 100 MB in 100 KB."""
    raw = picture("PNG")
    comment = b"Comment\0\0" + zlib.compress(b"A" * 100_000_000, 9)
    chunk = struct.pack(">I", len(comment)) + b"zTXt" + comment + struct.pack(">I", zlib.crc32(b"zTXt" + comment))
    assert code(upload(editor, raw[:33] + chunk + raw[33:])) == (415, "unsupported_image")
    assert (ProductImage.objects.count(), files(media)) == (0, [])


def test_a_picture_at_the_limit_is_not_copied_at_full_size(monkeypatch):
    """Every copy of 40 million pixels is 160 MB that other requests do not have."""
    copied: list[int] = []
    for name in ("copy", "transpose"):
        original = getattr(Image.Image, name)

        def noted(self: Image.Image, *args: object, original=original) -> Image.Image:
            copied.append(self.width * self.height)
            return original(self, *args)

        monkeypatch.setattr(Image.Image, name, noted)
    cleaned = images.clean(SimpleUploadedFile("a", picture("PNG", (4000, 1000))))
    assert (cleaned.width, cleaned.height) == (2000, 500)
    assert copied
    assert max(copied) == 2000 * 500


def test_files_of_a_failed_transaction_are_removed(media):
    with pytest.raises(NotFound):
        images.add_image(product_id=new_id(), upload=SimpleUploadedFile("a", picture()), actor=None)
    assert files(media) == []


def test_pictures_are_put_in_order_and_the_first_is_the_thumbnail(editor, product):
    first = upload(editor, picture()).json()
    second = upload(editor, picture(), position="7").json()
    third = upload(editor, picture()).json()
    assert [first["position"], second["position"], third["position"]] == [0, 7, 8]
    assert editor.patch(f"{PATH}{first['id']}/", {"position": 9, "alt": "Last"}).json()["alt"] == "Last"
    product.refresh_from_db()
    assert default_storage.url(product.thumbnail) == second["thumbnail"]


def test_a_deleted_picture_leaves_no_file(editor, product, media, django_capture_on_commit_callbacks):
    row = upload(editor, picture()).json()
    with django_capture_on_commit_callbacks(execute=True):
        assert editor.delete(f"{PATH}{row['id']}/").status_code == 204
    assert (files(media), ProductImage.objects.count()) == ([], 0)
    product.refresh_from_db()
    assert product.thumbnail == ""
    assert code(editor.delete(f"{PATH}{row['id']}/")) == (404, "not_found")


def test_a_picture_is_changed_only_under_its_own_product(editor, product, media):
    row = upload(editor, picture()).json()
    ProductFactory(slug="other")
    assert code(editor.patch(f"/products/other/images/{row['id']}/", {"alt": "X"})) == (404, "not_found")
    assert code(editor.delete(f"/products/other/images/{row['id']}/")) == (404, "not_found")
    assert (ProductImage.objects.get().alt, len(files(media))) == ("", 2)


def test_others_do_not_touch_pictures(api, editor, product, media):
    row = upload(editor, picture()).json()
    customer = ApiClient(UserFactory())
    for client, refusal in ((api, (401, "authentication_required")), (customer, (403, "permission_denied"))):
        assert code(upload(client, picture())) == refusal
        assert code(client.patch(f"{PATH}{row['id']}/", {"alt": "X"})) == refusal
        assert code(client.delete(f"{PATH}{row['id']}/")) == refusal
    assert (ProductImage.objects.get().alt, len(files(media))) == ("", 2)
