"""Wire forms of activities."""

from datetime import date, datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import ExternalId, Input, Instant, Metadata, Output, Resource, Text200, Text2000, require_one
from app.domain.errors import Code

ActivityKind = Literal["call", "visit", "email", "message", "letter", "note"]
Direction = Literal["outbound", "inbound"]
ContactOutcome = Literal[
    "reached", "no_answer", "voicemail", "wrong_number", "promised", "disputed", "refused", "other"
]


class ActivityContact(Input):
    """How somebody was in touch with a customer."""

    kind: ActivityKind = Field(default="call", description="What it was.", examples=["call"])
    direction: Direction = Field(default="outbound", description="Who began it: `outbound` is you.")
    occurred_at: Instant | None = Field(default=None, description="When it was; now if left out.")
    is_conversation: bool | None = Field(
        default=None,
        strict=True,
        description="Whether the debtor was spoken with. If left out: for calls and visits whose outcome is `reached`, "
        "`promised`, `disputed` or `refused`.",
    )
    contact_name: Text200 | None = Field(default=None, description="With whom.", examples=["Ana Núñez"])
    author: Text200 | None = Field(default=None, description="Who of yours it was.", examples=["Marta"])
    counts_as_contact: bool | None = Field(
        default=None,
        strict=True,
        description="Whether caps and gaps between contacts count it. If left out: what you began counts unless its "
        "outcome is `no_answer`, `voicemail` or `wrong_number`; what the customer began counts if it is a "
        "conversation. A note never counts.",
    )

    @model_validator(mode="after")
    def _a_note_is_no_contact(self) -> Self:
        if self.kind == "note" and (self.counts_as_contact or self.is_conversation):
            raise PydanticCustomError(str(Code.invalid_value), "A note is no contact; name what it was as its kind.")
        return self


class ActivityCreate(ActivityContact):
    """Something that a person has done about a customer."""

    external_id: ExternalId | None = None
    customer_id: UUID | None = Field(default=None, description="About whom; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    invoice_ids: list[UUID] = Field(
        default=[], max_length=200, description="What it was about; without any it counts for all that is owed."
    )
    kind: ActivityKind = Field(description="What it was.", examples=["call"])
    outcome: ContactOutcome | None = Field(default=None, description="What came of it.", examples=["reached"])
    note: Text2000 | None = Field(default=None, description="What was said.", examples=["Pays on Friday."])
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _names_one_customer(self) -> Self:
        require_one(self, "customer_id", "customer_external_id")
        return self


class ActivityOutput(Resource):
    """An activity."""

    external_id: str | None = Field(description="Your own id of the activity, or the provider's of a message.")
    customer_id: UUID = Field(description="About whom.")
    invoice_ids: list[UUID] = Field(description="What it was about; empty for all that is owed.")
    kind: ActivityKind = Field(description="What it was.", examples=["call"])
    direction: Direction = Field(description="Who began it: `outbound` is you.")
    occurred_at: datetime = Field(description="When it was (UTC).")
    contacted_on: date | None = Field(
        description="The customer's local date on which it counts as a contact; null where it does not count."
    )
    is_conversation: bool = Field(description="Whether the debtor was spoken with.")
    contact_name: str | None = Field(description="With whom.", examples=["Ana Núñez"])
    outcome: str | None = Field(
        description="What came of it; of a message that came in, what was done about it.", examples=["reached"]
    )
    note: str | None = Field(description="What was said or written.", examples=["Pays on Friday."])
    author: str | None = Field(description="Who of yours it was.", examples=["Marta"])
    task_id: UUID | None = Field(description="The task that was done by it.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class ActivityPage(Output):
    """A page of activities, newest first."""

    data: list[ActivityOutput] = Field(description="The activities.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
