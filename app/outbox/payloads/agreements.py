"""What is agreed with customers, or stands between them and being chased."""

from app.core.wire import day, instant, money
from app.models import Dispute, Hold, PaymentPlan, Placement, PlanInstalment, Promise
from app.outbox.payloads.forms import Payload, stamps


def hold_payload(hold: Hold) -> Payload:
    """The wire form of a hold."""
    return {
        "id": str(hold.id),
        "external_id": hold.external_id,
        "customer_id": str(hold.customer_id),
        "invoice_id": str(hold.invoice_id) if hold.invoice_id else None,
        "reason": hold.reason,
        "note": hold.note,
        "starts_on": day(hold.starts_on),
        "ends_on": day(hold.ends_on),
        "effects": hold.effects,
        "status": hold.status,
        "released_on": day(hold.released_on),
        "release_reason": hold.release_reason,
        "metadata": hold.meta,
        **stamps(hold),
    }


def promise_payload(promise: Promise) -> Payload:
    """The wire form of a promise to pay."""
    return {
        "id": str(promise.id),
        "external_id": promise.external_id,
        "customer_id": str(promise.customer_id),
        "invoice_ids": [str(invoice_id) for invoice_id in promise.invoice_ids],
        "currency": promise.currency,
        "amount": money(promise.amount_minor, promise.currency),
        "made_on": day(promise.made_on),
        "promised_on": day(promise.promised_on),
        "tolerance_days": promise.tolerance_days,
        "tolerance_percent": promise.tolerance_percent,
        "status": promise.status,
        "judged_on": day(promise.judged_on),
        "paid_amount": money(promise.paid_minor, promise.currency),
        "note": promise.note,
        "metadata": promise.meta,
        **stamps(promise),
    }


def dispute_payload(dispute: Dispute) -> Payload:
    """The wire form of a dispute."""
    currency = dispute.currency
    return {
        "id": str(dispute.id),
        "external_id": dispute.external_id,
        "customer_id": str(dispute.customer_id),
        "invoice_id": str(dispute.invoice_id),
        "currency": currency,
        "amount": None if dispute.amount_minor is None else money(dispute.amount_minor, currency),
        "reason": dispute.reason,
        "note": dispute.note,
        "documents": dispute.documents,
        "status": dispute.status,
        "opened_on": day(dispute.opened_on),
        "respond_by_on": day(dispute.respond_by_on),
        "is_overdue": dispute.is_overdue,
        "resolved_on": day(dispute.resolved_on),
        "accepted_amount": money(dispute.accepted_minor, currency),
        "credited_amount": money(dispute.credited_minor, currency),
        "credit_note_id": str(dispute.credit_note_id) if dispute.credit_note_id else None,
        "resolution_note": dispute.resolution_note,
        "metadata": dispute.meta,
        **stamps(dispute),
    }


def plan_payload(plan: PaymentPlan) -> Payload:
    """The wire form of a payment plan with its instalments as they stand."""
    currency = plan.currency
    terms = plan.definition["terms"]
    agreed = sum(row[4] for row in plan.definition["instalments"])
    owed = sum(part.interest_minor for part in plan.instalments)
    total = sum(part.total_minor for part in plan.instalments)
    return {
        "id": str(plan.id),
        "external_id": plan.external_id,
        "customer_id": str(plan.customer_id),
        "currency": currency,
        "status": plan.status,
        "invoice_ids": [str(item.invoice_id) for item in plan.invoices],
        "invoices": [
            {
                "invoice_id": str(item.invoice_id),
                "principal": money(item.principal_minor, currency),
                "charges": money(item.charges_minor, currency),
            }
            for item in plan.invoices
        ],
        "principal": money(plan.principal_minor, currency),
        "included_charges": terms["included_charges"],
        "down_payment": money(plan.down_payment_minor, currency),
        "setup_fee": money(plan.setup_fee_minor, currency),
        "interest": terms["interest"],
        "dropped_interest": money(agreed - owed, currency),
        "effective_annual_rate": terms["effective_annual_rate"],
        "total_cost": terms["total_cost"],
        "total": money(total, currency),
        "paid_amount": money(plan.paid_minor, currency),
        "open_amount": money(total - plan.paid_minor, currency),
        "frequency": plan.frequency,
        "starts_on": terms["starts_on"],
        "first_due_on": day(plan.first_due_on),
        "grace_days": plan.grace_days,
        "allowed_misses": plan.allowed_misses,
        "surplus": plan.surplus,
        "terms_hash": plan.terms_hash,
        "expires_at": instant(plan.expires_at),
        "accepted_by": plan.acceptance["by"] if plan.acceptance else None,
        "acceptance": plan.acceptance,
        "activated_on": day(plan.activated_on),
        "ended_on": day(plan.ended_on),
        "end_reason": plan.end_reason,
        "supersedes_id": str(plan.supersedes_id) if plan.supersedes_id else None,
        "dunning_policy_id": str(plan.dunning_policy_id) if plan.dunning_policy_id else None,
        "instalments": [plan_instalment_payload(part, currency) for part in plan.instalments],
        "metadata": plan.meta,
        **stamps(plan),
    }


def plan_instalment_payload(part: PlanInstalment, currency: str) -> Payload:
    """The wire form of one instalment of a payment plan."""
    return {
        "number": part.number,
        "due_on": day(part.due_on),
        "principal": money(part.principal_minor, currency),
        "interest": money(part.interest_minor, currency),
        "fee": money(part.fee_minor, currency),
        "total": money(part.total_minor, currency),
        "paid": money(part.paid_minor, currency),
        "open": money(part.total_minor - part.paid_minor, currency),
        "status": part.status,
        "missed_on": day(part.missed_on),
    }


def placement_payload(placement: Placement) -> Payload:
    """The wire form of a placement, without what has come in through it, which its payments decide."""
    currency = placement.currency
    return {
        "id": str(placement.id),
        "external_id": placement.external_id,
        "customer_id": str(placement.customer_id),
        "kind": placement.kind,
        "agency": placement.agency,
        "agency_reference": placement.agency_reference,
        "currency": currency,
        "placed_amount": money(placement.placed_minor, currency),
        "commission_percent": placement.commission_percent,
        "status": placement.status,
        "placed_on": day(placement.placed_on),
        "acknowledged_on": day(placement.acknowledged_on),
        "ended_on": day(placement.ended_on),
        "end_reason": placement.end_reason,
        "note": placement.note,
        "invoices": [
            {"invoice_id": str(row.invoice_id), "placed_amount": money(row.placed_minor, currency)}
            for row in placement.invoices
        ],
        "metadata": placement.meta,
        **stamps(placement),
    }
