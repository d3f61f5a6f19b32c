"""The dossier of a placement: what an agency or a court needs to claim what is owed.

Handed over as evidence, it is the same to the byte as long as nothing of it has changed.
"""

import tempfile
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from typing import IO, Any, Final
from uuid import UUID

import orjson

from app.core.uow import UnitOfWork
from app.core.wire import day, instant, money
from app.messages.pdf import PDF_MARK
from app.models import Activity, Invoice, LedgerEntry, Placement, Reminder, ReminderReceipt
from app.outbox.payloads import (
    charge_payload,
    customer_payload,
    dispute_payload,
    hold_payload,
    invoice_payload,
    payment_payload,
    placement_payload,
    promise_payload,
    reminder_payload,
    write_off_payload,
)
from app.placements import evidence, repository

Json = dict[str, Any]
# The archive lies on disk above this.
_IN_MEMORY_BYTES: Final = 8 * 2**20
_MESSAGES_AT_ONCE: Final = 50
_ENDINGS: Final = {"email": "eml", "letter": "html"}
# The earliest date that an archive can name: when it was made is no part of the evidence.
_NO_DATE: Final = (1980, 1, 1, 0, 0, 0)


async def make_dossier(uow: UnitOfWork, placement: Placement) -> Json:
    """The dossier as JSON."""
    ids = [row.invoice_id for row in placement.invoices]
    currency = placement.currency
    collected = await load_collected(uow, [placement])
    invoices = await repository.load_invoices(uow, ids)
    reminders = await evidence.load_reminders(uow, ids)
    receipts = await evidence.load_receipts(uow, [reminder.id for reminder in reminders])
    return {
        "placement": {**placement_payload(placement), **collected[placement]},
        "as_of": day(uow.today),
        "customer": customer_payload(await evidence.load_customer(uow, placement.customer_id)),
        "invoices": [invoice_payload(invoice, uow.today) for invoice in invoices],
        "ledger": [_entry(entry) for entry in await evidence.load_entries(uow, ids)],
        "charges": [charge_payload(charge) for charge in await evidence.load_charges(uow, ids)],
        "payments": [payment_payload(payment) for payment in await evidence.load_payments(uow, ids)],
        "write_offs": [write_off_payload(written) for written in await evidence.load_write_offs(uow, ids)],
        "reminders": [_reminder(reminder, receipts.get(reminder.id, [])) for reminder in reminders],
        "promises": [
            promise_payload(promise) for promise in await evidence.load_promises(uow, placement.customer_id, ids)
        ],
        "disputes": [dispute_payload(dispute) for dispute in await evidence.load_disputes(uow, ids)],
        "holds": [hold_payload(hold) for hold in await evidence.load_holds(uow, placement.customer_id, ids)],
        "activities": [
            _activity(activity) for activity in await evidence.load_activities(uow, placement.customer_id, ids)
        ],
        "totals": {**_totals(invoices, currency), "collected": collected[placement]["collected"]},
    }


async def make_archive(uow: UnitOfWork, placement: Placement) -> IO[bytes]:
    """The dossier as a ZIP: `dossier.json`, and one file for each message that left; whoever reads it closes it."""
    dossier = await make_dossier(uow, placement)
    names = {row["id"]: row["message"]["file"] for row in dossier["reminders"] if row["message"]}
    reminder_ids = [UUID(each) for each in names]
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  it outlives this function
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "dossier.json", orjson.dumps(dossier, option=orjson.OPT_INDENT_2))
        for first in range(0, len(reminder_ids), _MESSAGES_AT_ONCE):
            some = reminder_ids[first : first + _MESSAGES_AT_ONCE]
            for reminder_id, content in await evidence.load_contents(uow, some):
                _put(archive, names[str(reminder_id)], content)
    file.seek(0)
    return file


async def load_collected(uow: UnitOfWork, placements: Sequence[Placement]) -> dict[Placement, Json]:
    """What has come in through each placement, as it looks on the wire."""
    found = await repository.load_collected(uow, [placement.id for placement in placements])
    return {
        placement: {
            "collected": money(found[placement.id].collected_minor, placement.currency),
            "commission": money(found[placement.id].commission_minor, placement.currency),
        }
        for placement in placements
    }


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _NO_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content)


def _totals(invoices: Sequence[Invoice], currency: str) -> Json:
    parts = {
        "invoiced": sum(invoice.total_minor for invoice in invoices),
        "open": sum(invoice.open_minor for invoice in invoices),
        "principal_open": sum(invoice.principal_open_minor for invoice in invoices),
        "charges_open": sum(invoice.charges_open_minor for invoice in invoices),
        "written_off": sum(invoice.written_off_minor for invoice in invoices),
    }
    return {name: money(amount, currency) for name, amount in parts.items()}


def _entry(entry: LedgerEntry) -> Json:
    return {
        "id": str(entry.id),
        "invoice_id": str(entry.invoice_id),
        "account": entry.account,
        "kind": entry.kind,
        "amount": money(entry.amount_minor, entry.currency),
        "currency": entry.currency,
        "effective_on": day(entry.effective_on),
        "booked_at": instant(entry.booked_at),
        "payment_id": str(entry.payment_id) if entry.payment_id else None,
        "charge_id": str(entry.charge_id) if entry.charge_id else None,
        "reverses_id": str(entry.reverses_id) if entry.reverses_id else None,
        "reason": entry.reason,
    }


def _reminder(reminder: Reminder, receipts: Sequence[ReminderReceipt]) -> Json:
    return {
        **reminder_payload(reminder),
        "message": _message(reminder),
        "delivery": {
            "provider_message_id": reminder.provider_message_id,
            "sent_at": instant(reminder.sent_at),
            "delivered_at": instant(reminder.delivered_at),
            "read_at": instant(reminder.read_at),
            "receipts": [
                {
                    "kind": receipt.kind,
                    "provider_event_id": receipt.provider_event_id,
                    "occurred_at": instant(receipt.occurred_at),
                    "received_at": instant(receipt.received_at),
                    "detail": receipt.detail,
                }
                for receipt in receipts
            ],
        },
    }


def _message(reminder: Reminder) -> Json | None:
    """What was said; nothing for a reminder that was never made out."""
    if reminder.content is None:
        return None
    ending = "pdf" if reminder.content.startswith(PDF_MARK) else _ENDINGS.get(reminder.channel, "txt")
    return {
        "subject": reminder.subject,
        "text": reminder.text_body,
        "size_bytes": len(reminder.content),
        "sha256": sha256(reminder.content).hexdigest(),
        "file": f"messages/{reminder.id}.{ending}",
    }


def _activity(activity: Activity) -> Json:
    return {
        "id": str(activity.id),
        "kind": activity.kind,
        "direction": activity.direction,
        "occurred_at": instant(activity.occurred_at),
        "is_conversation": activity.is_conversation,
        "contact_name": activity.contact_name,
        "outcome": activity.outcome,
        "note": activity.note,
        "author": activity.author,
        "invoice_ids": [str(invoice_id) for invoice_id in activity.invoice_ids],
        "metadata": activity.meta,
    }
