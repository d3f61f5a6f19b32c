"""A message speaks of the promise that was made about its invoices and not kept, and of no other."""

from typing import Any

from tests.conftest import Api
from tests.policies.steps import step

PROMISED = "{% if promise %}{{ promise.amount }}, {{ promise.promised_on }}, {{ promise.paid }}{% endif %}"
WORDS = {"key": "word", "language": "es-MX", "channel": "email", "name": "Palabra", "subject": "x"}


async def chased(api: Api, **policy: Any) -> dict[str, Any]:
    """A customer with three invoices, one of them in dollars, to be reminded on the 30th day by a text of one's own."""
    await api.always_open()
    await api.patch("/tenant", {"max_contacts_per_day": None})
    await api.post("/templates", {**WORDS, "body": "{{ invoice_table }}|" + PROMISED})
    await api.policy([], steps=[step(30, template="word")], **policy)
    customer = (await api.customer())["id"]
    made = {}
    for number, currency in (("A-1", "MXN"), ("B-2", "MXN"), ("C-3", "USD")):
        fields = {"number": number, "currency": currency}
        made[number] = await api.invoice(customer, "100.00", "2026-02-01", "2026-02-20", **fields)
    return made


async def promised(api: Api, invoice: dict[str, Any], amount: str, on: str) -> None:
    body = {"customer_id": invoice["customer_id"], "invoice_ids": [invoice["id"]], "amount": amount}
    await api.post("/promises", {**body, "promised_on": on})


async def told(api: Api) -> dict[str, str]:
    """What each message that went out says of a promise, by the invoices that it is about."""
    said = {}
    for reminder in await api.all("/reminders", status="sent"):
        message = await api.get(f"/reminders/{reminder['id']}/message")
        numbers = [number for number in ("A-1", "B-2", "C-3") if number in message["text"]]
        said[" ".join(numbers)] = message["text"].replace("\N{NO-BREAK SPACE}", " ").rpartition("|")[2].strip()
    return said


async def test_each_message_speaks_of_its_own(api: Api) -> None:
    invoices = await chased(api)
    await promised(api, invoices["B-2"], "70.00", "2026-03-05")
    await promised(api, invoices["C-3"], "30.00", "2026-03-06")
    allocations = [{"invoice_id": invoices["B-2"]["id"], "amount": "25.00"}]
    await api.pay(invoices["B-2"]["customer_id"], "25.00", "2026-03-02", allocations=allocations)
    await api.advance("2026-03-23T20:00:00Z")
    assert await told(api) == {
        "A-1": "",
        "B-2": "$70.00 MXN, 5 de marzo de 2026, $25.00 MXN",
        "C-3": "USD 30.00, 6 de marzo de 2026,",
    }


async def test_of_several_the_last_one_counts_and_those_that_were_kept_are_none(api: Api) -> None:
    invoices = await chased(api, grouping="customer")
    await promised(api, invoices["A-1"], "60.00", "2026-03-04")
    await promised(api, invoices["C-3"], "40.00", "2026-03-09")
    await api.advance("2026-03-06T12:00:00Z")
    await promised(api, invoices["A-1"], "50.00", "2026-03-08")
    await promised(api, invoices["B-2"], "20.00", "2026-03-10")
    allocations = [{"invoice_id": invoices["B-2"]["id"], "amount": "20.00"}]
    await api.pay(invoices["B-2"]["customer_id"], "20.00", "2026-03-06", allocations=allocations)
    await api.advance("2026-03-23T20:00:00Z")
    # A message is in one currency: what was promised in dollars later is not of the one in pesos.
    assert await told(api) == {
        "A-1 B-2": "$50.00 MXN, 8 de marzo de 2026,",
        "C-3": "USD 40.00, 9 de marzo de 2026,",
    }
