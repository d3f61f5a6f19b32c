"""Takes in a status callback of Twilio's, once its signature is that of the tenant's account."""

import base64
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

from app.core.errors import ProblemError
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.reminders.accounts import account_of
from app.reminders.receipts import service as receipts
from app.reminders.service import lock
from app.reminders.tokens import CallbackTarget
from app.settlement.addresses import deny

_SID: Final = re.compile(r"[A-Za-z0-9]{2,64}")
_ENDS: Final = {"delivered": "delivered", "read": "read", "undelivered": "failed", "failed": "failed"}
_ON_THE_WAY: Final = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
# Unknown or unallocated numbers, landlines, numbers without WhatsApp: the address does not work.
_ADDRESS_FAULTS: Final = frozenset({"21211", "21214", "21217", "21614", "30005", "30006", "63003", "63024"})
_UNSUBSCRIBED: Final = frozenset({"21610", "63032"})


def signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """What Twilio signs with: the address as it was given, and every field in the order of their names."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


async def take(
    uow: UnitOfWork, settings: Settings, target: CallbackTarget, *, url: str, signed: str, fields: Mapping[str, str]
) -> None:
    """Do what follows from a callback; what it says out of order changes nothing.

    Raises:
        ProblemError: 403 when it is not signed by the provider, 404 when there is no such reminder any more.
    """
    customer, reminder = await lock(uow, target.reminder_id)
    account = account_of(uow, settings, reminder.channel)
    if account is None or not hmac.compare_digest(signature(account.token, url, fields).encode(), signed.encode()):
        raise ProblemError(403, Code.unauthorized, "The signature is not that of the account.")
    status, sid = fields.get("MessageStatus", ""), fields.get("MessageSid", "")
    if status in _ON_THE_WAY and reminder.status in {"ready", "outcome_unknown"} and receipts.may_have_left(reminder):
        await receipts.prove_sent(uow, customer, reminder)
    elif status in _ENDS and receipts.may_have_left(reminder):
        error = fields.get("ErrorCode", "")
        await receipts.take(uow, reminder.id, _receipt(status, sid, error))
        if error in _UNSUBSCRIBED:
            # Said to the provider instead of us.
            await deny(uow, customer, reminder.channel, reminder.to or "")
    if reminder.provider_message_id is None and receipts.may_have_left(reminder) and customer.erased_at is None:
        reminder.provider_message_id = sid if _SID.fullmatch(sid) else None


def _receipt(status: str, sid: str, error: str) -> dict[str, Any]:
    kind = _ENDS[status]
    if kind == "failed" and error in _ADDRESS_FAULTS:
        kind = "bounced"
    return {
        "kind": kind,
        "provider_event_id": f"{sid[:64]}:{status}",
        "occurred_at": None,
        "detail": f"error {error}" if error.isascii() and error.isdigit() else None,
    }
