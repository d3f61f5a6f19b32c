"""Wire forms of reports on how fast receivables turn into money."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from app.core.schemas import Output

_KNOWN_AT = "Only what was booked by then counts; null is everything booked."
_CURRENCY = "ISO 4217 code of the amounts."
_SALES = "Invoices issued, less voided ones and credit notes applied, taxes included"


class DsoMonthOutput(Output):
    """A month that count-back went through."""

    from_: date = Field(alias="from", description="Its first day.", examples=["2026-11-01"])
    to: date = Field(description="Its last day, or `as_of`.", examples=["2026-11-21"])
    sales: str = Field(description=f"{_SALES}.", examples=["580000.00"])
    matched: str = Field(description="How much of the receivables these sales account for.", examples=["580000.00"])
    days: str = Field(description="Days that it counts for.", examples=["21.0"])


class DsoCurrencyOutput(Output):
    """Days sales outstanding in one currency."""

    currency: str = Field(description=_CURRENCY, examples=["MXN"])
    receivables: str = Field(
        description="Open on invoices on `as_of`, charges included: `open_amount` of the aging report.",
        examples=["870000.00"],
    )
    sales: str = Field(
        description=f"{_SALES}: of the period, or of the months that count-back went through.", examples=["1160000.00"]
    )
    dso: str | None = Field(
        description="Days; null where something is open and nothing was sold in the period.", examples=["36.5"]
    )
    months: list[DsoMonthOutput] = Field(
        description="With `method=countback`, how it comes about, the newest month first; their days add up to `dso` "
        "but for rounding."
    )


class DsoOutput(Output):
    """Days sales outstanding."""

    as_of: date = Field(description="The business date that the report describes, inclusive.", examples=["2026-11-21"])
    known_at: datetime | None = Field(description=_KNOWN_AT)
    method: Literal["countback", "simple"] = Field(description="How it was computed.", examples=["countback"])
    days: int | None = Field(description="Length of the period of the simple method.", examples=[None])
    data: list[DsoCurrencyOutput] = Field(description="By currency, in alphabetical order.")


class EffectivenessCurrencyOutput(Output):
    """The collection effectiveness index in one currency."""

    currency: str = Field(description=_CURRENCY, examples=["MXN"])
    beginning_receivables: str = Field(description="Open on invoices before the range.", examples=["870000.00"])
    sales: str = Field(description=f"{_SALES}.", examples=["1160000.00"])
    ending_receivables: str = Field(description="Open on invoices at its end.", examples=["930000.00"])
    ending_current_receivables: str = Field(description="How much of that is not overdue.", examples=["780000.00"])
    index: str | None = Field(
        description="What was collected in percent of what could be; null where there was nothing.", examples=["88.0"]
    )


class EffectivenessOutput(Output):
    """The collection effectiveness index."""

    from_: date = Field(alias="from", description="First day of the range.", examples=["2026-11-01"])
    to: date = Field(description="Last day of the range.", examples=["2026-11-30"])
    known_at: datetime | None = Field(description=_KNOWN_AT)
    data: list[EffectivenessCurrencyOutput] = Field(description="By currency, in alphabetical order.")
