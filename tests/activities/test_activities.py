"""Activities through the API: what is kept, and what counts as a contact."""

from typing import Any

import pytest

from tests.conftest import Api, MakeApi

CALL = {"kind": "call", "outcome": "reached", "note": "Pays on Friday.", "contact_name": "Ana", "author": "Marta"}


async def sent(api: Api) -> list[str]:
    return sorted(reminder["sent_at"] for reminder in await api.all("/reminders", status="sent"))


async def test_a_call_is_kept_and_found_again(api: Api) -> None:
    customer = await api.customer(external_id="C-9")
    invoice = await api.invoice(customer["id"], "10.00", "2026-02-01", "2026-03-30")
    body = {**CALL, "customer_external_id": "C-9", "invoice_ids": [invoice["id"]], "external_id": "CRM-1"}
    made = await api.post("/activities", {**body, "occurred_at": "2026-03-01T20:00:00Z", "metadata": {"line": "2"}})
    assert made["contacted_on"] == "2026-03-01"
    assert (made["is_conversation"], made["direction"], made["customer_id"]) == (True, "outbound", customer["id"])
    assert await api.get(f"/activities/{made['id']}") == made
    note = await api.post("/activities", {"customer_id": customer["id"], "kind": "note", "note": "Moves in May."})
    assert (note["contacted_on"], note["is_conversation"]) == (None, False)
    assert await api.all("/activities", customer_id=customer["id"]) == [note, made]
    assert await api.all("/activities", invoice_id=invoice["id"]) == [made]
    assert await api.all("/activities", kind="note") == [note]
    again = await api.post("/activities", body, expect=409)
    assert again["code"] == "external_id_taken"


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"kind": "call", "outcome": "reached"}, True),
        ({"kind": "call"}, True),
        ({"kind": "call", "outcome": "no_answer"}, False),
        ({"kind": "call", "outcome": "voicemail"}, False),
        ({"kind": "call", "outcome": "voicemail", "counts_as_contact": True}, True),
        ({"kind": "visit", "outcome": "refused"}, True),
        ({"kind": "message"}, True),
        ({"kind": "letter", "counts_as_contact": False}, False),
        ({"kind": "call", "direction": "inbound", "outcome": "reached"}, True),
        ({"kind": "email", "direction": "inbound"}, False),
        ({"kind": "note"}, False),
    ],
)
async def test_what_counts_as_a_contact(api: Api, fields: dict[str, Any], counts: bool) -> None:
    customer = await api.customer()
    made = await api.post("/activities", {"customer_id": customer["id"], **fields})
    assert made["contacted_on"] == ("2026-03-02" if counts else None)


async def test_the_date_of_a_contact_is_the_customers(api: Api) -> None:
    """Noon in UTC on 2 March is the small hours of 3 March on Kiritimati."""
    customer = await api.customer(time_zone="Pacific/Kiritimati")
    made = await api.post("/activities", {"customer_id": customer["id"], **CALL, "occurred_at": "2026-03-02T11:00:00Z"})
    assert made["contacted_on"] == "2026-03-03"


@pytest.mark.parametrize(
    ("call", "gone"),
    [
        (None, ["2026-03-02T15:00:00Z"]),
        (CALL, []),
        ({"kind": "call", "outcome": "no_answer"}, ["2026-03-02T15:00:00Z"]),
    ],
)
async def test_a_call_today_stops_todays_email_under_one_contact_a_day(
    api: Api, call: dict[str, Any] | None, gone: list[str]
) -> None:
    await api.always_open()
    await api.patch("/tenant", {"max_contacts_per_day": 1})
    await api.policy([1])
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    if call is not None:
        await api.post("/activities", {"customer_id": customer["id"], **call})
    await api.advance("2026-03-02T23:00:00-06:00")
    assert await sent(api) == gone
    if not gone:
        outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
        assert [blocker["code"] for blocker in outlook["blockers"]] == ["contact_cap"]
        await api.advance("2026-03-03T23:00:00-06:00")
        assert await sent(api) == ["2026-03-03T15:00:00Z"]


async def test_the_gap_between_contacts_counts_from_a_visit(api: Api) -> None:
    await api.always_open()
    await api.policy([1], min_gap_days=3)
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.post("/activities", {"customer_id": customer["id"], "kind": "visit"})
    await api.advance("2026-03-04T23:00:00-06:00")
    assert await sent(api) == []
    await api.advance("2026-03-05T23:00:00-06:00")
    assert await sent(api) == ["2026-03-05T15:00:00Z"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"occurred_at": "2026-03-02T12:00:01Z"}, "/occurred_at"),
        ({"invoice_ids": ["019abc5e-7d00-7000-8000-000000000001"]}, "/invoice_ids/0"),
        ({"kind": "note", "counts_as_contact": True}, ""),
        ({"outcome": "nobody"}, "/outcome"),
    ],
)
async def test_what_is_not_valid_is_refused(api: Api, fields: dict[str, Any], pointer: str) -> None:
    customer = await api.customer()
    refused = await api.post("/activities", {"customer_id": customer["id"], **CALL, **fields}, expect=422)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_another_tenants_activity_is_unknown(api: Api, make_api: MakeApi) -> None:
    customer = await api.customer()
    made = await api.post("/activities", {"customer_id": customer["id"], **CALL})
    other = await make_api()
    await other.get(f"/activities/{made['id']}", expect=404)
    refused = await other.post("/activities", {"customer_id": customer["id"], **CALL}, expect=422)
    assert refused["errors"][0]["pointer"] == "/customer_id"
