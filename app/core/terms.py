"""What payment terms look like on the wire, wherever they are told: under a code, on a customer, on an invoice."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.calendars import is_calendar
from app.core.schemas import Currency, Day, Input, Money, Output
from app.domain.errors import Code
from app.domain.terms import MAX_DAYS, MAX_DISCOUNTS, MAX_INSTALMENTS, MAX_MONTHS

Kind = Literal["net", "end_of_month", "pay_days"]
Roll = Literal["none", "following", "preceding", "modified_following"]
Base = Literal["total", "net"]

_KIND = (
    "How a date is found: `net` counts months and days from the date of issue, `end_of_month` then goes to the end of "
    "that month, `pay_days` to the next day on which the customer pays."
)


def _calendar(value: str) -> str:
    if not is_calendar(value):
        raise PydanticCustomError(
            str(Code.invalid_value), "Send a country (MX), a country and its region (ES-MD), or EU for euro payments."
        )
    return value


CalendarCode = Annotated[
    str,
    Field(max_length=20, description="A country, a country and its region, or `EU`.", examples=["MX"]),
    AfterValidator(_calendar),
]
TermsCode = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$",
        description="Your code of payment terms: letters, digits, `_`, `.` and `-`.",
        examples=["N30"],
    ),
]
Percent = Annotated[
    str,
    Field(
        pattern=r"^(0|[1-9][0-9]{0,2})([.][0-9]{1,4})?$",
        description="A percent as a decimal string, `2.5` being 2.5 %.",
        examples=["2.5"],
    ),
]
Days = Annotated[int, Field(ge=0, le=MAX_DAYS, strict=True, examples=[30])]
Months = Annotated[int, Field(ge=0, le=MAX_MONTHS, strict=True, examples=[1])]
PayDays = Annotated[
    list[Annotated[int, Field(ge=-1, le=31, strict=True)]],
    Field(
        max_length=31,
        description="Days of the month on which the customer pays, from 1 to 31; -1 is the last of the month.",
        examples=[[5, 20]],
    ),
]


class DiscountTierInput(Input):
    """A discount for early payment."""

    percent: Percent = Field(description="Percent of what is settled, above 0 and below 100.", examples=["2"])
    days: Days = Field(description="Days after the date of issue, inclusive, in which it is granted.", examples=[10])


class InstalmentTermsInput(Input):
    """One instalment: when it is due, and how much it is by exactly one of `percent`, `amount` and `remainder`."""

    percent: Percent | None = Field(default=None, description="Percent of the invoice.", examples=["50"])
    amount: Money | None = Field(default=None, description="A fixed amount.", examples=[None])
    remainder: bool = Field(
        default=False, strict=True, description="What the others leave; for the last one.", examples=[False]
    )
    of: Base = Field(default="total", description="What the percent is of: the total, or the net total.")
    kind: Kind | None = Field(
        default=None, description="As of the terms, which is taken with its days if left out.", examples=["net"]
    )
    days: Days = Field(default=0, description="Days after the months, before any month end.")
    months: Months = Field(default=0, description="Months, counted first.", examples=[0])
    days_after: Days = Field(default=0, description="Days after the month end; `end_of_month` only.", examples=[0])
    pay_days: PayDays = Field(default=[], examples=[[]])


class TermsFields(Input):
    """When an invoice is due, in how many parts, and what early payment earns."""

    days: Days = Field(default=0, description="Days after the months, before any month end.")
    months: Months = Field(default=0, description="Months, counted first.", examples=[0])
    days_after: Days = Field(default=0, description="Days after the month end; `end_of_month` only.", examples=[0])
    pay_days: PayDays = Field(default=[], examples=[[]])
    roll: Roll = Field(
        default="none", description="How a due date leaves a day that is not worked.", examples=["following"]
    )
    calendar: CalendarCode | None = Field(
        default=None, description="Whose holidays and weekends count; Saturdays and Sundays alone if left out."
    )
    currency: Currency | None = Field(
        default=None, description="Currency of the fixed amounts, where the terms are not those of an invoice."
    )
    discounts: list[DiscountTierInput] = Field(
        default=[], max_length=MAX_DISCOUNTS, description="Discounts for early payment; the best open one is granted."
    )
    instalments: list[InstalmentTermsInput] = Field(
        default=[],
        max_length=MAX_INSTALMENTS,
        description="Parts with dates of their own: percents of the total that add up to 100, or anything and last a "
        "`remainder`. Empty where all is due at once.",
        examples=[[]],
    )


class TermsInput(TermsFields):
    """Payment terms."""

    kind: Kind = Field(description=_KIND, examples=["net"])


class TermsChoice(TermsFields):
    """Payment terms, or the code of those that `/v1/terms` keeps."""

    code: TermsCode | None = Field(
        default=None, description="Code of terms that are kept; send nothing beside it.", examples=[None]
    )
    kind: Kind | None = Field(default=None, description=_KIND, examples=["net"])

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.code is not None and self.model_fields_set != {"code"}:
            raise PydanticCustomError(str(Code.invalid_value), "Send the code alone, or the terms themselves.")
        if self.code is None and self.kind is None:
            raise PydanticCustomError(str(Code.missing), "Send kind and its days, or the code of terms that are kept.")
        return self


class DiscountInput(Input):
    """A discount for early payment with its date worked out."""

    percent: Percent = Field(description="Percent of what is settled, above 0 and below 100.", examples=["2"])
    until: Day = Field(description="Last date on which it is granted, inclusive.", examples=["2026-12-01"])


class DiscountTierOutput(Output):
    """A discount for early payment."""

    percent: str = Field(description="Percent of what is settled.", examples=["2"])
    days: int = Field(description="Days after the date of issue, inclusive, in which it is granted.", examples=[10])


class InstalmentTermsOutput(Output):
    """One instalment of payment terms."""

    percent: str | None = Field(description="Percent of the invoice.", examples=["50"])
    amount: str | None = Field(description="A fixed amount.", examples=[None])
    remainder: bool = Field(description="Whether it is what the others leave.", examples=[False])
    of: Base = Field(description="What the percent is of.")
    kind: Kind | None = Field(description="How its date is found; null is as the terms say.", examples=["net"])
    days: int = Field(description="Days after the months, before any month end.", examples=[30])
    months: int = Field(description="Months, counted first.", examples=[0])
    days_after: int = Field(description="Days after the month end.", examples=[0])
    pay_days: list[int] = Field(description="Days of the month on which the customer pays.", examples=[[]])


class TermsOutput(Output):
    """Payment terms."""

    kind: Kind = Field(description=_KIND, examples=["net"])
    days: int = Field(description="Days after the months, before any month end.", examples=[30])
    months: int = Field(description="Months, counted first.", examples=[0])
    days_after: int = Field(description="Days after the month end.", examples=[0])
    pay_days: list[int] = Field(description="Days of the month on which the customer pays.", examples=[[]])
    roll: Roll = Field(description="How a due date leaves a day that is not worked.", examples=["following"])
    calendar: str | None = Field(description="Whose holidays and weekends count.", examples=["MX"])
    currency: str | None = Field(description="Currency of the fixed amounts.", examples=["MXN"])
    discounts: list[DiscountTierOutput] = Field(description="Discounts for early payment.")
    instalments: list[InstalmentTermsOutput] = Field(description="Parts with dates of their own.", examples=[[]])


class AgreedTermsOutput(TermsOutput):
    """Payment terms as they were when an invoice took them over."""

    code: str | None = Field(description="The code that they were kept under.", examples=["N30"])


class TermsReferenceOutput(Output):
    """Payment terms that `/v1/terms` keeps, as they are when an invoice is created."""

    code: str = Field(description="The code that they are kept under.", examples=["N30"])


ChosenTermsOutput = TermsOutput | TermsReferenceOutput


class DiscountOutput(Output):
    """A discount for early payment with its date worked out."""

    percent: str = Field(description="Percent of what is settled.", examples=["2"])
    until: date = Field(description="Last date on which it is granted, inclusive.", examples=["2026-12-01"])
