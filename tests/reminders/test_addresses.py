"""Only addresses that a message can be sent to are accepted: one that cannot would stop the sending of others."""

import pytest

from app.messages.mime import ascii_address
from tests.conftest import Api
from tests.reminders.conftest import mail, overdue_invoice, parse, reminders

BAD = [
    "ñandu@example.com",
    "a..b@example.com",
    ".a@example.com",
    "a@exa_mple.com",
    "a@-example.com",
    "a@example..com",
    "a@example.com.",
    "a\N{ZERO WIDTH SPACE}@example.com",
    "a@localhost",
    f"{'a' * 65}@example.com",
    f"a@{'x' * 64}.com",
    "a b@example.com",
    "a@b@example.com",
]
GOOD = ["cuentas.por-pagar+mx@example.com", "a@ñandú.mx", "o'neil@sub.example.co", "1@2.io"]


@pytest.mark.parametrize("address", BAD)
async def test_an_address_that_cannot_be_written_to_is_refused(api: Api, address: str) -> None:
    body = {"name": "A", "contacts": [{"channels": [{"type": "email", "address": address}]}]}
    problem = await api.post("/customers", body, expect=422)
    assert problem["errors"][0]["code"] == "invalid_format"


@pytest.mark.parametrize("address", GOOD)
async def test_an_accepted_address_is_written_to(api: Api, address: str) -> None:
    invoice = await overdue_invoice(api, [3])
    contacts = [{"name": "Ñandú, Caja", "channels": [{"type": "email", "address": address}]}]
    await api.patch(f"/customers/{invoice['customer_id']}", {"contacts": contacts})
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["to"]) == ("sent", address)
    recipient = parse(mail(api, reminder).read_bytes())["To"].addresses[0]
    assert (recipient.addr_spec, recipient.display_name) == (ascii_address(address), "Ñandú, Caja")
