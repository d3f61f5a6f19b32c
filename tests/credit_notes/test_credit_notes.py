"""Credit notes through the API: what they settle, what stays with the customer, and what a void brings back."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Api
from tests.settlement.stories import (
    DUE,
    ISSUED,
    TODAY,
    Begin,
    blockers,
    claimed_reminder,
    entries,
    fee_of_50,
    state,
    steps_sent,
    told,
)


async def credit(api: Api, customer: str, amount: str, issued_on: str = TODAY, **fields: Any) -> Any:
    body = {"customer_id": customer, "currency": "MXN", "amount": amount, "issued_on": issued_on, **fields}
    return await api.post("/credit-notes", body)


@pytest.mark.parametrize(
    ("amount", "left", "rest", "note_status"),
    [
        ("99.99", ("open", "0.01"), "0.00", "applied"),
        ("100.00", ("paid", "0.00"), "0.00", "applied"),
        ("100.01", ("paid", "0.00"), "0.01", "open"),
    ],
)
async def test_it_settles_the_invoice_it_corrects_as_far_as_it_is_open(
    api: Api, amount: str, left: tuple[str, str], rest: str, note_status: str
) -> None:
    """Credited in full is paid; credited in part is open, since no payment has come."""
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    note = await credit(api, customer, amount, invoice_id=invoice["id"], number="NC-1", reason="returned")
    assert await state(api, invoice) == [left]
    assert (note["unapplied_amount"], note["status"], note["invoice_id"]) == (rest, note_status, invoice["id"])
    applied = min(amount, "100.00", key=float)
    assert note["allocations"] == [{"invoice_id": invoice["id"], "amount": applied, "effective_on": TODAY}]
    assert note["in_flight"] == []
    assert await api.get(f"/credit-notes/{note['id']}") == {k: v for k, v in note.items() if k != "in_flight"}
    paid = ["invoice.paid"] if left[0] == "paid" else []
    assert await told(api, "credit_note.created", "invoice.paid", "invoice.partially_paid") == [
        "credit_note.created", *paid,
    ]  # fmt: skip


async def test_it_counts_from_its_own_date(api: Api) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    await credit(api, customer, "30.00", "2026-02-20", invoice_id=invoice["id"])
    assert (await entries(api, invoice))[-1] == ("principal", "credit_applied", "-30.00", "2026-02-20")
    # One that was there before the invoice settles it on the day it was issued.
    await credit(api, customer, "10.00", "2026-01-01", invoice_id=invoice["id"])
    assert (await entries(api, invoice))[-1] == ("principal", "credit_applied", "-10.00", ISSUED)


async def test_it_settles_principal_only(api: Api) -> None:
    """A fee of 50.00 stays, though the credit would reach it."""
    await fee_of_50(api)
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    await api.advance("2026-03-02T20:00:00Z")
    assert await state(api, invoice) == [("open", "150.00")]
    note = await credit(api, customer, "120.00", invoice_id=invoice["id"])
    assert note["unapplied_amount"] == "20.00"
    left = await api.get(f"/invoices/{invoice['id']}")
    assert (left["principal_open"], left["charges_open"]) == ("0.00", "50.00")
    body = {"allocations": [{"invoice_id": invoice["id"], "amount": "0.01"}]}
    problem = await api.post(f"/credit-notes/{note['id']}/apply", body, expect=422)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [
        ("/allocations/0/amount", "allocation_exceeds_open")
    ]


async def test_without_an_invoice_it_stays_with_the_customer_until_it_is_applied(api: Api) -> None:
    customer = (await api.customer())["id"]
    late = await api.invoice(customer, "100.00", ISSUED, "2026-02-28")
    early = await api.invoice(customer, "50.00", ISSUED, "2026-02-01", external_id="F-50")
    note = await credit(api, customer, "120.00", "2026-02-10")
    assert (note["allocations"], note["unapplied_amount"], note["status"]) == ([], "120.00", "open")
    body = {"allocations": [{"invoice_external_id": "F-50", "amount": "20.00"}]}
    note = await api.post(f"/credit-notes/{note['id']}/apply", body, expect=200)
    assert (note["unapplied_amount"], note["version"]) == ("100.00", 2)
    assert await state(api, early, late) == [("open", "30.00"), ("open", "100.00")]
    # The rest of what was named before is among the oldest.
    more = {"allocations": [{"invoice_id": late["id"], "amount": "10.00"}], "auto": True}
    note = await api.post(f"/credit-notes/{note['id']}/apply", more, expect=200)
    assert (note["unapplied_amount"], note["status"]) == ("0.00", "applied")
    assert await state(api, early, late) == [("paid", "0.00"), ("open", "30.00")]
    problem = await api.post(f"/credit-notes/{note['id']}/apply", {"auto": True}, expect=409)
    assert problem["code"] == "state_conflict"
    assert await told(api, "credit_note.applied") == ["credit_note.applied"] * 2


@pytest.mark.parametrize(
    ("amount", "left"),
    [("49.99", ["0.01", "100.00"]), ("50.00", ["0.00", "100.00"]), ("150.00", ["0.00", "0.00"]),
     ("150.01", ["0.00", "0.00"])],
)  # fmt: skip
async def test_asked_to_it_settles_the_oldest_due_at_once(api: Api, amount: str, left: list[str]) -> None:
    customer = (await api.customer())["id"]
    late = await api.invoice(customer, "100.00", ISSUED, "2026-02-28")
    early = await api.invoice(customer, "50.00", ISSUED, "2026-02-01")
    await credit(api, customer, amount, apply=True)
    assert [amount for _, amount in await state(api, early, late)] == left


async def test_told_not_to_it_leaves_the_invoice_that_it_corrects(api: Api) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    note = await credit(api, customer, "40.00", invoice_id=invoice["id"], apply=False)
    assert (note["invoice_id"], note["unapplied_amount"]) == (invoice["id"], "40.00")
    assert await state(api, invoice) == [("open", "100.00")]


async def test_it_is_taken_off_one_invoice_and_put_on_another(api: Api) -> None:
    customer = (await api.customer())["id"]
    first = await api.invoice(customer, "60.00", ISSUED, DUE)
    second = await api.invoice(customer, "60.00", ISSUED, DUE)
    note = await credit(api, customer, "60.00", invoice_id=first["id"])
    path = f"/credit-notes/{note['id']}"
    problem = await api.post(f"{path}/unapply", {"invoice_ids": [second["id"]]}, expect=422)
    assert problem["errors"][0]["pointer"] == "/invoice_ids"
    note = await api.post(f"{path}/unapply", {"invoice_ids": [first["id"]]}, expect=200)
    assert (note["allocations"], note["unapplied_amount"], note["status"]) == ([], "60.00", "open")
    assert await state(api, first) == [("open", "60.00")]
    await api.post(f"{path}/unapply", {}, expect=409)
    body = {"allocations": [{"invoice_id": second["id"], "amount": "60.00"}]}
    await api.post(f"{path}/apply", body, expect=200)
    assert await state(api, first, second) == [("open", "60.00"), ("paid", "0.00")]
    assert await told(api, "invoice.paid", "invoice.reopened") == ["invoice.paid", "invoice.reopened", "invoice.paid"]


async def test_a_void_brings_back_exactly_what_was(api: Api) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    other = await api.invoice(customer, "80.00", ISSUED, "2026-02-20")
    await api.pay(customer, "30.00", "2026-02-20", allocations=[{"invoice_id": invoice["id"], "amount": "30.00"}])
    before = [await api.get(f"/invoices/{row['id']}") for row in (invoice, other)]
    note = await credit(api, customer, "90.00", "2026-02-25", invoice_id=invoice["id"])
    await api.post(f"/credit-notes/{note['id']}/apply", {"auto": True}, expect=200)
    assert await state(api, invoice, other) == [("paid", "0.00"), ("open", "60.00")]
    body = {"reason": "issued in error", "voided_on": "2026-02-28"}
    note = await api.post(f"/credit-notes/{note['id']}/void", body, expect=200)
    assert (note["status"], note["voided_on"], note["void_reason"]) == ("voided", "2026-02-28", "issued in error")
    assert (note["allocations"], note["unapplied_amount"]) == ([], "0.00")
    after = [await api.get(f"/invoices/{row['id']}") for row in (invoice, other)]
    moving = {"version", "updated_at"}
    assert [{k: v for k, v in row.items() if k not in moving} for row in after] == [
        {k: v for k, v in row.items() if k not in moving} for row in before
    ]
    assert (await entries(api, invoice))[-1] == ("principal", "allocation_reversed", "70.00", "2026-02-28")
    again: dict[str, Any] = {"void": {"reason": "again"}, "apply": {"auto": True}, "unapply": {}}
    for command, fields in again.items():
        problem = await api.post(f"/credit-notes/{note['id']}/{command}", fields, expect=409)
        assert problem["code"] == "state_conflict"
    assert await told(api, "credit_note.voided", "invoice.reopened") == ["credit_note.voided", "invoice.reopened"]


async def test_open_again_it_is_chased_from_where_it_stood(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 8])
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, "2026-03-01")
    await api.advance("2026-03-02T20:00:00Z")
    note = await credit(api, customer, "100.00", invoice_id=invoice["id"])
    assert await blockers(api, invoice) == ["paid"]
    await api.advance("2026-03-20T20:00:00Z")
    await api.post(f"/credit-notes/{note['id']}/void", {"reason": "wrong invoice"}, expect=200)
    await api.advance("2026-03-21T20:00:00Z")
    assert await steps_sent(api) == ["d+1", "d+8"], "the next step, never the first again"


async def test_the_customer_is_not_chased_for_what_unapplied_credit_covers(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 3])
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, "2026-03-01")
    note = await credit(api, customer, "60.00")
    await api.pay(customer, "40.00", TODAY, auto_allocate=False)
    assert await blockers(api, invoice) == ["covered_by_unapplied_cash", "outside_window"]
    await api.advance("2026-03-03T20:00:00Z")
    assert await api.all("/reminders") == []
    await api.post(f"/credit-notes/{note['id']}/void", {"reason": "issued in error"}, expect=200)
    await api.advance("2026-03-03T21:00:00Z")
    (reminder,) = await api.all("/reminders")
    assert reminder["items"][0]["amount"] == "60.00", "the cash still covers the rest"


async def test_credit_in_another_currency_covers_nothing(api: Api) -> None:
    await api.always_open()
    await api.policy([1])
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, "2026-03-01")
    await credit(api, customer, "500.00", currency="EUR")
    assert await blockers(api, invoice) == ["outside_window"]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"amount": "0.00"}, "/amount", "out_of_range"),
    ({"amount": "-1.00"}, "/amount", "out_of_range"),
    ({"amount": "1.001"}, "/amount", "amount_decimals"),
    ({"issued_on": "2026-03-03"}, "/issued_on", "date_in_future"),
    ({"invoice_external_id": "F-?"}, "/invoice_external_id", "unknown_reference"),
    ({"invoice_external_id": "F-OTHERS"}, "/invoice_external_id", "unknown_reference"),
    ({"invoice_external_id": "F-DRAFT"}, "/invoice_external_id", "state_conflict"),
    ({"invoice_external_id": "F-EUR"}, "/currency", "currency_mismatch"),
    ({"customer_id": None, "customer_external_id": "C-?"}, "/customer_external_id", "unknown_reference"),
    ({"customer_id": None}, "", "missing"),
    ({"invoice_external_id": "F-EUR", "invoice_id": "01890000-0000-7000-8000-000000000000"}, "", "missing"),
]


@pytest.mark.parametrize(("fields", "pointer", "code"), REFUSED)
async def test_what_is_not_valid_is_refused_by_field(api: Api, fields: dict[str, Any], pointer: str, code: str) -> None:
    customer, other = (await api.customer())["id"], (await api.customer())["id"]
    await api.invoice(other, "100.00", ISSUED, DUE, external_id="F-OTHERS")
    await api.invoice(customer, "100.00", ISSUED, DUE, external_id="F-DRAFT", status="draft")
    await api.invoice(customer, "100.00", ISSUED, DUE, external_id="F-EUR", currency="EUR")
    body = {"customer_id": customer, "currency": "MXN", "amount": "10.00", "issued_on": TODAY, **fields}
    problem = await api.post("/credit-notes", body, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await api.all("/credit-notes") == []


APPLIED_WRONG: list[tuple[list[dict[str, str]], str, str]] = [
    ([{"invoice_external_id": "A", "amount": "100.01"}], "/allocations/0/amount", "allocation_exceeds_open"),
    ([{"invoice_external_id": "A", "amount": "60.00"}, {"invoice_external_id": "A", "amount": "40.01"}],
     "/allocations/1/amount", "allocation_exceeds_open"),
    ([{"invoice_external_id": "A", "amount": "90.00"}, {"invoice_external_id": "B", "amount": "90.00"}],
     "/allocations", "allocation_exceeds_credit"),
    ([{"invoice_external_id": "A", "amount": "0.00"}], "/allocations/0/amount", "out_of_range"),
    ([{"invoice_external_id": "PAID", "amount": "1.00"}], "/allocations/0/amount", "allocation_exceeds_open"),
    ([{"invoice_external_id": "EUR", "amount": "1.00"}], "/allocations/0/amount", "currency_mismatch"),
    ([{"invoice_external_id": "?", "amount": "1.00"}], "/allocations/0/invoice_external_id", "unknown_reference"),
    ([], "/allocations", "missing"),
]  # fmt: skip


@pytest.mark.parametrize(("allocations", "pointer", "code"), APPLIED_WRONG)
async def test_what_cannot_be_applied_changes_nothing(
    api: Api, allocations: list[dict[str, str]], pointer: str, code: str
) -> None:
    customer = (await api.customer())["id"]
    for name, fields in {"A": {}, "B": {}, "PAID": {"opening_paid": "100.00"}, "EUR": {"currency": "EUR"}}.items():
        await api.invoice(customer, "100.00", ISSUED, DUE, external_id=name, **fields)
    note = await credit(api, customer, "150.00")
    body = {"allocations": allocations}
    problem = await api.post(f"/credit-notes/{note['id']}/apply", body, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    after = await api.get(f"/credit-notes/{note['id']}")
    assert (after["unapplied_amount"], after["version"]) == ("150.00", 1)


@pytest.mark.parametrize(
    ("voided_on", "code"),
    [("2026-02-19", "date_order"), ("2026-02-20", None), (TODAY, None), ("2026-03-03", "date_in_future")],
)  # fmt: skip
async def test_a_void_is_dated_between_its_issue_and_today(api: Api, voided_on: str, code: str | None) -> None:
    customer = (await api.customer())["id"]
    note = await credit(api, customer, "10.00", "2026-02-20")
    body = {"reason": "x", "voided_on": voided_on}
    answer = await api.post(f"/credit-notes/{note['id']}/void", body, expect=422 if code else 200)
    assert answer["errors"][0]["code"] == code if code else answer["voided_on"] == voided_on


async def test_an_external_id_is_recorded_once(api: Api) -> None:
    customer = (await api.customer())["id"]
    await credit(api, customer, "10.00", external_id="NC-1")
    body = {"customer_id": customer, "currency": "MXN", "amount": "10.00", "issued_on": TODAY, "external_id": "NC-1"}
    assert (await api.post("/credit-notes", body, expect=409))["code"] == "external_id_taken"


async def test_they_are_listed_newest_first_and_found_by_what_they_say(api: Api) -> None:
    customer, other = (await api.customer())["id"], (await api.customer())["id"]
    corrected = await api.invoice(customer, "100.00", ISSUED, DUE)
    settled = await api.invoice(customer, "100.00", ISSUED, DUE)
    first = await credit(api, customer, "10.00", "2026-02-01", external_id="NC-1", invoice_id=corrected["id"])
    second = await credit(api, customer, "20.00", "2026-02-10", invoice_id=corrected["id"], apply=False)
    body = {"allocations": [{"invoice_id": settled["id"], "amount": "5.00"}]}
    await api.post(f"/credit-notes/{second['id']}/apply", body, expect=200)
    third = await credit(api, other, "30.00", "2026-02-20")
    await api.post(f"/credit-notes/{third['id']}/void", {"reason": "x"}, expect=200)

    async def found(**wanted: str) -> list[str]:
        return [row["id"] for row in await api.all("/credit-notes", **wanted)]

    assert await found() == [third["id"], second["id"], first["id"]]
    assert await found(customer_id=customer) == [second["id"], first["id"]]
    assert await found(invoice_id=corrected["id"]) == [second["id"], first["id"]]
    assert await found(invoice_id=settled["id"]) == [second["id"]]
    assert await found(status="applied") == [first["id"]]
    assert await found(status="open") == [second["id"]]
    assert await found(status="voided") == [third["id"]]
    assert await found(external_id="NC-1") == [first["id"]]
    assert await found(issued_on_from="2026-02-10", issued_on_to="2026-02-10") == [second["id"]]
    await api.get("/credit-notes/01890000-0000-7000-8000-000000000000", expect=404)
    nobody = "/credit-notes/01890000-0000-7000-8000-000000000000/void"
    await api.post(nobody, {"reason": "x"}, expect=404)


async def test_it_is_changed_only_as_it_is_known(api: Api) -> None:
    customer = (await api.customer())["id"]
    await api.invoice(customer, "100.00", ISSUED, DUE)
    note = await credit(api, customer, "10.00")
    path = f"/credit-notes/{note['id']}"
    await api.post(f"{path}/apply", {"auto": True}, expect=412, headers={"If-Match": '"2"'})
    await api.post(f"{path}/apply", {"auto": True}, expect=200, headers={"If-Match": '"1"'})


async def test_credits_that_race_for_one_invoice_settle_it_once(api: Api) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    notes = await asyncio.gather(*(credit(api, customer, "30.00", invoice_id=invoice["id"]) for _ in range(6)))
    left = sorted(note["unapplied_amount"] for note in notes)
    assert left == ["0.00", "0.00", "0.00", "20.00", "30.00", "30.00"]
    assert await state(api, invoice) == [("paid", "0.00")]


async def test_a_reminder_in_flight_is_named(api: Api, unit_of_work: Begin) -> None:
    """What was claimed before the credit came starts within its permit or not at all."""
    invoice = await claimed_reminder(api, unit_of_work)
    note = await credit(api, invoice["customer_id"], "100.00", invoice_id=invoice["id"])
    assert [item["invoice_ids"] for item in note["in_flight"]] == [[invoice["id"]]]
