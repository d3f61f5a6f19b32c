"""The aging report through the API, on portfolios small enough to add up by hand."""

from datetime import date, timedelta
from typing import Any

from tests.conftest import Api, MakeApi
from tests.reports.written import Begin, divide

TODAY = date(2026, 3, 2)
ISSUED = "2025-06-01"


def due(days_overdue: int, on: date = TODAY) -> str:
    return (on - timedelta(days=days_overdue)).isoformat()


def cells(total: Any) -> dict[str, tuple[int, str]]:
    return {cell["label"]: (cell["count"], cell["amount"]) for cell in total["buckets"]}


async def aging(api: Api, **params: Any) -> Any:
    return await api.get("/reports/aging", **params)


async def test_the_edges_of_every_bucket(api: Api) -> None:
    customer = await api.customer()
    amounts = {-5: "1.00", 0: "2.00", 1: "4.00", 30: "8.00", 31: "16.00", 60: "32.00", 61: "64.00", 90: "128.00",
               91: "256.00", 200: "512.00"}  # fmt: skip
    for days, amount in amounts.items():
        await api.invoice(customer["id"], amount, ISSUED, due(days))
    report = await aging(api)
    assert (report["as_of"], report["known_at"]) == ("2026-03-02", None)
    assert report["buckets"] == [
        {"label": "current", "from_days": None, "to_days": 0},
        {"label": "1-30", "from_days": 1, "to_days": 30},
        {"label": "31-60", "from_days": 31, "to_days": 60},
        {"label": "61-90", "from_days": 61, "to_days": 90},
        {"label": "90+", "from_days": 91, "to_days": None},
    ]
    assert report["totals"] == [
        {
            "currency": "MXN",
            "open_count": 10,
            "open_amount": "1023.00",
            "buckets": [
                {"label": "current", "count": 2, "amount": "3.00"},
                {"label": "1-30", "count": 2, "amount": "12.00"},
                {"label": "31-60", "count": 2, "amount": "48.00"},
                {"label": "61-90", "count": 2, "amount": "192.00"},
                {"label": "90+", "count": 2, "amount": "768.00"},
            ],
            "unapplied_amount": "0.00",
            "unidentified_amount": "0.00",
        }
    ]
    assert (report["data"], report["next_cursor"]) == ([], None)


async def test_an_invoice_moves_to_the_next_bucket_the_day_after(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-01-01", "2026-01-31")
    for as_of, label in [
        ("2026-01-31", "current"),
        ("2026-02-01", "1-30"),
        ("2026-03-02", "1-30"),
        ("2026-03-03", "31-60"),
        ("2026-05-01", "61-90"),
        ("2026-05-02", "90+"),
    ]:
        (total,) = (await aging(api, as_of=as_of))["totals"]
        assert [name for name, cell in cells(total).items() if cell == (1, "100.00")] == [label], as_of
    assert (await aging(api, as_of="2025-12-31"))["totals"] == []


async def test_every_currency_keeps_its_decimals_and_its_own_sum(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "1160.01", ISSUED, due(0))
    await api.invoice(customer["id"], "0.99", ISSUED, due(45))
    await api.invoice(customer["id"], "12800", ISSUED, due(3), currency="JPY")
    await api.invoice(customer["id"], "1.005", ISSUED, due(95), currency="KWD")
    await api.invoice(customer["id"], "2.010", ISSUED, due(95), currency="KWD")
    totals = (await aging(api))["totals"]
    assert [(t["currency"], t["open_count"], t["open_amount"], t["unapplied_amount"]) for t in totals] == [
        ("JPY", 1, "12800", "0"),
        ("KWD", 2, "3.015", "0.000"),
        ("MXN", 2, "1161.00", "0.00"),
    ]
    assert cells(totals[0])["1-30"] == (1, "12800")
    assert cells(totals[1]) == {
        "current": (0, "0.000"),
        "1-30": (0, "0.000"),
        "31-60": (0, "0.000"),
        "61-90": (0, "0.000"),
        "90+": (2, "3.015"),
    }
    assert (await aging(api, currency="KWD"))["totals"] == [totals[1]]
    (nothing,) = (await aging(api, currency="EUR"))["totals"]
    assert (nothing["currency"], nothing["open_count"], nothing["open_amount"]) == ("EUR", 0, "0.00")


async def test_payments_count_from_their_effective_date_and_a_rest_stays_unapplied(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "1000.00", "2026-01-01", "2026-01-31")
    await api.pay(customer["id"], "400.00", "2026-02-15")
    await api.pay(customer["id"], "650.00", "2026-02-20")
    for as_of, count, amount, unapplied in [
        ("2026-02-14", 1, "1000.00", "0.00"),
        ("2026-02-15", 1, "600.00", "0.00"),
        ("2026-02-19", 1, "600.00", "0.00"),
        ("2026-02-20", 0, "0.00", "50.00"),
    ]:
        (total,) = (await aging(api, as_of=as_of))["totals"]
        assert (total["open_count"], total["open_amount"], total["unapplied_amount"]) == (count, amount, unapplied)
        assert cells(total)["1-30"] == (count, amount)


async def test_a_reversal_reopens_from_its_date_and_not_before(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "1000.00", "2026-01-01", "2026-01-31")
    payment = await api.pay(customer["id"], "1000.00", "2026-02-10")
    body = {"reason": "bounced", "reversed_on": "2026-02-25"}
    await api.post(f"/payments/{payment['id']}/reverse", body, expect=200)
    opened = {
        as_of: sum(total["open_count"] for total in (await aging(api, as_of=as_of))["totals"])
        for as_of in ["2026-02-09", "2026-02-10", "2026-02-24", "2026-02-25"]
    }
    assert opened == {"2026-02-09": 1, "2026-02-10": 0, "2026-02-24": 0, "2026-02-25": 1}


async def test_what_was_known_before_a_backdated_payment(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "1000.00", "2026-01-01", "2026-01-31")
    await api.advance("2026-03-03T12:00:00Z")
    await api.pay(customer["id"], "1000.00", "2026-02-10")
    assert (await aging(api, as_of="2026-02-28"))["totals"] == []
    before = await aging(api, as_of="2026-02-28", known_at="2026-03-03T11:59:59Z")
    assert before["known_at"] == "2026-03-03T11:59:59Z"
    assert cells(before["totals"][0])["1-30"] == (1, "1000.00")
    assert (await aging(api, as_of="2026-02-28", known_at="2026-03-03T12:00:00Z"))["totals"] == []
    # Before Puntual knew the invoice, nothing was known.
    assert (await aging(api, as_of="2026-02-28", known_at="2026-03-02T11:59:59Z"))["totals"] == []


async def test_customers_page_by_page(api: Api) -> None:
    customers = [await api.customer(external_id=f"C-{number}") for number in range(3)]
    await api.invoice(customers[0]["id"], "10.00", ISSUED, due(1))
    await api.invoice(customers[0]["id"], "20.00", ISSUED, due(31))
    await api.invoice(customers[1]["id"], "40.00", ISSUED, due(1))
    await api.invoice(customers[1]["id"], "500", ISSUED, due(1), currency="JPY")
    await api.pay(customers[2]["id"], "80.00", "2026-03-01")
    await api.customer()
    first = await aging(api, group_by="customer", limit=2)
    assert [row["customer_external_id"] for row in first["data"]] == ["C-2", "C-1"]
    (cash,) = first["data"][0]["totals"]
    assert (cash["open_count"], cash["open_amount"], cash["unapplied_amount"]) == (0, "0.00", "80.00")
    assert [(t["currency"], t["open_amount"]) for t in first["data"][1]["totals"]] == [("JPY", "500"), ("MXN", "40.00")]
    second = await aging(api, group_by="customer", limit=2, cursor=first["next_cursor"])
    (row,) = second["data"]
    assert (row["customer_id"], row["customer_name"]) == (customers[0]["id"], customers[0]["name"])
    assert cells(row["totals"][0])["31-60"] == (1, "20.00")
    assert second["next_cursor"] is None
    assert second["totals"] == first["totals"]
    assert [(t["currency"], t["open_count"], t["open_amount"], t["unapplied_amount"]) for t in first["totals"]] == [
        ("JPY", 1, "500", "0"),
        ("MXN", 3, "70.00", "80.00"),
    ]


async def test_own_buckets_and_drafts(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "10.00", ISSUED, due(7))
    await api.invoice(customer["id"], "20.00", ISSUED, due(8))
    await api.invoice(customer["id"], "999.00", ISSUED, due(8), status="draft")
    (total,) = (await aging(api, buckets="7"))["totals"]
    assert cells(total) == {"current": (0, "0.00"), "1-7": (1, "10.00"), "7+": (1, "20.00")}


async def test_questions_that_have_no_answer_name_the_parameter(api: Api) -> None:
    for params, pointer in [
        ({"buckets": "30,30"}, "?buckets"),
        ({"buckets": "0,30"}, "?buckets"),
        ({"buckets": "thirty"}, "?buckets"),
        ({"as_of": "2026-02-30"}, "?as_of"),
        ({"as_of": "02/03/2026"}, "?as_of"),
        ({"known_at": "2026-03-02"}, "?known_at"),
        ({"currency": "XXQ"}, "?currency"),
        ({"group_by": "invoice"}, "?group_by"),
        ({"group_by": "customer", "cursor": "!"}, "?cursor"),
    ]:
        problem = await api.get("/reports/aging", expect=422, **params)
        assert [error["pointer"] for error in problem["errors"]] == [pointer], params


async def test_other_tenants_are_not_in_it(make_api: MakeApi) -> None:
    ours, theirs = await make_api(), await make_api()
    customer, stranger = await ours.customer(), await theirs.customer()
    await ours.invoice(customer["id"], "10.00", ISSUED, due(1))
    await theirs.invoice(stranger["id"], "7000.00", ISSUED, due(1))
    await theirs.pay(stranger["id"], "9000.00", "2026-03-01")
    report = await aging(ours, group_by="customer")
    assert [(t["open_count"], t["open_amount"], t["unapplied_amount"]) for t in report["totals"]] == [
        (1, "10.00", "0.00")
    ]
    assert [row["customer_id"] for row in report["data"]] == [customer["id"]]


async def test_the_report_adds_up_to_the_invoices(api: Api) -> None:
    customer = await api.customer()
    for number in range(6):
        await api.invoice(customer["id"], f"{100 + number}.00", ISSUED, due(20 * number))
    await api.pay(customer["id"], "250.50", "2026-03-02")
    invoices = await api.all("/invoices")
    cents = sum(int(invoice["open_amount"].replace(".", "")) for invoice in invoices)
    still_open = [invoice for invoice in invoices if invoice["open_amount"] != "0.00"]
    (total,) = (await aging(api))["totals"]
    assert (total["open_count"], int(total["open_amount"].replace(".", ""))) == (len(still_open), cents)


async def test_instalments_age_by_their_own_dates_and_charges_with_the_oldest(api: Api, unit_of_work: Begin) -> None:
    await api.always_open()
    step = {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    await api.policy([], steps=[{**step, "fee": {"kind": "flat", "amount": "5.00"}}])
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "900.00", "2026-01-01", "2026-03-02")
    await api.advance("2026-03-03T23:00:00Z")
    await divide(api, unit_of_work, invoice["id"], ("2026-01-31", 30000), ("2026-02-28", 30000), ("2026-03-31", 30000))
    for as_of, counts in [
        ("2026-01-31", {"current": (3, "900.00")}),
        ("2026-02-01", {"current": (2, "600.00"), "1-30": (1, "300.00")}),
        ("2026-03-03", {"current": (1, "300.00"), "1-30": (1, "300.00"), "31-60": (1, "305.00")}),
        ("2026-04-01", {"1-30": (1, "300.00"), "31-60": (2, "605.00")}),
    ]:
        (total,) = (await aging(api, as_of=as_of))["totals"]
        assert {name: cell for name, cell in cells(total).items() if cell[0]} == counts, as_of
        assert total["open_count"] == 3
    # It pays the fee, then the oldest first.
    await api.pay(customer["id"], "405.00", "2026-03-03")
    report = await aging(api, as_of="2026-03-03", group_by="customer")
    (total,) = report["totals"]
    assert {name: cell for name, cell in cells(total).items() if cell[0]} == {
        "current": (1, "300.00"), "1-30": (1, "200.00"),
    }  # fmt: skip
    assert total["open_amount"] == "500.00"
    assert report["data"][0]["totals"] == report["totals"]


async def test_money_of_nobody_stands_apart(api: Api) -> None:
    customer = await api.customer()
    await api.pay(customer["id"], "10.00", "2026-02-20")
    body = {"currency": "MXN", "amount": "40.00", "received_on": "2026-02-20"}
    payment = await api.post("/payments", body)
    (total,) = (await aging(api))["totals"]
    assert (total["unapplied_amount"], total["unidentified_amount"]) == ("10.00", "40.00")
    assert (total["open_count"], total["open_amount"]) == (0, "0.00")
    report = await aging(api, group_by="customer", limit=1)
    assert [row["customer_id"] for row in report["data"]] == [customer["id"]]
    assert report["next_cursor"] is None
    assigned = {"customer_id": customer["id"]}
    await api.post(f"/payments/{payment['id']}/assign", assigned, expect=200)
    (total,) = (await aging(api))["totals"]
    assert (total["unapplied_amount"], total["unidentified_amount"]) == ("50.00", "0.00")
