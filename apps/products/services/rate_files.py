"""Reads the files of euro reference rates that the European Central Bank publishes: eurofxref XML and CSV."""

import csv
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from xml.parsers import expat

from apps.common.money import ZERO
from apps.products.services.exchange import PIVOT, Quotation

MAX_BYTES = 20_000_000
_CODE = re.compile("[A-Z]{3}", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_DATE_FORMS = ("%Y-%m-%d", "%d %B %Y")


class RatesUnreadableError(Exception):
    """The file is not one of those; the message says where it fails."""


def read(path: Path) -> list[Quotation]:
    """The rates of a file; what was not quoted (`N/A`) is left out. Raises RatesUnreadableError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RatesUnreadableError(f"the file is larger than {MAX_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise RatesUnreadableError(f"the file cannot be read: {error.strerror}") from None
    found = list(_of_xml(content) if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") else _of_csv(content))
    if not found:
        raise RatesUnreadableError("there is no rate in the file")
    return found


def _of_xml(content: bytes) -> Iterator[Quotation]:
    reader = _Cubes()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise RatesUnreadableError(f"not well-formed XML: {error}") from None
    yield from reader.found


class _Cubes:
    """<Cube time="2026-11-20"><Cube currency="USD" rate="1.0412"/>...</Cube>, once or for many days."""

    def __init__(self) -> None:
        self.found: list[Quotation] = []
        self._day: dt.date | None = None
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        # Without a document type there are no entities, and so no bombs and no files read from elsewhere.
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(" ")[2] != "Cube":
            return
        line = self.parser.CurrentLineNumber
        if "time" in attributes:
            self._day = _day(attributes["time"], line)
        if "currency" in attributes:
            if self._day is None:
                raise RatesUnreadableError(f"line {line}: a rate without a date")
            self.found += _quoted(attributes["currency"], attributes.get("rate", ""), self._day, line)

    @staticmethod
    def _refuse(*_: object) -> None:
        raise RatesUnreadableError("a document type is not accepted")


def _of_csv(content: bytes) -> Iterator[Quotation]:
    try:
        rows = csv.reader(content.decode("utf-8-sig").splitlines())
        head = [name.strip() for name in next(rows, [])]
        if not head or head[0] != "Date":
            raise RatesUnreadableError("line 1: the first column must be Date")
        for line, row in enumerate(rows, start=2):
            if any(cell.strip() for cell in row):
                yield from _of_row(head, row, line)
    except (UnicodeDecodeError, csv.Error) as error:
        raise RatesUnreadableError(f"not a CSV file in UTF-8: {error}") from None


def _of_row(head: Sequence[str], row: Sequence[str], line: int) -> Iterator[Quotation]:
    day = _day(row[0].strip(), line)
    for code, text in zip(head[1:], row[1:], strict=False):
        if code:
            yield from _quoted(code, text.strip(), day, line)


def _quoted(code: str, text: str, day: dt.date, line: int) -> Iterator[Quotation]:
    if text in ("N/A", "-"):
        return
    if not _CODE.fullmatch(code):
        raise RatesUnreadableError(f"line {line}: {code[:20]!r} is not a currency")
    rate = Decimal(text) if _NUMBER.fullmatch(text) else ZERO
    if rate <= 0:
        raise RatesUnreadableError(f"line {line}: {text[:20]!r} is not a rate")
    yield Quotation(PIVOT, code, rate, day)


def _day(text: str, line: int) -> dt.date:
    for form in _DATE_FORMS:
        try:
            return dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    raise RatesUnreadableError(f"line {line}: {text[:20]!r} is not a date")
