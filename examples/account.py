"""What a played portfolio came to, asked of the API and compared with what the ERP knows itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from examples.erp_receiver import Inbox
from examples.play import STEPS, Api, Played
from examples.portfolio import Portfolio

KEYS = [step["key"] for step in STEPS]


@dataclass(slots=True)
class Heard:
    """What the webhook receiver was told."""

    sequences: list[int] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)

    def take(self, event: dict[str, Any]) -> None:
        """Note one event."""
        self.sequences.append(event["sequence"])
        self.types[event["type"]] += 1

    @property
    def gaps(self) -> int:
        """Sequences from 1 to the highest that never came."""
        return max(self.sequences, default=0) - len(set(self.sequences))


def take_stock(api: Api, portfolio: Portfolio, played: Played, inbox: Inbox, heard: Heard) -> dict[str, Any]:
    """The whole account."""
    invoices = list(api.pages("/invoices"))
    reminders = list(api.pages("/reminders"))
    return {
        "days": portfolio.days,
        "customers": len(portfolio.customers),
        "invoices": {"count": len(invoices), "by_status": dict(Counter(invoice["status"] for invoice in invoices))},
        "money": _money(portfolio, invoices),
        "payments": {"count": len(list(api.pages("/payments"))), "bounced": played.bounced},
        "reminders": _reminders(reminders, {invoice["id"]: invoice["external_id"] for invoice in invoices}, played),
        "webhooks": {
            "events_in_feed": sum(1 for _ in api.feed()),
            "received": inbox.verified + inbox.refused,
            "verified": inbox.verified,
            "refused": inbox.refused,
            "duplicates": inbox.duplicates,
            "gaps": heard.gaps,
            "by_type": dict(sorted(heard.types.items())),
        },
        "aging": {"before": played.aging_before, "after": api.call("GET", "/reports/aging")},
        "messages": [
            _sample(api, reminders, "es-MX", "MXN", "first_notice"),
            _sample(api, reminders, "es-ES", "EUR", "formal_notice"),
        ],
    }


def _money(portfolio: Portfolio, invoices: Iterable[Any]) -> dict[str, Any]:
    """By currency: what was invoiced, paid, and is open by the API; and what is open by the ERP's own books."""
    currencies = sorted({invoice.currency for invoice in portfolio.invoices})
    rows: dict[str, dict[str, Decimal]] = {currency: defaultdict(Decimal) for currency in currencies}
    for invoice in portfolio.invoices:
        rows[invoice.currency]["invoiced"] += Decimal(invoice.total)
    for payment in portfolio.payments:
        if payment.bounced_on is None:
            rows[payment.currency]["paid"] += Decimal(payment.amount)
    for answer in invoices:
        rows[answer["currency"]]["open"] += Decimal(answer["open_amount"])
    return {
        currency: {
            "invoiced": f"{row['invoiced']:.2f}",
            "paid": f"{row['paid']:.2f}",
            "open": f"{row['open']:.2f}",
            "open_by_erp": f"{row['invoiced'] - row['paid']:.2f}",
        }
        for currency, row in rows.items()
    }


def _reminders(reminders: Sequence[Any], numbers: dict[str, str], played: Played) -> dict[str, Any]:
    sent = [reminder for reminder in reminders if reminder["status"] == "sent"]
    by_step: dict[str, dict[str, Any]] = {step: {"messages": {}, "invoices": 0} for step in KEYS}
    for reminder in sent:
        # A message speaks for every invoice whose step is due; the highest of them gives its tone.
        leading = max((item["step_key"] for item in reminder["items"]), key=KEYS.index)
        messages = by_step[leading]["messages"]
        messages[reminder["channel"]] = messages.get(reminder["channel"], 0) + 1
        for item in reminder["items"]:
            by_step[item["step_key"]]["invoices"] += 1
    return {
        "sent": len(sent),
        "by_step": by_step,
        "approved": played.approved,
        "not_sent": dict(Counter(reminder["skip_reason"] for reminder in reminders if reminder["skip_reason"])),
        "waiting": sum(1 for reminder in reminders if reminder["status"] == "awaiting_approval"),
        "for_settled_invoices": sum(
            not played.was_owed(numbers[item["invoice_id"]], datetime.fromisoformat(reminder["sent_at"]))
            for reminder in sent
            for item in reminder["items"]
        ),
    }


def _sample(api: Api, reminders: Sequence[Any], language: str, currency: str, template: str) -> dict[str, str] | None:
    """A message in a language: by a certain template if there is one, about as many invoices as possible."""
    found = [
        reminder
        for reminder in reminders
        if (reminder["status"], reminder["language"], reminder["currency"]) == ("sent", language, currency)
    ]
    if not found:
        return None
    chosen = max(found, key=lambda reminder: (reminder["template"] == template, len(reminder["items"])))
    message = api.call("GET", f"/reminders/{chosen['id']}/message")
    return {name: message[name] for name in ("language", "to", "subject", "text")} | {"sent_at": chosen["sent_at"]}


# Printing ------------------------------------------------------------------------------------------------------------


def show(console: Console, account: dict[str, Any]) -> None:
    """Print the account for people."""
    invoices, payments = account["invoices"], account["payments"]
    statuses = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in invoices["by_status"].items())
    console.print(
        f"\n[bold]{account['days']} days, {account['customers']} customers, {invoices['count']} invoices[/bold] "
        f"({statuses}); {payments['count']} payments, {payments['bounced']} bounced.",
        highlight=False,
    )
    console.print(_money_table(account["money"]))
    console.print(_reminder_table(account["reminders"]))
    _say_reminders(console, account["reminders"])
    console.print(_aging_table("Aging on the first day", account["aging"]["before"]))
    console.print(_aging_table("Aging at the end", account["aging"]["after"]))
    _say_webhooks(console, account["webhooks"])
    for message in account["messages"]:
        if message is not None:
            heading = Text(f"To: {message['to']}\nSubject: {message['subject']}\n", style="bold")
            title = f"A message in {message['language']}, {message['sent_at']}"
            console.print(Panel(Group(heading, Text(message["text"].rstrip())), title=title, width=100))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _figure(amount: str) -> str:
    return f"{Decimal(amount):,.2f}"


def _money_table(money: dict[str, Any]) -> Table:
    table = _table("Money", "", "invoiced", "paid", "open", "open by the ERP")
    for currency, row in money.items():
        table.add_row(currency, *(_figure(row[name]) for name in ("invoiced", "paid", "open", "open_by_erp")))
    return table


def _reminder_table(reminders: dict[str, Any]) -> Table:
    channels = sorted({channel for row in reminders["by_step"].values() for channel in row["messages"]}) or ["email"]
    table = _table("Reminders", "step", *channels, "invoices in them")
    for step, row in reminders["by_step"].items():
        messages = (str(row["messages"].get(channel, 0)) for channel in channels)
        table.add_row(step, *messages, str(row["invoices"]))
    return table


def _say_reminders(console: Console, reminders: dict[str, Any]) -> None:
    dropped = ", ".join(f"{number} {reason}" for reason, number in reminders["not_sent"].items()) or "none"
    console.print(
        f"{reminders['sent']} messages; {reminders['approved']} of them approved by hand; planned and not sent: "
        f"{dropped}.\nReminders about an invoice that was paid: {reminders['for_settled_invoices']}.\n",
        highlight=False,
    )


def _aging_table(title: str, aging: dict[str, Any]) -> Table:
    table = _table(f"{title} ({aging['as_of']})", "days overdue", *(total["currency"] for total in aging["totals"]))
    for number, bucket in enumerate(aging["buckets"]):
        table.add_row(bucket["label"], *(_figure(total["buckets"][number]["amount"]) for total in aging["totals"]))
    table.add_section()
    table.add_row("open", *(_figure(total["open_amount"]) for total in aging["totals"]))
    return table


def _say_webhooks(console: Console, webhooks: dict[str, Any]) -> None:
    console.print(
        f"Webhooks: {webhooks['received']} received of {webhooks['events_in_feed']} events, "
        f"{webhooks['verified']} signatures right, {webhooks['refused']} wrong, "
        f"{webhooks['duplicates']} duplicates, {webhooks['gaps']} gaps in the sequence.",
        highlight=False,
    )
    table = _table("Events", "type", "number")
    for name, number in webhooks["by_type"].items():
        table.add_row(name, str(number))
    console.print(table)
