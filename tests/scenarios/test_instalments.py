"""An invoice in instalments, in simulated days: each part is chased by itself, from its own due date."""

from typing import Any

from app.core.settings import Settings
from tests.conftest import Api
from tests.operating.test_checks import check

HALVES = {"kind": "net", "instalments": [{"percent": "50", "days": 10}, {"percent": "50", "days": 40}]}


async def halves(api: Api, offsets: list[int], **policy: Any) -> dict[str, Any]:
    """100.00 of 2 March, half on 12 March and half on 11 April."""
    await api.always_open()
    await api.policy(offsets, **policy)
    customer = await api.customer()
    invoice: dict[str, Any] = await api.post(
        "/invoices",
        {"customer_id": customer["id"], "number": "F-7", "currency": "MXN", "total": "100.00",
         "issued_on": "2026-03-02", "terms": HALVES},
    )  # fmt: skip
    return invoice


async def noon(api: Api, day: str) -> None:
    await api.advance(f"{day}T18:00:00Z")


async def sent(api: Api) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every reminder: its date, and step and amount of each item."""
    rows = await api.all("/reminders", status="sent")
    return [
        (row["sent_at"][:10], sorted((item["step_key"], item["amount"]) for item in row["items"]))
        for row in reversed(rows)
    ]


async def pay(api: Api, invoice: dict[str, Any], amount: str, on: str) -> Any:
    allocations = [{"invoice_id": invoice["id"], "amount": amount}]
    return await api.pay(invoice["customer_id"], amount, on, allocations=allocations)


async def test_only_the_due_instalment_is_chased_and_paying_it_stops_that(api: Api, settings: Settings) -> None:
    invoice = await halves(api, [-3, 1, 8])
    path = f"/invoices/{invoice['id']}"
    now = invoice
    for day, state, late, dates in (
        ("2026-03-08", "not_due", 0, []),
        ("2026-03-09", "not_due", 0, ["2026-03-09"]),
        ("2026-03-11", "not_due", 0, ["2026-03-09"]),
        ("2026-03-12", "due", 0, ["2026-03-09"]),
        ("2026-03-13", "overdue", 1, ["2026-03-09", "2026-03-13"]),
    ):
        await noon(api, day)
        now = await api.get(path)
        assert (now["due_state"], now["days_overdue"]) == (state, late)
        assert [part["due_state"] for part in now["instalments"]] == [state, "not_due"]
        assert [on for on, _ in await sent(api)] == dates
    assert {items[0] for _, items in await sent(api)} == {("d-3", "50.00"), ("d+1", "50.00")}
    assert now["collection_state"] == "dunning"

    await pay(api, invoice, "50.00", "2026-03-13")
    now = await api.get(path)
    assert [(part["open_amount"], part["status"]) for part in now["instalments"]] == [
        ("0.00", "paid"),
        ("50.00", "open"),
    ]
    assert (now["status"], now["due_state"], now["collection_state"]) == ("partially_paid", "not_due", "none")
    outlook = await api.get(f"{path}/dunning")
    assert [(one["state"], [b["code"] for b in one["blockers"]]) for one in outlook["instalments"]] == [
        ("closed", ["paid"]), ("open", ["not_due"]),
    ]  # fmt: skip
    assert (outlook["instalment_number"], outlook["next_step"]["due_on"]) == (2, "2026-04-08")
    assert (await check(settings, api)).violations == []

    await noon(api, "2026-04-07")
    assert len(await sent(api)) == 2, "the second step of the paid instalment, on 20 March, stays away"
    for day, state, count in (
        ("2026-04-08", "not_due", 3),
        ("2026-04-10", "not_due", 3),
        ("2026-04-11", "due", 3),
        ("2026-04-12", "overdue", 4),
        ("2026-04-18", "overdue", 4),
        ("2026-04-19", "overdue", 5),
    ):
        await noon(api, day)
        assert ((await api.get(path))["due_state"], len(await sent(api))) == (state, count), day
    events = [event["type"] for event in await api.all("/events")]
    assert events.count("invoice.overdue") == 2
    assert events.count("dunning.case_opened") == 2
    await pay(api, invoice, "50.00", "2026-04-19")
    now = await api.get(path)
    assert (now["status"], now["collection_state"]) == ("paid", "none")
    await noon(api, "2026-06-01")
    assert len(await sent(api)) == 5
    assert (await check(settings, api)).violations == []


async def test_a_bounced_payment_takes_the_instalment_up_again(api: Api, settings: Settings) -> None:
    invoice = await halves(api, [1, 8, 15])
    path = f"/invoices/{invoice['id']}"
    await noon(api, "2026-03-13")
    payment = await pay(api, invoice, "70.00", "2026-03-13")
    now = await api.get(path)
    assert [part["open_amount"] for part in now["instalments"]] == ["0.00", "30.00"]
    await noon(api, "2026-03-21")
    assert await sent(api) == [("2026-03-13", [("d+1", "50.00")])]
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    now = await api.get(path)
    assert [part["status"] for part in now["instalments"]] == ["open", "open"]
    assert (now["due_state"], now["days_overdue"], now["collection_state"]) == ("overdue", 9, "dunning")
    await noon(api, "2026-03-22")
    assert (await sent(api))[1:] == [("2026-03-21", [("d+8", "50.00")])], "where it stood, not from the first step"
    resumed = [event for event in await api.all("/events") if event["type"] == "dunning.resumed"]
    assert [(event["data"]["instalment_number"], event["data"]["cycle"]) for event in resumed] == [(1, 2)]
    assert (await check(settings, api)).violations == []


async def test_a_message_names_each_instalment_with_its_own_date_and_amount(api: Api) -> None:
    invoice = await halves(api, [1, 40])
    await noon(api, "2026-04-11")
    first = (await api.all("/reminders", status="sent"))[0]
    letter = (await api.get(f"/reminders/{first['id']}/message"))["text"].replace("\N{NO-BREAK SPACE}", " ")
    assert "F-7 (1/2)" in letter
    assert "F-7 (2/2)" not in letter
    assert "$50.00" in letter
    assert "$100.00" not in letter
    await noon(api, "2026-04-12")
    rows = await api.all("/reminders", invoice_id=invoice["id"])
    assert await sent(api) == [("2026-03-13", [("d+1", "50.00")]), ("2026-04-12", [("d+1", "50.00")])]
    letter = (await api.get(f"/reminders/{rows[0]['id']}/message"))["text"]
    assert "F-7 (2/2)" in letter


async def test_both_overdue_instalments_go_out_together(api: Api) -> None:
    """Grouped by invoice there is one message about it; each instalment keeps its own step (rules D5, D18)."""
    invoice = await halves(api, [1, 31])
    await noon(api, "2026-04-12")
    assert await sent(api) == [
        ("2026-03-13", [("d+1", "50.00")]),
        ("2026-04-12", [("d+1", "50.00"), ("d+31", "50.00")]),
    ]
    letter = (await api.all("/reminders"))[0]
    text = (await api.get(f"/reminders/{letter['id']}/message"))["text"].replace("\N{NO-BREAK SPACE}", " ")
    assert text.index("F-7 (1/2)") < text.index("F-7 (2/2)")
    assert "$100.00" in text
    # Paying the older one does not restart the other's ladder: its next step keeps its own date.
    await pay(api, invoice, "50.00", "2026-04-12")
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert (outlook["instalment_number"], outlook["last_step"]) == (2, "d+1")
    assert outlook["next_step"]["due_on"] == "2026-05-12"


async def test_the_other_overdue_instalment_is_listed_as_also_open(api: Api) -> None:
    await halves(api, [1], grouping="customer")
    await noon(api, "2026-04-12")
    rows = await api.all("/reminders")
    assert len(rows) == 2
    letter = (await api.get(f"/reminders/{rows[0]['id']}/message"))["text"]
    assert "F-7 (2/2)" in letter
    assert rows[0]["total_due"] == "50.00"


async def test_a_reminder_that_waits_is_taken_back_when_its_instalment_is_paid(api: Api) -> None:
    steps = [
        {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice", "requires_approval": True}
    ]
    invoice = await halves(api, [], steps=steps)
    await noon(api, "2026-03-13")
    waiting = (await api.all("/reminders"))[0]
    assert waiting["status"] == "awaiting_approval"
    await pay(api, invoice, "49.99", "2026-03-13")
    assert (await api.get(f"/reminders/{waiting['id']}"))["status"] == "awaiting_approval"
    await pay(api, invoice, "0.01", "2026-03-13")
    ended = await api.get(f"/reminders/{waiting['id']}")
    assert (ended["status"], ended["skip_reason"]) == ("skipped", "paid")


async def test_a_fee_is_on_the_instalment_and_shown_with_it(api: Api, settings: Settings) -> None:
    fee = {"kind": "percent", "percent": "10"}
    steps = [{"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice", "fee": fee}]
    invoice = await halves(api, [], steps=steps)
    await noon(api, "2026-03-13")
    assert await sent(api) == [("2026-03-13", [("d+1", "55.00")])]
    now = await api.get(f"/invoices/{invoice['id']}")
    assert (now["charges_open"], now["open_amount"]) == ("5.00", "105.00")
    assert [part["open_amount"] for part in now["instalments"]] == ["50.00", "50.00"]
    # The books say the same: the fee is overdue since the instalment that it was charged for.
    (aged,) = (await api.get("/reports/aging", as_of="2026-03-13"))["totals"]
    assert {each["label"]: each["amount"] for each in aged["buckets"] if each["count"]} == {
        "current": "50.00", "1-30": "55.00",
    }  # fmt: skip
    account = f"/customers/{invoice['customer_id']}"
    (owed,) = (await api.get(f"{account}/balance", as_of="2026-03-13"))["balances"]
    assert (owed["overdue"], owed["not_due"]) == ("55.00", "50.00")
    (listed,) = (await api.get(f"{account}/statement", kind="open_item", to="2026-03-13"))["accounts"]
    (fee_item,) = [item for item in listed["items"] if item["charges_open"] != "0.00"]
    assert (fee_item["due_on"], fee_item["days_overdue"], fee_item["open_amount"]) == ("2026-03-12", 1, "5.00")
    # Fees are settled before principal, so what pays the first instalment is its amount and the fee.
    await pay(api, invoice, "55.00", "2026-03-13")
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["instalments"][0]["state"] == "closed"
    await noon(api, "2026-04-12")
    assert (await sent(api))[1:] == [("2026-04-12", [("d+1", "55.00")])]
    assert (await check(settings, api)).violations == []


async def test_a_policy_that_comes_later_follows_what_is_still_open(api: Api, settings: Settings) -> None:
    await api.always_open()
    customer = await api.customer()
    invoice = await api.post(
        "/invoices",
        {"customer_id": customer["id"], "number": "F-7", "currency": "MXN", "total": "100.00",
         "issued_on": "2026-03-02", "terms": HALVES},
    )  # fmt: skip
    payment = await pay(api, invoice, "50.00", "2026-03-02")
    await api.policy([1])
    await noon(api, "2026-03-03")
    assert [
        one["instalment_number"] for one in (await api.get(f"/invoices/{invoice['id']}/dunning"))["instalments"]
    ] == [2]
    await noon(api, "2026-03-13")
    assert await sent(api) == []
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    await noon(api, "2026-03-14")
    assert await sent(api) == [("2026-03-13", [("d+1", "50.00")])]
    assert (await check(settings, api)).violations == []


async def test_a_payment_settles_instalments_by_their_own_due_dates(api: Api) -> None:
    """Invoice A is due on 15 January and 15 March, B on 1 February: first A1, then B, then A2 (rule M3)."""
    customer = (await api.customer())["id"]
    parts = [{"percent": "50", "days": 14}, {"percent": "50", "days": 73}]
    divided = await api.post(
        "/invoices",
        {"customer_id": customer, "number": "A", "currency": "MXN", "total": "100.00", "issued_on": "2026-01-01",
         "terms": {"kind": "net", "instalments": parts}},
    )  # fmt: skip
    assert [part["due_on"] for part in divided["instalments"]] == ["2026-01-15", "2026-03-15"]
    whole = await api.invoice(customer, "30.00", "2026-01-01", "2026-02-01")
    for amount, expected in (
        ("40.00", ("60.00", "30.00")),
        ("15.00", ("50.00", "25.00")),
        ("25.00", ("50.00", "0.00")),
        ("50.00", ("0.00", "0.00")),
    ):
        await api.pay(customer, amount, "2026-03-01", auto_allocate=True)
        found = [(await api.get(f"/invoices/{row['id']}"))["open_amount"] for row in (divided, whole)]
        assert tuple(found) == expected, amount
