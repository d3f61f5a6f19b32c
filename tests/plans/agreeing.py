"""What the tests of plans share: a plan that was accepted, and how it stands."""

from typing import Any

from tests.conftest import Api

Json = dict[str, Any]
FOUR = {"instalment_count": 4, "first_due_on": "2026-04-02"}


async def owing(api: Api, *totals: str, **customer: Any) -> list[Json]:
    """Open invoices of one customer, overdue since February, the first one first."""
    owner = await api.customer(**customer)
    return [
        await api.invoice(owner["id"], total, "2026-02-01", f"2026-02-{20 + index}")
        for index, total in enumerate(totals)
    ]


def over(invoices: list[Json], **terms: Any) -> Json:
    """A request for four monthly instalments from April on, unless something else is said."""
    named = {"invoice_ids": [invoice["id"] for invoice in invoices]}
    if "instalment_amount" in terms:
        return {**named, "first_due_on": "2026-04-02", **terms}
    return {**named, **FOUR, **terms}


def declining(rate: str = "12") -> Json:
    return {"kind": "declining", "annual_rate": rate}


async def proposed(api: Api, invoices: list[Json], **terms: Any) -> Json:
    """A plan that was proposed."""
    made: Json = await api.post("/payment-plans", {**over(invoices, **terms), "propose": True})
    return made


def word(plan: Json) -> Json:
    """The customer's acceptance of a plan."""
    return {"accepted_by": "Ana Núñez", "terms_hash": plan["terms_hash"], "method": "letter", "address": "Toluca"}


async def accepted(api: Api, invoices: list[Json], **terms: Any) -> Json:
    """A plan that was accepted, and is active."""
    plan = await proposed(api, invoices, **terms)
    answer: Json = await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=200)
    return answer


async def standing(api: Api, plan: Json) -> Json:
    """A plan as it is now."""
    found: Json = await api.get(f"/payment-plans/{plan['id']}")
    return found


async def instalments(api: Api, plan: Json, *fields: str) -> list[Any]:
    """Some fields of every instalment; one field alone is not wrapped."""
    rows = [[part[name] for name in fields] for part in (await standing(api, plan))["instalments"]]
    return [row[0] for row in rows] if len(fields) == 1 else rows


async def told(api: Api, *families: str) -> list[str]:
    """The events of plans, or of other families, in order."""
    await api.advance((await api.get("/test-clock"))["now"])
    types = ",".join(f"{family}.*" for family in families or ("payment_plan",))
    return [event["type"].removeprefix("payment_plan.") for event in await api.all("/events", types=types)]


async def balances(api: Api, invoices: list[Json]) -> list[tuple[str, str, str]]:
    """Status, open amount and open charges of invoices."""
    found = [await api.get(f"/invoices/{invoice['id']}") for invoice in invoices]
    return [(invoice["status"], invoice["open_amount"], invoice["charges_open"]) for invoice in found]


async def charges(api: Api) -> list[tuple[str, str, str]]:
    """Kind, amount and status of every charge, the first one first."""
    return [(row["kind"], row["amount"], row["status"]) for row in reversed(await api.all("/charges"))]
