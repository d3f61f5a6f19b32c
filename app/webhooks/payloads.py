"""The wire forms of deliveries and attempts; those of endpoints and events are the outbox's, as events carry them."""

from typing import Any

from app.core.wire import instant
from app.models import Delivery, DeliveryAttempt


def delivery_payload(delivery: Delivery) -> dict[str, Any]:
    """The wire form of a delivery."""
    return {
        "id": str(delivery.id),
        "endpoint_id": str(delivery.endpoint_id),
        "event_id": str(delivery.event_id),
        "event_type": delivery.event_type,
        "status": delivery.status,
        "attempt_count": delivery.attempt_count,
        "next_attempt_at": instant(delivery.next_attempt_at),
        "created_at": instant(delivery.created_at),
        "updated_at": instant(delivery.updated_at),
    }


def attempt_payload(attempt: DeliveryAttempt) -> dict[str, Any]:
    """The wire form of an attempt."""
    return {
        "number": attempt.number,
        "attempted_at": instant(attempt.attempted_at),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error,
        "response_excerpt": attempt.response_excerpt,
    }
