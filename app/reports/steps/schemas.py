"""Wire forms of the report on steps."""

from datetime import date
from uuid import UUID

from pydantic import Field

from app.core.schemas import Output


class StepPaidOutput(Output):
    """What was paid within some days of a step."""

    count: int = Field(description="Debts of which something was paid.", examples=[12])
    amount: str = Field(description="What was paid, no more than the step has asked for.", examples=["8400.00"])


class StepCurrencyOutput(Output):
    """A step in one currency."""

    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    sent_count: int = Field(description="Debts that it was sent about.", examples=[40])
    sent_amount: str = Field(description="What it has asked for.", examples=["46400.00"])
    paid_7_days: StepPaidOutput = Field(description="Paid from the day of the message to 7 days after it, inclusive.")
    paid_14_days: StepPaidOutput = Field(description="Paid from the day of the message to 14 days after it, inclusive.")


class StepResultOutput(Output):
    """One step of one version of a policy."""

    policy_id: UUID = Field(description="The policy.")
    policy_version: int = Field(description="Its version.", examples=[1])
    step_key: str = Field(description="The step.", examples=["d+5"])
    sent_count: int = Field(description="Debts that it was sent about, in all currencies.", examples=[40])
    delivered_count: int = Field(description="Those of which the provider told that the message arrived.")
    currencies: list[StepCurrencyOutput] = Field(description="What came of it, by currency.")


class StepsOutput(Output):
    """What the steps of policies bring in."""

    from_: date = Field(alias="from", description="First day of the range.", examples=["2026-11-01"])
    to: date = Field(description="Last day of the range.", examples=["2026-11-30"])
    data: list[StepResultOutput] = Field(description="By policy, version and step.")
