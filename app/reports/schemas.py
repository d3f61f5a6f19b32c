"""Wire forms of reports."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.core.schemas import Output


class AgingBucketOutput(Output):
    """One column of the report."""

    label: str = Field(description="Its name: `current`, `1-30`, ..., `90+`.", examples=["31-60"])
    from_days: int | None = Field(description="First day overdue in it; null for what is not overdue.", examples=[31])
    to_days: int | None = Field(description="Last day overdue in it; null for the open end.", examples=[60])


class AgingAmountOutput(Output):
    """What one bucket holds."""

    label: str = Field(description="Name of the bucket.", examples=["31-60"])
    count: int = Field(
        description="Invoices in the bucket that are not settled on `as_of`; of those in instalments, each instalment.",
        examples=[2],
    )
    amount: str = Field(
        description="What was open on them, charges included; those of an invoice in instalments come with the oldest "
        "open instalment.",
        examples=["5800.00"],
    )


class AgingTotalOutput(Output):
    """What was open in one currency; sums never mix currencies."""

    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    open_count: int = Field(description="Sum over the buckets of what is not settled on `as_of`.", examples=[5])
    open_amount: str = Field(
        description="Sum over the buckets, before unapplied cash and credit.", examples=["17400.00"]
    )
    buckets: list[AgingAmountOutput] = Field(description="Every bucket in the report's order, empty ones included.")
    unapplied_amount: str = Field(
        description="Cash and credit of customers that was not applied to an invoice on `as_of`; it is not deducted "
        "above.",
        examples=["0.00"],
    )
    unidentified_amount: str = Field(
        description="Cash received of which nobody knows yet whose it is; in totals over all customers only.",
        examples=["0.00"],
    )


class AgingCustomerOutput(Output):
    """One customer's part of the report."""

    customer_id: UUID = Field(description="Id of the customer.")
    customer_external_id: str | None = Field(description="Your own id of the customer.")
    customer_name: str = Field(description="Name of the customer.")
    totals: list[AgingTotalOutput] = Field(description="The customer's amounts by currency, in alphabetical order.")


class AgingOutput(Output):
    """Open amounts by how long they are overdue."""

    as_of: date = Field(description="The business date that the report describes, inclusive.")
    known_at: datetime | None = Field(description="Only what was booked by then counts; null is everything booked.")
    buckets: list[AgingBucketOutput] = Field(description="The columns, from `current` to the open end.")
    totals: list[AgingTotalOutput] = Field(description="Amounts over all customers, by currency.")
    data: list[AgingCustomerOutput] = Field(
        description="A page of customers, newest first, with `group_by=customer`; else empty."
    )
    next_cursor: str | None = Field(description="Send as `cursor` for the next customers; null on the last page.")
