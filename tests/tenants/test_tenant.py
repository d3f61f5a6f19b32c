"""The tenant's own settings through the API."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from app.core.uow import UnitOfWork
from app.models import Tenant
from app.tenants.service import update
from tests.conftest import Api, MakeApi

CLABE = "032180000118359719"
IBAN = "ES9121000418450200051332"


async def test_a_new_live_tenant_starts_in_shadow_and_office_hours(make_api: MakeApi) -> None:
    api = await make_api(is_test=False, clock_at=None)
    tenant = await api.get("/tenant")
    assert tenant["id"] == str(api.tenant_id)
    assert (tenant["mode"], tenant["sending"], tenant["max_contacts_per_day"]) == ("live", "shadow", 1)
    assert tenant["send_window"] == {"start": "09:00", "end": "18:00", "days": ["mon", "tue", "wed", "thu", "fri"]}


async def test_every_setting_is_kept_as_it_was_sent(api: Api) -> None:
    changes = {
        "name": "Cobranzas del Norte",
        "time_zone": "Europe/Madrid",
        "locale": "es-ES",
        "currency": "EUR",
        "calendar": "ES-MD",
        "allocation_order": ["principal", "interest", "fees"],
        "send_window": {"start": "08:30", "end": "24:00", "days": ["mon", "sat"]},
        "contact_profile": "none",
        "max_contacts_per_day": 3,
        "sender": {"name": "Área de Cobros", "address": "cobros@example.com"},
        "reply_to": "respuestas@example.com",
        "phone": "+34 910 000 000 ext. 3",
        "bank_accounts": [
            {"currency": "MXN", "label": "CLABE", "number": CLABE, "bank": "Bajío", "holder": "Comercial Ñandú"},
            {"currency": "EUR", "label": "IBAN", "number": IBAN, "bank": None, "holder": None},
        ],
        "sending": "paused",
    }
    before = await api.get("/tenant")
    changed = await api.patch("/tenant", changes)
    assert {name: changed[name] for name in changes} == changes
    assert changed["version"] == before["version"] + 1
    assert await api.get("/tenant") == changed


async def test_a_setting_left_out_stays_and_null_takes_away(api: Api) -> None:
    await api.patch("/tenant", {"calendar": "MX", "phone": "55 1234", "max_contacts_per_day": 5})
    changed = await api.patch("/tenant", {"calendar": None, "max_contacts_per_day": None, "sender": {"name": "Cobros"}})
    assert (changed["calendar"], changed["max_contacts_per_day"], changed["phone"]) == (None, None, "55 1234")
    assert changed["sender"] == {"name": "Cobros", "address": "cobranza@example.com"}


async def test_a_change_to_the_same_is_no_new_version(api: Api) -> None:
    before = await api.get("/tenant")
    after = await api.patch("/tenant", {"name": before["name"], "send_window": before["send_window"]})
    assert after == before


async def test_text_for_message_headers_becomes_one_line(api: Api) -> None:
    changed = await api.patch("/tenant", {"sender": {"name": "Cobros\r\n Bcc: \u202eotro@example.com"}})
    assert changed["sender"]["name"] == "Cobros Bcc: otro@example.com"


async def test_numbers_with_check_digits_are_kept_without_separators(api: Api) -> None:
    accounts = [
        {"currency": "MXN", "label": "Clabe", "number": "032 180 00011835971 9"},
        {"currency": "EUR", "label": "iban", "number": "ES91 2100 0418 4502 0005 1332"},
        {"currency": "USD", "label": "ABA", "number": "021000021 / 12-34"},
    ]
    kept = (await api.patch("/tenant", {"bank_accounts": accounts}))["bank_accounts"]
    assert [(account["label"], account["number"]) for account in kept] == [
        ("CLABE", CLABE),
        ("IBAN", IBAN),
        ("ABA", "021000021 / 12-34"),
    ]
    assert all(list(account) == ["currency", "label", "number", "bank", "holder"] for account in kept)


def _account(label: str, number: str) -> dict[str, Any]:
    return {"bank_accounts": [{"currency": "MXN", "label": label, "number": number}]}


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "invalid_value"),
        ({"name": None}, "/name", "invalid_type"),
        ({"name": " "}, "/name", "too_short"),
        ({"sending": None}, "/sending", "invalid_value"),
        ({"sending": "later"}, "/sending", "invalid_value"),
        ({"locale": "klingon"}, "/locale", "invalid_value"),
        ({"currency": "XXX"}, "/currency", "unknown_currency"),
        ({"calendar": "ES-XX"}, "/calendar", "invalid_value"),
        ({"calendar": ""}, "/calendar", "invalid_value"),
        ({"allocation_order": ["interest", "fees", "fees"]}, "/allocation_order", "invalid_value"),
        ({"allocation_order": ["interest", "fees"]}, "/allocation_order", "too_short"),
        ({"max_contacts_per_day": 0}, "/max_contacts_per_day", "out_of_range"),
        ({"max_contacts_per_day": True}, "/max_contacts_per_day", "invalid_type"),
        ({"max_contacts_per_day": 51}, "/max_contacts_per_day", "out_of_range"),
        ({"send_window": {"start": "18:00", "end": "09:00", "days": ["mon"]}}, "/send_window", "window_never_opens"),
        ({"send_window": {"start": "24:00", "end": "24:00", "days": ["mon"]}}, "/send_window", "window_never_opens"),
        ({"send_window": {"start": "09:00", "end": "18:00", "days": []}}, "/send_window/days", "too_short"),
        ({"sender": {"address": "nobody"}}, "/sender/address", "invalid_format"),
        ({"sender": {"name": "\u202e"}}, "/sender/name", "too_short"),
        (_account("CLABE", "032180000118359710"), "/bank_accounts/0", "invalid_format"),
        (_account("CLABE", "03218000011835971"), "/bank_accounts/0", "invalid_format"),
        (_account("IBAN", "ES9121000418450200051333"), "/bank_accounts/0", "invalid_format"),
        (_account("Cuenta", ""), "/bank_accounts/0/number", "too_short"),
        ({"contact_profile": "us_reg_g"}, "/contact_profile", "invalid_value"),
        ({"contact_rules": [{"profile": "gdpr"}]}, "/contact_rules/0/profile", "invalid_value"),
        ({"contact_rules": [{"profile": "none", "country": "XX"}]}, "/contact_rules/0/country", "invalid_value"),
        ({"contact_rules": [{"profile": "none", "kinds": ["person"]}]}, "/contact_rules/0/kinds/0", "invalid_value"),
        ({"mode": "live"}, "/mode", "unknown_field"),
        ({"clock_at": "2030-01-01T00:00:00Z"}, "/clock_at", "unknown_field"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    api: Api, changes: dict[str, Any], pointer: str, code: str
) -> None:
    problem = await api.patch("/tenant", changes, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert (await api.get("/tenant"))["version"] == 1


async def test_a_legal_profile_is_chosen_for_all_or_by_country_and_kind(api: Api) -> None:
    rules = [
        {"country": "CO", "kinds": ["consumer"], "profile": "co_ley_2300"},
        {"profile": "none"},
    ]
    changed = await api.patch("/tenant", {"contact_profile": "mx_condusef", "contact_rules": rules})
    assert changed["contact_profile"] == "mx_condusef"
    assert changed["contact_rules"] == [rules[0], {"country": None, "kinds": [], "profile": "none"}]
    assert (await api.get("/tenant"))["contact_rules"] == changed["contact_rules"]
    assert (await api.patch("/tenant", {"contact_rules": []}))["contact_profile"] == "mx_condusef"


async def test_if_match_holds_a_change_to_the_version_that_was_read(api: Api) -> None:
    first = await api.call("GET", "/tenant", expect=200)
    headers = {"If-Match": first.headers["etag"]}
    await api.patch("/tenant", {"name": "Uno"}, headers=headers)
    problem = await api.patch("/tenant", {"name": "Dos"}, headers=headers, expect=412)
    assert problem["code"] == "precondition_failed"
    assert (await api.get("/tenant"))["name"] == "Uno"


async def test_of_two_changes_at_once_to_one_version_one_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def update_slowly(uow: UnitOfWork, tenant: Tenant, fields: Mapping[str, Any]) -> Tenant:
        await asyncio.sleep(0.1)
        return await update(uow, tenant, fields)

    # All have read the same version before one writes, unless one waits for the other.
    monkeypatch.setattr("app.tenants.service.update", update_slowly)
    answers = await asyncio.gather(
        *(api.call("PATCH", "/tenant", json={"name": f"N{number}"}, headers={"If-Match": '"1"'}) for number in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]


async def test_another_tenant_sees_nothing_of_a_change(api: Api, make_api: MakeApi) -> None:
    other = await make_api(name="Otra")
    await api.patch("/tenant", {"name": "Una"})
    assert (await other.get("/tenant"))["name"] == "Otra"


async def _overdue(api: Api) -> None:
    """An invoice whose first reminder is due now, on Monday morning; the window of the day opens at nine."""
    await api.policy([1])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")


async def _sent(api: Api) -> list[Any]:
    return [reminder for reminder in await api.all("/reminders") if reminder["status"] == "sent"]


async def test_paused_sends_nothing_and_live_makes_up_for_it(api: Api) -> None:
    await api.patch("/tenant", {"sending": "paused"})
    await _overdue(api)
    await api.advance("2026-03-02T20:00:00Z")
    assert await _sent(api) == []
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-02T20:00:00Z")
    assert len(await _sent(api)) == 1


async def test_shadow_decides_and_nothing_leaves(api: Api) -> None:
    await api.patch("/tenant", {"sending": "shadow"})
    await _overdue(api)
    letters = len(api.mailbox())
    await api.advance("2026-03-02T20:00:00Z")
    assert [reminder["shadow"] for reminder in await _sent(api)] == [True]
    assert len(api.mailbox()) == letters


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        # At six in the morning; the customer's window would open at nine.
        ({"send_window": {"start": "06:00", "end": "07:00", "days": ["mon"]}}, True),
        ({"time_zone": "America/Sao_Paulo"}, True),
        ({"calendar": "MX"}, False),
        ({"name": "Otro nombre"}, False),
    ],
)
async def test_a_change_that_decides_sending_is_looked_at_without_waiting(
    api: Api, changes: dict[str, Any], sent: bool
) -> None:
    await _overdue(api)
    await api.advance("2026-03-02T12:30:00Z")
    assert await _sent(api) == []
    await api.patch("/tenant", changes)
    await api.advance("2026-03-02T12:30:00Z")
    assert bool(await _sent(api)) is sent


async def test_a_holiday_of_the_calendar_is_no_day_for_messages(api: Api) -> None:
    # The third Monday of March is Benito Juárez's birthday in Mexico; the sixteenth in 2026.
    await api.patch("/tenant", {"calendar": "MX"})
    await api.policy([1])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-15")
    await api.advance("2026-03-17T05:59:00Z")
    assert await _sent(api) == []
    await api.advance("2026-03-17T20:00:00Z")
    assert len(await _sent(api)) == 1


async def test_the_clock_of_a_test_tenant_is_no_change_of_its_settings(api: Api) -> None:
    before = await api.get("/tenant")
    await api.advance("2026-03-05T20:00:00Z")
    assert await api.get("/tenant") == before
