"""Wire forms of what is suggested to be written off."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.core.schemas import Output


class WriteOffSuggestionOutput(Output):
    """An invoice that might be given up."""

    invoice_id: UUID = Field(description="The invoice.")
    external_id: str | None = Field(description="Your own id of the invoice.")
    number: str = Field(description="Its number.", examples=["F-1001"])
    customer_id: UUID = Field(description="Who owes.")
    customer_name: str = Field(description="The customer's name.", examples=["Comercial Ñandú"])
    currency: str = Field(description="ISO 4217 code of the amount.", examples=["MXN"])
    open_amount: str = Field(description="All that is open of it.", examples=["12.50"])
    due_on: date = Field(description="When it was due.")
    days_overdue: int = Field(description="For how many days it has been overdue.", examples=[400])
    reasons: list[Literal["age", "amount"]] = Field(
        description="`age`: overdue for more than `suggest_after_days`; `amount`: less open than `suggest_below`.",
        examples=[["age"]],
    )
    needs_approval: bool = Field(description="Whether writing it off whole needs `approved_by`.")


class WriteOffSuggestionPage(Output):
    """A page of suggestions, newest invoices first."""

    data: list[WriteOffSuggestionOutput] = Field(description="The invoices.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
