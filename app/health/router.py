"""Probes and metrics; they need no key, and belong on a network that outsiders do not reach."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.core.metrics import CONTENT_TYPE, exposition
from app.core.responses import json_response
from app.core.uow import Database
from app.deps import settings_of
from app.health.readiness import check_readiness
from app.health.schemas import Health, Ready
from app.health.scrape import gather

router = APIRouter(tags=["Operating"])

_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus text format 0.0.4.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "The database cannot be reached, or lacks the schema of this release.", "model": Ready}
}


@router.get("/healthz", operation_id="healthz", response_model=Health)
async def healthz() -> Response:
    """Whether the process lives.

    Asks nobody else: a database that is away is no reason to restart this process.
    """
    return json_response({"status": "ok"})


@router.get("/readyz", operation_id="readyz", response_model=Ready, responses=_NOT_READY)
async def readyz(request: Request) -> Response:
    """Whether the process can answer requests.

    Answers within three seconds. 503 only without the database or its schema; lagging background work and a queue that
    is gone leave 200 with `status: degraded`, since taking the API out of service would help neither.
    """
    state = request.app.state
    database: Database = state.database
    found = await check_readiness(
        state.probe_engine, database.doorbell, max_lag_seconds=settings_of(request).ready_max_lag_seconds
    )
    lags = {kind: asdict(lag) for kind, lag in found.lags.items()}
    body = {"status": found.status, "checks": found.checks, "lags": lags}
    return json_response(body, status=200 if found.is_ready else 503)


@router.get("/metrics", operation_id="metrics", response_class=Response, responses=_METRICS)
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus.

    Counts and latencies of this process; lags over all tenants, looked up for this answer; no tenant and no customer
    is named. Reminders, jobs and most webhooks are the worker's: it serves its own under
    `PUNTUAL_WORKER_METRICS_PORT`.
    """
    state = request.app.state
    database: Database = state.database
    moment = await gather(database.engine, state.probe_engine, database.doorbell)
    return Response(exposition(moment), media_type=CONTENT_TYPE)
