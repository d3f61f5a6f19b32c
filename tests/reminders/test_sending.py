"""What goes out, when, and what does not, told in days of the test clock."""

from typing import Any

from app.settlement.tick import tick
from tests.conftest import Api
from tests.reminders.conftest import THURSDAY, Behind, mail, overdue_invoice, parse, reminders, step, text_of


def steps_of(found: list[Any]) -> list[tuple[str, str]]:
    """The first item's step and the status of each reminder."""
    return [(reminder["items"][0]["step_key"], reminder["status"]) for reminder in found]


async def days_sent(api: Api) -> list[tuple[str, str]]:
    """Step and instant of everything that went out."""
    return [(r["items"][0]["step_key"], r["sent_at"]) for r in await reminders(api, status="sent")]


async def test_an_overdue_invoice_is_reminded_of_when_the_window_opens_and_a_paid_one_is_not(api: Api) -> None:
    await api.policy([3])
    late, punctual = await api.customer(), await api.customer()
    invoice = await api.invoice(late["id"], "1160.00", "2026-02-02", "2026-03-02")
    await api.invoice(punctual["id"], "500.00", "2026-02-02", "2026-03-02")
    await api.pay(punctual["id"], "500.00", "2026-03-02")
    assert (await api.advance("2026-03-05T14:59:59Z"))["reminders_sent"] == 0
    assert await reminders(api) == []
    assert (await api.advance("2026-03-05T15:00:00Z"))["reminders_sent"] == 1
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["sent_at"], reminder["nominal_on"]) == (
        "sent",
        "2026-03-05T15:00:00Z",
        "2026-03-05",
    )
    assert (reminder["customer_id"], reminder["total_due"], reminder["shadow"]) == (late["id"], "1160.00", False)
    (item,) = reminder["items"]
    assert (item["invoice_id"], item["step_key"], item["amount"]) == (invoice["id"], "d+3", "1160.00")
    assert mail(api, reminder).exists()
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "dunning"
    assert (await api.advance("2026-04-30T00:00:00Z"))["reminders_sent"] == 0


async def test_a_weekend_rolls_to_monday_and_the_customers_zone_opens_the_window(api: Api) -> None:
    await api.policy([5])
    customer = await api.customer(time_zone="Europe/Madrid")
    await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-31T00:00:00Z")
    (reminder,) = await reminders(api)
    # 09:00 in Madrid is still 02:00 of the same Monday in Mexico.
    assert (reminder["nominal_on"], reminder["sent_at"]) == ("2026-03-07", "2026-03-09T08:00:00Z")


async def test_a_reminder_ahead_goes_out_before_a_weekend_and_never_after_the_due_date(api: Api) -> None:
    await api.policy([-1])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-09")
    other = await api.customer()
    await api.advance("2026-03-10T16:00:00Z")
    assert await days_sent(api) == [("d-1", "2026-03-06T15:00:00Z")]
    await api.invoice(other["id"], "100.00", "2026-02-02", "2026-03-09")
    assert (await api.advance("2026-03-31T00:00:00Z"))["reminders_sent"] == 0


async def test_one_message_for_the_customer_or_one_for_each_invoice(api: Api) -> None:
    policy = await api.policy([3], grouping="customer")
    together = await api.customer()
    for amount in ["100.00", "20.00"]:
        await api.invoice(together["id"], amount, "2026-02-02", "2026-03-02")
    await api.invoice(together["id"], "700", "2026-02-02", "2026-03-02", currency="JPY")
    await api.advance("2026-03-05T15:00:00Z")
    (first,) = await reminders(api, customer_id=together["id"])
    # One contact a day: the other currency waits.
    assert (first["policy_id"], first["currency"], first["total_due"]) == (policy["id"], "MXN", "120.00")
    assert sorted(item["amount"] for item in first["items"]) == ["100.00", "20.00"]
    await api.advance("2026-03-06T15:00:00Z")
    second = (await reminders(api, customer_id=together["id"]))[1]
    assert (second["currency"], second["total_due"], second["sent_at"]) == ("JPY", "700", "2026-03-06T15:00:00Z")


async def test_reminders_for_single_invoices_keep_the_daily_cap(api: Api) -> None:
    await api.policy([3], grouping="invoice")
    customer = await api.customer()
    for _ in range(2):
        await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-31T00:00:00Z")
    assert [sent_at for _, sent_at in await days_sent(api)] == ["2026-03-05T15:00:00Z", "2026-03-06T15:00:00Z"]


async def test_in_shadow_everything_is_recorded_and_nothing_leaves(api: Api) -> None:
    await api.patch("/tenant", {"sending": "shadow"})
    invoice = await overdue_invoice(
        api, [], steps=[step(3, fee={"kind": "flat", "amount": "50.00"}), step(10)], grouping="invoice"
    )
    assert (await api.advance("2026-03-05T16:00:01Z"))["reminders_sent"] == 1
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["shadow"], reminder["total_due"]) == ("sent", True, "1160.00")
    assert not mail(api, reminder).exists()
    message = await api.get(f"/reminders/{reminder['id']}/message")
    assert "1,160.00" in message["text"].replace("\N{NO-BREAK SPACE}", " ")
    assert (await api.get(f"/invoices/{invoice['id']}"))["charges_open"] == "0.00"
    # Live again, the ladder goes on above what the shadow took.
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-31T00:00:00Z")
    assert await days_sent(api) == [("d+3", "2026-03-05T16:00:00Z"), ("d+10", "2026-03-12T15:00:00Z")]


async def test_paused_claims_nothing_and_live_catches_up(api: Api) -> None:
    await api.policy([1, 2, 10])
    await api.patch("/tenant", {"sending": "paused"})
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    assert (await api.advance("2026-03-06T16:00:00Z"))["reminders_sent"] == 0
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert "tenant_paused" in [blocker["code"] for blocker in outlook["blockers"]]
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-31T00:00:00Z")
    assert await days_sent(api) == [("d+2", "2026-03-06T16:00:00Z"), ("d+10", "2026-03-12T15:00:00Z")]


async def test_catch_up_takes_the_steps_one_by_one_or_skips_them(api: Api) -> None:
    await api.always_open()
    sent: dict[str, list[tuple[str, str]]] = {}
    await api.patch("/tenant", {"sending": "paused"})
    for name in ["one_at_a_time", "skip", "highest"]:
        policy = await api.policy([1, 2, 3, 10], catch_up=name, name=name)
        customer = await api.customer(dunning_policy_id=policy["id"])
        await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
        sent[customer["id"]] = []
    await api.advance("2026-03-07T18:00:00Z")
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-31T00:00:00Z")
    for reminder in await reminders(api, status="sent"):
        sent[reminder["customer_id"]].append((reminder["items"][0]["step_key"], reminder["sent_at"][:10]))
    assert list(sent.values()) == [
        [("d+1", "2026-03-07"), ("d+2", "2026-03-08"), ("d+3", "2026-03-09"), ("d+10", "2026-03-12")],
        [("d+10", "2026-03-12")],
        [("d+3", "2026-03-07"), ("d+10", "2026-03-12")],
    ]


async def test_late_entry_restarts_with_the_spacing_kept(api: Api) -> None:
    await api.policy([3, 10, 30])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2025-12-01", "2026-01-01")
    await api.advance("2026-04-30T00:00:00Z")
    assert await days_sent(api) == [
        ("d+3", "2026-03-02T15:00:00Z"),
        ("d+10", "2026-03-09T15:00:00Z"),
        # Twenty days later is a Sunday.
        ("d+30", "2026-03-30T15:00:00Z"),
    ]


async def test_late_entry_at_the_highest_step_exhausts_the_ladder(api: Api, behind: Behind) -> None:
    await api.policy([3, 10, 30], late_entry="highest")
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2025-12-01", "2026-01-01")
    result = await api.advance("2026-04-30T00:00:00Z")
    assert result["reminders_sent"] == 1
    assert await days_sent(api) == [("d+30", "2026-03-02T15:00:00Z")]
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert outlook["state"] == "exhausted"
    types = await behind.event_types(outlook["case_id"])
    assert types.count("dunning.step_skipped") == 2
    assert types.count("dunning.exhausted") == 1


async def test_a_payment_between_the_plan_and_the_dispatch_stops_the_reminder(api: Api, behind: Behind) -> None:
    invoice = await overdue_invoice(api, [3])
    async with behind.unit() as uow:
        assert (await tick(uow, limit=10)).reminders == 1
    (planned,) = await reminders(api)
    assert planned["status"] == "ready"
    payment = await api.pay(invoice["customer_id"], "1160.00", "2026-03-05")
    assert payment["in_flight"] == []
    assert (await api.advance("2026-03-31T00:00:00Z"))["reminders_sent"] == 0
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["skip_reason"]) == ("skipped", "paid")
    assert not mail(api, reminder).exists()
    assert await behind.event_types(reminder["id"]) == ["reminder.cancelled"]


async def test_a_part_payment_between_the_plan_and_the_dispatch_is_taken_off(api: Api, behind: Behind) -> None:
    invoice = await overdue_invoice(api, [3])
    async with behind.unit() as uow:
        await tick(uow, limit=10)
    await api.pay(invoice["customer_id"], "160.00", "2026-03-05")
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["total_due"]) == ("sent", "1000.00")
    assert "$1,000.00 MXN" in text_of(parse(mail(api, reminder).read_bytes()))


async def test_one_of_two_invoices_is_paid_before_the_dispatch(api: Api, behind: Behind) -> None:
    invoice = await overdue_invoice(api, [3], grouping="customer")
    other = await api.invoice(invoice["customer_id"], "40.00", "2026-02-02", "2026-03-02")
    async with behind.unit() as uow:
        await tick(uow, limit=10)
    allocation = {"invoice_id": invoice["id"], "amount": "1160.00"}
    await api.pay(invoice["customer_id"], "1160.00", "2026-03-05", allocations=[allocation])
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["total_due"]) == ("sent", "40.00")
    assert [item["invoice_id"] for item in reminder["items"]] == [other["id"]]
    assert invoice["number"] not in text_of(parse(mail(api, reminder).read_bytes()))


async def test_the_letter_names_the_invoice_and_the_amount_as_a_mexican_reads_it(api: Api) -> None:
    invoice = await overdue_invoice(api, [3], total="1234567.80")
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    letter = parse(mail(api, reminder).read_bytes())
    customer = await api.get(f"/customers/{invoice['customer_id']}")
    assert letter["To"].addresses[0].addr_spec == customer["contacts"][0]["channels"][0]["address"]
    assert letter["Message-ID"] == f"<{reminder['id']}@puntual.invalid>"
    for part in ["plain", "html"]:
        body = letter.get_body((part,))
        assert body is not None
        text = body.get_content().replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ")
        assert invoice["number"] in text
        assert "$1,234,567.80 MXN" in text
    message = await api.get(f"/reminders/{reminder['id']}/message")
    assert (message["message_id"], message["to"], message["language"]) == (
        letter["Message-ID"],
        letter["To"].addresses[0].addr_spec,
        "es-MX",
    )
    assert message["size_bytes"] == len(mail(api, reminder).read_bytes())
    assert message["subject"] == letter["Subject"]


async def test_denied_consent_and_a_missing_address_stop_reminders_until_there_is_one(api: Api) -> None:
    await api.advance(THURSDAY)
    await api.policy([3])
    denied = {"type": "email", "address": "no@example.com", "consent": "denied"}
    customer = await api.customer(contacts=[{"channels": [denied]}])
    silent = await api.customer(contacts=[])
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    unreachable = await api.invoice(silent["id"], "100.00", "2026-02-02", "2026-03-02")
    assert (await api.advance("2026-03-10T16:00:00Z"))["reminders_sent"] == 0
    for wanted, code in [(invoice, "no_consent"), (unreachable, "no_address")]:
        outlook = await api.get(f"/invoices/{wanted['id']}/dunning")
        assert [blocker["code"] for blocker in outlook["blockers"]] == [code]
    granted = {"type": "email", "address": "si@example.com", "consent": "granted"}
    await api.patch(f"/customers/{customer['id']}", {"contacts": [{"channels": [denied, granted]}]})
    assert (await api.advance("2026-03-10T16:00:01Z"))["reminders_sent"] == 1
    (reminder,) = await reminders(api)
    assert reminder["to"] == "si@example.com"


async def test_cash_that_covers_the_debt_keeps_the_customer_from_being_chased(api: Api) -> None:
    await api.policy([3])
    customer = await api.customer()
    await api.pay(customer["id"], "100.00", "2026-03-02")
    covered = await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    assert (await api.advance("2026-03-31T00:00:00Z"))["reminders_sent"] == 0
    outlook = await api.get(f"/invoices/{covered['id']}/dunning")
    assert "covered_by_unapplied_cash" in [blocker["code"] for blocker in outlook["blockers"]]


async def test_a_customer_ahead_of_the_tenant_gets_the_next_step_in_the_morning(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 2, 20], catch_up="one_at_a_time")
    await api.patch("/tenant", {"sending": "paused"})
    customer = await api.customer(time_zone="Asia/Tokyo")
    await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T08:00:00Z")
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-10T00:00:00Z")
    # 17:00 in Tokyo, and 09:00 of the next day there, which is still the same day in Mexico.
    assert await days_sent(api) == [("d+1", "2026-03-05T08:00:00Z"), ("d+2", "2026-03-06T00:00:00Z")]


async def test_only_what_may_be_asked_for_is_listed_as_also_open(api: Api) -> None:
    await api.advance(THURSDAY)
    await api.policy([3, 10], grouping="customer")
    customer = await api.customer()
    late = [await api.invoice(customer["id"], "100.00", "2026-02-02", f"2026-03-0{day}") for day in (4, 4, 4, 2)]
    held, promised, listed, due = late
    await api.post("/holds", {"invoice_id": held["id"], "reason": "asked for time", "effects": ["contact"]})
    promise = {"amount": "100.00", "currency": "MXN", "promised_on": "2026-03-20"}
    await api.post("/promises", {"customer_id": customer["id"], "invoice_ids": [promised["id"]], **promise})
    await api.advance("2026-03-05T18:00:00Z")
    (reminder,) = await reminders(api)
    assert [item["invoice_id"] for item in reminder["items"]] == [due["id"]]
    text = (await api.get(f"/reminders/{reminder['id']}/message"))["text"]
    assert [invoice["number"] in text for invoice in late] == [False, False, True, True]
    assert listed["number"] in text
