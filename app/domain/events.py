"""The catalogue of event types (an integrator subscribes by these names)."""

EVENT_TYPES: dict[str, str] = {
    "customer.created": "A customer was created.",
    "customer.updated": "A customer's data changed.",
    "customer.opted_out": "A customer answered with an opt-out word; the address is not used any more.",
    "customer.over_limit": "A customer owes more than the credit limit.",
    "customer.within_limit": "A customer no longer owes more than the credit limit.",
    "customer.credit_held": "Nothing more should be sold to the customer on credit.",
    "customer.credit_released": "The credit hold of a customer has ended.",
    "invoice.created": "An invoice was created, as a draft or already open; its status says which.",
    "invoice.updated": "Descriptive fields of an invoice changed, or a draft was edited.",
    "invoice.issued": "A draft was issued and is now a receivable.",
    "invoice.overdue": "The day after the due date has begun and something is open.",
    "invoice.partially_paid": "A payment settled a part of the invoice.",
    "invoice.paid": "Nothing is open any more.",
    "invoice.reopened": "A reversal made a settled amount open again.",
    "invoice.rescheduled": "The due date of an issued invoice was changed, with a reason.",
    "invoice.voided": "An invoice that should not have been was taken back whole.",
    "invoice.written_off": "What was open of the invoice was given up.",
    "invoice.collection_state_changed": "What is being done to collect the invoice changed.",
    "payment.created": "A payment was recorded; its allocations are in it.",
    "payment.allocated": "What a payment settles changed: it was allocated, taken back, assigned or confirmed.",
    "payment.refunded": "Unapplied cash went back to the payer.",
    "payment.reversed": "A payment was reversed; what it had settled is open again.",
    "credit_note.created": "A credit note was recorded; its allocations are in it.",
    "credit_note.applied": "What a credit note settles changed.",
    "credit_note.voided": "A credit note was taken back; what it had settled is open again.",
    "charge.posted": "A charge was posted; issue your fiscal document for it if you need one.",
    "charge.waived": "A charge was given up, with a reason.",
    "charge.reversed": "A charge was taken back: its reminder never left, or a backdated payment took its ground.",
    "import.completed": "An import has come to its end: completed, failed or cancelled.",
    "dunning.case_opened": "An invoice, or one instalment of it, is now followed by a policy version.",
    "dunning.step_skipped": "A step will not be sent; the reason says why.",
    "dunning.exhausted": "Every step was taken and the invoice is still open.",
    "dunning.suspended": "Chasing pauses: a plan, a hold, a dispute or a placement stands in its way.",
    "hold.placed": "A hold was placed.",
    "hold.released": "A hold was released before its end.",
    "hold.expired": "A hold has run out.",
    "dunning.resumed": "Chasing goes on after a reversal.",
    "dunning.closed": "The case ended because its invoice or instalment did.",
    "reminder.awaiting_approval": "A reminder waits for your approval.",
    "reminder.sent": "The provider accepted the reminder (or, in shadow, would have been given it).",
    "reminder.failed": "The receiving server refused the reminder's address for good.",
    "reminder.outcome_unknown": "Whether the reminder left cannot be known; it will not be sent again by itself.",
    "reminder.cancelled": "The reminder was cancelled, or its reason went away before it left.",
    "webhook_endpoint.disabled": "The endpoint answered 410 and gets no more events.",
    "webhook.test": "A test event that you asked for.",
}


def is_subscribable(pattern: str) -> bool:
    """Whether a subscription is a known type, a family such as `invoice.*`, or `*`."""
    if pattern == "*" or pattern in EVENT_TYPES:
        return True
    family, star = pattern[:-1], pattern[-1:]
    return star == "*" and family.endswith(".") and any(name.startswith(family) for name in EVENT_TYPES)


def matches(patterns: list[str], event_type: str) -> bool:
    """Whether one of the subscriptions covers a type."""
    return any(
        pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )
