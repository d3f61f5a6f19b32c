"""Wire forms of placements."""

from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import (
    Currency,
    Day,
    ExternalId,
    InFlightOutput,
    Input,
    Metadata,
    Output,
    Resource,
    Text200,
    Text2000,
    require_one,
)
from app.domain.errors import Code

PlacementStatus = Literal["placed", "acknowledged", "in_progress", "closed", "recalled", "returned"]
PlacementKind = Literal["agency", "legal"]
CommissionPercent = Annotated[
    str,
    Field(
        pattern=r"^(100|(0|[1-9][0-9]?)([.][0-9]{1,4})?)$",
        description="What the agency keeps of what comes in, in percent, as a decimal string.",
        examples=["15"],
    ),
]


class PlacementCreate(Input):
    """What is handed over, and to whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customer_external_id": "C-1001",
                    "kind": "agency",
                    "agency": "Cobranza del Norte",
                    "commission_percent": "15",
                }
            ]
        }
    )

    external_id: ExternalId | None = None
    customer_id: UUID | None = Field(default=None, description="Who owes; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    invoice_ids: list[UUID] = Field(
        default=[],
        max_length=500,
        description="The open invoices, of one currency. With neither these nor `invoice_external_ids`, all that is "
        "overdue in the currency and neither placed nor in a payment plan.",
    )
    invoice_external_ids: list[ExternalId] = Field(default=[], max_length=500, description="The same by your own ids.")
    currency: Currency | None = Field(
        default=None,
        description="Currency of the placement: that of the invoices if left out, and without invoices the "
        "customer's, or else the tenant's.",
    )
    kind: PlacementKind = Field(
        default="agency", description="`legal` for a lawyer or a court, which takes precedence as a collection state."
    )
    agency: Text200 = Field(description="Who collects.", examples=["Cobranza del Norte"])
    agency_reference: Text200 | None = Field(default=None, description="Its own file number.", examples=["EXP-77"])
    commission_percent: CommissionPercent = "0"
    placed_on: Day | None = Field(
        default=None,
        description="From when on it counts, not after the business date; the business date if left out.",
    )
    note: Text2000 | None = Field(default=None, description="More about it.")
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _names_one_customer(self) -> Self:
        require_one(self, "customer_id", "customer_external_id")
        if self.invoice_ids and self.invoice_external_ids:
            raise PydanticCustomError(
                str(Code.invalid_value), "Name the invoices by invoice_ids or by invoice_external_ids."
            )
        return self


class PlacementAcknowledge(Input):
    """What the agency has answered."""

    agency_reference: Text200 | None = Field(
        default=None, description="The agency's own file number; what is known stays if left out.", examples=["EXP-77"]
    )


class PlacementClose(Input):
    """How an agency's work ended."""

    reason: Text200 = Field(description="How it ended.", examples=["debtor insolvent"])
    resume_chasing: bool = Field(
        default=False, strict=True, description="Whether what is still open is chased again where its ladder stood."
    )


class PlacementRecall(Input):
    """Why what was placed is taken back."""

    reason: Text200 | None = Field(default=None, description="Why.", examples=["customer pays us directly"])


class PlacementReturn(Input):
    """Why an agency gives back what was placed."""

    reason: Text200 = Field(description="Why.", examples=["out of our territory"])


class PlacedInvoiceOutput(Output):
    """An invoice of a placement."""

    invoice_id: UUID = Field(description="The invoice.")
    placed_amount: str = Field(description="What was open of it when it was placed.", examples=["1500.00"])


class PlacementOutput(Resource):
    """Invoices in the hands of an agency or a lawyer."""

    external_id: str | None = Field(description="Your own id of the placement.")
    customer_id: UUID = Field(description="Who owes.")
    kind: PlacementKind = Field(description="`legal` for a lawyer or a court.")
    agency: str = Field(description="Who collects.", examples=["Cobranza del Norte"])
    agency_reference: str | None = Field(description="Its own file number.", examples=["EXP-77"])
    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    placed_amount: str = Field(description="What was open when it was placed.", examples=["4500.00"])
    commission_percent: str = Field(description="What the agency keeps of what comes in, in percent.", examples=["15"])
    status: PlacementStatus = Field(description="Where it stands.")
    placed_on: date = Field(description="From when on it counts.")
    acknowledged_on: date | None = Field(description="When the agency took it over.")
    ended_on: date | None = Field(description="When it was closed, recalled or returned.")
    end_reason: str | None = Field(description="Why it ended.", examples=["debtor insolvent"])
    note: str | None = Field(description="More about it.")
    invoices: list[PlacedInvoiceOutput] = Field(description="What was placed.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class PlacementWithCollected(PlacementOutput):
    """A placement with what has come in; events, which tell of its states, do not carry that."""

    collected: str = Field(
        description="Payments allocated to its invoices from the day it was placed to the day it ended, inclusive; "
        "of the first day, those that were allocated after it was placed. Reversed ones do not count.",
        examples=["1500.00"],
    )
    commission: str = Field(
        description="`commission_percent` of `collected`, rounded once, half up.", examples=["225.00"]
    )


class PlacementAnswer(PlacementWithCollected):
    """A placement as a command on it was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders about its invoices that were already claimed; no other one goes out."
    )


class PlacementPage(Output):
    """A page of placements, newest first."""

    data: list[PlacementWithCollected] = Field(description="The placements.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


Rows = list[dict[str, Any]]


class DossierOutput(Output):
    """What proves a claim: each list in the order of its ids, which is that of time."""

    placement: PlacementWithCollected = Field(description="The placement.")
    as_of: date = Field(description="The business date on which it was made out.")
    customer: dict[str, Any] = Field(description="The customer, as `GET /v1/customers/{id}` answers it.")
    invoices: Rows = Field(description="The invoices, as `GET /v1/invoices/{id}` answers them.")
    ledger: Rows = Field(description="Every ledger entry of the invoices; they add up to what is open.")
    charges: Rows = Field(description="Fees, interest and recovery costs of the invoices.")
    payments: Rows = Field(description="Payments that settle or settled something of the invoices.")
    write_offs: Rows = Field(description="What was given up of the invoices.")
    reminders: Rows = Field(
        description="Every reminder about them, with its `message` (subject, text, SHA-256 of the bytes that left, and "
        "their name in the archive) and its `delivery` (the provider's id, instants and receipts)."
    )
    promises: Rows = Field(description="Promises to pay them.")
    disputes: Rows = Field(description="Disputes about them.")
    holds: Rows = Field(description="Holds of them, or of all that the customer owes.")
    activities: Rows = Field(description="Calls, visits, notes and answers that are about them, or about none.")
    totals: dict[str, str] = Field(
        description="`invoiced`, `open`, `principal_open`, `charges_open`, `written_off` and `collected`, in the "
        "placement's currency.",
        examples=[{"invoiced": "1000.00", "open": "400.00"}],
    )
