"""Lists as CSV: the same rows as in JSON, page by page, and nothing that a spreadsheet would run."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.csvtext import cell, wants_csv
from tests.conftest import Api

CSV = {"Accept": "text/csv"}


async def table(api: Api, path: str, **params: Any) -> tuple[list[dict[str, str]], dict[str, str]]:
    answer = await api.call("GET", path, headers=CSV, params=params, expect=200)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(answer.text, newline=""))), dict(answer.headers)


async def portfolio(api: Api) -> None:
    customer = await api.customer(name='Núñez, "el Güero"\nY Cía.', external_id="C-1", metadata={"branch": "norte"})
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01", reference="=1+1")
    await api.invoice(customer["id"], "200.00", "2026-02-01", "2026-03-01", number="@SUM(A1)")
    await api.pay(customer["id"], "150.00", "2026-02-20", reference="-2+3")


@pytest.mark.parametrize("path", ["/customers", "/invoices", "/payments"])
async def test_a_table_has_the_rows_of_the_list(api: Api, path: str) -> None:
    await portfolio(api)
    rows, _ = await table(api, path)
    listed = await api.all(path)
    assert len(rows) == len(listed) > 0
    for row, item in zip(rows, listed, strict=True):
        assert row["id"] == item["id"]
        for name, value in item.items():
            if isinstance(value, list) or name == "metadata":
                assert json.loads(row[name]) == value
            elif value is None or isinstance(value, dict):
                assert row.get(name, "") == ""
            elif not str(value).startswith(("=", "-", "@")):
                assert row[name] == str(value)


async def test_texts_come_out_whole_and_formulas_disarmed(api: Api) -> None:
    await portfolio(api)
    (customer,), _ = await table(api, "/customers")
    assert customer["name"] == 'Núñez, "el Güero"\nY Cía.'
    invoices, _ = await table(api, "/invoices")
    assert {row["reference"] for row in invoices} == {"", "'=1+1"}
    assert "'@SUM(A1)" in {row["number"] for row in invoices}
    (payment,), _ = await table(api, "/payments")
    assert payment["reference"] == "'-2+3"


async def test_the_next_page_is_in_the_headers(api: Api) -> None:
    customer = await api.customer()
    for _ in range(5):
        await api.invoice(customer["id"], "1.00", "2026-02-01", "2026-03-01")
    seen: list[str] = []
    path = "/invoices?limit=2&status=open"
    while path:
        rows, headers = await table(api, path)
        seen += [row["id"] for row in rows]
        link = headers.get("link", "")
        assert bool(link) == ("x-next-cursor" in headers)
        assert not link or (link.endswith('>; rel="next"') and "status=open" in link and "limit=2" in link)
        path = link.removeprefix("</v1").partition(">")[0]
    assert seen == [row["id"] for row in await api.all("/invoices")]


async def test_an_empty_list_still_has_its_header(api: Api) -> None:
    answer = await api.call("GET", "/invoices", headers=CSV, expect=200)
    assert answer.text.startswith("id,version,")
    assert answer.text.count("\r\n") == 1


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/csv", True),
        ("Text/CSV; charset=utf-8", True),
        ("application/json;q=0.5, text/csv", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=x", False),
        ("*/*", False),
        ("", False),
        ("application/json", False),
    ],
)
def test_what_the_header_asks_for(accept: str, wanted: bool) -> None:
    assert wants_csv(accept) is wanted


@pytest.mark.parametrize("text", ["=1", "+1", "-a", "-1+1", "@x", "\tx", "\r=1", "\n=1", "＝1", "-1.23456", "-", "--1"])
def test_what_would_be_a_formula_is_a_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("-12.50", "-12.50"), ("12.50", "12.50"), (None, ""), (True, "true"), (0, "0"), ([], "[]"), ("a=b", "a=b")],
)
def test_what_is_none_stays_as_it_is(value: object, shown: str) -> None:
    assert cell(value) == shown


@given(st.text())
def test_no_text_begins_as_a_formula_does_unless_it_is_an_amount(text: str) -> None:
    shown = cell(text)
    assert shown.removeprefix("'") == text.removeprefix("'") or shown == text
    assert not shown.startswith(("=", "+", "@", "\t", "\r"))
    assert not shown.startswith("-") or shown[1:].replace(".", "", 1).isdigit()
