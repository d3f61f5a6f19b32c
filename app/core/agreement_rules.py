"""What a tenant is bound by when it agrees something with its customers, as it looks on the wire."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.core.charging import AnnualRate
from app.core.contact_schemas import CustomerKind
from app.core.schemas import Currency, Input, Money
from app.core.terms import Percent
from app.domain.errors import Code
from app.domain.money import MoneyError, parse_amount
from app.domain.plan import MAX_INSTALMENTS

InterestKindName = Literal["none", "flat", "declining"]


def _amounts(value: dict[str, str]) -> dict[str, str]:
    for currency, amount in value.items():
        try:
            minor = parse_amount(amount, currency)
        except MoneyError as error:
            raise PydanticCustomError(str(error.code), "{why}", {"why": error.message}) from error
        if minor < 0:
            raise PydanticCustomError(str(Code.out_of_range), "A limit must not be negative.")
    return value


Amounts = Annotated[dict[Currency, Money], Field(max_length=50, examples=[{"MXN": "500.00"}]), AfterValidator(_amounts)]
Limit = Annotated[int, Field(ge=1, le=1000, strict=True)]


class PromiseRulesSchema(Input):
    """What promises a customer may make; null is no limit."""

    max_open: Limit | None = Field(
        default=None, description="How many promises of a customer may run at once.", examples=[1]
    )
    max_consecutive_broken: Limit | None = Field(
        default=None,
        description="Once so many promises of a customer were broken in a row, no further one is taken.",
        examples=[2],
    )
    max_days: Annotated[int, Field(ge=0, le=3650, strict=True)] | None = Field(
        default=None,
        description="For how many days ahead a promise may pause chasing: those to its date and its tolerance.",
        examples=[15],
    )


class DisputeRulesSchema(Input):
    """How disputes are answered."""

    response_working_days: Annotated[int, Field(ge=1, le=365, strict=True)] | None = Field(
        default=None,
        description="Working days, by the tenant's calendar, to answer a dispute that names no day; null for no term.",
        examples=[10],
    )


class PlanRulesSchema(Input):
    """What payment plans customers may have; null is no limit, and so is a currency that is not named."""

    allowed_kinds: list[CustomerKind] | None = Field(
        default=None, max_length=3, description="Kinds of customers that may have a plan.", examples=[None]
    )
    min_amount: Amounts = Field(default={}, description="The least that a plan covers, by currency, inclusive.")
    max_amount: Amounts = Field(
        default={}, description="The most that a plan covers, by currency, inclusive.", examples=[{"MXN": "500000.00"}]
    )
    max_months: Limit | None = Field(
        default=None,
        description="The last instalment is due at most so many months after the start, before any roll.",
        examples=[12],
    )
    min_down_payment_percent: Percent | None = Field(
        default=None, description="The least share of what is covered that is paid down.", examples=[None]
    )
    min_instalment: Amounts = Field(
        default={},
        description="The least that an instalment comes to, by currency; the last one, which pays the rest, may be "
        "less.",
    )
    max_open_plans: Limit | None = Field(
        default=None, description="How many plans of a customer may be proposed or running at once.", examples=[1]
    )
    max_grace_days: Annotated[int, Field(ge=0, le=365, strict=True)] | None = Field(
        default=None, description="The most days of grace.", examples=[5]
    )
    max_allowed_misses: Annotated[int, Field(ge=0, le=MAX_INSTALMENTS, strict=True)] | None = Field(
        default=None, description="The most missed instalments that a plan survives.", examples=[1]
    )
    allowed_interest: list[InterestKindName] | None = Field(
        default=None, max_length=3, description="Kinds of interest that a plan may have.", examples=[None]
    )
    max_annual_rate: AnnualRate | None = Field(
        default=None, description="The highest rate, in percent a year.", examples=["36"]
    )


class WriteOffRulesSchema(Input):
    """What is suggested to be written off, and what somebody has to approve; nothing of it happens by itself."""

    suggest_after_days: Annotated[int, Field(ge=1, le=36500, strict=True)] | None = Field(
        default=None,
        description="Invoices that are overdue for more than so many days are suggested; null for none.",
        examples=[365],
    )
    suggest_below: Amounts = Field(
        default={},
        description="Overdue invoices with less than this open are suggested, by currency.",
        examples=[{"MXN": "50.00"}],
    )
    approval_above: Amounts = Field(
        default={},
        description="A write-off that brings what is given up of an invoice above this needs `approved_by`, by "
        "currency.",
        examples=[{"MXN": "5000.00"}],
    )
