"""Product pictures without photographs: a soft gradient and a pictogram in the tints of the product.

Nothing is downloaded and nothing is random: the same product has the same two pictures every time. Drawing needs the
processor only, so a process per core draws (this module imports nothing of Django, for they start quickly).
"""

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context

from PIL import Image, ImageDraw

SIZE = 1200
# The thumbnail is the picture divided by this: 400 pixels.
THUMBNAIL = 3
RGB = tuple[int, int, int]

# Background (light, dark) and pictogram.
PALETTES: tuple[tuple[RGB, RGB, RGB], ...] = (
    ((244, 238, 228), (222, 205, 183), (120, 78, 52)),
    ((232, 240, 236), (176, 204, 192), (38, 84, 72)),
    ((233, 239, 246), (176, 199, 224), (34, 66, 112)),
    ((247, 235, 231), (232, 187, 172), (148, 62, 48)),
    ((240, 236, 246), (200, 188, 222), (78, 58, 122)),
    ((246, 243, 226), (226, 213, 156), (110, 92, 24)),
    ((236, 238, 240), (192, 199, 206), (52, 60, 70)),
)

# Pictograms on a grid of 100: shape, coordinates, and for lines their width. "cut" shapes are holes.
Shape = tuple[str, tuple[float, ...], float]
PICTOGRAMS: dict[str, tuple[Shape, ...]] = {
    "headphones": (
        ("arc", (24, 22, 76, 78), 5),
        ("box", (20, 50, 34, 78), 5),
        ("box", (66, 50, 80, 78), 5),
    ),
    "speakers": (("box", (32, 16, 68, 84), 6), ("cut", (40, 46, 60, 66), 0), ("cut", (44, 26, 56, 38), 0)),
    "laptops": (("box", (26, 28, 74, 64), 3), ("cutbox", (30, 32, 70, 60), 1), ("box", (16, 66, 84, 72), 3)),
    "keyboards": (
        ("box", (14, 36, 86, 66), 4),
        ("cutbox", (20, 42, 80, 45), 0),
        ("cutbox", (20, 49, 80, 52), 0),
        ("cutbox", (32, 57, 68, 60), 0),
    ),
    "monitors": (("box", (16, 22, 84, 66), 3), ("cutbox", (20, 26, 80, 62), 1), ("box", (44, 66, 56, 78), 0)),
    "cameras": (
        ("box", (18, 34, 82, 74), 5),
        ("box", (38, 26, 60, 38), 2),
        ("cut", (38, 42, 62, 66), 0),
        ("dot", (44, 48, 56, 60), 0),
    ),
    "coffee-makers": (
        ("poly", (32, 22, 68, 22, 54, 48, 46, 48), 0),
        ("poly", (44, 50, 56, 50, 70, 80, 30, 80), 0),
    ),
    "mugs": (("box", (28, 34, 62, 76), 6), ("ring", (54, 42, 76, 66), 5)),
    "pots-pans": (("dot", (22, 32, 64, 74), 0), ("cut", (28, 38, 58, 68), 0), ("box", (62, 50, 90, 56), 3)),
    "knives": (("poly", (14, 54, 60, 40, 60, 56, 24, 58), 0), ("box", (60, 44, 88, 54), 4)),
    "chairs": (
        ("box", (32, 18, 38, 84), 2),
        ("box", (32, 52, 68, 59), 2),
        ("box", (62, 52, 68, 84), 2),
        ("box", (34, 24, 44, 44), 3),
    ),
    "lamps": (
        ("poly", (40, 20, 60, 20, 72, 48, 28, 48), 0),
        ("box", (48, 48, 52, 78), 0),
        ("box", (36, 76, 64, 82), 3),
    ),
    "jackets": (
        ("poly", (38, 22, 62, 22, 84, 42, 74, 52, 68, 46, 68, 82, 32, 82, 32, 46, 26, 52, 16, 42), 0),
        ("cutbox", (49, 26, 51, 82), 0),
    ),
    "t-shirts": (
        ("poly", (36, 24, 64, 24, 84, 40, 76, 52, 66, 46, 66, 80, 34, 80, 34, 46, 24, 52, 16, 40), 0),
        ("cut", (43, 18, 57, 30), 0),
    ),
    "knitwear": (
        ("poly", (38, 26, 62, 26, 80, 66, 70, 70, 64, 54, 64, 80, 36, 80, 36, 54, 30, 70, 20, 66), 0),
        ("box", (40, 20, 60, 30), 3),
    ),
    "sneakers": (
        ("poly", (16, 44, 34, 40, 44, 50, 62, 58, 82, 62, 84, 70, 16, 70), 0),
        ("box", (14, 72, 86, 78), 3),
    ),
    "boots": (("poly", (34, 20, 56, 20, 56, 52, 80, 62, 82, 72, 34, 72), 0), ("box", (32, 74, 84, 80), 2)),
    "tents": (("poly", (50, 22, 88, 78, 12, 78), 0), ("cutpoly", (50, 44, 64, 78, 36, 78), 0)),
    "sleeping-bags": (("box", (34, 16, 66, 86), 16), ("cut", (40, 22, 60, 40), 0)),
    "backpacks": (
        ("ring", (40, 14, 60, 34), 4),
        ("box", (28, 24, 72, 82), 12),
        ("cutbox", (36, 54, 64, 72), 3),
    ),
    "bottles": (("box", (38, 30, 62, 86), 7), ("box", (44, 16, 56, 27), 2)),
    "cookbooks": (("box", (28, 20, 72, 80), 3), ("cutbox", (36, 32, 64, 36), 0), ("cutbox", (36, 42, 56, 45), 0)),
    "notebooks": (("box", (30, 18, 72, 82), 5), ("cutbox", (38, 18, 40, 82), 0)),
    "pens": (("poly", (22, 70, 66, 26, 76, 36, 32, 80), 0), ("poly", (20, 73, 29, 82, 15, 87), 0)),
}
FALLBACK: tuple[Shape, ...] = (("box", (26, 26, 74, 74), 8), ("cut", (40, 40, 60, 60), 0))


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture to draw: whose (a slug), which of its pictures (0 or 1), and the pictogram's name."""

    slug: str
    number: int
    pictogram: str


def draw(subject: Subject) -> tuple[bytes, bytes]:
    """The picture and its thumbnail, both WebP."""
    seed = sha256(subject.slug.encode()).digest()
    light, dark, ink = PALETTES[(seed[0] + subject.number) % len(PALETTES)]
    gradient = Image.linear_gradient("L").rotate(90 * (seed[1] % 4)).resize((SIZE, SIZE))
    picture = Image.composite(Image.new("RGB", gradient.size, light), Image.new("RGB", gradient.size, dark), gradient)
    if subject.number == 0:
        disc = _mask((("dot", (12, 12, 88, 88), 0),), scale=1, shift=0)
        picture.paste(light, mask=disc.point(lambda level: level * 2 // 5))
    shapes = PICTOGRAMS.get(subject.pictogram, FALLBACK)
    scale, shift = (0.78, 11.0) if subject.number == 0 else (1.35, -8.0 + seed[2] % 10)
    picture.paste(ink, mask=_mask(shapes, scale=scale, shift=shift))
    return _webp(picture), _webp(picture.reduce(THUMBNAIL))


def draw_all(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, tuple[bytes, bytes]]]:
    """Draw on every core; the order is kept."""
    if not subjects:
        return
    workers = min(os.cpu_count() or 1, 4, len(subjects))
    # Not forked: the caller may hold database connections and threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from zip(subjects, pool.map(draw, subjects, chunksize=4), strict=True)


def _mask(shapes: Sequence[Shape], *, scale: float, shift: float) -> Image.Image:
    """The shapes in white on black, drawn at twice the size and halved, so that edges are smooth."""
    mask = Image.new("L", (2 * SIZE, 2 * SIZE))
    canvas = ImageDraw.Draw(mask)
    unit = 2 * SIZE / 100
    for kind, numbers, extra in shapes:
        points = [round((shift + number * scale) * unit) for number in numbers]
        fill = 0 if kind.startswith("cut") else 255
        breadth = round(extra * scale * unit)
        match kind.removeprefix("cut"):
            case "dot" | "":
                canvas.ellipse(points, fill=fill)
            case "box":
                canvas.rounded_rectangle(points, radius=breadth, fill=fill)
            case "poly":
                canvas.polygon(points, fill=fill)
            case "ring":
                canvas.ellipse(points, outline=fill, width=breadth)
            case "arc":
                canvas.arc(points, 180, 360, fill=fill, width=breadth)
    return mask.reduce(2)


def _webp(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=84, method=1)
    return buffer.getvalue()
