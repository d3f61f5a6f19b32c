"""Wire forms of charges and of the calculator."""

from datetime import date
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.charging import (
    AnnualRate,
    ChargeKind,
    DayCountName,
    InterestSegmentOutput,
    RateBasisName,
    RateTableCode,
    RoundingName,
)
from app.core.schemas import Currency, Day, ExternalId, Input, Metadata, Money, Output, Resource, Text200, require_one
from app.domain.errors import Code

ChargeStatus = Literal["posted", "paid", "waived", "reversed"]


class ChargeCreate(Input):
    """A charge on an invoice."""

    external_id: ExternalId | None = None
    invoice_id: UUID | None = Field(default=None, description="The invoice; or send `invoice_external_id`.")
    invoice_external_id: ExternalId | None = Field(default=None, description="Your own id of the invoice.")
    kind: ChargeKind = Field(description="What is charged.", examples=["fee"])
    amount: Money | None = Field(
        default=None,
        description="How much, above zero, before the tenant's `charge_tax`, which is added. A fee needs it. Left out, "
        "interest is worked out by its rates, and a recovery cost is the fixed sum of its table. Interest with an "
        "amount of your own stands as it is: it is never worked out anew and not deducted from what accrues.",
        examples=["150.00"],
    )
    rate_table: RateTableCode | None = Field(
        default=None,
        description="Rates of interest, or the table whose fixed sum is charged; the invoice's `late_interest` if left "
        "out.",
        examples=[None],
    )
    annual_rate: AnnualRate | None = Field(
        default=None,
        description="One rate in place of a table, over actual days and 365; interest only.",
        examples=[None],
    )
    through_on: Day | None = Field(
        default=None,
        description="Last day that interest is charged for, no later than the business date; that date if left out. "
        "Days that were charged for before are not charged again.",
        examples=[None],
    )
    posted_on: Day | None = Field(
        default=None,
        description="From when it counts: not before the invoice was issued, nor after the business date, which it is "
        "if left out.",
        examples=[None],
    )
    reason: Text200 | None = Field(default=None, description="Why, for the people who ask.", examples=["Devolución"])
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_one(self, "invoice_id", "invoice_external_id")
        if self.rate_table is not None and self.annual_rate is not None:
            raise PydanticCustomError(str(Code.invalid_value), "Send rate_table or annual_rate, not both.")
        return self


class ChargeWaive(Input):
    """Why a charge is given up."""

    reason: Text200 = Field(description="Why.", examples=["Acuerdo comercial"])
    waived_on: Day | None = Field(
        default=None,
        description="From when it is not owed any more: not before it was posted, nor after the business date, which "
        "it is if left out.",
        examples=[None],
    )


class ChargeOutput(Resource):
    """A charge on an invoice: a fee, late interest or a cost of recovery."""

    customer_id: UUID = Field(description="Who owes it.")
    invoice_id: UUID = Field(description="The invoice it is posted to.")
    external_id: str | None = Field(description="Your own id of the charge.", examples=["CH-1001"])
    kind: ChargeKind = Field(description="What is charged.", examples=["fee"])
    currency: str = Field(description="ISO 4217 code of all its amounts.")
    amount: str = Field(description="What is owed, tax included.", examples=["174.00"])
    tax_code: str | None = Field(description="Code of the tax in it; null where it is exempt.", examples=["IVA16"])
    tax_amount: str = Field(description="The tax in it.", examples=["24.00"])
    paid_amount: str = Field(
        description="How much of it is paid: what was paid on interest, or on fees and costs, fills the oldest first.",
        examples=["0.00"],
    )
    posted_on: date = Field(description="From when it counts.")
    status: ChargeStatus = Field(
        description="`waived` by command; `reversed` because its ground has gone: its reminder never left, a backdated "
        "payment, or the invoice was voided.",
        examples=["posted"],
    )
    reason: str | None = Field(description="Why, in your words.", examples=["Devolución"])
    from_on: date | None = Field(description="First day that interest is charged for; null of other charges.")
    through_on: date | None = Field(description="Last day that interest is charged for; null of other charges.")
    rate_table: str | None = Field(description="The rates, or the table of the fixed sum.", examples=["contrato"])
    segments: list[InterestSegmentOutput] = Field(description="How interest comes about; empty for other charges.")
    waived_on: date | None = Field(description="From when it was not owed any more.", examples=[None])
    waiver_reason: str | None = Field(description="Why it was given up.", examples=[None])
    case_id: UUID | None = Field(description="The dunning case behind it.")
    step_key: str | None = Field(description="The step that charged it.")
    reminder_id: UUID | None = Field(description="The reminder that charged it.")
    plan_id: UUID | None = Field(description="The payment plan whose interest or set-up fee it is.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class ChargePage(Output):
    """A page of charges, newest first."""

    data: list[ChargeOutput] = Field(description="The charges.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class QuotePayment(Input):
    """A payment before the last one."""

    paid_on: Day = Field(description="When; the day still earns interest on what was open before it.")
    amount: Money = Field(description="How much of the principal it settles, above zero.", examples=["500.00"])


class QuoteStop(Input):
    """Days that earn nothing."""

    from_on: Day = Field(description="First day, inclusive.")
    to_on: Day | None = Field(default=None, description="Last day, inclusive; from then on if left out.")


class QuoteInput(Input):
    """A late debt."""

    principal: Money = Field(description="What was due, above zero.", examples=["1500.00"])
    currency: Currency
    due_on: Day = Field(description="Last day on which payment was in time.", examples=["2026-04-01"])
    paid_on: Day = Field(description="Last day that earns interest: that of the last payment.", examples=["2026-04-11"])
    rate_table: RateTableCode | None = Field(
        default=None, description="A statutory table or one of your own; or send `annual_rate`.", examples=[None]
    )
    annual_rate: AnnualRate | None = Field(default=None, description="One rate in place of a table.", examples=["6.5"])
    day_count: DayCountName | None = Field(
        default=None, description="In place of the table's; `act_365` for an `annual_rate`.", examples=["act_360"]
    )
    rate_basis: RateBasisName | None = Field(
        default=None, description="In place of the table's; `split` for an `annual_rate`.", examples=[None]
    )
    rounding: RoundingName | None = Field(
        default=None, description="In place of the table's; `total` for an `annual_rate`.", examples=[None]
    )
    payments: list[QuotePayment] = Field(
        default=[], max_length=100, description="Part payments until `paid_on`.", examples=[[]]
    )
    stopped: list[QuoteStop] = Field(
        default=[], max_length=100, description="Days without interest, such as a stay.", examples=[[]]
    )

    @model_validator(mode="after")
    def _has_rates(self) -> Self:
        require_one(self, "rate_table", "annual_rate")
        return self


class QuoteOutput(Output):
    """What lateness costs; nothing is stored."""

    currency: str = Field(description="ISO 4217 code of all amounts.")
    segments: list[InterestSegmentOutput] = Field(description="How the interest comes about.")
    interest: str = Field(description="Late interest.", examples=["2.71"])
    fixed_sum: str = Field(
        description="The table's fixed sum for the costs of recovery, for what was open when it became late; zero in "
        "other currencies than the table's.",
        examples=["0.00"],
    )
    total: str = Field(description="Interest and fixed sum; the principal is not in it.", examples=["2.71"])
    capped: bool = Field(description="Whether the table's cap has lowered the interest.")
    uses_unpublished_rate: bool = Field(
        description="Whether the last rate known was carried on beyond the day for which it was published."
    )
