"""Wire forms of payment terms that are kept, and of the calculator."""

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from app.core.schemas import Currency, Day, Input, Money, Output, Resource, Text200, require_one
from app.core.terms import DiscountOutput, PayDays, TermsCode, TermsInput, TermsOutput


class TermsFields(Input):
    """Payment terms under a code."""

    name: Text200 = Field(description="What people call them.", examples=["30 días netos, 2 % a 10 días"])
    definition: TermsInput = Field(
        description="The terms. A later change concerns new invoices only; fixed amounts need a `currency`."
    )


class TermsCreate(TermsFields):
    """New payment terms."""

    code: TermsCode


class KeptTermsOutput(Resource):
    """Payment terms under a code."""

    code: str = Field(description="What customers and invoices refer to them by.", examples=["N30"])
    name: str = Field(description="What people call them.", examples=["30 días netos, 2 % a 10 días"])
    definition: TermsOutput = Field(description="The terms.")


class KeptTermsPage(Output):
    """A page of payment terms, newest first."""

    data: list[KeptTermsOutput] = Field(description="The terms.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class TermsPreviewInput(Input):
    """What an invoice would be; nothing of it is kept."""

    terms: TermsInput | None = Field(
        default=None,
        description="The terms; or send `code`.",
        examples=[{"kind": "net", "days": 30, "discounts": [{"percent": "2", "days": 10}]}],
    )
    code: TermsCode | None = Field(default=None, description="Code of terms that are kept.", examples=[None])
    issued_on: Day = Field(description="Date of issue.")
    currency: Currency
    total: Money = Field(description="Total with taxes, above zero.", examples=["1160.00"])
    net_total: Money | None = Field(
        default=None, description="Total without taxes, for instalments that are a percent of it.", examples=["1000.00"]
    )
    pay_days: PayDays = Field(default=[], examples=[[]])

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        require_one(self, "terms", "code")
        return self


class PreviewInstalment(Output):
    """What would be due on a date."""

    number: int = Field(description="From 1, in order of dates.", examples=[1])
    due_on: date = Field(description="Due date, rolled off days that are not worked.")
    nominal_on: date = Field(description="Due date before it was rolled.", examples=["2026-12-21"])
    amount: str = Field(description="What would be due.")


class TermsPreviewOutput(Output):
    """Due dates, amounts and discounts of an invoice."""

    due_on: date = Field(description="Due date of the last instalment, which is that of the invoice.")
    instalments: list[PreviewInstalment] = Field(description="What is due when; one where all is due at once.")
    discounts: list[DiscountOutput] = Field(description="Discounts for early payment, the earliest first.")
