"""Commands on dunning runs, and what is done for them in the background: planning and making, some at a time."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from app.core.errors import FieldError, conflict, invalid, invalid_fields
from app.core.ids import new_id
from app.core.schemas import to_minor
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.core.work import Kind
from app.domain.errors import Code
from app.domain.states import DUNNING_RUN
from app.models import DunningRun, DunningRunItem
from app.runs import repository
from app.runs.executing import make
from app.runs.planning import Wanted, rehearse

Fields = Mapping[str, Any]

# Their locks are held meanwhile.
CUSTOMERS_AT_ONCE: Final = 50
ITEMS_AT_ONCE: Final = 100


async def create(uow: UnitOfWork, settings: Settings, fields: Fields) -> DunningRun:
    """Plan a run: the first customers at once, the others in the background.

    Raises:
        ProblemError: 422 for a day that has passed, or a filter that is not valid.
    """
    run_on: date = fields["run_on"] or uow.today
    if run_on < uow.today:
        raise invalid("/run_on", Code.date_order, f"This day has passed; today is {uow.today.isoformat()}.")
    wanted = fields["filter"]
    await _check(uow, wanted)
    run_id = new_id()
    only = _only(wanted)
    total = await repository.count_candidates(uow, only)
    first = await repository.list_candidates(uow, only, after=None, limit=CUSTOMERS_AT_ONCE)
    rows = await rehearse(uow, settings, first, Wanted.of(wanted), run_id=run_id, run_on=run_on)
    run = DunningRun(
        tenant_id=uow.tenant_id,
        id=run_id,
        status="planning",
        run_on=run_on,
        filter=wanted,
        customer_count=total,
        done_count=0,
        after_customer_id=None,
        item_count=0,
        sent_count=0,
        drifted_count=0,
        approved_at=None,
        finished_at=None,
        failure=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(run)
    await uow.flush()
    _take(uow, run, first, rows)
    return run


async def approve(uow: UnitOfWork, run: DunningRun) -> DunningRun:
    """Make what a run has shown, which is locked: the first messages at once, the others in the background.

    Raises:
        ProblemError: 409 when it is not planned, or a forecast.
    """
    if run.status != "planned":
        raise conflict(Code.state_conflict, f"The run is {run.status}; only a planned one can be approved.")
    if run.run_on > uow.today:
        raise conflict(
            Code.state_conflict, f"The run is a forecast of {run.run_on.isoformat()}; plan another one on that day."
        )
    uow.track(run)
    run.status = "approved"
    run.approved_at = uow.now
    uow.emit("dunning_run.approved", run)
    await _go_on_making(uow, run, ITEMS_AT_ONCE)
    return run


async def discard(uow: UnitOfWork, run: DunningRun) -> DunningRun:
    """Nothing becomes of a run, which is locked.

    Raises:
        ProblemError: 409 when it is not planned.
    """
    if run.status != "planned":
        raise conflict(Code.state_conflict, f"The run is {run.status}; only a planned one can be discarded.")
    uow.track(run)
    run.status = "discarded"
    run.finished_at = uow.now
    await repository.discard_items(uow, run.id)
    uow.emit("dunning_run.discarded", run)
    return run


async def go_on(uow: UnitOfWork, settings: Settings, *, most: int | None = None) -> bool:
    """Do some more of the tenant's oldest run; whether there was one."""
    run = await repository.lock_under_way(uow)
    if run is None:
        return False
    if run.status == "approved":
        await _go_on_making(uow, run, most or ITEMS_AT_ONCE)
        return True
    run_id, run_on, wanted = run.id, run.run_on, run.filter
    following = await repository.list_candidates(
        uow, _only(wanted), after=run.after_customer_id, limit=CUSTOMERS_AT_ONCE
    )
    rows = await rehearse(uow, settings, following, Wanted.of(wanted), run_id=run_id, run_on=run_on)
    # The row was forgotten with all others; its lock was not.
    _take(uow, await repository.RUNS.get(uow, run_id), following, rows)
    return True


async def give_up(uow: UnitOfWork) -> bool:
    """What the tenant's oldest run does next has failed: it ends, or goes on without the message; whether it did."""
    run = await repository.lock_under_way(uow)
    if run is None:
        return False
    uow.track(run)
    if run.status == "planning":
        run.status = "failed"
        run.finished_at = uow.now
        run.failure = "Something failed on our side; plan another run."
        uow.emit("dunning_run.failed", run)
        return True
    for item in await repository.load_planned_items(uow, run.id, limit=1):
        item.status, item.drift_reason = "drifted", str(Code.internal_error)
        run.drifted_count += 1
    return True


def _take(uow: UnitOfWork, run: DunningRun, looked_at: list[UUID], rows: list[dict[str, Any]]) -> None:
    """Keep what was seen of some customers; the run is planned when there are no more."""
    uow.track(run)
    for number, columns in enumerate(rows, start=run.item_count + 1):
        uow.add(
            DunningRunItem(
                tenant_id=uow.tenant_id,
                run_id=run.id,
                number=number,
                status="planned",
                drift_reason=None,
                reminder_id=None,
                **columns,
            )
        )
    run.item_count += len(rows)
    run.done_count += len(looked_at)
    if len(looked_at) < CUSTOMERS_AT_ONCE:
        DUNNING_RUN.require(run.status, "planned")
        run.status = "planned"
        # Ladders may have begun or ended meanwhile.
        run.customer_count = run.done_count
        uow.emit("dunning_run.planned", run)
    else:
        run.after_customer_id = looked_at[-1]
        uow.ring(Kind.dunning_run)


async def _go_on_making(uow: UnitOfWork, run: DunningRun, most: int) -> None:
    uow.track(run)
    items = await repository.load_planned_items(uow, run.id, limit=most)
    if items:
        await make(uow, run, items)
    run.sent_count += sum(item.status == "made" for item in items)
    run.drifted_count += sum(item.status == "drifted" for item in items)
    if len(items) < most:
        DUNNING_RUN.require(run.status, "completed")
        run.status = "completed"
        run.finished_at = uow.now
        uow.emit("dunning_run.completed", run)
    else:
        uow.ring(Kind.dunning_run)


async def _check(uow: UnitOfWork, wanted: Fields) -> None:
    if wanted["min_total"] is not None:
        amount = to_minor("/filter/min_total", wanted["min_total"], wanted["currency"])
        if isinstance(amount, FieldError):
            raise invalid_fields([amount])
    missing = []
    if wanted["policy_id"] is not None and not await repository.has_policy(uow, UUID(wanted["policy_id"])):
        missing.append(FieldError("/filter/policy_id", Code.unknown_reference, "No dunning policy with this id."))
    if wanted["customer_ids"] is not None:
        found = await repository.find_customer_ids(uow, [UUID(each) for each in wanted["customer_ids"]])
        missing += [
            FieldError(f"/filter/customer_ids/{index}", Code.unknown_reference, "No customer with this id.")
            for index, each in enumerate(wanted["customer_ids"])
            if UUID(each) not in found
        ]
    if missing:
        raise invalid_fields(missing)


def _only(wanted: Fields) -> list[UUID] | None:
    return None if wanted["customer_ids"] is None else [UUID(each) for each in wanted["customer_ids"]]
