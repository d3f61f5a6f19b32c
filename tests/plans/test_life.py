"""A plan from its draft to its end: who may do what when, and what it costs."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.plans.agreeing import (
    accepted,
    balances,
    charges,
    declining,
    instalments,
    over,
    owing,
    proposed,
    standing,
    told,
    word,
)


async def test_a_draft_is_proposed_and_accepted(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    draft = await api.post("/payment-plans", {**over(invoices), "external_id": "PP-1", "metadata": {"desk": "7"}})
    assert (draft["status"], draft["link"], draft["expires_at"]) == ("draft", None, None)
    await api.post(f"/payment-plans/{draft['id']}/accept", word(draft), expect=409)
    offer = await api.post(f"/payment-plans/{draft['id']}/propose", {}, expect=200)
    assert (offer["status"], offer["expires_at"]) == ("proposed", "2026-03-16T12:00:00Z")
    plan = await api.post(f"/payment-plans/{draft['id']}/accept", word(offer), expect=200)
    assert (plan["status"], plan["activated_on"], plan["accepted_by"]) == ("active", "2026-03-02", "Ana Núñez")
    assert plan["acceptance"] == {
        "by": "Ana Núñez",
        "at": "2026-03-02T12:00:00Z",
        "method": "letter",
        "address": "Toluca",
        "terms_hash": offer["terms_hash"],
    }
    assert plan["invoice_ids"] == sorted(invoice["id"] for invoice in invoices)
    assert (plan["metadata"], plan["in_flight"]) == ({"desk": "7"}, [])
    assert await instalments(api, plan, "total", "status") == [["250.00", "pending"]] * 4
    assert await told(api) == ["proposed", "accepted"]
    states = [(await api.get(f"/invoices/{invoice['id']}"))["collection_state"] for invoice in invoices]
    assert states == ["in_plan", "in_plan"]
    assert [row["id"] for row in await api.all("/payment-plans", external_id="PP-1")] == [plan["id"]]
    for wanted in ({"customer_id": plan["customer_id"]}, {"invoice_id": invoices[1]["id"]}, {"status": "active"}):
        assert [row["id"] for row in await api.all("/payment-plans", **wanted)] == [plan["id"]]
    assert await api.all("/payment-plans", status="draft") == []
    rows = await api.get(f"/payment-plans/{plan['id']}/instalments")
    assert rows["data"] == (await standing(api, plan))["instalments"]


async def test_other_terms_than_those_shown_are_not_accepted(api: Api) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    problem = await api.post(f"/payment-plans/{plan['id']}/accept", {**word(plan), "terms_hash": "0" * 64}, expect=409)
    assert problem["code"] == "plan_changed"
    assert (await standing(api, plan))["status"] == "proposed"


async def test_a_proposal_expires_and_can_be_renewed(api: Api) -> None:
    invoices = await owing(api, "100.00")
    await api.post("/payment-plans", {**over(invoices), "expires_at": "2026-03-09T12:00:00Z"}, expect=422)
    plan = await proposed(api, invoices, expires_at="2026-03-09T12:00:00Z")
    await api.post(f"/payment-plans/{plan['id']}/propose", {"expires_at": "2026-03-01T00:00:00Z"}, expect=422)
    await api.advance("2026-03-09T12:00:00Z")
    await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=409)
    again = await api.post(f"/payment-plans/{plan['id']}/propose", {}, expect=200)
    assert again["link"]["token"] != plan["link"]["token"]
    assert (await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=200))["status"] == "active"


@pytest.mark.parametrize("change", ["payment", "credit", "reversal", "waiver"])
async def test_what_it_covers_must_be_open_as_it_was(api: Api, change: str) -> None:
    [invoice] = await owing(api, "100.00")
    payment = await api.pay(invoice["customer_id"], "10.00", "2026-03-01")
    fee = await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "5.00"})
    plan = await proposed(api, [invoice])
    match change:
        case "payment":
            await api.pay(invoice["customer_id"], "5.01", "2026-03-02")
        case "credit":
            credit = {"customer_id": invoice["customer_id"], "currency": "MXN", "amount": "1.00"}
            await api.post("/credit-notes", {**credit, "issued_on": "2026-03-02", "apply": True})
        case "reversal":
            await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
        case "waiver":
            await api.post(f"/charges/{fee['id']}/waive", {"reason": "goodwill"}, expect=200)
    problem = await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=409)
    assert problem["code"] == "plan_changed"


async def test_charges_since_the_offer_stay_outside(api: Api) -> None:
    [invoice] = await owing(api, "100.00")
    plan = await proposed(api, [invoice])
    await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "5.00"})
    await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=200)
    for _ in range(4):
        await api.pay(invoice["customer_id"], "25.00", "2026-03-02")
    assert (await standing(api, plan))["status"] == "completed"
    # What the fee took first is what is left of the principal.
    assert await balances(api, [invoice]) == [("partially_paid", "5.00", "0.00")]


async def test_an_invoice_has_one_plan_at_a_time(api: Api) -> None:
    invoices = await owing(api, "60.00", "40.00")
    waiting = await proposed(api, invoices[1:])
    plan = await accepted(api, invoices)
    for path in ("/payment-plans/quote", "/payment-plans"):
        assert (await api.post(path, over(invoices[:1]), expect=409))["code"] == "state_conflict"
    assert (await api.post(f"/payment-plans/{waiting['id']}/accept", word(waiting), expect=409))["code"] == (
        "plan_changed"
    )
    await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "mistaken"}, expect=200)
    await api.post("/payment-plans/quote", over(invoices[:1]), expect=200)


async def test_a_customer_has_no_more_open_plans_than_allowed(api: Api) -> None:
    invoices = await owing(api, "60.00", "40.00")
    await api.patch("/tenant", {"plans": {"max_open_plans": 1}})
    first = await proposed(api, invoices[:1], expires_at="2026-03-03T12:00:00Z")
    problem = await api.post("/payment-plans", over(invoices[1:]), expect=422)
    assert problem["errors"][0]["message"].startswith("plans.max_open_plans:")
    # A proposal that nobody can accept any more is open no longer.
    await api.advance("2026-03-03T12:00:00Z")
    await api.post("/payment-plans", over(invoices[1:]))
    assert (await standing(api, first))["status"] == "proposed"


async def test_interest_and_fee_become_charges_when_it_is_accepted(api: Api) -> None:
    await api.patch("/tenant", {"charge_tax": {"code": "IVA16", "percent": "16"}})
    invoices = await owing(api, "600.00", "400.00")
    plan = await proposed(api, invoices, interest=declining(), setup_fee="58.00")
    assert await charges(api) == []
    await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=200)
    # What was agreed includes the tax; both stand on the invoice that is settled last.
    made = await api.all("/charges", invoice_id=invoices[1]["id"])
    assert [(row["kind"], row["amount"], row["tax_amount"], row["plan_id"]) for row in reversed(made)] == [
        ("interest", "25.13", "3.47", plan["id"]),
        ("fee", "58.00", "8.00", plan["id"]),
    ]
    assert await balances(api, invoices) == [("open", "600.00", "0.00"), ("open", "483.13", "83.13")]


@pytest.mark.parametrize("status", ["draft", "proposed", "active"])
async def test_a_plan_can_be_cancelled_until_it_has_ended(api: Api, status: str) -> None:
    invoices = await owing(api, "600.00", "400.00")
    if status == "active":
        plan = await accepted(api, invoices, interest=declining())
    else:
        plan = await api.post("/payment-plans", {**over(invoices, interest=declining()), "propose": status != "draft"})
    await api.advance("2026-03-17T12:00:00Z")
    ended = await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "moved abroad"}, expect=200)
    assert (ended["status"], ended["end_reason"], ended["ended_on"]) == ("cancelled", "moved abroad", "2026-03-17")
    await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "again"}, expect=409)
    if status == "active":
        # Half a month of 1 % a month on 1,000.00 was earned, and 20.13 were not.
        assert (ended["dropped_interest"], ended["total"]) == ("20.13", "1005.00")
        assert await charges(api) == [("interest", "25.13", "reversed"), ("interest", "5.00", "posted")]
        assert await balances(api, invoices) == [("open", "600.00", "0.00"), ("open", "405.00", "5.00")]
        assert (await api.get(f"/invoices/{invoices[0]['id']}"))["collection_state"] == "none"


async def test_early_payoff_drops_what_is_not_earned(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices, interest=declining())
    await api.advance("2026-04-02T18:00:00Z")
    await api.pay(invoices[0]["customer_id"], "256.28", "2026-04-02")
    today = await api.get(f"/payment-plans/{plan['id']}/payoff")
    later = await api.get(f"/payment-plans/{plan['id']}/payoff", on="2026-05-02")
    # 1000.00 less the principal of the first, and from then on 1 % a month.
    assert (today["amount"], today["interest"], today["dropped_interest"]) == ("753.72", "0.00", "15.13")
    assert (later["amount"], later["interest"], later["dropped_interest"]) == ("761.26", "7.54", "7.59")
    await api.get(f"/payment-plans/{plan['id']}/payoff", on="2026-04-01", expect=422)
    await api.pay(invoices[0]["customer_id"], "753.72", "2026-04-02")
    done = await standing(api, plan)
    assert (done["status"], done["ended_on"], done["paid_amount"]) == ("completed", "2026-04-02", "1010.00")
    assert (done["open_amount"], done["dropped_interest"]) == ("0.00", "15.13")
    assert [row[0] for row in await balances(api, invoices)] == ["paid", "paid"]
    assert (await told(api))[-1] == "completed"
    await api.get(f"/payment-plans/{plan['id']}/payoff", expect=409)


async def test_what_the_payer_left_unapplied_stays_so_when_interest_is_dropped(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices, interest=declining())
    allocations = [{"invoice_id": invoices[1]["id"], "amount": "425.13"}]
    payment = await api.pay(invoices[0]["customer_id"], "500.00", "2026-03-02", allocations=allocations)
    assert payment["unapplied_amount"] == "74.87"
    await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "moved abroad"}, expect=200)
    # What had paid the interest that is not earned settles the other invoice, and no more than that.
    assert await balances(api, invoices) == [("partially_paid", "584.87", "0.00"), ("paid", "0.00", "0.00")]
    assert (await api.get(f"/payments/{payment['id']}"))["unapplied_amount"] == "74.87"


async def test_interest_that_was_given_up_is_given_back_to_nobody(api: Api) -> None:
    [invoice] = await owing(api, "1000.00")
    plan = await accepted(api, [invoice], interest=declining())
    body = {"reason": "other", "amount": "25.13"}
    await api.post(f"/invoices/{invoice['id']}/write-off", body, expect=200)
    await api.pay(invoice["customer_id"], "1000.00", "2026-03-02")
    # Paid off on its first day, it has earned nothing: money that had paid it would come back, and none had.
    assert await charges(api) == [("interest", "25.13", "posted")]
    assert await balances(api, [invoice]) == [("written_off", "0.00", "0.00")]
    assert (await standing(api, plan))["status"] == "completed"


async def test_it_stays_completed_where_another_plan_covers_what_is_left(api: Api) -> None:
    """A payment of the first plan bounces after the second has begun over the same invoice."""
    [invoice] = await owing(api, "100.00")
    first = await accepted(api, [invoice])
    await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "30.00"})
    await api.patch("/tenant", {"allocation_order": ["principal", "interest", "fees"]})
    payment = await api.pay(
        invoice["customer_id"], "100.00", "2026-03-02", allocations=[{"invoice_id": invoice["id"], "amount": "100.00"}]
    )
    assert (await standing(api, first))["status"] == "completed"
    second = await accepted(api, [invoice], instalment_count=2)
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await balances(api, [invoice]) == [("open", "130.00", "30.00")]
    found = await standing(api, first)
    assert (found["status"], found["paid_amount"]) == ("completed", "100.00")
    assert (await standing(api, second))["status"] == "active"
    assert "reopened" not in await told(api)


async def test_it_ends_with_all_that_it_covers(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices, interest=declining(), setup_fee="58.00")
    cost = [("interest", "25.13", "posted"), ("fee", "58.00", "posted")]
    assert await charges(api) == cost
    await api.post(f"/invoices/{invoices[1]['id']}/void", {"reason": "made twice"}, expect=200)
    # The other invoice bears what the plan costs, and less interest on less.
    assert await balances(api, invoices) == [("open", "680.55", "80.55"), ("void", "0.00", "0.00")]
    found = await standing(api, plan)
    assert (found["status"], found["open_amount"], found["dropped_interest"]) == ("active", "680.55", "2.58")
    await api.post(f"/invoices/{invoices[0]['id']}/void", {"reason": "made twice"}, expect=200)
    assert await balances(api, invoices) == [("void", "0.00", "0.00")] * 2
    assert {status for _, _, status in await charges(api)} == {"reversed"}
    ended = await standing(api, plan)
    assert (ended["status"], ended["end_reason"], ended["ended_on"]) == ("cancelled", "invoices_given_up", "2026-03-02")
    assert (await told(api))[-1] == "cancelled"


async def test_what_it_costs_is_never_charged_on_a_void_invoice(api: Api) -> None:
    """The invoice that is not void was paid: it is open again for what the plan costs."""
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices, setup_fee="58.00")
    allocations = [{"invoice_id": invoices[0]["id"], "amount": "600.00"}]
    await api.pay(invoices[0]["customer_id"], "600.00", "2026-03-02", allocations=allocations)
    await api.post(f"/invoices/{invoices[1]['id']}/void", {"reason": "made twice"}, expect=200)
    assert await balances(api, invoices) == [("partially_paid", "58.00", "58.00"), ("void", "0.00", "0.00")]
    assert (await standing(api, plan))["open_amount"] == "58.00"


async def test_a_reversed_payment_opens_it_again(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices, interest=declining())
    await api.advance("2026-04-02T18:00:00Z")
    await api.pay(invoices[0]["customer_id"], "256.28", "2026-04-02")
    last = await api.pay(invoices[0]["customer_id"], "753.72", "2026-04-02")
    await api.post(f"/payments/{last['id']}/reverse", {"reason": "bounced"}, expect=200)
    again = await standing(api, plan)
    assert (again["status"], again["ended_on"], again["open_amount"]) == ("active", None, "768.85")
    # The interest that was let go is owed again.
    assert again["dropped_interest"] == "0.00"
    assert await balances(api, invoices) == [("partially_paid", "343.72", "0.00"), ("open", "425.13", "25.13")]
    assert await instalments(api, plan, "status") == ["paid", "pending", "pending", "pending"]
    assert "reopened" in await told(api)
    assert (await api.get(f"/invoices/{invoices[0]['id']}"))["collection_state"] == "in_plan"


async def test_a_restructured_plan_takes_the_place_of_the_old_one(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices, interest=declining())
    await api.advance("2026-04-02T18:00:00Z")
    await api.pay(invoices[0]["customer_id"], "256.28", "2026-04-02")
    body: dict[str, Any] = {"instalment_count": 6, "first_due_on": "2026-05-02", "propose": True}
    await api.post(f"/payment-plans/{plan['id']}/restructure", {**body, "starts_on": "2026-04-03"}, expect=422)
    new = await api.post(f"/payment-plans/{plan['id']}/restructure", body)
    # What is open without the interest of the time to come; 10.00 were earned and are paid.
    assert (new["principal"], new["supersedes_id"], new["status"]) == ("753.72", plan["id"], "proposed")
    assert (await standing(api, plan))["status"] == "active"
    await api.post(f"/payment-plans/{new['id']}/accept", word(new), expect=200)
    old = await standing(api, plan)
    assert (old["status"], old["end_reason"], old["dropped_interest"]) == ("superseded", "restructured", "15.13")
    assert await instalments(api, new, "total", "paid") == [["125.62", "0.00"]] * 6
    assert [row[1] for row in await balances(api, invoices)] == ["343.72", "410.00"]
    await api.post(f"/payment-plans/{plan['id']}/restructure", body, expect=409)
    for _ in range(6):
        await api.pay(invoices[0]["customer_id"], "125.62", "2026-04-02")
    assert (await standing(api, new))["status"] == "completed"
    assert [row[0] for row in await balances(api, invoices)] == ["paid", "paid"]
    kinds = await told(api)
    assert (kinds.count("superseded"), kinds.count("accepted"), kinds.count("completed")) == (1, 2, 1)


async def test_a_restructure_is_void_once_something_was_paid(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices)
    new = await api.post(
        f"/payment-plans/{plan['id']}/restructure",
        {"instalment_count": 6, "first_due_on": "2026-05-02", "propose": True},
    )
    await api.pay(invoices[0]["customer_id"], "250.00", "2026-03-02")
    assert (await api.post(f"/payment-plans/{new['id']}/accept", word(new), expect=409))["code"] == "plan_changed"
    assert (await standing(api, plan))["status"] == "active"


async def test_credits_and_waivers_fill_it_and_what_is_written_off_ends_it(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    fee = await api.post("/charges", {"invoice_id": invoices[0]["id"], "kind": "fee", "amount": "20.00"})
    plan = await accepted(api, invoices)
    assert plan["principal"] == "1020.00"
    await api.post(f"/charges/{fee['id']}/waive", {"reason": "goodwill"}, expect=200)
    credit = {"customer_id": plan["customer_id"], "currency": "MXN", "amount": "100.00", "issued_on": "2026-03-02"}
    await api.post("/credit-notes", {**credit, "invoice_id": invoices[1]["id"]})
    assert (await standing(api, plan))["open_amount"] == "900.00"
    assert [row[1] for row in await balances(api, invoices)] == ["600.00", "300.00"]
    for invoice in invoices:
        await api.post(f"/invoices/{invoice['id']}/write-off", {"reason": "insolvency"}, expect=200)
    ended = await standing(api, plan)
    assert (ended["status"], ended["end_reason"]) == ("cancelled", "invoices_given_up")


async def test_payments_that_name_nothing_serve_due_instalments_first(api: Api) -> None:
    older, newer = await owing(api, "300.00", "400.00")
    plan = await accepted(api, [newer])
    await api.advance("2026-04-02T18:00:00Z")
    # The older invoice is due since February; the plan asks for 100.00 today, and for the rest later.
    first = await api.pay(older["customer_id"], "150.00", "2026-04-02")
    assert [(item["invoice_id"], item["amount"]) for item in first["allocations"]] == [
        (newer["id"], "100.00"),
        (older["id"], "50.00"),
    ]
    soon = await api.invoice(older["customer_id"], "80.00", "2026-04-01", "2026-05-01")
    second = await api.pay(older["customer_id"], "400.00", "2026-04-02")
    # What has been due the longest, then an invoice of 1 May, then the instalment of 2 May.
    assert [(item["invoice_id"], item["amount"]) for item in second["allocations"]] == [
        (older["id"], "250.00"),
        (soon["id"], "80.00"),
        (newer["id"], "70.00"),
    ]
    assert (await standing(api, plan))["paid_amount"] == "170.00"


async def test_late_interest_stands_still_while_it_runs(api: Api) -> None:
    rates = [{"from_on": "2000-01-01", "annual_rate": "36.5"}]
    await api.post("/rate-tables", {"code": "ten", "name": "Ten", "rates": rates, "day_count": "act_365"})
    await api.patch("/tenant", {"late_interest": {"rate_table": "ten", "mode": "posted"}})
    [invoice] = await owing(api, "1000.00")
    plan = await accepted(api, [invoice], instalment_count=1, first_due_on="2026-04-02")
    await api.advance("2026-04-02T18:00:00Z")
    await api.pay(invoice["customer_id"], "1000.00", "2026-04-02")
    assert (await standing(api, plan))["status"] == "completed"
    # One in a thousand a day for the ten days from 21 February to 2 March, and nothing for the month of the plan.
    assert await charges(api) == [("interest", "10.00", "posted")]


async def test_versions_and_unknown_plans(api: Api) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    stale = {"If-Match": '"99"'}
    for command, body in (("propose", {}), ("accept", word(plan)), ("cancel", {"reason": "x"})):
        await api.post(f"/payment-plans/{plan['id']}/{command}", body, expect=412, headers=stale)
    unknown = "019abc5e-7d00-7000-8000-000000000001"
    await api.get(f"/payment-plans/{unknown}", expect=404)
    await api.post(f"/payment-plans/{unknown}/cancel", {"reason": "x"}, expect=404)
    await api.post("/payment-plans", {**over(await owing(api, "10.00")), "dunning_policy_id": unknown}, expect=422)
    again = over(await owing(api, "10.00"))
    await api.post("/payment-plans", {**again, "external_id": "PP"})
    assert (await api.post("/payment-plans", {**again, "external_id": "PP"}, expect=409))["code"] == "external_id_taken"
