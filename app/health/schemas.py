"""What the probes answer."""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """A process that lives."""

    status: Literal["ok"] = Field(description="Always `ok`: a process that does not live does not answer.")


class WorkLag(BaseModel):
    """Due background work of one kind, over all tenants."""

    waiting: int = Field(description="How many pieces of work are due.")
    oldest_seconds: int = Field(description="For how many seconds the oldest of them has been due.")


class Ready(BaseModel):
    """Whether the process can do its work, and each check that says so."""

    status: Literal["ok", "degraded", "unavailable"] = Field(
        description="`degraded` answers 200: requests are served, and something behind them needs a look."
    )
    checks: dict[str, str] = Field(
        description="`database` (`ok`, `unreachable`), `schema` (`ok`, `newer` during a release, `behind`, `missing`, "
        "`unknown`), `queue` (`ok`, `off`, `unreachable`; the worker polls without it), and each kind of background "
        "work (`ok`, `lagging`).",
        examples=[{"database": "ok", "schema": "ok", "queue": "ok", "event.relay": "ok", "reminder.send": "lagging"}],
    )
    lags: dict[str, WorkLag] = Field(description="Due work by kind; empty when the database could not be asked.")
