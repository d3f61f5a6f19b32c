"""Plays a portfolio through the HTTP API of a test tenant, day by day, as an ERP would."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from examples.portfolio import Invoice, Payment, Portfolio

ZONE = ZoneInfo("America/Mexico_City")
# Before the office opens, and at no hour at which it opens elsewhere: what is sent at this very instant was sent after
# the day's payments were known.
POSTING_TIME = time(8, 15)

SETTINGS = {
    "name": "Comercial del Bajío, S.A. de C.V.",
    "sender": {"name": "Cobranza Comercial del Bajío", "address": "cobranza@example.com"},
    "phone": "+52 442 123 4567",
    "bank_accounts": [
        {"currency": "MXN", "label": "CLABE", "number": "032180000118359719", "bank": "Banco del Bajío"},
        {"currency": "EUR", "label": "IBAN", "number": "ES9121000418450200051332", "bank": "Banco de Castilla"},
        {"currency": "COP", "label": "Cuenta corriente", "number": "401-123456-78", "bank": "Banco de los Andes"},
    ],
}

# From friendly to firm; the last one leaves only when somebody has approved it.
STEPS: list[dict[str, Any]] = [
    {"key": "aviso_previo", "offset_days": -3, "template": "friendly_reminder"},
    {"key": "dia_de_vencimiento", "offset_days": 0, "template": "friendly_reminder"},
    {"key": "primer_aviso", "offset_days": 1, "template": "first_notice"},
    {"key": "segundo_aviso", "offset_days": 10, "template": "second_notice"},
    {"key": "aviso_formal", "offset_days": 25, "template": "formal_notice"},
    {"key": "aviso_final", "offset_days": 45, "template": "final_notice", "requires_approval": True},
]
POLICY = {
    "name": "Cobranza escalonada",
    "default": True,
    "steps": [{**step, "channels": ["email"]} for step in STEPS],
}


class Api:
    """The API of one tenant."""

    def __init__(self, url: str, key: str, between: Callable[[], None]) -> None:
        # None of the user's proxies: everything is on this machine.
        self._client = httpx.Client(
            base_url=f"{url}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False
        )
        self._between = between

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """One request; an answer that is an error ends the program with it."""
        self._between()
        response = self._client.request(method, path, json=body, params=params or None)
        while response.status_code == 429:
            # Asked too often: the answer says for how long to wait.
            sleep(int(response.headers.get("Retry-After", "1")))
            self._between()
            response = self._client.request(method, path, json=body, params=params or None)
        if response.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {response.status_code} {response.text}", request=response.request, response=response
            )
        return response.json()

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """Every resource of a list."""
        cursor: str | None = None
        while True:
            page = self.call("GET", path, limit=200, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def feed(self) -> Iterator[Any]:
        """Every event, oldest first."""
        after, more = 0, True
        while more:
            page = self.call("GET", "/events", after=after, limit=200)
            yield from page["data"]
            after, more = page["next_after"], page["has_more"]


@dataclass(slots=True)
class Played:
    """What was done on the way.

    Attributes:
        owed_again: by invoice, whether it was settled (False) or open again (True), and since when.
    """

    aging_before: Any = None
    approved: int = 0
    bounced: int = 0
    owed_again: dict[str, list[tuple[datetime, bool]]] = field(default_factory=lambda: defaultdict(list))

    def was_owed(self, invoice: str, at: datetime) -> bool:
        """Whether an invoice was open at an instant, as far as this program had told."""
        known = [owed for since, owed in self.owed_again[invoice] if since <= at]
        return known[-1] if known else True


def prepare(api: Api, receiver_url: str) -> str:
    """Settings, webhook endpoint and policy; the endpoint's secret."""
    api.call("PATCH", "/tenant", SETTINGS)
    endpoint = api.call("POST", "/webhook-endpoints", {"url": receiver_url, "description": "ERP"})
    policy = api.call("POST", "/dunning-policies", POLICY)
    api.call("POST", f"/dunning-policies/{policy['id']}/publish")
    return str(endpoint["secret"])


def post_customers(api: Api, portfolio: Portfolio) -> None:
    """Customers, each by its id in the ERP."""
    for customer in portfolio.customers:
        api.call(
            "PUT",
            f"/customers/by-external-id/{customer.external_id}",
            {
                "name": customer.name,
                "kind": customer.kind,
                "country": customer.country,
                "currency": customer.currency,
                "locale": customer.locale,
                "time_zone": customer.time_zone,
                "contacts": [{"channels": [{"type": "email", "address": customer.email}]}],
            },
        )


def play(api: Api, portfolio: Portfolio, tell: Callable[[date, int], None]) -> Played:
    """Post each day's invoices and payments in the morning, approve what waits, and let the day pass."""
    played = Played()
    invoices, payments, bounces = _by_day(portfolio)
    ids: dict[str, str] = {}
    left = {invoice.external_id: _cents(invoice.total) for invoice in portfolio.invoices}
    for number in range(portfolio.days):
        day = portfolio.starts_on + timedelta(days=number)
        _post_invoices(api, invoices[day])
        for payment in payments[day]:
            ids[payment.external_id] = _post_payment(api, payment)
            left[payment.invoice] -= _cents(payment.amount)
            if left[payment.invoice] == 0:
                played.owed_again[payment.invoice].append((posting_instant(day), False))
        for payment in bounces[day]:
            api.call("POST", f"/payments/{ids[payment.external_id]}/reverse", {"reason": "bounced"})
            left[payment.invoice] += _cents(payment.amount)
            played.owed_again[payment.invoice].append((posting_instant(day), True))
            played.bounced += 1
        if number == 0:
            played.aging_before = api.call("GET", "/reports/aging")
        for reminder in list(api.pages("/reminders", status="awaiting_approval")):
            api.call("POST", f"/reminders/{reminder['id']}/approve")
            played.approved += 1
        tomorrow = posting_instant(day + timedelta(days=1))
        answer = api.call("POST", "/test-clock/advance", {"to": tomorrow.isoformat().replace("+00:00", "Z")})
        tell(day, answer["reminders_sent"])
    return played


def posting_instant(day: date) -> datetime:
    """When a day's documents are posted."""
    return datetime.combine(day, POSTING_TIME, ZONE).astimezone(UTC)


def _by_day(
    portfolio: Portfolio,
) -> tuple[dict[date, list[Invoice]], dict[date, list[Payment]], dict[date, list[Payment]]]:
    invoices: dict[date, list[Invoice]] = defaultdict(list)
    payments: dict[date, list[Payment]] = defaultdict(list)
    bounces: dict[date, list[Payment]] = defaultdict(list)
    for invoice in portfolio.invoices:
        invoices[invoice.posted_on].append(invoice)
    for payment in portfolio.payments:
        payments[payment.received_on].append(payment)
        if payment.bounced_on is not None:
            bounces[payment.bounced_on].append(payment)
    return invoices, payments, bounces


def _post_invoices(api: Api, invoices: list[Invoice]) -> None:
    if not invoices:
        return
    rows = [
        {
            "external_id": invoice.external_id,
            "number": invoice.external_id,
            "customer_external_id": invoice.customer,
            "currency": invoice.currency,
            "total": invoice.total,
            "issued_on": invoice.issued_on.isoformat(),
            "due_on": invoice.due_on.isoformat(),
        }
        for invoice in invoices
    ]
    answer = api.call("POST", "/invoices/batch", {"invoices": rows})
    if answer["failed"]:
        raise ValueError(f"{answer['failed']} invoices were refused: {answer['results']}")


def _post_payment(api: Api, payment: Payment) -> str:
    answer = api.call(
        "POST",
        "/payments",
        {
            "external_id": payment.external_id,
            "customer_external_id": payment.customer,
            "currency": payment.currency,
            "amount": payment.amount,
            "received_on": payment.received_on.isoformat(),
            "method": payment.method,
            "allocations": [{"invoice_external_id": payment.invoice, "amount": payment.amount}],
        },
    )
    return str(answer["id"])


def _cents(amount: str) -> int:
    return int(amount.replace(".", ""))
