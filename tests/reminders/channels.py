"""What the tests of channels share: accounts at a provider here, and customers with every kind of address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.channels.fake_twilio import ACCOUNT, TOKEN, FakeTwilio, fake_twilio
from tests.conftest import Api
from tests.reminders.conftest import THURSDAY, step

MOBILE = "+525512345678"
LANDLINE = "+525587654321"
ADDRESS = "Av. Reforma 1\n06600 Ciudad de México"
OWN = "+525500000000"


def accounts(fake: FakeTwilio) -> dict[str, Any]:
    """Accounts for both channels at the provider."""
    account = {"base_url": fake.url, "account_id": ACCOUNT, "token": TOKEN, "from": OWN}
    return {"sms": account, "whatsapp": account}


@asynccontextmanager
async def provider(api: Api, **told: Any) -> AsyncIterator[FakeTwilio]:
    """A provider at which the tenant has accounts."""
    async with fake_twilio(**told) as fake:
        await api.patch("/tenant", {"channels": accounts(fake)})
        yield fake


def reachable(*kinds: str) -> list[Any]:
    """One contact with an address of each kind."""
    known = {"email": "cuentas@example.com", "sms": MOBILE, "whatsapp": MOBILE, "phone": LANDLINE, "post": ADDRESS}
    return [{"name": "Marta", "channels": [{"type": kind, "address": known[kind]} for kind in kinds]}]


async def owed(
    api: Api,
    channels: list[str],
    addresses: tuple[str, ...] = ("email", "sms", "whatsapp", "phone", "post"),
    **more: Any,
) -> Any:
    """At 10:00 on a Thursday: an invoice three days overdue, to be chased by one step over these channels."""
    await api.advance(THURSDAY)
    await api.policy([], steps=[step(3, channels=channels, **more), step(30)])
    customer = await api.customer(contacts=reachable(*addresses), external_id="C-1")
    return await api.invoice(customer["id"], "1160.00", "2026-02-02", "2026-03-02")
