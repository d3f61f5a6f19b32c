"""Invoices that are late, for tests of what lateness costs."""

from typing import Any

from tests.conftest import Api

# A tenth of a percent a day: 1.00 of 1000.00.
TABLE = {"code": "diario", "name": "0.1 % al día", "rates": [{"from_on": "2020-01-01", "annual_rate": "36.5"}]}
AT_SETTLEMENT = {"rate_table": "diario", "mode": "posted"}
MONTHLY = {**AT_SETTLEMENT, "posting": "monthly"}
INFORMATIONAL = {"rate_table": "diario", "mode": "informational"}
PRINCIPAL_FIRST = {"allocation_order": ["principal", "interest", "fees"]}


async def late(api: Api, total: str = "1000.00", due_on: str = "2026-01-31", **fields: Any) -> Any:
    """An invoice of a new customer, issued on New Year's day."""
    customer = await api.customer()
    return await api.invoice(customer["id"], total, "2026-01-01", due_on, **fields)


async def interest(api: Api, invoice: Any, *statuses: str) -> list[tuple[str, str, str]]:
    """What interest stands posted, in order of time."""
    charges = await api.all("/charges", invoice_id=invoice["id"], kind="interest")
    wanted = statuses or ("posted", "paid")
    standing = [charge for charge in charges if charge["status"] in wanted]
    return sorted((charge["from_on"], charge["through_on"], charge["amount"]) for charge in standing)


async def read(api: Api, invoice: Any) -> Any:
    """An invoice as it is now."""
    return await api.get(f"/invoices/{invoice['id']}")


async def open_of(api: Api, invoice: Any) -> tuple[str, str, str]:
    """Open principal, open charges and status."""
    found = await read(api, invoice)
    return found["principal_open"], found["charges_open"], found["status"]


async def allocate(api: Api, invoice: Any, amount: str, on: str) -> Any:
    """A payment for this invoice."""
    allocations = [{"invoice_id": invoice["id"], "amount": amount}]
    return await api.pay(invoice["customer_id"], amount, on, currency=invoice["currency"], allocations=allocations)
