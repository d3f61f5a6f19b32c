"""Webhook signatures after Standard Webhooks 1.0."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64

_VERSION: Final = "v1"


class SigningError(ValueError):
    """A secret or a message that cannot be signed with; the text never repeats a secret."""


def new_secret(random_bytes: bytes) -> str:
    """Write 24 to 64 random bytes, drawn by the caller, as a `whsec_` secret.

    Raises:
        SigningError: Too few or too many bytes.
    """
    _require_length(random_bytes)
    return PREFIX + base64.b64encode(random_bytes).decode("ascii")


def decode_secret(secret: str) -> bytes:
    """Return the bytes of a `whsec_` secret.

    Raises:
        SigningError: The prefix is missing, the rest is no base64, or its length is out of range.
    """
    if not secret.startswith(PREFIX):
        raise SigningError("A webhook secret starts with whsec_.")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        # The cause would carry a part of the secret into logs.
        raise SigningError("A webhook secret is base64 after its prefix.") from None
    _require_length(key)
    return key


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header: one signature per live secret, space separated.

    Args:
        secrets: Live secrets; during a rotation both the new one and the old one.
        message_id: Value of `webhook-id`. A dot in it would let one signature stand for two messages.
        timestamp: Value of `webhook-timestamp`, in seconds since 1970.
        body: The exact bytes that are sent.

    Raises:
        SigningError: There is no secret, or one is malformed, or the id is empty or has a dot.
    """
    if not secrets:
        raise SigningError("Signing needs at least one secret.")
    if not message_id or "." in message_id:
        raise SigningError("A message id is not empty and has no dot.")
    return " ".join(_signature(decode_secret(secret), message_id, timestamp, body) for secret in secrets)


def _signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key, content, "sha256")
    return f"{_VERSION},{base64.b64encode(digest).decode('ascii')}"


def _require_length(key: bytes) -> None:
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise SigningError("A webhook secret has 24 to 64 bytes.")
