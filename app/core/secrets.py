"""Secrets at rest, of webhooks and of providers: encrypted with a key derived from the process's secret key."""

import base64
import hashlib

from cryptography.fernet import Fernet

from app.core.settings import Settings


def cipher(settings: Settings) -> Fernet:
    """The cipher of this installation.

    Raises:
        ValueError: no secret key is set.
    """
    secret = settings.secret_key.get_secret_value()
    if len(secret) < 32:
        raise ValueError("PUNTUAL_SECRET_KEY must have at least 32 characters")
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"puntual webhook secrets" + secret.encode()).digest()))


def encrypt(settings: Settings, plain: str) -> str:
    """Encrypt for storage."""
    return cipher(settings).encrypt(plain.encode()).decode()


def decrypt(settings: Settings, stored: str) -> str:
    """Decrypt what `encrypt` made."""
    return cipher(settings).decrypt(stored.encode()).decode()
