"""Tokens of callback addresses: which reminder of which tenant it is about, sealed with the process's secret key."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.core.settings import Settings

_TOKEN: Final = re.compile(
    r"([0-9a-f]{32})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([A-Za-z0-9_-]{27})"
)


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    """What a callback is about."""

    tenant_id: UUID
    reminder_id: UUID


def callback_token(settings: Settings, target: CallbackTarget) -> str:
    """The token of a reminder; its id stands in it in full, so that whoever lists messages can be understood."""
    named = f"{target.tenant_id.hex}.{target.reminder_id}"
    return f"{named}.{_seal(settings, named)}"


def read_token(settings: Settings, token: str) -> CallbackTarget | None:
    """What a token says, or None if it is none of ours."""
    match = _TOKEN.fullmatch(token)
    if match is None or not hmac.compare_digest(_seal(settings, f"{match[1]}.{match[2]}"), match[3]):
        return None
    return CallbackTarget(UUID(match[1]), UUID(match[2]))


def callback_url(settings: Settings, target: CallbackTarget) -> str | None:
    """Where a provider is to tell what becomes of a message; None where nothing outside reaches this service."""
    if not settings.public_url:
        return None
    return f"{settings.public_url.rstrip('/')}/v1/provider-callbacks/twilio/{callback_token(settings, target)}"


def _seal(settings: Settings, named: str) -> str:
    secret = settings.secret_key.get_secret_value().encode()
    key = hashlib.sha256(b"puntual provider callbacks" + secret).digest()
    return base64.urlsafe_b64encode(hmac.digest(key, named.encode(), "sha1")).decode().rstrip("=")
