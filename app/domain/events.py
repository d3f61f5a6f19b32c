"""The catalogue of event types (an integrator subscribes by these names)."""

EVENT_TYPES: dict[str, str] = {
    "customer.created": "A customer was created.",
    "customer.updated": "A customer's data changed.",
    "invoice.created": "An invoice was created, as a draft or already open; its status says which.",
    "invoice.updated": "Descriptive fields of an invoice changed, or a draft was edited.",
    "invoice.issued": "A draft was issued and is now a receivable.",
    "invoice.overdue": "The day after the due date has begun and something is open.",
    "invoice.partially_paid": "A payment settled a part of the invoice.",
    "invoice.paid": "Nothing is open any more.",
    "invoice.reopened": "A reversal made a settled amount open again.",
    "invoice.collection_state_changed": "What is being done to collect the invoice changed.",
    "payment.created": "A payment was recorded; its allocations are in it.",
    "payment.reversed": "A payment was reversed; what it had settled is open again.",
    "charge.posted": "A fee was posted; issue your fiscal document for it if you need one.",
    "charge.reversed": "A fee was taken back because its reminder never left.",
    "dunning.case_opened": "An invoice is now followed by a policy version.",
    "dunning.step_skipped": "A step will not be sent; the reason says why.",
    "dunning.exhausted": "Every step was taken and the invoice is still open.",
    "dunning.resumed": "Chasing goes on after a reversal.",
    "dunning.closed": "The case ended because its invoice did.",
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
