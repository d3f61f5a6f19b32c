"""Invoices, cases, and what settles or adds to them."""

from datetime import date

from app.core.wire import day, instant, money
from app.domain.aging import days_overdue
from app.domain.instalments import part_status
from app.domain.invoice_state import due_state
from app.models import Allocation, Charge, CreditNote, DunningCase, Invoice, Payment, WriteOff
from app.outbox.payloads.forms import Payload, stamps


def invoice_payload(invoice: Invoice, today: date) -> Payload:
    """The wire form of an invoice on a business date; what depends on the date is computed, never read."""
    currency = invoice.currency
    due_on = invoice.oldest_due_on
    state = due_state(invoice.status, due_on=due_on, today=today)
    return {
        "id": str(invoice.id),
        "external_id": invoice.external_id,
        "number": invoice.number,
        "customer_id": str(invoice.customer_id),
        "currency": currency,
        "total": money(invoice.total_minor, currency),
        "open_amount": money(invoice.open_minor, currency),
        "principal_open": money(invoice.principal_open_minor, currency),
        "charges_open": money(invoice.charges_open_minor, currency),
        "disputed_amount": money(invoice.disputed_minor, currency),
        "opening_paid": money(invoice.opening_paid_minor, currency),
        "written_off_amount": money(invoice.written_off_minor, currency),
        "issued_on": day(invoice.issued_on),
        "due_on": day(invoice.due_on),
        "net_total": None if invoice.net_minor is None else money(invoice.net_minor, currency),
        "terms": invoice.terms,
        "discount_terms": invoice.discount_terms,
        "instalments": _instalments(invoice, today),
        "status": invoice.status,
        "due_state": state,
        "days_overdue": days_overdue(due_on, today) if state == "overdue" else 0,
        "collection_state": invoice.collection_state,
        "reference": invoice.reference,
        "payment_url": invoice.payment_url,
        "documents": invoice.documents,
        "lines": invoice.lines,
        "dunning_policy_id": str(invoice.dunning_policy_id) if invoice.dunning_policy_id else None,
        "late_interest": invoice.late_interest,
        "issued_at": instant(invoice.issued_at),
        "paid_at": instant(invoice.paid_at),
        "metadata": invoice.meta,
        **stamps(invoice),
    }


def _instalments(invoice: Invoice, today: date) -> list[Payload]:
    listed = []
    for part in invoice.parts:
        status = part_status(invoice.status, amount_minor=part.amount_minor, principal_minor=part.principal_minor)
        listed.append({
            "number": part.number,
            "due_on": day(part.due_on),
            "amount": money(part.amount_minor, invoice.currency),
            "open_amount": money(part.principal_minor, invoice.currency),
            "status": status,
            "due_state": due_state(status, due_on=part.due_on, today=today),
        })  # fmt: skip
    return listed


def allocation_payload(allocation: Allocation, currency: str) -> Payload:
    """The wire form of what a payment or credit note settles of one invoice."""
    return {
        "invoice_id": str(allocation.invoice_id),
        "amount": money(allocation.amount_minor, currency),
        "discount_taken": money(allocation.discount_minor, currency),
        "differences": [
            {"reason": item["reason"], "amount": money(item["amount_minor"], currency)}
            for item in allocation.differences
        ],
        "effective_on": day(allocation.effective_on),
    }


def payment_payload(payment: Payment) -> Payload:
    """The wire form of a payment with its live allocations."""
    currency = payment.currency
    return {
        "id": str(payment.id),
        "external_id": payment.external_id,
        "customer_id": str(payment.customer_id) if payment.customer_id else None,
        "currency": currency,
        "amount": money(payment.amount_minor, currency),
        "received_on": day(payment.received_on),
        "matures_on": day(payment.matures_on),
        "tendered": payment.tendered,
        "method": payment.method,
        "reference": payment.reference,
        "allocations": [
            allocation_payload(item, currency)
            for item in payment.allocations
            # One that was wholly moved back to the payer settles nothing any more.
            if item.reversed_at is None and item.settled_minor
        ],
        "unapplied_amount": money(payment.unapplied_minor, currency),
        "refunded_amount": money(payment.refunded_minor, currency),
        "status": payment.status,
        "reversed_on": day(payment.reversed_on),
        "reversal_reason": payment.reversal_reason,
        "metadata": payment.meta,
        **stamps(payment),
    }


def credit_note_payload(note: CreditNote) -> Payload:
    """The wire form of a credit note with its live allocations."""
    currency = note.currency
    return {
        "id": str(note.id),
        "external_id": note.external_id,
        "number": note.number,
        "customer_id": str(note.customer_id),
        "invoice_id": str(note.invoice_id) if note.invoice_id else None,
        "currency": currency,
        "amount": money(note.amount_minor, currency),
        "issued_on": day(note.issued_on),
        "reason": note.reason,
        "allocations": [
            {
                "invoice_id": str(item.invoice_id),
                "amount": money(item.amount_minor, currency),
                "effective_on": day(item.effective_on),
            }
            for item in note.allocations
            if item.reversed_at is None
        ],
        "unapplied_amount": money(note.unapplied_minor, currency),
        "status": note.status,
        "voided_on": day(note.voided_on),
        "void_reason": note.void_reason,
        "metadata": note.meta,
        **stamps(note),
    }


def write_off_payload(written: WriteOff) -> Payload:
    """The wire form of a write-off."""
    return {
        "id": str(written.id),
        "invoice_id": str(written.invoice_id),
        "currency": written.currency,
        "amount": money(written.amount_minor, written.currency),
        "recovered_amount": money(written.recovered_minor, written.currency),
        "reason": written.reason,
        "approved_by": written.approved_by,
        "written_off_on": day(written.written_off_on),
        "status": written.status,
        "reversed_on": day(written.reversed_on),
        "reversal_reason": written.reversal_reason,
        **stamps(written),
    }


def charge_payload(charge: Charge) -> Payload:
    """The wire form of a charge."""
    return {
        "id": str(charge.id),
        "customer_id": str(charge.customer_id),
        "invoice_id": str(charge.invoice_id),
        "external_id": charge.external_id,
        "kind": charge.kind,
        "currency": charge.currency,
        "amount": money(charge.amount_minor, charge.currency),
        "tax_code": charge.tax_code,
        "tax_amount": money(charge.tax_minor, charge.currency),
        "paid_amount": money(charge.paid_minor, charge.currency),
        "posted_on": day(charge.posted_on),
        "status": charge.status,
        "reason": charge.reason,
        "from_on": day(charge.from_on),
        "through_on": day(charge.through_on),
        "rate_table": charge.rate_table,
        "segments": charge.segments,
        "waived_on": day(charge.waived_on),
        "waiver_reason": charge.waiver_reason,
        "case_id": str(charge.case_id) if charge.case_id else None,
        "step_key": charge.step_key,
        "reminder_id": str(charge.reminder_id) if charge.reminder_id else None,
        "plan_id": str(charge.plan_id) if charge.plan_id else None,
        "metadata": charge.meta,
        **stamps(charge),
    }


def case_payload(case: DunningCase) -> Payload:
    """The wire form of a dunning case."""
    return {
        "id": str(case.id),
        "customer_id": str(case.customer_id),
        "invoice_id": str(case.invoice_id),
        "plan_id": str(case.plan_id) if case.plan_id else None,
        "instalment_number": case.instalment_number,
        "policy_id": str(case.policy_id),
        "policy_version": case.policy_version,
        "state": case.state,
        "cycle": case.cycle,
        "last_step": case.last_sent_step_key,
        "last_sent_on": day(case.last_sent_on),
        "opened_at": instant(case.opened_at),
        "closed_at": instant(case.closed_at),
        **stamps(case),
    }
