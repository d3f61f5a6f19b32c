"""A preview is what a customer would read, and leaves nothing behind."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.templates.test_templates import sms, template


def draft(**fields: Any) -> dict[str, Any]:
    found = template(**fields)
    del found["name"]
    return found


async def preview(api: Api, body: dict[str, Any], **options: Any) -> Any:
    return await api.post("/templates/preview", body, expect=200, **options)


async def test_every_shipped_template_has_a_preview(api: Api) -> None:
    for shipped in await api.all("/templates", built_in=True):
        if shipped["key"] not in {"first_notice", "instalment_missed", "broken_promise"}:
            continue
        shown = await api.post(f"/templates/{shipped['id']}/preview", {}, expect=200)
        assert (shown["channel"], shown["language"]) == (shipped["channel"], shipped["language"])
        assert (shown["subject"] is not None) is (shipped["channel"] in {"email", "letter"})
        assert (shown["html"] is not None) is (shipped["channel"] in {"email", "letter"})
        assert shown["text"]
        assert "{" not in shown["text"]
        if shipped["channel"] == "sms":
            assert shown["length"] <= 160
            assert shown["message_count"] == 1


async def test_a_preview_on_a_real_case_is_the_message_that_is_sent(api: Api) -> None:
    await api.always_open()
    await api.policy([3], grouping="customer")
    made = await api.post(
        "/templates",
        template(
            body="{{ greeting }}\n{{ step }} {{ tone }} {{ invoice_table }} {{ payment_details }} {{ signature }}"
        ),
    )
    customer = await api.customer(external_id="C-7")
    first = await api.invoice(customer["id"], "1000.00", "2026-02-01", "2026-03-02", external_id="F-7")
    await api.invoice(customer["id"], "500.00", "2026-02-01", "2026-03-02")
    await api.pay(customer["id"], "200.00", "2026-03-02", auto_allocate=False)
    await api.advance("2026-03-05T06:30:00Z")
    shown = await api.post(f"/templates/{made['id']}/preview", {"customer_id": customer["id"]}, expect=200)
    assert "$1,300.00\xa0MXN" in shown["text"]
    assert "-$200.00" in shown["text"]
    assert "d+3 friendly" in shown["text"]
    one = await api.post(f"/templates/{made['id']}/preview", {"invoice_external_id": "F-7"}, expect=200)
    assert first["number"] in one["text"]
    assert "Para su información" in one["text"]
    before = await api.all("/events")
    await api.post(f"/templates/{made['id']}/preview", {"customer_external_id": "C-7"}, expect=200)
    assert await api.all("/events") == before
    assert await api.all("/reminders") == []
    await api.advance("2026-03-05T23:00:00Z")
    (reminder,) = await api.all("/reminders")
    message = await api.get(f"/reminders/{reminder['id']}/message")
    for part in ("subject", "text", "html", "language"):
        assert message[part] == shown[part]


async def test_an_invoice_that_no_policy_follows_can_be_shown(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "90.00", "2026-02-01", "2026-03-20")
    for case in ({"invoice_id": invoice["id"]}, {"customer_id": customer["id"]}):
        shown = await preview(api, draft(**case))
        assert "$90.00\xa0MXN" in shown["text"]
    await api.pay(customer["id"], "90.00", "2026-03-02", auto_allocate=True)
    for case in ({"invoice_id": invoice["id"]}, {"customer_id": customer["id"]}):
        assert (await api.post("/templates/preview", draft(**case), expect=409))["code"] == "state_conflict"


async def test_a_letter_goes_to_the_postal_address(api: Api) -> None:
    address = {"type": "post", "address": "Av. Juárez 100\n06010 Ciudad de México"}
    customer = await api.customer(contacts=[{"name": "Tesorería", "channels": [address]}])
    await api.invoice(customer["id"], "90.00", "2026-02-01", "2026-03-01")
    shown = await preview(api, draft(channel="letter", customer_id=customer["id"]))
    assert f"{customer['name']}\nTesorería\nAv. Juárez 100\n06010 Ciudad de México\n" in shown["text"]


async def test_a_draft_is_checked_and_not_kept(api: Api) -> None:
    shown = await preview(api, draft(key="ours", body="Hola {{ customer.name }}, {{ plan.instalment }}", tone="final"))
    assert shown["text"] == "Hola Ferretería Núñez, S.A. de C.V., 2\n"
    assert shown["tone"] == "final"
    assert shown["sender"] == (await api.get("/tenant"))["sender"]
    assert await api.all("/templates", built_in=False) == []
    refused = await api.post("/templates/preview", draft(body="{{ x }}"), expect=422)
    assert refused["errors"][0]["pointer"] == "/body"


async def test_a_text_message_tells_what_it_costs(api: Api) -> None:
    body = {**sms(), "body": "Pagó {{ total }} " + "x" * 60}
    del body["name"]
    shown = await preview(api, body)
    assert shown["message_count"] == 2
    assert shown["length"] == len(shown["text"])


@pytest.mark.parametrize(
    ("case", "pointer"),
    [
        ({"invoice_id": "019abc5e-7d00-7000-8000-000000000007"}, "/invoice_id"),
        ({"invoice_external_id": "?"}, "/invoice_external_id"),
        ({"customer_id": "019abc5e-7d00-7000-8000-000000000007"}, "/customer_id"),
        ({"customer_external_id": "?"}, "/customer_external_id"),
        ({"customer_external_id": "a", "invoice_external_id": "b"}, ""),
    ],
)
async def test_an_unknown_case_is_an_error(api: Api, case: dict[str, str], pointer: str) -> None:
    refused = await api.post("/templates/preview", draft(**case), expect=422)
    assert refused["errors"][0]["pointer"] == pointer
