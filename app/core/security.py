"""API keys: `pun_live_<public>_<secret>`. The public part finds the key; of the secret only a hash is stored."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

_PUBLIC_BYTES = 8
_SECRET_BYTES = 24
_KEY = re.compile(rf"(pun_(?:live|test)_[0-9a-f]{{{2 * _PUBLIC_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})", re.ASCII)
# With the 16 bytes of the tenant's id a whole number of Base64 digits, without padding.
_LINK_SECRET_BYTES = 26
_LINK = re.compile(rf"[A-Za-z0-9_-]{{{(16 + _LINK_SECRET_BYTES) * 4 // 3}}}", re.ASCII)

# Weakest first: each includes those before it.
VERBS = ("read", "write", "admin")
# The first segment of every path under /v1; a test holds them equal.
RESOURCES = frozenset({
    "activities", "api-keys", "charges", "contact-profiles", "credit-notes", "customers", "deliveries", "disputes",
    "dunning-policies", "dunning-runs", "events", "holds", "imports", "invoices", "payment-plans", "payments",
    "placements", "promises", "rate-tables", "reminders", "reports", "tasks", "templates", "tenant", "terms",
    "test-clock", "webhook-endpoints",
})  # fmt: skip
# Those whose path is the key: who has the link may follow it.
LINKS = frozenset({"plan-links"})


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


@dataclass(frozen=True, slots=True)
class NewLink:
    """A fresh link of a debtor; `token` is shown once."""

    token: str
    token_hash: bytes


def new_link(tenant_id: UUID) -> NewLink:
    """Make the token of a link: the tenant, so that it is found without looking at others, and a secret."""
    raw = tenant_id.bytes + secrets.token_bytes(_LINK_SECRET_BYTES)
    token = base64.urlsafe_b64encode(raw).decode()
    return NewLink(token, hash_secret(token))


def split_link(token: str) -> tuple[UUID, bytes] | None:
    """The tenant that a link's token names and the token's hash, or None if the text is no token."""
    if not _LINK.fullmatch(token):
        return None
    return UUID(bytes=base64.urlsafe_b64decode(token)[:16]), hash_secret(token)


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
