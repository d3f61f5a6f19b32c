"""What a pending payment covers is not chased before it matures, and is chased at once when it comes back (M4)."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.settlement.stories import ISSUED, TODAY, Begin, blockers, claimed_reminder, state, steps_sent

MATURES = "2026-03-20"


async def story(api: Api, *offsets: int) -> tuple[str, Any, Any]:
    """A customer with invoices of 100.00 and 60.00 that are due on the first of March, followed by a ladder."""
    await api.always_open()
    await api.policy(list(offsets or (1, 3, 30)))
    customer = (await api.customer())["id"]
    return (
        customer,
        await api.invoice(customer, "100.00", ISSUED, "2026-03-01", external_id="F-100"),
        await api.invoice(customer, "60.00", "2026-01-16", "2026-03-01", external_id="F-60"),
    )


async def note_of(api: Api, customer: str | None, amount: str, matures_on: str = MATURES, **fields: Any) -> Any:
    body = {"customer_id": customer, "currency": "MXN", "amount": amount, "received_on": TODAY, "status": "pending"}
    return await api.post("/payments", {**body, "matures_on": matures_on, **fields})


async def reminded(api: Api) -> list[tuple[str, list[str]]]:
    """Day and amounts of every reminder that went out, the first one first."""
    sent = reversed(await api.all("/reminders", status="sent"))
    return [(row["sent_at"][:10], sorted(item["amount"] for item in row["items"])) for row in sent]


async def test_the_customer_hears_nothing_until_the_day_on_which_it_matures(api: Api) -> None:
    customer, first, second = await story(api, 1)
    await note_of(api, customer, "160.00")
    outlook = await api.get(f"/invoices/{first['id']}/dunning")
    pending = next(blocker for blocker in outlook["blockers"] if blocker["code"] == "pending_payment")
    assert pending["until"] == "2026-03-20T06:00:00Z", "the day begins at midnight in Mexico"
    assert outlook["next_step"]["earliest_at"] == "2026-03-20T15:00:00Z"
    await api.advance("2026-03-20T05:59:59Z")
    assert await reminded(api) == []
    assert await state(api, first, second) == [("open", "100.00"), ("open", "60.00")]
    await api.advance("2026-03-20T20:00:00Z")
    assert sorted(await reminded(api)) == [("2026-03-20", ["100.00"]), ("2026-03-20", ["60.00"])]


@pytest.mark.parametrize("name", ["invoice_id", "invoice_external_id"])
async def test_it_covers_what_it_was_designated_for(api: Api, name: str) -> None:
    customer, first, second = await story(api, 1)
    reference = {"invoice_id": second["id"]} if name == "invoice_id" else {"invoice_external_id": "F-60"}
    await note_of(api, customer, "60.00", allocations=[{**reference, "amount": "60.00"}])
    await api.advance("2026-03-03T20:00:00Z")
    assert await reminded(api) == [("2026-03-02", ["100.00"])]
    assert await blockers(api, second) == ["pending_payment"]
    assert "pending_payment" not in await blockers(api, first)


async def test_what_was_meant_for_an_invoice_that_is_paid_meanwhile_covers_no_other(api: Api) -> None:
    customer, first, second = await story(api, 1)
    named = [{"invoice_id": invoice["id"], "amount": "60.00"} for invoice in (first, second)]
    await note_of(api, customer, "120.00", allocations=named)
    await api.pay(customer, "60.00", TODAY, allocations=named[1:])
    await api.advance("2026-03-03T20:00:00Z")
    # Of 100.00 the note covers the 60.00 that were meant for it.
    assert await reminded(api) == [("2026-03-02", ["40.00"])]


async def test_undesignated_it_covers_the_oldest_as_cash_would(api: Api) -> None:
    customer, first, second = await story(api, 1)
    await note_of(api, customer, "110.00")
    await api.advance("2026-03-03T20:00:00Z")
    assert await reminded(api) == [("2026-03-02", ["50.00"])]
    assert (await blockers(api, first), await blockers(api, second)) == (["pending_payment"], ["exhausted"])


async def test_what_is_given_up_beside_the_money_is_covered_too(api: Api) -> None:
    customer, first, _ = await story(api, 1)
    allocation = {
        "invoice_id": first["id"], "amount": "90.00", "discount_taken": "8.00",
        "differences": [{"reason": "bank_fee", "amount": "2.00"}],
    }  # fmt: skip
    await note_of(api, customer, "150.00", allocations=[allocation])
    await api.advance("2026-03-03T20:00:00Z")
    # The 60.00 that were not designated cover the other invoice.
    assert await reminded(api) == []
    assert await blockers(api, first) == ["pending_payment"]


async def test_a_returned_one_is_chased_at_once(api: Api) -> None:
    customer, _, _ = await story(api, 1)
    note = await note_of(api, customer, "160.00")
    await api.advance("2026-03-05T18:00:00Z")
    assert await reminded(api) == []
    await api.post(f"/payments/{note['id']}/reverse", {"reason": "returned"}, expect=200)
    await api.advance("2026-03-05T19:00:00Z")
    assert sorted(await reminded(api)) == [("2026-03-05", ["100.00"]), ("2026-03-05", ["60.00"])]


async def test_a_confirmed_one_settles_and_nothing_is_left_to_chase(api: Api) -> None:
    customer, first, second = await story(api, 1)
    note = await note_of(api, customer, "160.00")
    await api.advance("2026-03-19T18:00:00Z")
    await api.post(f"/payments/{note['id']}/confirm", {}, expect=200)
    assert await state(api, first, second) == [("paid", "0.00"), ("paid", "0.00")]
    await api.advance("2026-03-25T18:00:00Z")
    assert await reminded(api) == []


async def test_steps_that_came_due_meanwhile_are_caught_up_with_the_highest(api: Api) -> None:
    customer, _, _ = await story(api, 1, 3, 30)
    await note_of(api, customer, "160.00")
    await api.advance("2026-03-21T18:00:00Z")
    assert await steps_sent(api) == ["d+3", "d+3"]


async def test_it_covers_other_customers_that_it_pays_for(api: Api) -> None:
    customer, first, _ = await story(api, 1)
    parent = (await api.customer())["id"]
    allocations = [{"invoice_external_id": "F-100", "amount": "100.00"}]
    note = await note_of(api, parent, "160.00", allocations=allocations, for_other_customers=True)
    await api.advance("2026-03-03T20:00:00Z")
    assert await reminded(api) == [("2026-03-02", ["60.00"])], "the rest is the payer's"
    await api.post(f"/payments/{note['id']}/reverse", {"reason": "returned"}, expect=200)
    await api.advance("2026-03-04T20:00:00Z")
    assert (await reminded(api))[1:] == [("2026-03-03", ["100.00"])]
    assert customer == first["customer_id"]


async def test_money_of_nobody_covers_nothing_until_it_is_assigned(api: Api) -> None:
    customer, first, _ = await story(api, 1)
    body = {"currency": "MXN", "amount": "160.00", "received_on": TODAY, "status": "pending", "matures_on": MATURES}
    note = await api.post("/payments", body)
    assert await blockers(api, first) == ["outside_window"]
    await api.post(f"/payments/{note['id']}/assign", {"customer_id": customer}, expect=200)
    assert (await blockers(api, first))[0] == "pending_payment"


async def test_a_reminder_that_was_made_out_is_not_sent_when_one_comes(api: Api) -> None:
    """It had been waiting for approval; what it was about is covered now."""
    await api.always_open()
    step = {"key": "a", "offset_days": 1, "channels": ["email"], "template": "first_notice", "requires_approval": True}
    await api.policy([], steps=[step])
    customer = (await api.customer())["id"]
    await api.invoice(customer, "100.00", ISSUED, "2026-03-01")
    await api.advance("2026-03-03T18:00:00Z")
    (reminder,) = await api.all("/reminders")
    await note_of(api, customer, "100.00")
    await api.post(f"/reminders/{reminder['id']}/approve", expect=200)
    await api.advance("2026-03-04T18:00:00Z")
    after = await api.get(f"/reminders/{reminder['id']}")
    assert (after["status"], after["skip_reason"]) == ("skipped", "pending_payment")
    await api.advance("2026-03-21T18:00:00Z")
    waiting = await api.all("/reminders", status="awaiting_approval")
    assert [row["items"][0]["step_key"] for row in waiting] == ["a"], "the step is asked for again"


async def test_one_in_flight_is_named(api: Api, unit_of_work: Begin) -> None:
    invoice = await claimed_reminder(api, unit_of_work)
    note = await note_of(api, invoice["customer_id"], "100.00")
    assert [item["invoice_ids"] for item in note["in_flight"]] == [[invoice["id"]]]
