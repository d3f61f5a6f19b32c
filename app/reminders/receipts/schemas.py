"""Wire forms of receipts."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import Input, Instant, Output
from app.domain.errors import Code
from app.reminders.schemas import ReminderStatus

ReceiptKind = Literal["delivered", "read", "bounced", "failed", "complained"]


class DeliveryEventInput(Input):
    """What a provider tells about a message that it had taken."""

    kind: ReceiptKind = Field(
        description="`delivered`: it arrived. `read`: it was opened. `bounced`: the address does not work; it is not "
        "used any more until its contact is edited. `failed`: it could not be delivered for another reason. "
        "`complained`: the reader does not want it; the address's consent is `denied` from now on. After `bounced` and "
        "`failed`, the step's next channel is tried.",
        examples=["delivered"],
    )
    provider_event_id: str = Field(
        min_length=1,
        max_length=200,
        description="The provider's id of what it tells; the same one again does nothing.",
        examples=["evt-1001"],
    )
    occurred_at: Instant | None = Field(default=None, description="When it happened; now if left out.")
    detail: str | None = Field(
        default=None, max_length=500, description="What the provider says of it.", examples=["250 2.0.0 OK"]
    )


class DeliveryEventOutput(Output):
    """What a provider told about a message."""

    id: UUID = Field(description="UUIDv7 of the receipt.")
    reminder_id: UUID = Field(description="The reminder.")
    kind: ReceiptKind = Field(description="What was told.")
    provider_event_id: str = Field(description="The provider's id of it.", examples=["evt-1001"])
    occurred_at: datetime = Field(description="When it happened (UTC).")
    received_at: datetime = Field(description="When it was taken in, by the tenant's clock (UTC).")
    detail: str | None = Field(description="What the provider said of it.", examples=["250 2.0.0 OK"])


class DeliveryEventTaken(DeliveryEventOutput):
    """What a provider told about a message, and what followed."""

    reminder_status: ReminderStatus = Field(description="Where the reminder stands now.", examples=["delivered"])
    replaced_by: list[UUID] = Field(
        description="Reminders that try the step by its next channel, because this one failed.", examples=[[]]
    )


class DeliveryEventPage(Output):
    """All that was told about a reminder, the oldest first."""

    data: list[DeliveryEventOutput] = Field(description="The receipts.")
    next_cursor: None = Field(default=None, description="Always null: all receipts are in one answer.")


class BounceInput(Input):
    """An e-mail that came back: its Message-ID, or the report as it came in."""

    message_id: str | None = Field(
        default=None,
        min_length=3,
        max_length=300,
        description="The Message-ID of the reminder, with or without angle brackets; see `GET "
        "/v1/reminders/{reminder_id}/message`.",
        examples=["<019abc5e-7d00-7000-8000-000000000008@puntual.invalid>"],
    )
    report: str | None = Field(
        default=None,
        min_length=1,
        max_length=1_000_000,
        description="The whole text of a delivery status notification (RFC 3464), headers included. What it says "
        "decides: for good or not, and whether it is the address's fault.",
        examples=[None],
    )
    detail: str | None = Field(
        default=None,
        max_length=500,
        description="What is known of it, with a `message_id`.",
        examples=["550 5.1.1 User unknown"],
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.message_id is None) == (self.report is None):
            raise PydanticCustomError(str(Code.missing), "Send a `message_id` or a `report`, one of the two.")
        return self
