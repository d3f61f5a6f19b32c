"""Wire forms of what ends an invoice."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.core.schemas import Day, DifferenceReason, InFlightOutput, Input, Money, Output, Resource, Text100, Text200
from app.invoices.schemas import InvoiceOutput


class InvoiceVoid(Input):
    """Why an invoice should not have been."""

    reason: Text200 = Field(description="Why.", examples=["issued twice"])


class InvoiceWriteOff(Input):
    """What is given up of an invoice."""

    amount: Money | None = Field(
        default=None, description="How much, above zero, in the invoice's currency; all that is open if left out."
    )
    reason: Text200 = Field(
        description="Why. The ledger keeps it for good, so name no person in it.", examples=["insolvency"]
    )
    approved_by: Text100 | None = Field(
        default=None,
        description="Who has approved it; asked for above the tenant's `write_offs.approval_above`.",
        examples=["cfo@example.com"],
    )
    written_off_on: Day | None = Field(
        default=None,
        description="From when it counts: not before `issued_on` nor after the business date; the business date if "
        "left out.",
    )


class WriteOffReversal(Input):
    """Why a write-off is taken back."""

    reason: Text200 | None = Field(default=None, description="Why.", examples=["customer found"])


class DifferenceClosing(Input):
    """What is closed of an invoice though nobody paid it."""

    reason: DifferenceReason = Field(
        description="Why: the bank kept a fee, the payer withheld a tax, cents were rounded, less was paid, or the "
        "exchange rate differed."
    )
    amount: Money | None = Field(
        default=None,
        description="How much, above zero, in the invoice's currency; all that is open if left out.",
        examples=["0.02"],
    )


class InvoiceAnswer(InvoiceOutput):
    """An invoice as a command on it was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders of the customer that were already claimed; no other one about this goes out."
    )


class WriteOffOutput(Resource):
    """What was given up of an invoice at one time."""

    invoice_id: UUID = Field(description="The invoice.")
    currency: str = Field(description="ISO 4217 code of its amounts.")
    amount: str = Field(description="What was given up.")
    recovered_amount: str = Field(description="What of it came in after all.")
    reason: str = Field(description="Why it was given up.", examples=["insolvency"])
    approved_by: str | None = Field(description="Who has approved it.", examples=["cfo@example.com"])
    written_off_on: date = Field(description="From when it counts.")
    status: Literal["posted", "reversed"] = Field(description="`reversed` once it was taken back.")
    reversed_on: date | None = Field(description="When it was taken back.")
    reversal_reason: str | None = Field(description="Why it was taken back.")


class WriteOffPage(Output):
    """A page of write-offs, newest first."""

    data: list[WriteOffOutput] = Field(description="The write-offs.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
