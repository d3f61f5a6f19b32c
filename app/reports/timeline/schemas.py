"""Wire forms of timelines."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.core.schemas import Output


class TimelineObject(Output):
    """What a line of a timeline is about."""

    type: str = Field(description="Kind of resource.", examples=["reminder"])
    id: UUID = Field(description="UUIDv7 of the resource.")


class TimelineEntry(Output):
    """One thing that happened."""

    at: datetime = Field(description="When, by the tenant's clock (UTC).")
    type: str = Field(description="The type of the event, or `activity`.", examples=["reminder.sent"])
    summary: str = Field(description="What happened, in words.", examples=["Invoice F-1001: Nothing is open any more."])
    object: TimelineObject = Field(description="What it is about.")
    data: dict[str, Any] = Field(description="The resource as it was after it.", examples=[{"status": "sent"}])


class TimelinePage(Output):
    """A page of a timeline, newest first."""

    data: list[TimelineEntry] = Field(description="What happened.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
