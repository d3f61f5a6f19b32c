"""What late interest, rates and the tax on charges look like on the wire, wherever they are told."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import Input, Output, Text100
from app.domain.errors import Code

ChargeKind = Literal["fee", "interest", "recovery_cost"]
DayCountName = Literal["act_365", "act_360", "act_act", "30_360"]
RateBasisName = Literal["split", "at_start", "at_payment"]
RoundingName = Literal["total", "daily"]

RateTableCode = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$",
        description="Code of a rate table: letters, digits, `_`, `.` and `-`.",
        examples=["eu_late_payment"],
    ),
]
AnnualRate = Annotated[
    str,
    Field(
        pattern=r"^(0|[1-9][0-9]{0,3})([.][0-9]{1,6})?$",
        description="Percent a year as a decimal string, `8.5` being 8.5 %.",
        examples=["8.5"],
    ),
]
TaxPercent = Annotated[
    str,
    Field(
        pattern=r"^(0|[1-9][0-9]?)([.][0-9]{1,4})?$",
        description="Percent of the net amount, below 100, as a decimal string.",
        examples=["16"],
    ),
]


class LateInterestSchema(Input):
    """How lateness is charged: by which rates, and whether the interest is only shown or becomes charges."""

    rate_table: RateTableCode | None = Field(
        default=None, description="A statutory table or one of your own (`/v1/rate-tables`); left out for `none` alone."
    )
    mode: Literal["none", "informational", "posted"] = Field(
        description="`informational` shows what has accrued on reading an invoice and posts nothing; `posted` makes it "
        "charges; `none` charges nothing where the customer or the tenant would.",
        examples=["posted"],
    )
    posting: Literal["at_settlement", "monthly"] = Field(
        default="at_settlement",
        description="When `posted`: once the principal has been settled late (the default), or on the first day of "
        "each month, too, for the time to the end of the month before.",
        examples=["at_settlement"],
    )

    @model_validator(mode="after")
    def _has_rates(self) -> Self:
        if (self.mode == "none") != (self.rate_table is None):
            raise PydanticCustomError(
                str(Code.missing), "Send the rate_table by which interest is worked out; none for mode `none`."
            )
        return self


class ChargeTaxSchema(Input):
    """The tax that is added to charges, so that you can issue the fiscal document for them."""

    code: Text100 = Field(description="Your code of the tax, told on every charge that has it.", examples=["IVA16"])
    percent: TaxPercent
    kinds: list[ChargeKind] = Field(
        default=["fee", "interest", "recovery_cost"],
        min_length=1,
        max_length=3,
        description="Kinds that are taxable; the others are exempt. Late interest is taxable in Mexico, not in Spain.",
    )


class InterestSegmentOutput(Output):
    """Consecutive days that earn one rate on one principal."""

    from_on: date = Field(description="First day, inclusive.", examples=["2026-04-02"])
    through_on: date = Field(description="Last day, inclusive.", examples=["2026-04-11"])
    days: int = Field(description="Days by the day count of the table.", examples=[10])
    principal: str = Field(description="What is late.", examples=["1500.00"])
    annual_rate: str = Field(description="Percent a year.", examples=["6.5"])
    interest: str = Field(description="The segment's part of the total; the parts add up to it.", examples=["2.71"])


class AccruedInterestOutput(Output):
    """Late interest that has accrued and is not posted."""

    amount: str = Field(description="How much, before tax.", examples=["11.64"])
    through_on: date = Field(description="Last day that counts: the business date.")
    rate_table: str = Field(description="The rates by which it is worked out.", examples=["eu_late_payment"])
    uses_unpublished_rate: bool = Field(
        description="Whether the last rate known was carried on beyond the day for which it was published."
    )
