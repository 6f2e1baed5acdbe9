"""The numbers on docs/currencies.md are true."""

import re
from decimal import Decimal
from pathlib import Path

from apps.common.currencies import RoundingRule

PAGE = Path(__file__).parents[2] / "docs" / "currencies.md"
_ROW = re.compile(r"^\| ([A-Z]{3}) \| ([\d.]*) ?\| ([\d.]*) ?\| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)


def test_the_rounding_table_holds():
    rows = _ROW.findall(PAGE.read_text())
    assert len(rows) == 9
    for currency, increment, ending, amount, price in rows:
        rule = RoundingRule(currency, Decimal(increment) if increment else None, Decimal(ending) if ending else None)
        assert (currency, amount, str(rule.round(Decimal(amount)))) == (currency, amount, price)
