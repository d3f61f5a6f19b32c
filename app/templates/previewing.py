"""Shows a template as a customer would read it, on a real case or on a made-up one; nothing is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.core.errors import conflict, invalid
from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.verdicts import Verdict
from app.dunning.facts import Dossier, addresses_of, load_dossiers, load_facts
from app.dunning.wording import (
    bank_accounts,
    company_of,
    customer_context,
    invoice_line,
    load_wording,
    message_context,
)
from app.messages.context import MessageContext
from app.messages.gsm import message_length
from app.messages.rendering import render_one
from app.messages.sample import sample_context
from app.messages.texts import Text, text_channel
from app.models import Customer, Invoice
from app.settlement.references import Reference, load_customer_invoices, unknown_customer
from app.templates import repository

_NOTHING_OPEN: Final = "Nothing is open here that a message could be about; choose another, or none for sample data."


async def preview(uow: UnitOfWork, text: Text, case: Mapping[str, Any]) -> dict[str, Any]:
    """The wire form of a message, exactly as it would be sent now.

    Args:
        uow: the unit of work.
        text: the template.
        case: `invoice_id`, `customer_id` or their external ids; with none of them the case is made up.

    Raises:
        ProblemError: 409 when nothing is open there, 422 for an unknown invoice or customer.
    """
    context = await _context(uow, text, case)
    rendered = render_one(text, context)
    length, messages = message_length(rendered.text) if text.channel == "sms" else (len(rendered.text), 1)
    settings = uow.tenant.settings
    return {
        "channel": text.channel,
        "language": rendered.language,
        "tone": text.tone,
        "sender": {"name": settings["sender_name"], "address": settings["sender_address"]},
        "reply_to": settings["reply_to"],
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "provider_template": rendered.provider_template,
        "length": length,
        "message_count": messages,
    }


async def _context(uow: UnitOfWork, text: Text, case: Mapping[str, Any]) -> MessageContext:
    invoice = Reference(case["invoice_id"], case["invoice_external_id"])
    customer = Reference(case["customer_id"], case["customer_external_id"])
    if invoice != _NOBODY:
        return await _invoice_context(uow, text, invoice)
    if customer != _NOBODY:
        return await _customer_context(uow, text, await _customer(uow, customer))
    currency = uow.tenant.currency
    return sample_context(
        company=company_of(uow),
        bank_accounts=bank_accounts(uow.tenant.settings["bank_accounts"], currency),
        currency=currency,
        locale=text.language,
        fallback_locale=uow.tenant.locale,
        today=uow.today,
    )


_NOBODY: Final = Reference(None, None)


async def _customer(uow: UnitOfWork, reference: Reference) -> Customer:
    customer = await repository.find_customer(uow, reference.id, reference.external_id)
    if customer is None:
        raise unknown_customer(reference)
    return customer


async def _invoice_context(uow: UnitOfWork, text: Text, reference: Reference) -> MessageContext:
    invoice = (await load_customer_invoices(uow, None, [reference])).get(reference)
    if invoice is None:
        pointer = "/invoice_id" if reference.id is not None else "/invoice_external_id"
        raise invalid(pointer, Code.unknown_reference, "No invoice with this id.")
    customer = await _customer(uow, Reference(invoice.customer_id, None))
    judged = await _judge(uow, customer)
    about = [verdict for verdict in judged.verdicts if verdict.case.invoice_id == invoice.id]
    if about:
        return await _case_context(uow, text, judged, about)
    # No policy follows it.
    return _uncased_context(uow, text, customer, [invoice])


async def _customer_context(uow: UnitOfWork, text: Text, customer: Customer) -> MessageContext:
    judged = await _judge(uow, customer)
    if not judged.verdicts:
        return _uncased_context(uow, text, customer, list(judged.dossier.invoices.values()))
    # What a payment plan covers is asked for by its instalments.
    asked = [verdict for verdict in judged.verdicts if not verdict.case.is_in_plan] or judged.verdicts
    # What is overdue comes first; without any, all that is open is told of.
    overdue = [verdict for verdict in asked if verdict.case.ladder.due_on < uow.today]
    return await _case_context(uow, text, judged, overdue or asked)


@dataclass(frozen=True, slots=True)
class _Judged:
    dossier: Dossier
    verdicts: list[Verdict]


async def _judge(uow: UnitOfWork, customer: Customer) -> _Judged:
    """What may be asked of a customer, by the same rules as when a message leaves."""
    dossiers = await load_dossiers(uow, [customer])
    facts = await load_facts(uow, dossiers)
    verdicts = [verdict for verdict in evaluate(facts[customer.id]).verdicts if verdict.residual_minor > 0]
    verdicts.sort(key=lambda verdict: (verdict.case.ladder.due_on, verdict.case.case_id))
    return _Judged(dossiers[customer.id], verdicts)


async def _case_context(uow: UnitOfWork, text: Text, judged: _Judged, about: Sequence[Verdict]) -> MessageContext:
    first = about[0].case
    about = [verdict for verdict in about if verdict.case.currency == first.currency]
    told = {verdict.case.case_id for verdict in about}
    others = [
        verdict.case.case_id
        for verdict in judged.verdicts
        if verdict.case.case_id not in told
        and verdict.case.currency == first.currency
        and verdict.case.ladder.due_on < uow.today
        and not verdict.case.standing.obstacles
    ]
    customer = judged.dossier.customer
    steps = [verdict.next_step.step for verdict in about if verdict.next_step is not None]
    highest = max(steps, key=lambda step: step.offset_days, default=None)
    contact, address = _addressee(customer, text.channel)
    return message_context(
        uow,
        judged.dossier,
        told,
        wording=await load_wording(uow, {customer.id: judged.dossier}, ["broken_promise", "plan_default"]),
        currency=first.currency,
        total_due_minor=sum(verdict.residual_minor for verdict in about),
        step_key=highest.key if highest is not None else "",
        today=uow.today,
        also_open=others,
        contact=contact,
        address=address,
    )


def _uncased_context(uow: UnitOfWork, text: Text, customer: Customer, invoices: list[Invoice]) -> MessageContext:
    open_ones = [
        invoice
        for invoice in sorted(invoices, key=lambda invoice: (invoice.due_on, invoice.id))
        if invoice.status in RECEIVABLE and invoice.open_minor > invoice.disputed_minor
    ]
    if not open_ones:
        raise conflict(Code.state_conflict, _NOTHING_OPEN)
    currency = open_ones[0].currency
    lines = [invoice_line(invoice, uow.today) for invoice in open_ones if invoice.currency == currency]
    contact, address = _addressee(customer, text.channel)
    return customer_context(
        uow,
        customer,
        lines,
        currency=currency,
        total_due_minor=sum(line.amount_minor for line in lines),
        step_key="",
        today=uow.today,
        contact=contact,
        address=address,
    )


def _addressee(customer: Customer, channel: str) -> tuple[str | None, str]:
    """Who would be written to, and for a letter where."""
    for known in sorted(addresses_of(customer), key=lambda known: not known.preferred):
        if text_channel(known.channel) == channel and known.consent != "denied":
            return known.name, known.address if channel == "letter" else ""
    return None, ""
