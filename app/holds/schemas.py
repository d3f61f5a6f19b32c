"""Wire forms of holds."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import (
    Day,
    ExternalId,
    InFlightOutput,
    Input,
    Metadata,
    Output,
    Resource,
    Text100,
    Text2000,
    require_one,
)
from app.domain.errors import Code

HoldStatus = Literal["scheduled", "active", "released", "expired"]
Effect = Literal["contact", "escalation", "charges"]


def _once(value: list[Effect]) -> list[Effect]:
    if len(set(value)) != len(value):
        raise PydanticCustomError(str(Code.duplicate_value), "Name each effect once.")
    return value


Effects = Annotated[list[Effect], Field(min_length=1, max_length=3), AfterValidator(_once)]


class HoldCreate(Input):
    """A new hold, of all that a customer owes or of one invoice."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "invoice_external_id": "F-1001",
                    "reason": "waiting for the goods receipt",
                    "starts_on": "2026-11-21",
                    "ends_on": "2026-12-05",
                    "effects": ["contact", "escalation"],
                }
            ]
        }
    )

    external_id: ExternalId | None = None
    customer_id: UUID | None = Field(default=None, description="Hold all that this customer owes.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of that customer.")
    invoice_id: UUID | None = Field(default=None, description="Hold this invoice alone.")
    invoice_external_id: ExternalId | None = Field(default=None, description="Your own id of that invoice.")
    reason: Text100 = Field(description="Why, in your own words.", examples=["waiting for the goods receipt"])
    preset: Literal["uk_breathing_space"] | None = Field(
        default=None,
        description="A hold that a rule prescribes. `uk_breathing_space` is the moratorium of the Debt Respite Scheme "
        "Regulations 2020: 60 days from `starts_on` without contact and without interest and fees. Leave `ends_on` "
        "and `effects` out with it.",
    )
    note: Text2000 | None = Field(default=None, description="More about it.")
    starts_on: Day | None = Field(default=None, description="First day, inclusive; the business date if left out.")
    ends_on: Day | None = Field(
        default=None, description="Last day, inclusive; without one it lasts until it is released."
    )
    effects: Effects = Field(
        default=["contact", "escalation"],
        description="`contact` sends nothing; `escalation` stops the ladder clock as well; `charges` posts neither "
        "interest nor fees for its days. Legal lateness never stops.",
    )
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_one(self, "customer_id", "customer_external_id", "invoice_id", "invoice_external_id")
        if self.preset is not None and {"ends_on", "effects"} & self.model_fields_set:
            raise PydanticCustomError(str(Code.invalid_value), "A preset says ends_on and effects itself.")
        if self.starts_on is not None and self.ends_on is not None and self.ends_on < self.starts_on:
            raise PydanticCustomError(str(Code.date_order), "ends_on must not be before starts_on.")
        return self


class HoldRelease(Input):
    """Why a hold ends before its time."""

    reason: Text100 | None = Field(default=None, description="Why it is released.", examples=["goods received"])


class HoldOutput(Resource):
    """A hold."""

    external_id: str | None = Field(description="Your own id of the hold.")
    customer_id: UUID = Field(description="Whose debts it holds.")
    invoice_id: UUID | None = Field(description="The one invoice that it holds; null for all of the customer's.")
    reason: str = Field(description="Why.", examples=["waiting for the goods receipt"])
    note: str | None = Field(description="More about it.")
    starts_on: date = Field(description="First day, inclusive.")
    ends_on: date | None = Field(description="Last day, inclusive; null until it is released.")
    effects: list[Effect] = Field(description="What it stops.")
    status: HoldStatus = Field(description="Where it stands on the business date.")
    released_on: date | None = Field(description="The day on which it was released; that day is free again.")
    release_reason: str | None = Field(description="Why it was released.", examples=["goods received"])
    metadata: dict[str, str] = Field(description="Your own strings.")


class HoldAnswer(HoldOutput):
    """A hold as it was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders of the customer that were already claimed; no other one that it stops goes out."
    )


class HoldPage(Output):
    """A page of holds, newest first."""

    data: list[HoldOutput] = Field(description="The holds.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
