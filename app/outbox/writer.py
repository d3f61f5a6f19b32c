"""Writes events into the outbox in the transaction of their change (nothing is announced that was not committed)."""

from collections.abc import Sequence
from typing import Any

import orjson

from app.core.ids import new_id
from app.core.rows import NewRow
from app.core.uow import PendingEvent, UnitOfWork
from app.core.wire import changed
from app.models import Event
from app.outbox.payloads import describe


class OutboxWriter:
    """The event writer that the composition roots hand to the database."""

    def snapshot(self, uow: UnitOfWork, resource: object) -> dict[str, Any]:
        """The wire form of a resource as it is now."""
        return describe(uow, resource)[1]

    def rows(self, uow: UnitOfWork, events: Sequence[PendingEvent]) -> list[NewRow]:
        """One row an event, with the resource as it is at the end of the transaction."""
        rows = []
        forms: dict[int, tuple[str, dict[str, Any], bytes, bytes | None]] = {}
        for event in events:
            key = id(event.resource)
            if key not in forms:
                object_type, data = describe(uow, event.resource)
                before = uow.before(event.resource)
                previous = changed(before, data) if before is not None else None
                forms[key] = (object_type, data, orjson.dumps(data), orjson.dumps(previous) if previous else None)
            object_type, data, encoded, previous_encoded = forms[key]
            if event.extra:
                encoded = orjson.dumps({**data, **event.extra})
            rows.append(
                NewRow(
                    Event,
                    {
                        "tenant_id": uow.tenant_id,
                        "id": new_id(),
                        "type": event.type,
                        "created_at": uow.now,
                        "object_type": object_type,
                        "object_id": data["id"],
                        "object_version": data["version"],
                        "customer_id": data["id"] if object_type == "customer" else data.get("customer_id"),
                        "data": encoded.decode(),
                        "previous": previous_encoded.decode() if previous_encoded else None,
                        "idempotency_key": uow.idempotency_key,
                        "request_id": uow.request_id,
                    },
                )
            )
        return rows
