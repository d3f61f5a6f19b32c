"""What is said to customers."""

from collections.abc import Iterable

from app.core.wire import day, instant, money
from app.models import Reminder
from app.outbox.payloads.forms import Payload, stamps


def reminder_payload(reminder: Reminder) -> Payload:
    """The wire form of a reminder; items that were dropped before it left are not listed."""
    currency = reminder.currency
    return {
        "id": str(reminder.id),
        "customer_id": str(reminder.customer_id),
        "policy_id": str(reminder.policy_id),
        "policy_version": reminder.policy_version,
        "currency": currency,
        "channel": reminder.channel,
        "to": reminder.to,
        "language": reminder.language,
        "template": reminder.template,
        "status": reminder.status,
        "shadow": reminder.is_shadow,
        "nominal_on": day(reminder.nominal_on),
        "scheduled_at": instant(reminder.scheduled_at),
        "sent_at": instant(reminder.sent_at),
        "delivered_at": instant(reminder.delivered_at),
        "read_at": instant(reminder.read_at),
        "provider_message_id": reminder.provider_message_id,
        "replaces_id": str(reminder.replaces_id) if reminder.replaces_id else None,
        "skip_reason": reminder.skip_reason,
        "attempts": reminder.attempt_count,
        "last_error": reminder.last_error,
        "total_due": money(reminder.total_due_minor, currency),
        "items": [
            {
                "invoice_id": str(item.invoice_id),
                "case_id": str(item.case_id),
                "plan_id": str(item.plan_id) if item.plan_id else None,
                "instalment_number": item.instalment_number,
                "step_key": item.step_key,
                "cycle": item.cycle,
                "amount": money(item.amount_minor, currency),
            }
            for item in reminder.items
            if item.dropped_reason is None or reminder.skip_reason is not None
        ],
        **stamps(reminder),
    }


def in_flight_payload(reminders: Iterable[Reminder]) -> list[Payload]:
    """The wire form of the reminders that a command came too late for (rule D7)."""
    return [
        {
            "reminder_id": str(reminder.id),
            "channel": reminder.channel,
            "invoice_ids": [str(item.invoice_id) for item in reminder.items if item.dropped_reason is None],
        }
        for reminder in reminders
    ]
