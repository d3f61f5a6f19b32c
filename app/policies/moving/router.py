"""HTTP for moving cases."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor
from app.core.responses import CREATE, json_response
from app.core.uow import Database
from app.deps import LongRoute, Uow, lift_time_limit
from app.policies.moving import service
from app.policies.moving.schemas import MigrationOutput, PolicyMigrate

router = APIRouter(prefix="/v1/dunning-policies", tags=["Dunning policies"], route_class=LongRoute)


@router.post(
    "/{policy_id}/migrate", response_model=MigrationOutput, responses=CREATE, operation_id="migrate_dunning_cases"
)
async def migrate_dunning_cases(
    uow: Uow,
    request: Request,
    policy_id: UUID,
    body: PolicyMigrate,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """Move running cases to another version of their policy.

    A case keeps the offset it has reached: what the new version has up to it, and steps by the same name that were
    taken, are not sent. Reminders about the cases that have not left are taken back and planned anew. A case with a
    reminder on its way stays, and can be moved a moment later. With `preview: true` nothing changes, and the answer
    tells case by case what would, a page at a time.

    Many cases are moved in several transactions; where the request is cut off, ask again: what has moved stays.
    """
    database: Database = request.app.state.database
    after = decode_cursor(cursor)
    async with database.unit_of_work(uow.tenant_id) as own:
        wanted, matched = await service.prepare(own, policy_id, body.model_dump())
        if body.preview:
            cases, last = await service.preview(own, wanted, limit=limit, after=after)
            in_flight = sum(case["in_flight"] for case in cases)
            return _migration(wanted, matched, len(cases) - in_flight, in_flight, cases, last)
    lift_time_limit(request)
    moved, staying, done_to = 0, 0, None
    while True:
        async with database.unit_of_work(uow.tenant_id) as own:
            own.request_id, own.idempotency_key = uow.request_id, uow.idempotency_key
            done = await service.migrate_chunk(own, wanted, after=done_to)
        moved, staying, done_to = moved + done.moved, staying + len(done.in_flight), done.last_customer_id
        if done_to is None:
            return _migration(wanted, matched, moved, staying)


def _migration(
    wanted: service.Wanted,
    matched: int,
    moved: int,
    in_flight: int,
    cases: list[dict[str, Any]] | None = None,
    last: UUID | None = None,
) -> Response:
    return json_response({
        "preview": cases is not None,
        "to_version": wanted.to_version,
        "matched": matched,
        "moved": moved,
        "in_flight": in_flight,
        "data": cases or [],
        "next_cursor": None if last is None else encode_cursor(last),
    })  # fmt: skip
