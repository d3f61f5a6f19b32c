"""The floor that the API is measured against: one route, one pydantic body, one insert, and nothing else."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

TABLE = (
    "CREATE TABLE IF NOT EXISTS bare_rows"
    " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number text, total text, due_on text)"
)


class Row(BaseModel):
    """Three fields."""

    number: str
    total: str
    due_on: str


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        host=os.environ["BARE_HOST"], user="postgres", database=os.environ["BARE_DATABASE"], min_size=20, max_size=20
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that it is up."""
    return {}


@app.post("/rows", status_code=201)
async def create_row(row: Row) -> Row:
    """Insert one row in autocommit."""
    await app.state.pool.execute(
        "INSERT INTO bare_rows (number, total, due_on) VALUES ($1, $2, $3)", row.number, row.total, row.due_on
    )
    return row


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
