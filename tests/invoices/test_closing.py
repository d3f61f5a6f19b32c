"""How an invoice ends without being paid: voided, written off and perhaps recovered, closed for a difference."""

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

NOBODY = "01890000-0000-7000-8000-000000000000"


async def invoice_of(api: Api, total: str = "100.00", **fields: Any) -> Any:
    return await api.invoice((await api.customer())["id"], total, ISSUED, DUE, **fields)


async def command(api: Api, invoice: Any, name: str, *, expect: int = 200, **body: Any) -> Any:
    return await api.post(f"/invoices/{invoice['id']}/{name}", body, expect=expect)


async def write_off(api: Api, invoice: Any, *, expect: int = 200, **body: Any) -> Any:
    return await command(api, invoice, "write-off", expect=expect, reason="insolvency", **body)


async def pay(api: Api, invoice: Any, amount: str, received_on: str = TODAY) -> Any:
    allocations = [{"invoice_id": invoice["id"], "amount": amount}]
    return await api.pay(invoice["customer_id"], amount, received_on, allocations=allocations)


# void ----------------------------------------------------------------------------------------------------------------


async def test_a_void_invoice_owes_nothing_and_is_chased_no_more(api: Api) -> None:
    await fee_of_50(api)
    invoice = await invoice_of(api)
    await api.advance("2026-03-02T20:00:00Z")
    assert await state(api, invoice) == [("open", "150.00")]
    answer = await command(api, invoice, "void", reason="issued twice")
    assert (answer["status"], answer["open_amount"], answer["due_state"]) == ("void", "0.00", "not_due")
    assert (answer["collection_state"], answer["in_flight"]) == ("none", [])
    assert await blockers(api, invoice) == ["void"]
    assert (await entries(api, invoice))[1:] == [
        ("fees", "charge_posted", "50.00", TODAY),
        ("fees", "charge_reversed", "-50.00", TODAY),
        ("principal", "invoice_voided", "-100.00", TODAY),
    ]
    wanted = ("charge.reversed", "invoice.voided", "dunning.closed")
    assert sorted(await told(api, *wanted)) == sorted(wanted)
    problem = await command(api, invoice, "void", reason="again", expect=409)
    assert problem["code"] == "state_conflict"


async def test_one_dated_ahead_is_voided_on_its_own_date(api: Api) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", "2026-03-10", "2026-04-10")
    await command(api, invoice, "void", reason="issued twice")
    assert (await entries(api, invoice))[-1] == ("principal", "invoice_voided", "-100.00", "2026-03-10")


async def test_what_was_settled_has_to_be_undone_before_a_void(api: Api) -> None:
    invoice = await invoice_of(api)
    payment = await pay(api, invoice, "30.00")
    credit = {"customer_id": invoice["customer_id"], "currency": "MXN", "amount": "20.00", "issued_on": TODAY}
    note = await api.post("/credit-notes", {**credit, "invoice_id": invoice["id"]})
    await write_off(api, invoice, amount="10.00")
    problem = await command(api, invoice, "void", reason="x", expect=409)
    for needed in (payment["id"], note["id"], "reverse-write-off"):
        assert needed in problem["detail"]
    assert await state(api, invoice) == [("partially_paid", "40.00")]
    await api.post(f"/payments/{payment['id']}/unallocate", {}, expect=200)
    await api.post(f"/credit-notes/{note['id']}/unapply", {}, expect=200)
    problem = await command(api, invoice, "void", reason="x", expect=409)
    assert payment["id"] not in problem["detail"]
    await command(api, invoice, "reverse-write-off")
    assert (await command(api, invoice, "void", reason="x"))["status"] == "void"
    # What had settled it is still there for other invoices.
    assert (await api.get(f"/payments/{payment['id']}"))["unapplied_amount"] == "30.00"


@pytest.mark.parametrize("fields", [{"status": "draft"}, {"opening_paid": "0.01"}, {"opening_paid": "100.00"}])
async def test_a_draft_and_what_was_paid_before_cannot_be_voided(api: Api, fields: dict[str, Any]) -> None:
    invoice = await invoice_of(api, **fields)
    problem = await command(api, invoice, "void", reason="x", expect=409)
    assert problem["code"] == "state_conflict"


async def test_a_payment_cannot_settle_what_is_void(api: Api) -> None:
    invoice = await invoice_of(api)
    await command(api, invoice, "void", reason="x")
    allocations = [{"invoice_id": invoice["id"], "amount": "1.00"}]
    body = {"customer_id": invoice["customer_id"], "currency": "MXN", "amount": "1.00", "received_on": TODAY}
    problem = await api.post("/payments", {**body, "allocations": allocations}, expect=422)
    assert problem["errors"][0]["code"] == "allocation_exceeds_open"


# write-off -----------------------------------------------------------------------------------------------------------


async def test_all_of_it_is_written_off_and_taken_back(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 8])
    invoice = await api.invoice((await api.customer())["id"], "100.00", ISSUED, "2026-03-01")
    await api.advance("2026-03-02T20:00:00Z")
    before = await api.get(f"/invoices/{invoice['id']}")
    answer = await write_off(api, invoice, written_off_on="2026-03-01")
    assert (answer["status"], answer["open_amount"], answer["written_off_amount"]) == ("written_off", "0.00", "100.00")
    assert (answer["due_state"], answer["paid_at"], answer["in_flight"]) == ("not_due", None, [])
    assert (await entries(api, invoice))[-1] == ("principal", "written_off", "-100.00", "2026-03-01")
    assert await blockers(api, invoice) == ["written_off"]
    await api.advance("2026-03-20T20:00:00Z")
    assert await steps_sent(api) == ["d+1"]

    answer = await command(api, invoice, "reverse-write-off", reason="customer found")
    stands = {name: before[name] for name in ("status", "open_amount", "written_off_amount", "collection_state")}
    assert {name: answer[name] for name in stands} == stands
    await api.advance("2026-03-21T20:00:00Z")
    assert await steps_sent(api) == ["d+1", "d+8"], "the next step, never the first again"
    (listed,) = await api.all(f"/invoices/{invoice['id']}/write-offs")
    assert (listed["amount"], listed["recovered_amount"], listed["reason"]) == ("100.00", "0.00", "insolvency")
    assert (listed["status"], listed["reversed_on"]) == ("reversed", "2026-03-20")
    assert (listed["written_off_on"], listed["reversal_reason"]) == ("2026-03-01", "customer found")
    assert await told(api, "invoice.written_off", "invoice.reopened", "invoice.paid") == [
        "invoice.written_off", "invoice.reopened",
    ]  # fmt: skip
    problem = await command(api, invoice, "reverse-write-off", expect=409)
    assert problem["code"] == "state_conflict"


async def test_charges_are_given_up_before_principal(api: Api) -> None:
    await fee_of_50(api)
    invoice = await invoice_of(api)
    await api.advance("2026-03-02T20:00:00Z")
    answer = await write_off(api, invoice, amount="60.00")
    assert (answer["principal_open"], answer["charges_open"]) == ("90.00", "0.00")
    assert (answer["status"], answer["written_off_amount"]) == ("open", "60.00")
    answer = await command(api, invoice, "reverse-write-off")
    assert (answer["principal_open"], answer["charges_open"]) == ("100.00", "50.00")
    # The status has stayed, so the change is told as one.
    assert (await told(api, "invoice.updated", "invoice.written_off"))[-2:] == ["invoice.updated"] * 2


@pytest.mark.parametrize(
    ("given_up", "paid", "status"),
    [("100.00", None, "written_off"), ("99.99", None, "open"), ("0.01", "99.99", "written_off")],
)
async def test_what_a_write_off_helped_to_close_is_written_off(
    api: Api, given_up: str, paid: str | None, status: str
) -> None:
    invoice = await invoice_of(api)
    if paid is not None:
        await pay(api, invoice, paid)
    assert (await write_off(api, invoice, amount=given_up))["status"] == status


async def test_a_payment_that_closes_the_rest_does_not_make_it_paid(api: Api) -> None:
    invoice = await invoice_of(api)
    await write_off(api, invoice, amount="0.01")
    await pay(api, invoice, "99.99")
    assert await state(api, invoice) == [("written_off", "0.00")]
    # Nothing goes to it by itself.
    other = await api.pay(invoice["customer_id"], "5.00", TODAY)
    assert other["allocations"] == []


async def test_money_that_comes_in_after_all_recovers_it(api: Api) -> None:
    invoice = await invoice_of(api)
    await write_off(api, invoice)
    await pay(api, invoice, "30.00")
    after = await api.get(f"/invoices/{invoice['id']}")
    assert (after["status"], after["open_amount"], after["written_off_amount"]) == ("written_off", "0.00", "70.00")
    assert (await api.all(f"/invoices/{invoice['id']}/write-offs"))[0]["recovered_amount"] == "30.00"
    second = await pay(api, invoice, "70.00")
    after = await api.get(f"/invoices/{invoice['id']}")
    assert (after["status"], after["written_off_amount"]) == ("paid", "0.00")
    assert after["paid_at"] is not None
    problem = await command(api, invoice, "reverse-write-off", expect=409)
    assert problem["code"] == "state_conflict"

    # The payment was not good: it is given up again.
    await api.post(f"/payments/{second['id']}/reverse", {"reason": "bounced"}, expect=200)
    after = await api.get(f"/invoices/{invoice['id']}")
    assert (after["status"], after["open_amount"], after["written_off_amount"]) == ("written_off", "0.00", "70.00")
    answer = await command(api, invoice, "reverse-write-off")
    assert (answer["status"], answer["open_amount"], answer["written_off_amount"]) == (
        "partially_paid", "70.00", "0.00",
    )  # fmt: skip
    assert await told(api, "invoice.written_off", "invoice.paid", "invoice.reopened") == [
        "invoice.written_off", "invoice.paid", "invoice.written_off", "invoice.reopened",
    ]  # fmt: skip


@pytest.mark.parametrize("undo", ["reverse", "unallocate"])
async def test_a_recovery_that_is_undone_after_the_write_off_was_leaves_all_of_it_open(api: Api, undo: str) -> None:
    invoice = await invoice_of(api)
    await write_off(api, invoice)
    payment = await pay(api, invoice, "30.00")
    await command(api, invoice, "reverse-write-off")
    assert await state(api, invoice) == [("partially_paid", "70.00")]
    body = {"reason": "bounced"} if undo == "reverse" else {}
    await api.post(f"/payments/{payment['id']}/{undo}", body, expect=200)
    after = await api.get(f"/invoices/{invoice['id']}")
    assert (after["status"], after["open_amount"], after["written_off_amount"]) == ("open", "100.00", "0.00")
    (listed,) = await api.all(f"/invoices/{invoice['id']}/write-offs")
    assert (listed["status"], listed["recovered_amount"]) == ("reversed", "0.00")


async def test_a_payment_of_more_than_is_open_recovers_only_the_difference(api: Api) -> None:
    invoice = await invoice_of(api)
    await write_off(api, invoice, amount="60.00")
    body = {"customer_id": invoice["customer_id"], "currency": "MXN", "amount": "200.00", "received_on": TODAY}
    too_much = [{"invoice_id": invoice["id"], "amount": "100.01"}]
    await api.post("/payments", {**body, "allocations": too_much}, expect=422)
    payment = await pay(api, invoice, "75.00")
    after = await api.get(f"/invoices/{invoice['id']}")
    assert (after["status"], after["written_off_amount"]) == ("written_off", "25.00")
    await api.post(f"/payments/{payment['id']}/unallocate", {}, expect=200)
    after = await api.get(f"/invoices/{invoice['id']}")
    assert (after["status"], after["open_amount"], after["written_off_amount"]) == ("open", "40.00", "60.00")


async def test_several_write_offs_are_recovered_in_their_order_and_taken_back_together(api: Api) -> None:
    invoice = await invoice_of(api)
    await write_off(api, invoice, amount="40.00", written_off_on="2026-02-20")
    await write_off(api, invoice, amount="60.00")
    await pay(api, invoice, "50.00")
    page = await api.get(f"/invoices/{invoice['id']}/write-offs", limit=1)
    assert (page["data"][0]["amount"], page["data"][0]["recovered_amount"]) == ("60.00", "10.00")
    newer, older = await api.all(f"/invoices/{invoice['id']}/write-offs")
    assert (older["amount"], older["recovered_amount"], newer["id"]) == ("40.00", "40.00", page["data"][0]["id"])
    answer = await command(api, invoice, "reverse-write-off")
    assert (answer["status"], answer["open_amount"]) == ("partially_paid", "50.00")
    newer, older = await api.all(f"/invoices/{invoice['id']}/write-offs")
    assert (newer["status"], older["status"]) == ("reversed", "posted"), "the older one has come in whole"


async def test_a_recovery_goes_on_where_the_last_one_ended(api: Api) -> None:
    invoice = await invoice_of(api)
    for amount in ("40.00", "60.00"):
        await write_off(api, invoice, amount=amount)
    for amount, left in (("50.00", "50.00"), ("20.00", "30.00")):
        await pay(api, invoice, amount)
        assert (await api.get(f"/invoices/{invoice['id']}"))["written_off_amount"] == left
    written = await api.all(f"/invoices/{invoice['id']}/write-offs")
    assert [(row["amount"], row["recovered_amount"]) for row in written] == [("60.00", "30.00"), ("40.00", "40.00")]


async def test_charges_come_back_before_principal_and_once(api: Api) -> None:
    """Two allocations of one payment recover what was given up in its order."""
    await fee_of_50(api)
    invoice = await invoice_of(api)
    await api.advance("2026-03-02T20:00:00Z")
    await write_off(api, invoice)
    (charge,) = await api.all("/charges", invoice_id=invoice["id"])
    assert charge["status"] == "posted", "given up is not paid"
    first, second = ([{"invoice_id": invoice["id"], "amount": amount}] for amount in ("40.00", "60.00"))
    payment = await api.pay(invoice["customer_id"], "100.00", TODAY, allocations=first)
    await api.post(f"/payments/{payment['id']}/allocate", {"allocations": second}, expect=200)
    rows = [(account, kind, amount) for account, kind, amount, _ in await entries(api, invoice)]
    assert rows[4:] == [
        ("fees", "write_off_recovered", "40.00"),
        ("fees", "payment_allocated", "-40.00"),
        ("fees", "write_off_recovered", "10.00"),
        ("principal", "write_off_recovered", "50.00"),
        ("fees", "payment_allocated", "-10.00"),
        ("principal", "payment_allocated", "-50.00"),
    ]
    (charge,) = await api.all("/charges", invoice_id=invoice["id"])
    assert charge["status"] == "paid"
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    answer = await command(api, invoice, "reverse-write-off")
    assert (answer["principal_open"], answer["charges_open"], answer["status"]) == ("100.00", "50.00", "open")


async def test_a_credit_note_recovers_nothing(api: Api) -> None:
    """What is given up is not corrected; take the write-off back first."""
    invoice = await invoice_of(api)
    await write_off(api, invoice)
    credit = {"customer_id": invoice["customer_id"], "currency": "MXN", "amount": "20.00", "issued_on": TODAY}
    note = await api.post("/credit-notes", {**credit, "invoice_id": invoice["id"]})
    assert (note["allocations"], note["unapplied_amount"]) == ([], "20.00")
    body = {"allocations": [{"invoice_id": invoice["id"], "amount": "20.00"}]}
    await api.post(f"/credit-notes/{note['id']}/apply", body, expect=422)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"amount": "100.01"}, "/amount", "out_of_range"),
        ({"amount": "0.00"}, "/amount", "out_of_range"),
        ({"amount": "-5.00"}, "/amount", "out_of_range"),
        ({"amount": "0.001"}, "/amount", "amount_decimals"),
        ({"written_off_on": "2026-03-03"}, "/written_off_on", "date_in_future"),
        ({"written_off_on": "2026-01-14"}, "/written_off_on", "date_order"),
        ({"reason": ""}, "/reason", None),
    ],
)
async def test_what_is_not_valid_is_refused_by_field(
    api: Api, body: dict[str, Any], pointer: str, code: str | None
) -> None:
    invoice = await invoice_of(api)
    problem = await command(api, invoice, "write-off", **{"reason": "insolvency", **body}, expect=422)
    assert problem["errors"][0]["pointer"] == pointer
    assert code is None or problem["errors"][0]["code"] == code
    assert await state(api, invoice) == [("open", "100.00")]


@pytest.mark.parametrize(("on", "accepted"), [(ISSUED, True), ("2026-02-20", True), (TODAY, True)])
async def test_it_counts_from_its_own_date(api: Api, on: str, accepted: bool) -> None:
    invoice = await invoice_of(api)
    await write_off(api, invoice, written_off_on=on)
    assert (await entries(api, invoice))[-1][3] == on


# difference ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["bank_fee", "withholding_tax", "rounding", "short_payment", "exchange_difference"])
async def test_a_rest_is_closed_as_a_difference_and_the_invoice_is_paid(api: Api, reason: str) -> None:
    invoice = await invoice_of(api)
    await pay(api, invoice, "99.50")
    answer = await command(api, invoice, "close-difference", reason=reason)
    assert (answer["status"], answer["open_amount"], answer["in_flight"]) == ("paid", "0.00", [])
    assert (await entries(api, invoice))[-1] == ("principal", "difference_closed", "-0.50", TODAY)
    assert await told(api, "invoice.partially_paid", "invoice.paid") == ["invoice.partially_paid", "invoice.paid"]


async def test_a_part_may_be_closed_and_counts_as_settled(api: Api) -> None:
    invoice = await invoice_of(api)
    answer = await command(api, invoice, "close-difference", reason="withholding_tax", amount="10.00")
    assert (answer["status"], answer["open_amount"]) == ("partially_paid", "90.00")
    answer = await command(api, invoice, "close-difference", reason="withholding_tax", amount="5.00")
    assert (answer["status"], answer["open_amount"]) == ("partially_paid", "85.00")
    assert await told(api, "invoice.partially_paid", "invoice.updated") == ["invoice.partially_paid", "invoice.updated"]
    for amount in ("85.01", "0.00"):
        problem = await command(api, invoice, "close-difference", reason="rounding", amount=amount, expect=422)
        assert problem["errors"][0]["pointer"] == "/amount"
    problem = await command(api, invoice, "void", reason="x", expect=409)
    assert "credit note" in problem["detail"]


async def test_a_difference_of_an_unknown_kind_is_refused(api: Api) -> None:
    invoice = await invoice_of(api)
    problem = await command(api, invoice, "close-difference", reason="generosity", expect=422)
    assert problem["errors"][0]["pointer"] == "/reason"


# both ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"status": "draft"}, {"opening_paid": "100.00"}], ids=["draft", "paid"])
@pytest.mark.parametrize(
    ("name", "body"), [("write-off", {"reason": "x"}), ("close-difference", {"reason": "rounding"})]
)
async def test_where_nothing_is_open_nothing_can_be_given_up(
    api: Api, fields: dict[str, Any], name: str, body: dict[str, Any]
) -> None:
    invoice = await invoice_of(api, **fields)
    assert (await command(api, invoice, name, **body, expect=409))["code"] == "state_conflict"


COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("void", {"reason": "x"}),
    ("write-off", {"reason": "x"}),
    ("close-difference", {"reason": "rounding"}),
]


@pytest.mark.parametrize(("name", "body"), [*COMMANDS, ("reverse-write-off", {})])
async def test_it_is_changed_only_as_it_is_known(api: Api, name: str, body: dict[str, Any]) -> None:
    invoice = await invoice_of(api)
    path = f"/invoices/{invoice['id']}/{name}"
    await api.post(path, body, expect=412, headers={"If-Match": '"7"'})
    await api.post(f"/invoices/{NOBODY}/{name}", body, expect=404)
    await api.get(f"/invoices/{NOBODY}/write-offs", expect=404)


@pytest.mark.parametrize(("name", "body"), COMMANDS)
async def test_a_reminder_in_flight_is_named(api: Api, unit_of_work: Begin, name: str, body: dict[str, Any]) -> None:
    invoice = await claimed_reminder(api, unit_of_work)
    answer = await command(api, invoice, name, **body)
    assert [item["invoice_ids"] for item in answer["in_flight"]] == [[invoice["id"]]]
