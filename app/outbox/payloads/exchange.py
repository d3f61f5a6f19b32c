"""Webhook endpoints and imports."""

from app.core.wire import instant
from app.models import Import, WebhookEndpoint
from app.outbox.payloads.forms import Payload, stamps


def endpoint_payload(endpoint: WebhookEndpoint) -> Payload:
    """The wire form of a webhook endpoint, without its secrets."""
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types,
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason,
        "metadata": endpoint.meta,
        **stamps(endpoint),
    }


def import_payload(found: Import) -> Payload:
    """The wire form of an import."""
    options = found.mapping["options"]
    return {
        "id": str(found.id),
        "kind": found.kind,
        "format": found.format,
        "status": found.status,
        "mapping": options["fields"],
        "delimiter": options["delimiter"],
        "date_format": options["date_format"],
        "decimal": options["decimal"],
        "unknown_columns": options["unknown_columns"],
        "bytes_total": found.total_bytes,
        "bytes_done": found.next_byte,
        "rows": found.row_count,
        "created": found.created_count,
        "updated": found.updated_count,
        "unchanged": found.unchanged_count,
        "failed": found.failed_count,
        "failure": found.failure,
        "finished_at": instant(found.finished_at),
        **stamps(found),
    }
