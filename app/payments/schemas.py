"""Wire forms of payments."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, SkipValidation, model_validator
from pydantic_core import PydanticCustomError

from app.core.batches import BATCH_LIMIT, Mode
from app.core.schemas import (
    Currency,
    Day,
    DifferenceReason,
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

PaymentStatus = Literal["pending", "posted", "reversed"]
DecimalText = Annotated[
    str, Field(pattern=r"^(0|[1-9][0-9]{0,9})([.][0-9]{1,10})?$", description="A decimal string above zero.")
]


class DifferenceInput(Input):
    """A part of what is owed that is given up beside the money, so that the invoice closes."""

    reason: DifferenceReason = Field(
        description="Why: the bank kept a fee, the payer withheld a tax, cents were rounded, less was paid, or the "
        "exchange rate differed."
    )
    amount: Money = Field(description="How much, above zero, in the invoice's currency.", examples=["12.00"])


class AllocationInput(Input):
    """What the payer designated for one invoice."""

    invoice_id: UUID | None = Field(default=None, description="The invoice; or send `invoice_external_id`.")
    invoice_external_id: ExternalId | None = Field(default=None, description="Your own id of the invoice.")
    amount: Money = Field(description="How much of the payment settles it, in the invoice's currency.")
    discount_taken: Money | None = Field(
        default=None,
        description="Early-payment discount taken beside it, as booked by you. Left out: what the invoice's "
        "`discount_terms` grant on the payment's date.",
        examples=["20.00"],
    )
    differences: list[DifferenceInput] = Field(
        default=[], max_length=10, description="What else closes the invoice, by reason."
    )

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        require_one(self, "invoice_id", "invoice_external_id")
        return self


class TenderedInput(Input):
    """What was handed over, where it was in another currency than the one that settles."""

    currency: Currency
    amount: Money = Field(description="What was handed over, in that currency.", examples=["100.00"])
    exchange_rate: DecimalText = Field(
        description="Units of the payment's currency for one unit of this one, as stated by the bank or the contract; "
        "amount times rate is the payment's amount, to the cent.",
        examples=["18.2555"],
    )


class PaymentCreate(Input):
    """A payment received, or an instrument that will be one."""

    external_id: ExternalId | None = None
    customer_id: UUID | None = Field(
        default=None,
        description="Who paid; or send `customer_external_id`. Neither: the money is kept as unidentified until it is "
        "assigned.",
    )
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    currency: Currency
    amount: Money = Field(description="What was received, more than zero.")
    received_on: Day = Field(description="Its effective date: not after the tenant's business date.")
    status: Literal["posted", "pending"] = Field(
        default="posted",
        description="`pending` is an instrument, such as a promissory note or a direct debit, that settles nothing "
        "before it is confirmed; what it covers is not chased before `matures_on`.",
    )
    matures_on: Day | None = Field(default=None, description="When a pending instrument falls due; required for one.")
    tendered: TenderedInput | None = Field(
        default=None, description="What was handed over, where it was in another currency."
    )
    method: Text100 | None = Field(default=None, description="How it came.", examples=["spei"])
    reference: Text200 | None = Field(default=None, description="Reference on the bank statement.")
    allocations: list[AllocationInput] = Field(
        default=[],
        max_length=500,
        description="What the payer designated, exact to the cent; what names one invoice in several places is added "
        "up. Without any, the oldest due invoices are settled.",
    )
    auto_allocate: bool | None = Field(
        default=None,
        description="Whether what `allocations` leave over settles the oldest due invoices. Left out: only when there "
        "are no `allocations`.",
    )
    for_other_customers: bool = Field(
        default=False,
        description="Whether `allocations` may name invoices of other customers, because this one pays for them.",
    )
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _one_customer(self) -> Self:
        if self.customer_id is not None and self.customer_external_id is not None:
            raise PydanticCustomError(str(Code.missing), "Send customer_id or customer_external_id, one of the two.")
        return self


class PaymentAllocate(Input):
    """What unapplied cash shall settle."""

    allocations: list[AllocationInput] = Field(
        default=[], max_length=500, description="Which invoices; without any, those due the longest."
    )
    auto_allocate: bool | None = Field(
        default=None, description="Whether what `allocations` leave over settles the oldest due invoices."
    )
    for_other_customers: bool = Field(
        default=False, description="Whether `allocations` may name invoices of other customers."
    )


class PaymentUnallocate(Input):
    """What a payment shall no longer settle."""

    invoice_ids: list[UUID] = Field(
        default=[], max_length=500, description="Which invoices; without any, all that it settles."
    )


class PaymentRefund(Input):
    """Unapplied cash that went back to the payer."""

    amount: Money | None = Field(default=None, description="How much; all that is unapplied if left out.")
    refunded_on: Day | None = Field(default=None, description="When; the business date if left out.")


class PaymentAssign(Input):
    """Whose an unidentified payment is."""

    customer_id: UUID | None = Field(default=None, description="Who paid; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    allocations: list[AllocationInput] = Field(default=[], max_length=500, description="What it settles.")
    auto_allocate: bool | None = Field(
        default=None, description="Whether what `allocations` leave over settles the oldest due invoices."
    )

    @model_validator(mode="after")
    def _one_customer(self) -> Self:
        require_one(self, "customer_id", "customer_external_id")
        return self


class PaymentConfirm(Input):
    """A pending instrument has been paid."""

    received_on: Day | None = Field(
        default=None, description="When the money came, its effective date; the business date if left out."
    )
    auto_allocate: bool | None = Field(
        default=None, description="Whether what was not designated settles the oldest due invoices."
    )


class PaymentBatch(Input):
    """Up to 1,000 payments, recorded in their order."""

    payments: list[SkipValidation[PaymentCreate]] = Field(
        min_length=1, max_length=BATCH_LIMIT, description="The payments, the first received first."
    )
    mode: Mode = "per_row"


class PaymentReverse(Input):
    """Why and when a payment was taken back."""

    reason: Text200 = Field(description="Why: bounced, charged back, booked in error, …", examples=["bounced"])
    reversed_on: Day | None = Field(
        default=None, description="From when it counts as reversed; the business date if left out."
    )


class DifferenceOutput(Output):
    """A part of what was owed that was given up."""

    reason: DifferenceReason = Field(description="Why.")
    amount: str = Field(description="How much.")


class TenderedOutput(Output):
    """What was handed over in another currency."""

    currency: str = Field(description="ISO 4217 code.")
    amount: str = Field(description="What was handed over.")
    exchange_rate: str = Field(
        description="Units of the payment's currency for one unit of this one.", examples=["18.2555"]
    )


class AllocationOutput(Output):
    """A part of the payment that settles an invoice."""

    invoice_id: UUID = Field(description="The invoice.")
    amount: str = Field(description="How much of the payment settles it.")
    discount_taken: str = Field(description="Early-payment discount granted beside it.", examples=["0.00"])
    differences: list[DifferenceOutput] = Field(description="What was given up beside it, by reason.")
    effective_on: date = Field(description="From when it counts.")


class PaymentOutput(Resource):
    """A payment and what it settles."""

    external_id: str | None = Field(description="Your own id of the payment.")
    customer_id: UUID | None = Field(description="Who paid; null while nobody knows.")
    currency: str = Field(description="ISO 4217 code.")
    amount: str = Field(description="What was received.")
    received_on: date = Field(description="Its effective date.")
    matures_on: date | None = Field(description="When the instrument falls due, for one that was pending.")
    tendered: TenderedOutput | None = Field(description="What was handed over, in another currency.")
    method: str | None = Field(description="How it came.")
    reference: str | None = Field(description="Reference on the bank statement.")
    allocations: list[AllocationOutput] = Field(description="What it settles.")
    unapplied_amount: str = Field(description="What has not been applied to anything.")
    refunded_amount: str = Field(description="What went back to the payer.")
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
