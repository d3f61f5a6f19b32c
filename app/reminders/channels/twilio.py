"""Sends SMS and WhatsApp messages over Twilio's interface, or one that speaks like it.

Twilio has no idempotency key for messages, so every message carries its key as a tag, and its callback address carries
it too: by either it is found again.
"""

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from app.reminders.channels.base import Account, Inquiry, Outcome, OutgoingMessage, SendResult
from app.reminders.channels.http import Answer, NoAnswer, ProviderClient

TAG: Final = "puntual_key"
_LIST_SIZE: Final = 100
_LOOK_UP_SECONDS: Final = 10.0
_RETRY_AFTER_SECONDS: Final = 60.0
# The provider's clock and the database's differ a little.
_TOLERANCE: Final = timedelta(minutes=2)
_POOL_OF_NUMBERS: Final = re.compile(r"MG[0-9a-f]{32}")
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9]{2,64}")
_MAX_TEXT: Final = 1600


def text_content(text: str) -> bytes:
    """The frozen form of a message of plain text."""
    return json.dumps({"Body": text[:_MAX_TEXT]}, ensure_ascii=False).encode()


def template_content(template: str, variables: Mapping[str, str]) -> bytes:
    """The frozen form of a message by a template that the provider has approved."""
    filled = json.dumps(dict(variables), ensure_ascii=False)
    return json.dumps({"ContentSid": template, "ContentVariables": filled}, ensure_ascii=False).encode()


class TwilioChannel:
    """A channel over the accounts of the tenants.

    Args:
        client: Makes the calls.
        prefix: What stands before every number: nothing for SMS, `whatsapp:` for WhatsApp.
    """

    def __init__(self, client: ProviderClient, *, prefix: Literal["", "whatsapp:"] = "") -> None:
        self._client = client
        self._prefix = prefix

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Make one attempt."""
        account = message.account
        if account is None:
            return SendResult(Outcome.not_sent, None, "no account")
        content: dict[str, str] = json.loads(message.content)
        if not content:
            return SendResult(Outcome.refused, None, "no open conversation, and no template that the provider knows")
        fields = {
            **self._sender(account),
            "To": f"{self._prefix}{message.recipient}",
            **content,
            "Tags": json.dumps({TAG: message.message_key}),
        }
        if message.callback_url is not None:
            fields["StatusCallback"] = message.callback_url
        answer = await self._client.request(
            "POST",
            _messages_url(account),
            deadline=message.deadline,
            headers={**_authorization(account), "content-type": "application/x-www-form-urlencoded"},
            body=urlencode(fields).encode(),
        )
        return _unanswered(answer) if isinstance(answer, NoAnswer) else _answered(answer)

    async def look_up(self, inquiry: Inquiry) -> bool | None:
        """Look for the message among the last ones to its number.

        Not narrowed to a date: a message that still waits at the provider has none.
        """
        account = inquiry.account
        if account is None:
            return None
        query = urlencode({"To": f"{self._prefix}{inquiry.recipient}", "PageSize": _LIST_SIZE})
        answer = await self._client.request(
            "GET",
            f"{_messages_url(account)}?{query}",
            deadline=asyncio.get_running_loop().time() + _LOOK_UP_SECONDS,
            headers=_authorization(account),
        )
        if isinstance(answer, NoAnswer) or answer.status != 200:
            return None
        listed = _json(answer.body).get("messages")
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            return None
        return _found(listed, inquiry)

    async def close(self) -> None:
        """Close the connections, which the other channels of the process share."""
        await self._client.close()

    def _sender(self, account: Account) -> dict[str, str]:
        if _POOL_OF_NUMBERS.fullmatch(account.sender):
            return {"MessagingServiceSid": account.sender}
        return {"From": f"{self._prefix}{account.sender}"}


def _messages_url(account: Account) -> str:
    return f"{account.base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account.account_id, safe='')}/Messages.json"


def _authorization(account: Account) -> dict[str, str]:
    pair = f"{account.account_id}:{account.token}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _unanswered(answer: NoAnswer) -> SendResult:
    if answer.began:
        return SendResult(Outcome.unknown, None, f"no answer: {answer.detail}")
    # A permit that ran out says that too much was claimed, not that the provider is down.
    return SendResult(Outcome.not_sent, None, answer.detail, is_provider_fault=not answer.is_late)


def _answered(answer: Answer) -> SendResult:
    said = _json(answer.body)
    code = said.get("code")
    detail = f"{answer.status} {code}" if isinstance(code, int) else str(answer.status)
    match answer.status:
        case 200 | 201 | 202:
            name = said.get("sid")
            known = name if isinstance(name, str) and _MESSAGE_ID.fullmatch(name) else None
            return SendResult(Outcome.accepted, known, detail)
        case 408 | 429 | 503:
            pause = answer.retry_after_seconds or _RETRY_AFTER_SECONDS
            return SendResult(Outcome.not_sent, None, detail, pause, is_provider_fault=True)
        case 401 | 403 | 404:
            # The account's: it is mended without touching this message, and any other would meet the same.
            return SendResult(Outcome.not_sent, None, detail, _RETRY_AFTER_SECONDS, is_provider_fault=True)
        case status if 400 <= status < 500:
            return SendResult(Outcome.refused, None, detail)
    return SendResult(Outcome.unknown, None, detail)


def _found(listed: list[dict[str, Any]], inquiry: Inquiry) -> bool | None:
    if any(_is_ours(item, inquiry.message_key) for item in listed):
        return True
    # Whoever sends back neither tags nor callbacks can only be asked for what was said, and when.
    unnamed = [item for item in listed if "tags" not in item and "status_callback" not in item]
    if inquiry.attempted_at is None:
        return None if unnamed else False
    since = inquiry.attempted_at - _TOLERANCE
    recent = [item for item in unnamed if (_created_at(item) or since) >= since]
    said = _json(inquiry.content).get("Body")
    # What the provider makes of its own template is not known here.
    if said is not None and any(item.get("body") == said for item in recent):
        return True
    return None if recent else False


def _is_ours(item: Mapping[str, Any], key: str) -> bool:
    tags, callback = item.get("tags"), item.get("status_callback")
    if isinstance(tags, str):
        tags = _json(tags.encode())
    return (isinstance(tags, Mapping) and tags.get(TAG) == key) or (isinstance(callback, str) and key in callback)


def _created_at(item: Mapping[str, Any]) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(item.get("date_created")))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
