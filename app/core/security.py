"""API keys: `pun_live_<public>_<secret>`. The public part finds the key; of the secret only a hash is stored."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

_PUBLIC_BYTES = 8
_SECRET_BYTES = 24


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh key; `text` is shown once."""

    text: str
    public_id: str
    secret_hash: bytes


def new_key(*, is_test: bool) -> NewKey:
    """Make a key for a live or a test tenant."""
    public_id = f"pun_{'test' if is_test else 'live'}_{secrets.token_hex(_PUBLIC_BYTES)}"
    secret = secrets.token_hex(_SECRET_BYTES)
    return NewKey(f"{public_id}_{secret}", public_id, hash_secret(secret))


def hash_secret(secret: str) -> bytes:
    """SHA-256: the secret is random and long, so a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode()).digest()


def split_key(text: str) -> tuple[str, str] | None:
    """A key's public part and secret, or None if the text is no key."""
    public_id, _, secret = text.rpartition("_")
    if not public_id.startswith(("pun_live_", "pun_test_")) or not secret.isascii() or not public_id.isascii():
        return None
    return public_id, secret


def is_secret(secret: str, secret_hash: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hash_secret(secret), secret_hash)


def covers(scopes: list[str], *, resource: str, verb: str) -> bool:
    """Whether a key's scopes allow `read`, `write` or `admin` on a resource; each includes the weaker ones.

    A scope is a verb for everything (`read`), or for one resource (`invoices:write`).
    """
    rank = ("read", "write", "admin")
    enough = rank[rank.index(verb) :]
    return any(scope in enough or scope in {f"{resource}:{name}" for name in enough} for scope in scopes)
