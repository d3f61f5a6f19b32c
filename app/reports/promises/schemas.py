"""Wire forms of the report on promises."""

from datetime import date

from pydantic import Field

from app.core.schemas import Output

_RATE = "In percent of the judged ones (kept, partly kept and broken), by their number; null where there are none."


class PromiseFiguresOutput(Output):
    """Promises in one status."""

    count: int = Field(description="How many.", examples=[12])
    amount: str = Field(description="What was promised.", examples=["18000.00"])
    paid_amount: str = Field(description="What of it was paid in time.", examples=["18000.00"])


class PromiseCurrencyOutput(Output):
    """How promises in one currency are kept."""

    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    kept: PromiseFiguresOutput = Field(description="Those that were kept.")
    partially_kept: PromiseFiguresOutput = Field(description="Those that were kept in part.")
    broken: PromiseFiguresOutput = Field(description="Those of which nothing was paid in time.")
    open: PromiseFiguresOutput = Field(description="Those that run.")
    cancelled: PromiseFiguresOutput = Field(description="Those that were cancelled.")
    kept_rate: str | None = Field(description=f"Kept ones. {_RATE}", examples=["75.0"])
    partially_kept_rate: str | None = Field(description=f"Partly kept ones. {_RATE}", examples=["12.5"])
    broken_rate: str | None = Field(description=f"Broken ones. {_RATE}", examples=["12.5"])
    paid_rate: str | None = Field(
        description="What was paid in time in percent of what was promised by the judged ones; null for nothing.",
        examples=["81.3"],
    )


class PromiseReportOutput(Output):
    """How promises to pay are kept."""

    from_: date = Field(alias="from", description="First day of the range.", examples=["2026-11-01"])
    to: date = Field(description="Last day of the range.", examples=["2026-11-30"])
    data: list[PromiseCurrencyOutput] = Field(description="By currency, in alphabetical order.")
