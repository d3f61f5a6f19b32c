"""Wire forms of rate tables."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.charging import AnnualRate, DayCountName, RateBasisName, RateTableCode, RoundingName
from app.core.contact_schemas import CustomerKind
from app.core.schemas import Currency, Day, Input, Money, Output, Text200

_DAY_COUNT = (
    "How days are counted: `act_365` (the default; statutes of the EU, the UK and Mexico), `act_360` (money markets, "
    "US prompt payment), `act_act` (a leap year's days over 366), `30_360` (months of thirty days, as bonds and some "
    "contracts have it). They differ by up to 1.4 % of the interest."
)
_RATE_BASIS = (
    "Which rate a day earns: `split` its own (the default; EU), `at_start` that of the first late day throughout (UK), "
    "`at_payment` that of the day of the payment (Ireland's reading of the EU's law)."
)
_ROUNDING = (
    "What is rounded, half up: the `total` once (the default), or the interest of one day before it is multiplied "
    "(`daily`; the UK government's example). 1,000.00 at 8.5 % for 50 days is 11.64 or 11.50."
)
_CAP = "Interest never exceeds this percent of the largest principal that was late; null for no cap."

CapPercent = Annotated[
    str,
    Field(pattern=r"^(0|[1-9][0-9]{0,3})([.][0-9]{1,4})?$", description=_CAP, examples=["30"]),
]


class RateInput(Input):
    """A rate from a date on."""

    from_on: Day = Field(description="First day on which it is in force; it stays until the next one.")
    annual_rate: AnnualRate


class FixedSumInput(Input):
    """A sum for the costs of recovery, owed once on a late debt."""

    from_amount: Money = Field(description="Owed on a debt of this much or more; the highest reached counts.")
    amount: Money = Field(description="How much is owed.", examples=["40.00"])


class RateTableFields(Input):
    """Rates with the conventions that make them interest."""

    name: Text200 = Field(description="What it is called.", examples=["Contrato marco 2026"])
    rates: list[RateInput] = Field(
        min_length=1,
        max_length=500,
        description="By ascending date, each once. Days before the first one earn nothing. To raise a rate, add one "
        "from a later date: what was worked out for days before it stays right.",
    )
    day_count: DayCountName = Field(default="act_365", description=_DAY_COUNT)
    rate_basis: RateBasisName = Field(default="split", description=_RATE_BASIS)
    rounding: RoundingName = Field(default="total", description=_ROUNDING)
    fixed_sums: list[FixedSumInput] = Field(
        default=[], max_length=20, description="Sums for the costs of recovery, by ascending `from_amount`."
    )
    currency: Currency | None = Field(
        default=None, description="Currency of the fixed sums, which debts in others do not owe."
    )
    cap_percent: CapPercent | None = None
    source: Text200 | None = Field(
        default=None, description="Where the rates come from.", examples=["Contrato marco, cláusula 7"]
    )


class RateTableCreate(RateTableFields):
    """A new rate table."""

    code: RateTableCode = Field(description="Your code of it; not one of a statutory table.", examples=["contrato"])


class RateOutput(Output):
    """A rate from a date on."""

    from_on: date = Field(description="First day on which it is in force.")
    annual_rate: str = Field(description="Percent a year.", examples=["10.15"])


class FixedSumOutput(Output):
    """A sum for the costs of recovery."""

    from_amount: str = Field(description="Owed on a debt of this much or more.", examples=["0.00"])
    amount: str = Field(description="How much is owed.", examples=["40.00"])


class SourceOutput(Output):
    """A norm or an authority's publication."""

    name: str = Field(description="What it is called.", examples=["Directive 2011/7/EU, articles 2(6), 2(7), 3 and 6"])
    url: str = Field(description="Its public address.", examples=["https://eur-lex.europa.eu/eli/dir/2011/7/oj"])


class RateTableOutput(Output):
    """Rates with the conventions that make them interest: statutory and built in, or the tenant's own."""

    id: UUID | None = Field(description="UUIDv7 of your own table; null for a built-in one.")
    code: str = Field(description="What it is chosen by.", examples=["eu_late_payment"])
    name: str = Field(description="What it is called.", examples=["EU late payment interest, ECB rate plus 8 points"])
    built_in: bool = Field(description="Whether it is statutory; such a table cannot be changed.", examples=[True])
    day_count: DayCountName = Field(description=_DAY_COUNT)
    rates: list[RateOutput] = Field(description="By ascending date; the last one goes on.")
    rate_basis: RateBasisName = Field(description=_RATE_BASIS)
    rounding: RoundingName = Field(description=_ROUNDING)
    fixed_sums: list[FixedSumOutput] = Field(description="Sums for the costs of recovery.")
    currency: str | None = Field(description="Currency of the fixed sums.", examples=["EUR"])
    cap_percent: str | None = Field(description=_CAP, examples=[None])
    source: str | None = Field(description="Where the rates come from.", examples=["Directive 2011/7/EU"])
    published_through: date | None = Field(
        description="Last day for which this release knows the published rate; it is carried on after it.",
        examples=["2026-06-30"],
    )
    customer_kinds: list[CustomerKind] = Field(description="Kinds of customer that may be charged by it.")
    sources: list[SourceOutput] = Field(description="The law first, then where its rates are published.")
    note: str | None = Field(
        description="What to know before using it; no legal advice.",
        examples=["Between businesses alone."],
    )
    version: int = Field(description="Counts the changes of your own table; 1 for a built-in one.", examples=[1])
    created_at: datetime | None = Field(description="When your own was created (UTC).")
    updated_at: datetime | None = Field(description="When your own last changed (UTC).")


class RateTableList(Output):
    """All rate tables, the built-in ones first."""

    data: list[RateTableOutput] = Field(description="The tables.")
    next_cursor: None = Field(default=None, description="Always null: all tables are in one answer.")
