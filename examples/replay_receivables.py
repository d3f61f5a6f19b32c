"""Replays a file of receivables through the API of a test tenant, day by day, and prints the figures as JSON.

The file has the columns `customerID`, `invoiceNumber`, `InvoiceDate`, `DueDate`, `InvoiceAmount` and `SettledDate`,
with dates as month/day/year. On each simulated day the clock goes to 00:00, the day's invoices and then the day's
payments are posted, and the clock goes to 23:59:59.

    python -m examples.replay_receivables FILE --url http://127.0.0.1:8000 --key pun_test_…
"""

import argparse
import asyncio
import csv
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
STEPS = {"d1": 1, "d8": 8, "d15": 15, "d30": 30}
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Receivable:
    """One row of the file."""

    customer: str
    number: str
    issued_on: date
    due_on: date
    settled_on: date
    amount: str


def read(path: Path) -> list[Receivable]:
    """Read the file."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Receivable(
                customer=row["customerID"],
                number=row["invoiceNumber"],
                issued_on=_day(row["InvoiceDate"]),
                due_on=_day(row["DueDate"]),
                settled_on=_day(row["SettledDate"]),
                amount=f"{Decimal(row['InvoiceAmount']):.2f}",
            )
            for row in csv.DictReader(file)
        ]


def _day(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)


class Tenant:
    """The API of one test tenant."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}

    async def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """One request; an error ends the program with the problem document."""
        while True:
            response = await self.client.request(
                method, f"/v1{path}", json=body, params=params or None, headers=self.headers, timeout=600
            )
            if response.status_code != 429:
                break
            # Asked too often: the answer says for how long to wait.
            await asyncio.sleep(int(response.headers.get("Retry-After", "1")))
        if response.is_error:
            raise SystemExit(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()

    async def pages(self, path: str, **params: Any) -> AsyncIterator[Any]:
        """Every resource of a list."""
        cursor: str | None = None
        while True:
            page = await self.call("GET", path, limit=200, **params, **({"cursor": cursor} if cursor else {}))
            for row in page["data"]:
                yield row
            cursor = page["next_cursor"]
            if cursor is None:
                return


async def replay(
    tenant: Tenant,
    rows: list[Receivable],
    *,
    aging_on: Iterable[date] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Replay the rows and return reminders by step, aging figures, and anything sent for a paid invoice."""
    started = time.monotonic()
    zone = await _prepare(tenant, rows)
    issued, settled = defaultdict(list), defaultdict(list)
    for row in rows:
        issued[row.issued_on].append(row)
        settled[row.settled_on].append(row)
    wanted = set(aging_on)
    after_last_step = timedelta(days=max(STEPS.values()))
    first = min([*issued, *wanted])
    last = max([*settled, *wanted, *(row.due_on + after_last_step for row in rows)])
    aging = {}
    days = (last - first).days + 1
    for number in range(days):
        day = first + timedelta(days=number)
        await tenant.call("POST", "/test-clock/advance", {"to": _instant(day, "00:00:00", zone)})
        await _post_day(tenant, issued[day], settled[day])
        await tenant.call("POST", "/test-clock/advance", {"to": _instant(day, "23:59:59", zone)})
        if day in wanted:
            aging[day.isoformat()] = await tenant.call("GET", "/reports/aging", as_of=day.isoformat())
        if number % 90 == 0:
            tell(f"{day} ({number * 100 // days} %), {time.monotonic() - started:.0f} s")
    steps, wrong = await _count_reminders(tenant, rows, zone)
    return {
        "invoices": len(rows),
        "customers": len({row.customer for row in rows}),
        "reminders": sum(steps.values()),
        "by_step": {step: steps[step] for step in STEPS},
        "sent_for_paid_invoices": wrong,
        "aging": aging,
        "seconds": round(time.monotonic() - started, 1),
    }


async def _prepare(tenant: Tenant, rows: list[Receivable]) -> ZoneInfo:
    """Every day a sending day from 09:00, no gap, no cap, one reminder for each invoice, and the customers."""
    settings = await tenant.call("GET", "/tenant")
    await tenant.call(
        "PATCH",
        "/tenant",
        {"send_window": {"start": "09:00", "end": "18:00", "days": EVERY_DAY}, "max_contacts_per_day": None},
    )
    policy = await tenant.call(
        "POST",
        "/dunning-policies",
        {
            "name": "Replay",
            "default": True,
            "grouping": "invoice",
            "steps": [
                {"key": key, "offset_days": offset, "channels": ["email"], "template": "first_notice"}
                for key, offset in STEPS.items()
            ],
        },
    )
    await tenant.call("POST", f"/dunning-policies/{policy['id']}/publish")
    for customer in sorted({row.customer for row in rows}):
        await tenant.call(
            "PUT",
            f"/customers/by-external-id/{customer}",
            {
                "name": customer,
                "contacts": [{"channels": [{"type": "email", "address": f"{customer.lower()}@example.com"}]}],
            },
        )
    return ZoneInfo(settings["time_zone"])


async def _post_day(tenant: Tenant, issued: list[Receivable], settled: list[Receivable]) -> None:
    for start in range(0, len(issued), BATCH):
        batch = [
            {
                "external_id": row.number,
                "number": row.number,
                "customer_external_id": row.customer,
                "currency": "USD",
                "total": row.amount,
                "issued_on": row.issued_on.isoformat(),
                "due_on": row.due_on.isoformat(),
            }
            for row in issued[start : start + BATCH]
        ]
        answer = await tenant.call("POST", "/invoices/batch", {"invoices": batch})
        if answer["failed"]:
            raise SystemExit(json.dumps([row for row in answer["results"] if row["status"] == "failed"][:3]))
    for row in settled:
        await tenant.call(
            "POST",
            "/payments",
            {
                "external_id": f"payment of {row.number}",
                "customer_external_id": row.customer,
                "currency": "USD",
                "amount": row.amount,
                "received_on": row.settled_on.isoformat(),
                "allocations": [{"invoice_external_id": row.number, "amount": row.amount}],
            },
        )


async def _count_reminders(tenant: Tenant, rows: list[Receivable], zone: ZoneInfo) -> tuple[Counter[str], int]:
    """Reminders sent by step, and how many were about an invoice paid by then."""
    settled_on = {row.number: row.settled_on for row in rows}
    numbers = {invoice["id"]: invoice["external_id"] async for invoice in tenant.pages("/invoices")}
    steps, wrong = Counter[str](), 0
    async for reminder in tenant.pages("/reminders", status="sent"):
        sent_on = datetime.fromisoformat(reminder["sent_at"]).astimezone(zone).date()
        for item in reminder["items"]:
            steps[item["step_key"]] += 1
            wrong += settled_on[numbers[item["invoice_id"]]] <= sent_on
    return steps, wrong


def _instant(day: date, at: str, zone: ZoneInfo) -> str:
    local = datetime.fromisoformat(f"{day.isoformat()}T{at}").replace(tzinfo=zone)
    return local.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def run(options: argparse.Namespace) -> None:
    """Run the replay against a server."""
    rows = read(options.file)
    async with httpx.AsyncClient(base_url=options.url) as client:
        figures = await replay(
            Tenant(client, options.key),
            rows,
            aging_on=[date.fromisoformat(day) for day in options.aging_on],
            tell=lambda line: print(line, file=sys.stderr, flush=True),
        )
    print(json.dumps(figures, indent=2))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="CSV file of receivables")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where Puntual runs")
    parser.add_argument("--key", required=True, help="API key of a test tenant whose clock stands before the file")
    parser.add_argument("--aging-on", nargs="*", default=[], metavar="DATE", help="dates of aging reports")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
