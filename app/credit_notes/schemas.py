"""Wire forms of credit notes."""

from datetime import date
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import (
    Currency,
    Day,
    ExternalId,
    InFlightOutput,
    Input,
    Metadata,
    Money,
    Output,
    Resource,
    Text100,
    Text200,
    require_one,
)
from app.domain.errors import Code

CreditNoteStatus = Literal["open", "applied", "voided"]


class CreditNoteCreate(Input):
    """A credit note that was issued to a customer."""

    external_id: ExternalId | None = None
    number: Text100 | None = Field(default=None, description="The number your customer knows.", examples=["NC-101"])
    customer_id: UUID | None = Field(default=None, description="The customer; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    invoice_id: UUID | None = Field(
        default=None, description="The invoice that it corrects, if it corrects one; or send `invoice_external_id`."
    )
    invoice_external_id: ExternalId | None = Field(default=None, description="Your own id of that invoice.")
    currency: Currency
    amount: Money = Field(description="Its total with taxes, more than zero.", examples=["116.00"])
    issued_on: Day = Field(description="Its date, from which it counts: not after the tenant's business date.")
    reason: Text200 | None = Field(default=None, description="Why it was issued.", examples=["goods returned"])
    apply: bool | None = Field(
        default=None,
        description="Whether it is applied at once: to the invoice that it corrects, as far as the principal is open, "
        "or without one to the oldest due. Left out: only when it corrects an invoice.",
    )
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        require_one(self, "customer_id", "customer_external_id")
        if self.invoice_id is not None and self.invoice_external_id is not None:
            raise PydanticCustomError(str(Code.missing), "Send invoice_id or invoice_external_id, one of the two.")
        return self


class CreditAllocationInput(Input):
    """What goes to one invoice."""

    invoice_id: UUID | None = Field(default=None, description="The invoice; or send `invoice_external_id`.")
    invoice_external_id: ExternalId | None = Field(default=None, description="Your own id of the invoice.")
    amount: Money = Field(description="How much of its principal is settled, more than zero.", examples=["116.00"])

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        require_one(self, "invoice_id", "invoice_external_id")
        return self


class CreditNoteApply(Input):
    """What a credit note shall settle."""

    allocations: list[CreditAllocationInput] = Field(
        default=[],
        max_length=500,
        description="Which invoices.",
        examples=[[{"invoice_external_id": "F-1001", "amount": "116.00"}]],
    )
    auto: bool = Field(
        default=False, description="Whether what `allocations` leave over settles the oldest due invoices."
    )


class CreditNoteUnapply(Input):
    """What a credit note shall no longer settle."""

    invoice_ids: list[UUID] = Field(
        default=[], max_length=500, description="Which invoices; without any, all that it settles."
    )


class CreditNoteVoid(Input):
    """Why and when a credit note was taken back."""

    reason: Text200 = Field(description="Why.", examples=["issued in error"])
    voided_on: Day | None = Field(
        default=None, description="From when it counts as voided; the business date if left out."
    )


class CreditAllocationOutput(Output):
    """A part of the credit note that settles an invoice."""

    invoice_id: UUID = Field(description="The invoice.")
    amount: str = Field(description="How much of its principal is settled.", examples=["116.00"])
    effective_on: date = Field(description="From when it counts.")


class CreditNoteOutput(Resource):
    """A credit note and what it settles."""

    external_id: str | None = Field(description="Your own id of the credit note.")
    number: str | None = Field(description="The number your customer knows.", examples=["NC-101"])
    customer_id: UUID = Field(description="Whose it is.")
    invoice_id: UUID | None = Field(description="The invoice that it corrects.")
    currency: str = Field(description="ISO 4217 code of its amounts.")
    amount: str = Field(description="Its total with taxes.", examples=["116.00"])
    issued_on: date = Field(description="Its date, from which it counts.")
    reason: str | None = Field(description="Why it was issued.", examples=["goods returned"])
    allocations: list[CreditAllocationOutput] = Field(description="What it settles.")
    unapplied_amount: str = Field(description="What has not been applied to anything.")
    status: CreditNoteStatus = Field(description="`applied` once nothing of it is left.")
    voided_on: date | None = Field(description="From when it counts as voided.")
    void_reason: str | None = Field(description="Why it was voided.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class CreditNoteAnswer(CreditNoteOutput):
    """A credit note as it was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders of the customer that were already claimed; no other one about this goes out."
    )


class CreditNotePage(Output):
    """A page of credit notes, newest first."""

    data: list[CreditNoteOutput] = Field(description="The credit notes.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
