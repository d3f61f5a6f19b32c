"""Wire forms of conditions: which debts a policy or one of its steps is for."""

from typing import Annotated

from pydantic import Field

from app.core.contact_schemas import CustomerKind
from app.core.schemas import Currency, Input, Money, Output

Tag = Annotated[str, Field(min_length=1, max_length=64, description="One tag.")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
AmountByCurrency = Annotated[
    dict[str, Money],
    Field(
        max_length=50,
        description="Amounts by ISO 4217 currency; a currency that is not listed has no minimum. Inclusive.",
        examples=[{"MXN": "100.00"}],
    ),
]


class ConditionsInput(Input):
    """What has to be so, all of it; what is left out, or empty, asks for nothing."""

    kinds: list[CustomerKind] = Field(
        default=[], max_length=3, description="One of these kinds of customers.", examples=[["consumer"]]
    )
    countries: list[CountryCode] = Field(
        default=[],
        max_length=250,
        description="One of these countries of the customer (ISO 3166-1); one without a country is in none.",
        examples=[["MX"]],
    )
    tags: list[Tag] = Field(
        default=[], max_length=50, description="A customer with one of these tags at least.", examples=[["vip"]]
    )
    min_amount: AmountByCurrency = Field(default={})
    max_amount: Annotated[
        dict[str, Money],
        Field(
            max_length=50,
            description="Amounts by ISO 4217 currency; a currency that is not listed has no maximum. Inclusive.",
            examples=[{"MXN": "5000.00"}],
        ),
    ] = Field(default={})


class SegmentInput(ConditionsInput):
    """The invoices that a policy takes by itself; the amounts are those of the invoice's total."""

    currencies: list[Currency] = Field(
        default=[], max_length=50, description="One of these currencies of the invoice.", examples=[["MXN"]]
    )


class ConditionsOutput(Output):
    """What has to be so, all of it; what is empty asks for nothing."""

    kinds: list[CustomerKind] = Field(description="One of these kinds of customers.")
    countries: list[str] = Field(description="One of these countries of the customer.", examples=[["MX"]])
    tags: list[str] = Field(description="A customer with one of these tags at least.", examples=[["vip"]])
    min_amount: dict[str, str] = Field(
        description="Least amount, by currency; inclusive.", examples=[{"MXN": "100.00"}]
    )
    max_amount: dict[str, str] = Field(
        description="Greatest amount, by currency; inclusive.", examples=[{"MXN": "5000.00"}]
    )


class SegmentOutput(ConditionsOutput):
    """The invoices that a policy takes by itself."""

    currencies: list[str] = Field(description="One of these currencies of the invoice.", examples=[["MXN"]])
