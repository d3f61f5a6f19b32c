"""A worker without one safeguard, to show that the chaos tests can fail: `python -m tests.chaos.careless worker`.

`CARELESS=lease`: a reminder whose lease has run out is sent again, without asking what became of it.
`CARELESS=recheck`: a reminder is sent as it was planned, without judging it again under the lock.
"""

import asyncio
import os
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import update

from app.core.uow import UnitOfWork
from app.models import Reminder
from app.reminders import claims, sender
from app.worker import run_worker


async def _send_again(uow: UnitOfWork, found: dict[UUID, bool | None]) -> int:
    await uow.session.execute(
        update(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id.in_(found), Reminder.status == "sending")
        .values(status="ready", next_attempt_at=uow.now, lease_token=None, contacted_on=None)
        .execution_options(synchronize_session=False)
    )
    return len(found)


def take_out(safeguard: str) -> None:
    """Take one safeguard out of this process."""
    if safeguard == "lease":
        setattr(sender, "settle_unknown", _send_again)  # noqa: B010  a stand-in that mypy need not believe
    elif safeguard == "recheck":
        setattr(claims, "_objection", lambda _item, _verdict: None)  # noqa: B010
    else:
        raise SystemExit(f"no safeguard {safeguard!r}")


def main(arguments: Sequence[str] = ("worker",)) -> None:
    """Run a worker without it."""
    take_out(os.environ["CARELESS"])
    asyncio.run(run_worker())


if __name__ == "__main__":
    main()
