"""Probes: whether the process lives, and whether it can do its work."""

import asyncio

from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.responses import Response

from app.core.responses import json_response
from app.core.uow import Database

router = APIRouter(tags=["Operating"])
_PROBE_SECONDS = 3


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Response:
    """Whether the process lives."""
    return json_response({"status": "ok"})


@router.get("/readyz", operation_id="readyz", responses={503: {"description": "Not ready."}})
async def readyz(request: Request) -> Response:
    """Whether the process can reach its database."""
    database: Database = request.app.state.database
    try:
        async with asyncio.timeout(_PROBE_SECONDS), database.sessions() as session:
            await session.execute(text("SELECT 1"))
    except Exception:
        return json_response({"status": "unavailable", "checks": {"database": "unreachable"}}, status=503)
    return json_response({"status": "ok", "checks": {"database": "ok"}})
