"""Wire forms of promises to pay."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import (
    Currency,
    Day,
    ExternalId,
    InFlightOutput,
    Input,
    Metadata,
    Money,
    Output,
    Resource,
    Text2000,
    require_one,
)
from app.domain.errors import Code

PromiseStatus = Literal["open", "kept", "partially_kept", "broken", "cancelled"]
TolerancePercent = Annotated[
    str,
    Field(
        pattern=r"^(0|[1-9][0-9]?)([.][0-9]{1,4})?$",
        description="What may be missing of the amount, in percent below 100, as a decimal string.",
        examples=["1"],
    ),
]


class PromiseCreate(Input):
    """What a customer has promised to pay, and by when."""

    external_id: ExternalId | None = None
    customer_id: UUID | None = Field(default=None, description="Who promises; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    invoice_ids: list[UUID] = Field(
        default=[],
        max_length=200,
        examples=[[]],
        description="The open invoices that it is for, of one currency. With neither these nor "
        "`invoice_external_ids`, it is for those that are due first, as many as the amount covers.",
    )
    invoice_external_ids: list[ExternalId] = Field(
        default=[], max_length=200, description="The same by your own ids.", examples=[["F-1001"]]
    )
    amount: Money | None = Field(
        default=None, description="What is promised; what is open and undisputed of the invoices if left out."
    )
    currency: Currency | None = Field(
        default=None,
        description="Currency of the amount: that of the invoices if left out, and without invoices the tenant's.",
    )
    promised_on: Day = Field(description="The day by which it is paid, inclusive.")
    tolerance_days: Annotated[int, Field(ge=0, le=365, strict=True)] = Field(
        default=0, description="Days after `promised_on` whose payments still count.", examples=[2]
    )
    tolerance_percent: TolerancePercent = "0"
    note: Text2000 | None = Field(default=None, description="More about it.", examples=["Promised by telephone."])
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _names_one_customer(self) -> Self:
        require_one(self, "customer_id", "customer_external_id")
        if self.invoice_ids and self.invoice_external_ids:
            raise PydanticCustomError(
                str(Code.invalid_value), "Name the invoices by invoice_ids or by invoice_external_ids."
            )
        return self


class PromiseOutput(Resource):
    """A promise to pay."""

    external_id: str | None = Field(description="Your own id of the promise.")
    customer_id: UUID = Field(description="Who promised.")
    invoice_ids: list[UUID] = Field(description="The invoices that it is for, and whose payments count.")
    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    amount: str = Field(description="What was promised.", examples=["1500.00"])
    made_on: date = Field(description="The business date on which it was made; what is paid from then on counts.")
    promised_on: date = Field(description="The day by which it is paid, inclusive.")
    tolerance_days: int = Field(description="Days after `promised_on` whose payments still count.")
    tolerance_percent: str = Field(description="What may be missing of the amount, in percent.", examples=["1"])
    status: PromiseStatus = Field(
        description="`kept` at once when enough is paid; else it is judged at the start of the day after the last one "
        "that counts. Reversals and backdated payments have it judged again."
    )
    judged_on: date | None = Field(
        description="The effective date of the payment that kept it, or the day on which it was found not kept; null "
        "while it is open.",
        examples=[None],
    )
    paid_amount: str = Field(
        description="What counts towards it of the payments on its invoices; credits do not.", examples=["0.00"]
    )
    note: str | None = Field(description="More about it.", examples=["Promised by telephone."])
    metadata: dict[str, str] = Field(description="Your own strings.")


class PromiseAnswer(PromiseOutput):
    """A promise as it was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders about its invoices that were already claimed; no other one goes out while it runs."
    )


class PromisePage(Output):
    """A page of promises, newest first."""

    data: list[PromiseOutput] = Field(description="The promises.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
