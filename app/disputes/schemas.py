"""Wire forms of disputes."""

from datetime import date
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.schemas import (
    Day,
    ExternalId,
    InFlightOutput,
    Input,
    Metadata,
    Money,
    Output,
    Resource,
    Text100,
    Text2000,
    Url,
    require_one,
)

DisputeStatus = Literal["open", "accepted", "partially_accepted", "rejected", "withdrawn"]
DisputeReason = Literal["quality", "quantity", "price", "delivery", "duplicate", "not_ordered", "other"]


class DisputeDocumentInput(Input):
    """A document about the dispute, kept at your place."""

    kind: Text100 = Field(description="What it is, such as `photo` or `delivery_note`.", examples=["delivery_note"])
    url: Url = Field(description="Where it is.")


class DisputeCreate(Input):
    """What a customer objects to, of one invoice."""

    external_id: ExternalId | None = None
    invoice_id: UUID | None = Field(default=None, description="The invoice; or send `invoice_external_id`.")
    invoice_external_id: ExternalId | None = Field(default=None, description="Your own id of the invoice.")
    amount: Money | None = Field(
        default=None,
        description="The disputed part of the open principal; the whole invoice if left out. The rest is chased on.",
    )
    reason: DisputeReason = Field(description="What it is about.", examples=["quality"])
    note: Text2000 | None = Field(
        default=None, description="What the customer says.", examples=["Three of the bags were wet."]
    )
    documents: list[DisputeDocumentInput] = Field(default=[], max_length=50, description="What belongs to it.")
    respond_by_on: Day | None = Field(
        default=None,
        description="Last day to answer it, inclusive; by the tenant's `disputes.response_working_days` if left out.",
    )
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _names_one_invoice(self) -> Self:
        require_one(self, "invoice_id", "invoice_external_id")
        return self


class DisputeResolve(Input):
    """How a dispute ends."""

    outcome: Literal["accepted", "partially_accepted", "rejected", "withdrawn"] = Field(
        description="`accepted` gives up all that is disputed, `partially_accepted` the amount; the others nothing.",
        examples=["accepted"],
    )
    amount: Money | None = Field(
        default=None,
        description="What is given up by `partially_accepted`: above zero and below what is disputed and open.",
        examples=[None],
    )
    note: Text2000 | None = Field(default=None, description="Why, or what was agreed.", examples=["Credited."])
    credit: bool = Field(
        default=True,
        strict=True,
        description="Whether what is given up is credited at once by a credit note of today. Send `false` where you "
        "record the credit note yourself: until then it is open and chased.",
    )


class DisputeDocumentOutput(Output):
    """A document about the dispute."""

    kind: str = Field(description="What it is.")
    url: str = Field(description="Where it is.")


class DisputeOutput(Resource):
    """A dispute."""

    external_id: str | None = Field(description="Your own id of the dispute.")
    customer_id: UUID = Field(description="Who objects.")
    invoice_id: UUID = Field(description="The invoice that it is about.")
    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    amount: str | None = Field(
        description="The disputed part of the invoice; null for the whole of it, whose ladder stands meanwhile.",
        examples=["400.00"],
    )
    reason: DisputeReason = Field(description="What it is about.")
    note: str | None = Field(description="What the customer says.", examples=["Three of the bags were wet."])
    documents: list[DisputeDocumentOutput] = Field(description="What belongs to it.")
    status: DisputeStatus = Field(description="Open, or how it ended.")
    opened_on: date = Field(description="The business date on which it was opened.")
    respond_by_on: date | None = Field(description="Last day to answer it, inclusive; null for no term.")
    is_overdue: bool = Field(description="Whether it was still open on the day after that.")
    resolved_on: date | None = Field(description="The business date on which it ended; null while it is open.")
    accepted_amount: str = Field(description="What was given up.", examples=["0.00"])
    credited_amount: str = Field(description="What was credited for that when it ended.", examples=["0.00"])
    credit_note_id: UUID | None = Field(description="The credit note of that.", examples=[None])
    resolution_note: str | None = Field(description="Why it ended as it did.", examples=[None])
    metadata: dict[str, str] = Field(description="Your own strings.")


class DisputeAnswer(DisputeOutput):
    """A dispute as it was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders about the invoice that were already claimed; no other one asks for what is disputed."
    )


class DisputePage(Output):
    """A page of disputes, newest first."""

    data: list[DisputeOutput] = Field(description="The disputes.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
