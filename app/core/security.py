"""API keys: `pun_live_<public>_<secret>`. The public part finds the key; of the secret only a hash is stored."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_PUBLIC_BYTES = 8
_SECRET_BYTES = 24
_KEY = re.compile(rf"(pun_(?:live|test)_[0-9a-f]{{{2 * _PUBLIC_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})", re.ASCII)

# Weakest first: each includes those before it.
VERBS = ("read", "write", "admin")
# The first segment of every path under /v1; a test holds them equal.
RESOURCES = frozenset({
    "api-keys", "charges", "contact-profiles", "credit-notes", "customers", "deliveries", "dunning-policies", "events",
    "holds", "imports", "invoices", "payments", "rate-tables", "reminders", "reports", "templates", "tenant", "terms", "test-clock",
    "webhook-endpoints",
})  # fmt: skip


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
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


def is_secret(secret: str, secret_hash: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hash_secret(secret), secret_hash)


def is_scope(text: str) -> bool:
    """Whether a text is a scope: a verb for everything (`read`), or for one resource (`invoices:write`)."""
    resource, colon, verb = text.rpartition(":")
    return verb in VERBS and (resource in RESOURCES if colon else True)


def covers(scopes: Sequence[str], *, resource: str, verb: str) -> bool:
    """Whether a key's scopes allow `read`, `write` or `admin` on a resource; each includes the weaker ones."""
    enough = VERBS[VERBS.index(verb) :]
    return any(scope in enough or scope in {f"{resource}:{name}" for name in enough} for scope in scopes)


def exceeding(scopes: Sequence[str], granted: Sequence[str]) -> list[str]:
    """Those of `scopes` that allow more than `granted` does."""
    return [scope for scope in scopes if not _within(scope, granted)]


def _within(scope: str, granted: Sequence[str]) -> bool:
    resource, colon, verb = scope.rpartition(":")
    if colon:
        return covers(granted, resource=resource, verb=verb)
    # What is granted for single resources is never enough for all of them, which may become more.
    return covers([held for held in granted if ":" not in held], resource="*", verb=verb)
