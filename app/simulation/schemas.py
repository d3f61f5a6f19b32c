"""Wire forms of the test clock."""

from datetime import datetime

from pydantic import Field

from app.core.schemas import Input, Instant, Output


class ClockAdvance(Input):
    """Where the clock goes."""

    to: Instant = Field(description="The new now, inclusive; not before the present one.")


class ClockOutput(Output):
    """A test tenant's clock."""

    now: datetime = Field(description="The tenant's now.")
    advancing: bool = Field(description="Whether an advance is running.")


class AdvanceOutput(Output):
    """What happened on the way."""

    now: datetime = Field(description="The tenant's now.")
    reminders_sent: int = Field(description="Reminders that providers accepted (or, in shadow, would have been given).")
    steps_skipped: int = Field(description="Steps whose time had passed before they could be sent.")
    events: int = Field(description="Events that were sequenced.")
    deliveries: int = Field(description="Webhook attempts that were made.")
