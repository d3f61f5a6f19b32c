"""Files of every kind: what their rows become, how they may be written, and what is told of those that fail."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from tests.conftest import Api, MakeApi
from tests.imports.conftest import INVOICE_HEADER, Office, counts, invoice_lines, send, table


async def test_a_file_of_invoices_is_chased_like_invoices_of_the_api(office: Office) -> None:
    api = office.api
    policy = await api.policy([1])
    customer = await api.customer(external_id="C-1")
    sent = await send(api, "invoices", table(INVOICE_HEADER, *invoice_lines(3)))
    assert (sent["status"], sent["rows"], sent["bytes_done"] < sent["bytes_total"]) == ("queued", 0, True)
    await office.run()
    done = await office.read(sent["id"])
    assert (done["status"], done["rows"], counts(done)) == ("completed", 3, (3, 0, 0, 0))
    assert done["bytes_done"] == done["bytes_total"]
    assert done["finished_at"] is not None
    invoices = await api.all("/invoices")
    assert {(row["external_id"], row["total"], row["status"]) for row in invoices} == {
        ("F-0", "100.00", "open"), ("F-1", "101.00", "open"), ("F-2", "102.00", "open"),
    }  # fmt: skip
    assert {row["customer_id"] for row in invoices} == {customer["id"]}
    ledger = await api.get(f"/invoices/{invoices[0]['id']}/ledger")
    assert [(entry["kind"], entry["amount"]) for entry in ledger["data"]] == [("invoice_issued", invoices[0]["total"])]
    outlook = await api.get(f"/invoices/{invoices[0]['id']}/dunning")
    assert (outlook["policy_id"], outlook["next_step"]["key"]) == (policy["id"], "d+1")
    events = await office.events()
    assert [event["type"] for event in events].count("invoice.created") == 3
    told = [event for event in events if event["type"] == "import.completed"]
    assert [(event["object"]["type"], event["data"]["created"]) for event in told] == [("import", 3)]


async def test_the_same_file_again_changes_nothing(office: Office) -> None:
    await office.api.customer(external_id="C-1")
    customers = table("external_id,name,contacts.email,metadata.branch", "C-1,Uno,a@example.com,norte", "C-2,Dos,,")
    payments = table("external_id,customer_external_id,currency,amount,received_on", "P-1,C-1,MXN,50.00,2026-02-15")
    files = {"customers": customers, "invoices": table(INVOICE_HEADER, *invoice_lines(2)), "payments": payments}
    for kind, content in files.items():
        assert (await office.take(kind, content))["failed"] == 0
    before = {kind: await office.api.all(f"/{kind}") for kind in files}
    events = len(await office.events())
    for kind, content in files.items():
        again = await office.take(kind, content)
        assert counts(again) == (0, 0, again["rows"], 0), kind
    assert {kind: await office.api.all(f"/{kind}") for kind in files} == before
    told = [event["type"] for event in (await office.events())[events:]]
    assert told == ["import.completed"] * 3


async def test_an_erps_own_headers_dates_and_amounts(office: Office) -> None:
    await office.api.customer(external_id="NUÑ010203AB1")
    mapping = {
        "Folio": "external_id", "Serie y folio": "number", "RFC cliente": "customer_external_id", "Moneda": "currency",
        "Importe": "total", "Fecha": "issued_on", "Vencimiento": "due_on", "Sucursal": "metadata.sucursal",
        "Vendedor": None,
    }  # fmt: skip
    content = (
        "Folio;Serie y folio;RFC cliente;Moneda;Importe;Fecha;Vencimiento;Sucursal;Vendedor\n"
        "1;A-1;NUÑ010203AB1;MXN;1.234.567,89;05/02/2026;7-3-2026;México Norte;X\n"
        '2;A-2;NUÑ010203AB1;MXN;"1234,5";5.2.2026;2026-03-07;"Calle 1;\n2º piso";Y\n'
        "3;A-3;NUÑ010203AB1;MXN;12.34,5;02/30/2026;07/03/2026;;\n"
    ).encode("windows-1252")
    done = await office.take(
        "invoices",
        content,
        media_type="text/csv; charset=windows-1252",
        mapping=json.dumps(mapping),
        delimiter=";",
        date_format="dmy",
        decimal=",",
    )
    assert counts(done) == (2, 0, 0, 1)
    assert done["mapping"] == mapping
    first, second = sorted(await office.api.all("/invoices"), key=lambda row: str(row["external_id"]))
    assert (first["total"], first["issued_on"], first["due_on"]) == ("1234567.89", "2026-02-05", "2026-03-07")
    assert first["metadata"] == {"sucursal": "México Norte"}
    assert (second["total"], second["due_on"], second["number"]) == ("1234.50", "2026-03-07", "A-2")
    assert second["metadata"] == {"sucursal": "Calle 1;\n2º piso"}
    (fault,) = await office.errors(done)
    assert (fault["row"], fault["external_id"]) == (3, "3")
    assert [(item["pointer"], item["code"], item["column"]) for item in fault["errors"]] == [
        ("/total", "amount_format", "Importe")
    ]


@pytest.mark.parametrize(
    ("decimal", "date_format", "amount", "day", "wanted"),
    [
        (".", "iso", "1,234.50", "2026-02-05", ("1234.50", "2026-02-05")),
        (".", "mdy", "1234.5", "2/5/2026", ("1234.50", "2026-02-05")),
        (",", "dmy", "1.234", "5/2/2026", ("1234.00", "2026-02-05")),
        (".", "dmy", "1234,50", "5/2/2026", "/total"),
        (",", "dmy", "1234.50", "5/2/2026", "/total"),
        (".", "iso", "10", "5/2/2026", "/issued_on"),
        (".", "dmy", "10", "31/2/2026", "/issued_on"),
        (".", "dmy", "10", "5/2/26", "/issued_on"),
        (".", "iso", "10.123", "2026-02-05", "/total"),
        (".", "iso", "1e3", "2026-02-05", "/total"),
    ],
)
async def test_what_is_not_meant_for_sure_is_a_fault(
    office: Office, decimal: str, date_format: str, amount: str, day: str, wanted: object
) -> None:
    await office.api.customer(external_id="C-1")
    content = table(INVOICE_HEADER, f'F-1,F-1,C-1,MXN,"{amount}",{day},2026-04-01')
    done = await office.take("invoices", content, decimal=decimal, date_format=date_format)
    if isinstance(wanted, tuple):
        (invoice,) = await office.api.all("/invoices")
        assert (invoice["total"], invoice["issued_on"]) == wanted
    else:
        assert counts(done) == (0, 0, 0, 1)
        (fault,) = await office.errors(done)
        assert [item["pointer"] for item in fault["errors"]] == [wanted]


async def test_customers_with_names_in_any_script_keep_what_a_file_does_not_speak_of(office: Office) -> None:
    names = [
        "Ferretería Núñez",
        "Łódź Ó",
        "株式会社 日本",
        "شركة النور",
        "Ελλάδα Α.Ε.",
        "חברה בע״מ",
        "ООО «Ромашка»",
        "🍋 Limón",
    ]
    lines = [f"C-{number},{name},+52551234567{number}" for number, name in enumerate(names)]
    header = "external_id,name,contacts.phone"
    done = await office.take("customers", b"\xef\xbb\xbf" + table(header, *lines))
    assert counts(done) == (8, 0, 0, 0)
    customers = {row["external_id"]: row for row in await office.api.all("/customers")}
    assert [customers[f"C-{number}"]["name"] for number in range(8)] == names
    first = customers["C-0"]
    assert [channel["type"] for contact in first["contacts"] for channel in contact["channels"]] == ["phone"]
    await office.api.patch(f"/customers/{first['id']}", {"tax_id": "FNU010203AB1"})

    renamed = await office.take("customers", table("external_id,name", "C-0,Ferretería Núñez e Hijos"))
    assert counts(renamed) == (0, 1, 0, 0)
    changed = await office.api.get(f"/customers/{first['id']}")
    assert (changed["name"], changed["tax_id"]) == ("Ferretería Núñez e Hijos", "FNU010203AB1")
    assert changed["contacts"] == first["contacts"]
    await office.take("customers", table("external_id,name,tax_id,contacts.email", "C-0,X,,nuevo@example.com"))
    cleared = await office.api.get(f"/customers/{first['id']}")
    assert (cleared["tax_id"], cleared["contacts"][0]["channels"][0]["address"]) == (None, "nuevo@example.com")


async def test_a_composed_letter_is_the_same_however_it_is_written(office: Office) -> None:
    await office.take("customers", table("external_id,name", "C-1,Cafe\u0301"))
    (customer,) = await office.api.all("/customers")
    assert customer["name"] == "Café"


async def test_an_invoice_of_which_a_file_says_less_keeps_the_rest(office: Office) -> None:
    customer = await office.api.customer(external_id="C-1")
    await office.api.invoice(
        customer["id"], "100.00", "2026-02-01", "2026-04-01", external_id="F-0", number="F-0",
        reference="OC-1", metadata={"a": "b"},
    )  # fmt: skip
    done = await office.take(
        "invoices", table(INVOICE_HEADER + ",payment_url", invoice_lines(1)[0] + ",https://p.example/1")
    )
    assert counts(done) == (0, 1, 0, 0)
    (invoice,) = await office.api.all("/invoices")
    assert (invoice["reference"], invoice["metadata"], invoice["payment_url"]) == (
        "OC-1", {"a": "b"}, "https://p.example/1",
    )  # fmt: skip
    draft = await office.api.invoice(
        customer["id"], "101.00", "2026-02-01", "2026-04-01", external_id="F-1", status="draft"
    )
    await office.take("invoices", table(INVOICE_HEADER, *invoice_lines(1, first=1)))
    assert (await office.api.get(f"/invoices/{draft['id']}"))["status"] == "draft"


async def test_payments_settle_what_their_row_names(office: Office) -> None:
    customer = await office.api.customer(external_id="C-1")
    invoices = [
        await office.api.invoice(customer["id"], "100.00", "2026-01-01", "2026-01-31", external_id=f"F-{number}")
        for number in range(3)
    ]
    done = await office.take(
        "payments",
        table(
            "external_id,customer_external_id,currency,amount,received_on,allocations.invoice_external_id",
            "P-1,C-1,MXN,100.00,2026-02-01,F-2",
            "P-2,C-1,MXN,150.00,2026-02-02,",
            "P-3,C-1,MXN,100.00,2026-02-03,F-2",
            "P-4,C-9,MXN,100.00,2026-02-03,",
        ),
    )
    assert counts(done) == (2, 0, 0, 2)
    left = [(await office.api.get(f"/invoices/{invoice['id']}"))["open_amount"] for invoice in invoices]
    assert left == ["0.00", "50.00", "0.00"]
    faults = await office.errors(done)
    assert [(fault["row"], fault["errors"][0]["code"]) for fault in faults] == [
        (3, "allocation_exceeds_open"), (4, "unknown_reference"),
    ]  # fmt: skip


async def test_rows_of_json_are_the_resources_of_a_batch(office: Office) -> None:
    await office.api.customer(external_id="C-1")
    body = {
        "number": "F-1", "customer_external_id": "C-1", "currency": "MXN", "total": "10.00", "issued_on": "2026-02-01",
        "due_on": "2026-03-01", "lines": [{"description": "Cemento"}],
    }  # fmt: skip
    lines = [
        json.dumps({"external_id": "F-1", **body}),
        "",
        json.dumps({"external_id": "F-2", **body, "total": 10}),
        "{",
        "[]",
        json.dumps({"external_id": "F-3", **body, "bogus": 1}),
        json.dumps(body),
        json.dumps({"Folio": "F-4", **body}),
    ]
    done = await office.take(
        "invoices",
        "\n".join(lines).encode(),
        media_type="application/x-ndjson",
        mapping=json.dumps({"Folio": "external_id"}),
    )
    assert (done["rows"], counts(done)) == (7, (2, 0, 0, 5))
    faults = {fault["row"]: fault for fault in await office.errors(done)}
    assert {row: fault["errors"][0]["code"] for row, fault in faults.items()} == {
        2: "money_not_string", 3: "malformed_json", 4: "invalid_type", 5: "unknown_field", 6: "missing",
    }  # fmt: skip
    assert (faults[2]["external_id"], faults[5]["errors"][0]["pointer"]) == ("F-2", "/bogus")
    assert {row["external_id"] for row in await office.api.all("/invoices")} == {"F-1", "F-4"}


@pytest.mark.parametrize("kind", ["customers", "payments"])
async def test_names_that_are_for_tables_alone_are_unknown_in_a_line_of_json(office: Office, kind: str) -> None:
    await office.api.customer(external_id="C-1")
    row: dict[str, Any] = {"external_id": "X-1", "name": "Ana", "contacts": [], "contacts.email": "ana@example.com"}
    if kind == "payments":
        row = {
            "external_id": "X-1", "customer_external_id": "C-1", "currency": "MXN", "amount": "10.00",
            "received_on": "2026-03-01", "allocations": "F-1", "allocations.amount": "10.00",
        }  # fmt: skip
    done = await office.take(kind, json.dumps(row).encode(), media_type="application/x-ndjson")
    assert counts(done) == (0, 0, 0, 1)
    (fault,) = await office.errors(done)
    assert "unknown_field" in [item["code"] for item in fault["errors"]]


async def test_a_row_that_failed_leaves_nothing_that_the_next_one_is_compared_with(office: Office) -> None:
    await office.take("customers", table("external_id,name,credit_limit", "C-1,Uno,"))
    done = await office.take("customers", table("external_id,name,credit_limit", "C-1,Dos,-1.00", "C-1,Dos,"))
    assert counts(done) == (0, 1, 0, 1)
    (customer,) = await office.api.all("/customers")
    assert customer["name"] == "Dos"


async def test_one_bad_line_spoils_no_other(office: Office) -> None:
    await office.api.customer(external_id="C-1")
    good = invoice_lines(5)
    content = table(
        INVOICE_HEADER,
        good[0],
        'F-a,"never closed,C-1,MXN,1.00,2026-02-01,2026-04-01',
        good[1],
        'F-b,"a"b,C-1,MXN,1.00,2026-02-01,2026-04-01',
        good[2],
        "F-c,too,few",
        good[3],
        "F-d,a\0b,C-1,MXN,1.00,2026-02-01,2026-04-01",
        good[4],
    )
    done = await office.take("invoices", content)
    assert (done["status"], counts(done)) == ("completed", (5, 0, 0, 4))
    assert [(fault["row"], fault["code"]) for fault in await office.errors(done)] == [
        (2, "invalid_format"), (4, "invalid_format"), (6, "invalid_format"), (8, "invalid_text"),
    ]  # fmt: skip


async def test_rows_that_failed_are_downloaded_as_a_table_that_no_spreadsheet_runs(office: Office) -> None:
    lines = [f"=cmd|' /C calc'!A{number},F-{number},C-404,MXN,1.00,2026-02-01,2026-04-01" for number in range(3)]
    done = await office.take("invoices", table(INVOICE_HEADER, *lines))
    answer = await office.api.call(
        "GET", f"/imports/{done['id']}/errors", headers={"Accept": "text/csv"}, params={"limit": 2}, expect=200
    )
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["row"], row["external_id"], row["code"], row["column"]) for row in rows] == [
        ("1", "'=cmd|' /C calc'!A0", "unknown_reference", "customer_external_id"),
        ("2", "'=cmd|' /C calc'!A1", "unknown_reference", "customer_external_id"),
    ]
    cursor = answer.headers["x-next-cursor"]
    assert cursor in answer.headers["link"]
    last = await office.api.call(
        "GET", f"/imports/{done['id']}/errors", headers={"Accept": "text/csv"}, params={"cursor": cursor}, expect=200
    )
    assert "link" not in last.headers
    assert [row["row"] for row in csv.DictReader(io.StringIO(last.text))] == ["3"]


async def test_a_bad_address_is_told_by_its_column(office: Office) -> None:
    header = "external_id,name,Correo,Teléfono"
    mapping = json.dumps({"Correo": "contacts.email", "Teléfono": "contacts.phone"})
    done = await office.take("customers", table(header, "C-1,Uno,,12", "C-2,Dos,nadie,"), mapping=mapping)
    faults = await office.errors(done)
    assert [fault["errors"][0]["column"] for fault in faults] == ["Teléfono", "Correo"]


@pytest.mark.parametrize(
    ("content", "options", "status", "place"),
    [
        (b"", {}, 400, None),
        (b" \r\n", {}, 400, None),
        (b"\xff\xfea\0b\0", {}, 400, None),
        ("external_id,name\nC-1,Núñez\n".encode("latin-1"), {}, 400, None),
        (table("external_id,name,Apodo"), {}, 422, "column:Apodo"),
        (table("external_id"), {}, 422, "?mapping/name"),
        (table("name"), {}, 422, "?mapping/external_id"),
        (table("external_id,name,name"), {}, 422, "column:name"),
        (table("external_id,name"), {"mapping": "{"}, 422, "?mapping"),
        (table("external_id,name"), {"mapping": '{"a": 1}'}, 422, "?mapping"),
        (table("external_id,name"), {"mapping": '{"a": "no_field"}'}, 422, "?mapping/a"),
        (table("external_id,name"), {"delimiter": "x"}, 422, "?delimiter"),
        (table("external_id,name"), {"format": "ndjson"}, 422, "?format"),
        (table("external_id,name"), {"media_type": "application/json"}, 415, None),
        (table("external_id,name"), {"media_type": "text/csv; charset=utf-7"}, 415, None),
        (b'"external_id,name' + b"x" * 300_000, {}, 422, ""),
    ],
)
async def test_a_file_that_cannot_be_meant_is_refused_at_once(
    api: Api, content: bytes, options: dict[str, str], status: int, place: str | None
) -> None:
    problem = await send(api, "customers", content, expect=status, **options)
    assert [fault["pointer"] for fault in problem.get("errors", ())] == ([] if place is None else [place])
    assert await api.all("/imports") == []


async def test_columns_that_are_none_of_ours_can_be_left_out(office: Office) -> None:
    content = table("external_id,name,Apodo", "C-1,Uno,El Uno")
    assert counts(await office.take("customers", content, unknown_columns="ignore")) == (1, 0, 0, 0)
    line = b'{"external_id": "C-2", "name": "Dos", "Apodo": "El Dos"}'
    done = await office.take("customers", line, media_type="application/x-ndjson", unknown_columns="ignore")
    assert counts(done) == (1, 0, 0, 0)


async def test_the_examples_of_the_document_are_taken(office: Office, app: FastAPI) -> None:
    body = app.openapi()["paths"]["/v1/imports"]["post"]["requestBody"]
    for media_type, media in body["content"].items():
        done = await office.take("customers", media["example"].encode(), media_type=media_type)
        assert (done["rows"], done["failed"]) == (1, 0), media_type


async def test_a_file_without_rows_is_done_at_once(office: Office) -> None:
    done = await office.take("customers", table("external_id,name"))
    assert (done["status"], done["rows"]) == ("completed", 0)


async def test_a_file_whose_lines_never_end_fails_clearly_and_keeps_what_came_before(office: Office) -> None:
    content = table("external_id,name", "C-1,Uno") + b"C-2," + b"x" * 2_500_000
    done = await office.take("customers", content)
    assert (done["status"], counts(done)) == ("failed", (1, 0, 0, 0))
    assert "1,048,576" in done["failure"]
    told = [event for event in await office.events() if event["type"] == "import.completed"]
    assert [event["data"]["status"] for event in told] == ["failed"]


async def test_an_upload_that_breaks_off_leaves_nothing(api: Api) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield table("external_id,name")
        for number in range(200):
            yield table(*[f"C-{number}-{row},{'x' * 90}" for row in range(100)])
        yield b"C-9,\xff\n"

    problem = await send(api, "customers", broken(), expect=400)
    assert problem["code"] == "not_utf8"
    assert await api.all("/imports") == []


async def test_other_tenants_see_nothing_of_an_import(office: Office, make_api: MakeApi) -> None:
    done = await office.take("customers", table("external_id,name", "C-1,Uno"))
    other = await make_api()
    assert await other.all("/imports") == []
    for method, path in (("GET", ""), ("GET", "/errors"), ("POST", "/cancel")):
        await other.call(method, f"/imports/{done['id']}{path}", expect=404)


async def test_a_key_may_be_for_imports_alone(api: Api) -> None:
    key = await api.post("/api-keys", {"name": "ERP", "scopes": ["imports:write"]})
    api.key = key["key"] if "key" in key else key["secret"]
    await send(api, "customers", table("external_id,name", "C-1,Uno"))
    await api.get("/imports")
    await api.call("GET", "/customers", expect=403)
