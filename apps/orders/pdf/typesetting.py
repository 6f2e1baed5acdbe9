"""Documents as PDF, typeset by Typst (Apache-2.0): templates under `templates/`, data as JSON, any script of the world.

The text font is FiraGO (SIL OFL; Latin, Greek, Cyrillic, Arabic, Hebrew, Devanagari, Thai, Georgian); what it lacks,
such as Chinese, comes from the machine's own fonts (`fonts-noto-cjk` in the image).
"""

import hashlib
import json
import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf_fonts
import typst
from django.conf import settings

_FONTS = ("figo", "figbo", "figit", "notos", "notosbo")


def pdf(template: str, data: dict[str, Any], *, at: datetime) -> bytes:
    """A PDF of a template such as `invoices/invoice.typ`. The same data and time give the same bytes.

    `data` reaches the template as JSON, never as code. Raises typst.TypstError for a faulty template.
    """
    root = Path(settings.BASE_DIR) / "templates"
    document = typst.compile(
        str(root / template),
        root=str(root),
        font_paths=[str(_font_folder())],
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        format="pdf",
        timestamp=int(at.timestamp()),
    )
    if not isinstance(document, bytes):
        raise TypeError("one document, not a list of pages")
    return document


@cache
def _font_folder() -> Path:
    """The fonts as files, which is how Typst wants them; written once per machine."""
    contents = {name: pymupdf_fonts.myfont(name) for name in _FONTS}
    digest = hashlib.sha256(b"".join(contents.values())).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"tradepost-fonts-{digest}"
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        path = folder / f"{name}.otf"
        if not path.exists() or path.stat().st_size != len(content):
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as half:
                half.write(content)
            Path(half.name).replace(path)
    return folder
