"""What is agreed with customers, or stands between them and being chased."""

from app.core.wire import day
from app.models import Hold
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
