"""Commands on API keys: expiry and revocation are in real time, also for a test tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.clock import system_now
from app.core.errors import ProblemError, conflict, invalid, not_found
from app.core.ids import new_id
from app.core.security import covers, exceeding, new_key
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.models import ApiKey
from app.tenants.keys import repository


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A fresh key and its text, which is kept nowhere."""

    row: ApiKey
    text: str


async def create(
    uow: UnitOfWork, *, name: str, scopes: list[str], expires_at: datetime | None, granted: Sequence[str]
) -> MadeKey:
    """Make a key.

    Args:
        uow: the unit of work.
        name: what uses the key.
        scopes: what it may do.
        expires_at: when it stops working.
        granted: scopes of the key that asks; no key makes a stronger one.

    Raises:
        ProblemError: 403 for scopes beyond the asking key's, 422 for an expiry in the past.
    """
    _check_granted(scopes, granted)
    _check_expiry(expires_at)
    return _add(uow, name=name, scopes=scopes, expires_at=expires_at)


async def rotate(
    uow: UnitOfWork,
    key_id: UUID,
    *,
    overlap_hours: int,
    new_expiry: tuple[datetime | None] | None,
    granted: Sequence[str],
) -> MadeKey:
    """Make a successor with the same name and scopes; the old key ends after the overlap.

    Args:
        uow: the unit of work.
        key_id: the key to replace.
        overlap_hours: for how long the old key goes on working; with 0 it is revoked.
        new_expiry: when the successor stops working, in a tuple; None for the old key's own expiry.
        granted: scopes of the key that asks.

    Raises:
        ProblemError: 403 for a key stronger than the asking one, 404, 409 for a key that no longer works or when no
            lasting administrator's key would be left, 422 for an expiry in the past.
    """
    await uow.lock_tenant()
    old = await get(uow, key_id)
    _check_granted(old.scopes, granted)
    now = system_now()
    if not _works(old, now):
        raise conflict(Code.state_conflict, "This key was revoked or has expired; create a new one.")
    expires_at = old.expires_at if new_expiry is None else new_expiry[0]
    _check_expiry(expires_at)
    made = _add(uow, name=old.name, scopes=old.scopes, expires_at=expires_at)
    await uow.flush()
    await _check_admin_left(uow, without=old, now=now)
    if overlap_hours == 0:
        old.revoked_at = now
    else:
        ends_at = now + timedelta(hours=overlap_hours)
        old.expires_at = ends_at if old.expires_at is None else min(old.expires_at, ends_at)
    return made


async def revoke(uow: UnitOfWork, key_id: UUID) -> None:
    """End a key at once; revoking a revoked one changes nothing.

    Raises:
        ProblemError: 404, 409 for the last lasting administrator's key.
    """
    await uow.lock_tenant()
    key = await get(uow, key_id)
    if key.revoked_at is not None:
        return
    now = system_now()
    await _check_admin_left(uow, without=key, now=now)
    key.revoked_at = now


async def get(uow: UnitOfWork, key_id: UUID) -> ApiKey:
    """The key with an id.

    Raises:
        ProblemError: 404.
    """
    key = await repository.find(uow, key_id)
    if key is None:
        raise not_found("API key")
    return key


def _add(uow: UnitOfWork, *, name: str, scopes: list[str], expires_at: datetime | None) -> MadeKey:
    key = new_key(is_test=uow.tenant.is_test)
    row = ApiKey(
        tenant_id=uow.tenant_id,
        id=new_id(),
        name=name,
        public_id=key.public_id,
        secret_hash=key.secret_hash,
        scopes=list(scopes),
        expires_at=expires_at,
        revoked_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(row)
    return MadeKey(row, key.text)


def _check_granted(scopes: Sequence[str], granted: Sequence[str]) -> None:
    beyond = exceeding(scopes, granted)
    if beyond:
        raise ProblemError(
            403, Code.insufficient_scope, f"This API key may not give what it lacks itself: {', '.join(beyond)}."
        )


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= system_now():
        raise invalid("/expires_at", Code.out_of_range, "This instant has passed; send a later one, or null for never.")


def _works(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _administers(key: ApiKey) -> bool:
    return covers(key.scopes, resource="api-keys", verb="admin")


async def _check_admin_left(uow: UnitOfWork, *, without: ApiKey, now: datetime) -> None:
    """Ending a key never shortens the time for which the tenant has a key to make others with."""
    if not _administers(without) or not _works(without, now):
        return
    others = [key for key in await repository.unrevoked(uow) if key.id != without.id and _administers(key)]
    if not any(_lasts_as_long(key, without) for key in others if _works(key, now)):
        raise conflict(
            Code.state_conflict,
            "No other key with the scope admin lasts as long as this one; create one first, or the tenant locks itself "
            "out.",
        )


def _lasts_as_long(key: ApiKey, other: ApiKey) -> bool:
    if key.expires_at is None:
        return True
    return other.expires_at is not None and key.expires_at >= other.expires_at
