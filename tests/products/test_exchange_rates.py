"""Exchange rates: found by day, read from the ECB's files, added by staff, never changed."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from apps.common.models import Event
from apps.products.models import ExchangeRate
from apps.products.services import exchange, rate_files
from tests.client import code
from tests.products.money_steps import rate, today
from tests.products.stock_steps import chief, staff_client

pytestmark = pytest.mark.django_db
DAILY_XML = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <Cube>
    <Cube time="2026-11-20"><Cube currency="USD" rate="1.0412"/><Cube currency="JPY" rate="161.35"/></Cube>
    <Cube time="2026-11-19"><Cube currency="USD" rate="1.0450"/></Cube>
  </Cube>
</gesmes:Envelope>"""
DAILY_CSV = "Date, USD, JPY, ISK, \n20 November 2026, 1.0412, 161.35, N/A, \n"
HISTORY_CSV = "Date,USD,JPY,CYP,\n2026-11-20,1.0412,161.35,N/A,\n2026-11-19,1.0450,162.02,N/A,\n"


def found(base: str, quote: str, *, days_ago: int = 0) -> tuple[str, int] | None:
    """The rate and how many days old it is."""
    day = today() - dt.timedelta(days=days_ago)
    rate = exchange.find(base, quote, on=day)
    return (f"{rate.rate.normalize():f}", (today() - rate.date).days) if rate is not None else None


def test_the_rate_of_the_day_or_the_last_before_it():
    rate("USD", "1.10", days_ago=3)
    rate("USD", "1.20", days_ago=1)
    assert [found("EUR", "USD", days_ago=days) for days in (0, 1, 2, 3)] == [
        ("1.2", 1),
        ("1.2", 1),
        ("1.1", 3),
        ("1.1", 3),
    ]
    assert found("EUR", "USD", days_ago=4) is None


def test_a_rate_that_is_too_old_is_none(settings):
    settings.EXCHANGE_RATE_MAX_AGE_DAYS = 7
    rate("USD", "1.10", days_ago=7)
    rate("GBP", "0.80", days_ago=8)
    assert (found("EUR", "USD"), found("EUR", "GBP")) == (("1.1", 7), None)


def test_rates_the_other_way_round_and_by_the_euro_are_as_old_as_their_older_part():
    rate("USD", "1.25", days_ago=2)
    rate("JPY", "160", days_ago=1)
    assert found("USD", "EUR") == ("0.8", 2)
    assert found("USD", "JPY") == ("128", 2)
    assert found("JPY", "USD") == ("0.0078125", 2)
    assert found("USD", "USD") == ("1", 0)
    assert found("USD", "GBP") is None


def test_a_pairs_own_rate_comes_before_the_way_by_the_euro():
    rate("USD", "1.25")
    rate("JPY", "160")
    rate("JPY", "130", base="USD", days_ago=2)
    assert found("USD", "JPY") == ("130", 2)


@pytest.mark.parametrize(
    ("name", "content", "rates"),
    [
        ("daily.xml", DAILY_XML, 3),
        ("daily.csv", DAILY_CSV, 2),
        ("hist.csv", HISTORY_CSV, 4),
    ],
)
def test_files_of_the_ecb_are_imported_once(name, content, rates, tmp_path, capsys):
    path = tmp_path / name
    path.write_text(content)
    call_command("import_exchange_rates", str(path))
    call_command("import_exchange_rates", str(path))
    assert capsys.readouterr().out.splitlines() == [
        f"{rates} rates added, 0 were there",
        f"0 rates added, {rates} were there",
    ]
    row = ExchangeRate.objects.get(quote="JPY", date=dt.date(2026, 11, 20))
    assert (row.base, row.rate, row.source) == ("EUR", Decimal("161.35"), "ECB")
    assert Event.objects.filter(type="exchange_rates.added").count() == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "a document type is not accepted"),
        ("<Cube><Cube", "not well-formed XML"),
        ('<Cube><Cube currency="USD" rate="1"/></Cube>', "line 1: a rate without a date"),
        ('<Cube time="2026-11-20"><Cube currency="USD" rate="-1"/></Cube>', "line 1: '-1' is not a rate"),
        ('<Cube time="2026-11-20"><Cube currency="USD" rate="1e400"/></Cube>', "line 1: '1e400' is not a rate"),
        ('<Cube time="today"/>', "line 1: 'today' is not a date"),
        ("Date,usd\n2026-11-20,1.1\n", "line 2: 'usd' is not a currency"),
        ("Date,USD\n2026-11-20,one\n", "line 2: 'one' is not a rate"),
        ("Day,USD\n2026-11-20,1.1\n", "line 1: the first column must be Date"),
        ("Date,USD\n", "there is no rate in the file"),
        ("", "line 1: the first column must be Date"),
    ],
)
def test_a_file_that_is_none_adds_nothing(content, words, tmp_path):
    path = tmp_path / "rates"
    path.write_text(content)
    with pytest.raises(CommandError, match=words):
        call_command("import_exchange_rates", str(path))
    assert not ExchangeRate.objects.exists()


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(rate_files.RatesUnreadableError, match="No such file"):
        rate_files.read(tmp_path / "nowhere.xml")


def test_a_file_that_contradicts_a_kept_rate_adds_nothing(tmp_path):
    ExchangeRate.objects.create(base="EUR", quote="USD", rate=Decimal("1.05"), date=dt.date(2026, 11, 20), source="x")
    path = tmp_path / "daily.csv"
    path.write_text(DAILY_CSV)
    with pytest.raises(CommandError, match=r"EUR/USD of 2026-11-20 is kept as 1\.05"):
        call_command("import_exchange_rates", str(path))
    assert ExchangeRate.objects.count() == 1


def test_the_database_refuses_to_change_a_rate():
    row = rate("USD", "1.10")
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        ExchangeRate.objects.filter(pk=row.pk).update(rate=2)
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        row.delete()


BODY = {"base": "EUR", "quote": "GBP", "rate": "0.8321", "date": "2026-11-20"}


def test_staff_add_a_rate_and_the_same_again_changes_nothing():
    client = chief()
    first = client.post("/admin/exchange-rates/", BODY)
    again = client.post("/admin/exchange-rates/", BODY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json() == BODY | {"id": first.json()["id"], "source": "staff"}
    assert [row["rate"] for row in client.get("/admin/exchange-rates/?quote=GBP").json()["results"]] == ["0.8321"]
    assert client.get("/admin/exchange-rates/?base=GBP").json()["results"] == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"rate": "0"}, "/rate"),
        ({"rate": "-1"}, "/rate"),
        ({"rate": "1e3"}, "/rate"),
        ({"base": "GBP"}, "/quote"),
        ({"base": "eur"}, "/base"),
        ({"quote": "ZZZ"}, "/quote"),
        ({"date": "20.11.2026"}, "/date"),
        ({"rate": "0.9"}, "/rate"),
    ],
)
def test_bad_rates_are_refused(change, pointer):
    ExchangeRate.objects.create(base="EUR", quote="GBP", rate=Decimal("0.8321"), date=dt.date(2026, 11, 20), source="x")
    answer = chief().post("/admin/exchange-rates/", BODY | change)
    assert code(answer) == (400, "validation_error")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert ExchangeRate.objects.count() == 1


def test_reading_rates_is_not_enough_to_add_one():
    client = staff_client("view_exchangerate")
    assert client.get("/admin/exchange-rates/").status_code == 200
    assert code(client.post("/admin/exchange-rates/", BODY)) == (403, "permission_denied")
