"""Wire forms of payments."""

from datetime import date
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import Currency, Day, ExternalId, Input, Metadata, Money, Output, Resource, Text100, Text200
from app.domain.errors import Code

PaymentStatus = Literal["pending", "posted", "reversed"]


class AllocationInput(Input):
    """What the payer designated for one invoice."""

    invoice_id: UUID | None = Field(default=None, description="The invoice; or send `invoice_external_id`.")
    invoice_external_id: ExternalId | None = Field(default=None, description="Your own id of the invoice.")
    amount: Money = Field(description="How much of the payment settles it, in the invoice's currency.")

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        if (self.invoice_id is None) == (self.invoice_external_id is None):
            raise PydanticCustomError(str(Code.missing), "Send invoice_id or invoice_external_id, one of the two.")
        return self


class PaymentCreate(Input):
    """A payment received."""

    external_id: ExternalId | None = None
    customer_id: UUID | None = Field(default=None, description="Who paid; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    currency: Currency
    amount: Money = Field(description="What was received, more than zero.")
    received_on: Day = Field(description="Its effective date: not after the tenant's business date.")
    method: Text100 | None = Field(default=None, description="How it came.", examples=["spei"])
    reference: Text200 | None = Field(default=None, description="Reference on the bank statement.")
    allocations: list[AllocationInput] = Field(
        default=[],
        max_length=500,
        description="What the payer designated, exact to the cent. Without any, the oldest due invoices are settled.",
    )
    auto_allocate: bool | None = Field(
        default=None,
        description="Whether what `allocations` leave over settles the oldest due invoices. Left out: only when there "
        "are no `allocations`.",
    )
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _one_customer(self) -> Self:
        if (self.customer_id is None) == (self.customer_external_id is None):
            raise PydanticCustomError(str(Code.missing), "Send customer_id or customer_external_id, one of the two.")
        return self


class PaymentReverse(Input):
    """Why and when a payment was taken back."""

    reason: Text200 = Field(description="Why: bounced, charged back, booked in error, …", examples=["bounced"])
    reversed_on: Day | None = Field(
        default=None, description="From when it counts as reversed; the business date if left out."
    )


class AllocationOutput(Output):
    """A part of the payment that settles an invoice."""

    invoice_id: UUID = Field(description="The invoice.")
    amount: str = Field(description="How much of the payment settles it.")


class InFlightOutput(Output):
    """A reminder that was already claimed when this was acknowledged."""

    reminder_id: UUID = Field(description="The reminder; it starts within two seconds or not at all.")
    channel: str = Field(description="How it goes out.")
    invoice_ids: list[UUID] = Field(description="The invoices it is about.")


class PaymentOutput(Resource):
    """A payment and what it settles."""

    external_id: str | None = Field(description="Your own id of the payment.")
    customer_id: UUID = Field(description="Who paid.")
    currency: str = Field(description="ISO 4217 code.")
    amount: str = Field(description="What was received.")
    received_on: date = Field(description="Its effective date.")
    method: str | None = Field(description="How it came.")
    reference: str | None = Field(description="Reference on the bank statement.")
    allocations: list[AllocationOutput] = Field(description="What it settles.")
    unapplied_amount: str = Field(description="What it has not been allocated to anything.")
    status: PaymentStatus = Field(description="Where it stands.")
    reversed_on: date | None = Field(description="From when it counts as reversed.")
    reversal_reason: str | None = Field(description="Why it was reversed.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class PaymentAnswer(PaymentOutput):
    """A payment as it was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders of the customer that were already claimed; no other one about this goes out."
    )


class PaymentPage(Output):
    """A page of payments, newest first."""

    data: list[PaymentOutput] = Field(description="The payments.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
