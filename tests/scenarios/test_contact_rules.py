"""Contact rules over simulated days, through the API: who is written to when, and what makes others wait."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.models import Activity
from tests.conftest import Api, MakeApi

RULES = [
    {"country": "CO", "kinds": ["consumer"], "profile": "co_ley_2300"},
    {"country": "CL", "profile": "cl_19496"},
    {"country": "MX", "profile": "mx_condusef"},
    {"country": "US", "profile": "us_reg_f"},
]
DAILY = list(range(1, 15))


async def somebody(api: Api, country: str, zone: str, *, consent: str = "granted", **fields: Any) -> Any:
    """A consumer of a country."""
    contacts = [{"channels": [{"type": "email", "address": "ana@example.com", "consent": consent}]}]
    body = {"country": country, "kind": "consumer", "time_zone": zone, "contacts": contacts, **fields}
    return await api.customer(**body)


async def begin(api: Api, offsets: list[int], **fields: Any) -> None:
    """A tenant that may send from 09:00 to midnight every day, and keeps the rules of its customers' countries."""
    await api.always_open()
    await api.patch("/tenant", {"contact_rules": RULES})
    await api.policy(offsets, **fields)


async def sent(api: Api) -> list[str]:
    """When reminders left, by the hour, oldest first."""
    return sorted(reminder["sent_at"] for reminder in await api.all("/reminders", status="sent"))


async def blockers(api: Api, invoice: Any) -> list[tuple[str, str | None]]:
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    return [(blocker["code"], blocker["until"]) for blocker in outlook["blockers"]]


async def test_a_colombian_consumer_gets_one_message_a_day_and_a_second_currency_waits(api: Api) -> None:
    await begin(api, [1])
    customer = await somebody(api, "CO", "America/Bogota")
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    dollars = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01", currency="USD")
    # Nine o'clock in Bogotá, UTC-5, where the tenant's own window opens at nine.
    await api.advance("2026-03-02T14:30:00Z")
    assert await sent(api) == ["2026-03-02T14:00:00Z"]
    assert await blockers(api, dollars) == [("contact_cap", "2026-03-03T14:00:00Z")]
    await api.advance("2026-03-03T14:30:00Z")
    assert await sent(api) == ["2026-03-02T14:00:00Z", "2026-03-03T14:00:00Z"]


async def test_other_customers_of_the_tenant_are_not_bound(api: Api) -> None:
    await begin(api, [1])
    shop = await somebody(api, "CO", "America/Bogota", kind="business", consent="unknown")
    for currency in ("MXN", "USD"):
        await api.invoice(shop["id"], "100.00", "2026-02-01", "2026-03-01", currency=currency)
    await api.advance("2026-03-02T14:30:00Z")
    assert await sent(api) == ["2026-03-02T14:00:00Z"] * 2


async def test_a_colombian_consumer_is_not_written_to_without_consent_nor_on_sundays_and_holidays(api: Api) -> None:
    await begin(api, DAILY)
    silent = await somebody(api, "CO", "America/Bogota", consent="unknown")
    asked = await api.invoice(silent["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.advance("2026-03-02T18:00:00Z")
    assert (await blockers(api, asked))[0][0] == "no_consent"
    ana = await somebody(api, "CO", "America/Bogota")
    # Saturday's hours end at 15:00, Sunday is closed, and Monday the 23rd is a holiday in Colombia.
    await api.invoice(ana["id"], "100.00", "2026-03-01", "2026-03-19")
    await api.advance("2026-03-24T20:00:00Z")
    assert await sent(api) == ["2026-03-20T14:00:00Z", "2026-03-21T14:00:00Z", "2026-03-24T14:00:00Z"]
    granted = [{"channels": [{"type": "email", "address": "bo@example.com", "consent": "granted"}]}]
    await api.patch(f"/customers/{silent['id']}", {"contacts": granted})
    await api.advance("2026-03-24T20:30:00Z")
    assert await sent(api) == [
        "2026-03-20T14:00:00Z", "2026-03-21T14:00:00Z", "2026-03-24T14:00:00Z", "2026-03-24T20:00:00Z",
    ]  # fmt: skip


async def test_a_chilean_consumer_gets_two_messages_a_week_two_days_apart(api: Api) -> None:
    await begin(api, DAILY)
    ana = await somebody(api, "CL", "America/Santiago")
    invoice = await api.invoice(ana["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.advance("2026-03-05T18:00:00Z")
    assert await blockers(api, invoice) == [("contact_cap", "2026-03-09T12:00:00Z")]
    await api.advance("2026-03-13T18:00:00Z")
    days = [at[:10] for at in await sent(api)]
    assert days == ["2026-03-02", "2026-03-04", "2026-03-09", "2026-03-11"]


async def test_the_clocks_of_santiago_go_back_over_easter(api: Api) -> None:
    await begin(api, DAILY)
    ana = await somebody(api, "CL", "America/Santiago", send_window={"start": "07:00", "end": "10:00", "days": WEEK})
    await api.invoice(ana["id"], "100.00", "2026-03-01", "2026-04-01")
    await api.advance("2026-04-07T18:00:00Z")
    # Thursday at UTC-3; Friday to Sunday are closed; Monday at UTC-4. The tenant's own window opens at nine.
    assert await sent(api) == ["2026-04-02T12:00:00Z", "2026-04-06T13:00:00Z"]


@pytest.mark.parametrize(
    ("tenant_zone", "zone", "at"),
    [
        ("Pacific/Kiritimati", "America/Bogota", "2026-03-03T14:00:00Z"),  # UTC+14: there it is Wednesday by then
        ("Pacific/Pago_Pago", "Europe/Madrid", "2026-03-03T11:00:00Z"),  # UTC-11: its Tuesday begins at noon in Madrid
        (
            "America/Bogota",
            "Asia/Kathmandu",
            "2026-03-03T05:00:00Z",
        ),  # UTC+5:45: noon has passed there, as its day begins
    ],
)
async def test_nine_oclock_is_the_customers_once_the_day_has_come_for_both(
    make_api: MakeApi, tenant_zone: str, zone: str, at: str
) -> None:
    api = await make_api(time_zone=tenant_zone, clock_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    await begin(api, [1])
    ana = await somebody(api, "ES", zone)
    await api.invoice(ana["id"], "100.00", "2026-02-01", "2026-03-02")
    await api.advance("2026-03-05T00:00:00Z")
    assert await sent(api) == [at]


async def test_a_customers_own_profile_and_window_go_before_the_tenants(api: Api) -> None:
    await begin(api, DAILY)
    own: dict[str, Any] = {
        "send_window": {"start": "20:00", "end": "23:00", "days": ["sun"]},
        "contact_profile": "none",
    }
    ana = await somebody(api, "CL", "America/Santiago", tags=["vip", "vip", "sur"], **own)
    assert (ana["contact_profile"], ana["send_window"], ana["tags"]) == ("none", own["send_window"], ["vip", "sur"])
    invoice = await api.invoice(ana["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.advance("2026-03-07T18:00:00Z")
    assert await sent(api) == []
    await api.advance("2026-03-09T18:00:00Z")
    assert await sent(api) == ["2026-03-08T23:00:00Z"]
    # Back under the law no time is left that both allow: on Sundays nobody is to be written to.
    await api.patch(f"/customers/{ana['id']}", {"contact_profile": None})
    await api.advance("2026-03-23T18:00:00Z")
    assert await sent(api) == ["2026-03-08T23:00:00Z"]
    assert await blockers(api, invoice) == [("outside_window", None)]


async def test_an_american_is_written_to_when_it_is_day_in_every_zone_and_may_opt_out(api: Api) -> None:
    await begin(api, [1])
    ana = await somebody(api, "US", "America/New_York", other_time_zones=["Pacific/Honolulu"], locale="en-US")
    await api.invoice(ana["id"], "100.00", "2026-02-01", "2026-03-01", currency="USD")
    await api.advance("2026-03-02T23:00:00Z")
    # Eight in the morning on Hawaii is one in the afternoon in New York.
    assert await sent(api) == ["2026-03-02T18:00:00Z"]
    (reminder,) = await api.all("/reminders")
    content = await api.get(f"/reminders/{reminder['id']}/message")
    assert "reply with the word STOP" in " ".join(content["text"].split())
    assert "reply with the word STOP" in content["html"]
    assert "collection message" not in content["text"]


async def test_a_mexican_is_told_who_collects(api: Api) -> None:
    await begin(api, [1])
    await api.patch("/tenant", {"sender": {"name": "Despacho Ruiz"}})
    ana = await somebody(api, "MX", "America/Mexico_City")
    await api.invoice(ana["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.advance("2026-03-02T18:00:00Z")
    (reminder,) = await api.all("/reminders")
    content = await api.get(f"/reminders/{reminder['id']}/message")
    assert "gestión de cobranza de Despacho Ruiz, en nombre de Comercial Ñandú." in " ".join(content["text"].split())
    assert "BAJA" not in content["text"]


async def test_what_people_do_counts_beside_what_is_sent(api: Api, unit_of_work: Callable[[UUID], Any]) -> None:
    """A call on Monday in which the debtor was spoken with: by e-mail, Colombia waits for the next week."""
    await begin(api, DAILY)
    ana = await somebody(api, "CO", "America/Bogota")
    async with unit_of_work(api.tenant_id) as uow:
        uow.add(a_call(api.tenant_id, UUID(ana["id"]), uow.now))
    invoice = await api.invoice(ana["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.advance("2026-03-05T18:00:00Z")
    assert await sent(api) == []
    assert await blockers(api, invoice) == [("contact_cap", "2026-03-09T14:00:00Z")]
    await api.advance("2026-03-09T18:00:00Z")
    assert await sent(api) == ["2026-03-09T14:00:00Z"]


async def test_what_waits_for_a_person_takes_no_others_turn(api: Api) -> None:
    """One contact a day: of two steps that are due the higher one waits for approval, and the other one goes today."""
    steps = [
        {"key": f"d+{days}", "offset_days": days, "channels": ["email"], "template": "first_notice", **more}
        for days, more in ((1, {}), (3, {"requires_approval": True}))
    ]
    await api.policy([], steps=steps, late_entry="highest")
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.invoice(customer["id"], "200.00", "2026-02-01", "2026-02-27")
    await api.advance("2026-03-02T18:00:00Z")
    assert {(one["status"], one["total_due"]) for one in await api.all("/reminders")} == {
        ("sent", "100.00"),
        ("awaiting_approval", "200.00"),
    }


def a_call(tenant_id: UUID, customer_id: UUID, at: datetime) -> Activity:
    return Activity(
        tenant_id=tenant_id,
        id=new_id(),
        external_id=None,
        customer_id=customer_id,
        invoice_ids=[],
        kind="call",
        direction="outbound",
        occurred_at=at,
        contacted_on=date(2026, 3, 2),
        is_conversation=True,
        contact_name=None,
        outcome=None,
        note=None,
        author=None,
        task_id=None,
        meta={},
        version=1,
        created_at=at,
        updated_at=at,
    )


WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
