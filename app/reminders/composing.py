"""From the rows behind a reminder to the message a customer reads."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.core.uow import UnitOfWork
from app.dunning.contacts import rules_of
from app.dunning.facts import Dossier
from app.dunning.shares import share_of
from app.messages.context import BankAccount, Company, MessageContext, MessageLine
from app.messages.context import Customer as Recipient
from app.messages.mime import build_email, message_id_for
from app.messages.rendering import RenderedMessage, render
from app.models import Reminder


def message_key(reminder: Reminder) -> str:
    """The key of a reminder's message, the same for every attempt."""
    return str(reminder.id)


def compose(
    uow: UnitOfWork,
    reminder: Reminder,
    dossier: Dossier,
    *,
    step_key: str,
    also_open: Iterable[UUID],
    today: date,
) -> RenderedMessage:
    """Render a reminder's message from what is owed now.

    Args:
        uow: the claim.
        reminder: with its items.
        dossier: the rows of its customer.
        step_key: the highest step.
        also_open: cases to be listed for information.
        today: the tenant's business date.
    """
    settings = uow.tenant.settings
    customer = dossier.customer
    rules = rules_of(uow, customer)
    lines = [_line(dossier, item.case_id, today) for item in reminder.items if item.dropped_reason is None]
    context = MessageContext(
        company=Company(
            name=settings["name"],
            sender_name=settings["sender_name"],
            reply_to=settings["reply_to"] or settings["sender_address"],
            phone=settings["phone"],
        ),
        customer=Recipient(name=customer.name),
        currency=reminder.currency,
        total_due_minor=reminder.total_due_minor,
        step_key=step_key,
        today=today,
        lines=tuple(sorted(lines, key=lambda line: (line.due_on, line.number))),
        also_open=tuple(_line(dossier, case_id, today) for case_id in also_open),
        bank_accounts=tuple(bank_accounts(settings["bank_accounts"], reminder.currency)),
        locale=customer.locale or uow.tenant.locale,
        payment_reference=customer.external_id,
        fallback_locale=uow.tenant.locale,
        identifies_collector=rules is not None and rules.identifies_collector,
        offers_opt_out=rules is not None and rules.needs_opt_out,
    )
    return render(reminder.template, context)


def encode(uow: UnitOfWork, reminder: Reminder, rendered: RenderedMessage, *, domain: str) -> bytes:
    """The bytes that leave: frozen once, the same for every attempt."""
    settings = uow.tenant.settings
    return build_email(
        rendered=rendered,
        sender_name=settings["sender_name"],
        sender_address=settings["sender_address"],
        reply_to=settings["reply_to"],
        to_address=reminder.to or "",
        to_name=reminder.to_name,
        message_id=message_id_for(message_key(reminder), domain),
        date=uow.now,
        headers={},
    )


def bank_accounts(accounts: Iterable[Mapping[str, Any]], currency: str) -> Iterable[BankAccount]:
    """The tenant's accounts for a currency."""
    return (
        BankAccount(label=account["label"], number=account["number"], bank=account["bank"], holder=account["holder"])
        for account in accounts
        if account["currency"] == currency
    )


def _line(dossier: Dossier, case_id: UUID, today: date) -> MessageLine:
    case = dossier.cases[case_id]
    invoice = dossier.invoices[case.invoice_id]
    share = share_of(case, invoice)
    return MessageLine(
        number=f"{invoice.number} ({share.label})" if share.label else invoice.number,
        issued_on=invoice.issued_on,
        due_on=share.due_on,
        days_overdue=(today - share.due_on).days,
        amount_minor=share.open_minor - share.disputed_minor,
        charges_minor=share.charges_minor,
        reference=invoice.reference,
        payment_url=invoice.payment_url,
    )
