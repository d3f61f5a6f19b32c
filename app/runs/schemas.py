"""Wire forms of dunning runs."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import Currency, Day, Input, Money, Output, Resource
from app.domain.errors import Code

RunStatus = Literal["planning", "planned", "approved", "completed", "discarded", "failed"]
ItemStatus = Literal["planned", "made", "drifted", "discarded"]
StepKey = Annotated[str, Field(min_length=1, max_length=50)]


class RunFilterInput(Input):
    """What a run is narrowed to; everything that is named has to fit."""

    customer_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=1000, description="Only these customers.", examples=[None]
    )
    step_keys: list[StepKey] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="Only what is due at steps with these keys.",
        examples=[["d+5"]],
    )
    currency: Currency | None = Field(default=None, description="Only this currency.")
    min_total: Money | None = Field(
        default=None, description="Only messages that ask for this much or more; names a `currency`, too."
    )
    policy_id: UUID | None = Field(default=None, description="Only what this policy says.", examples=[None])

    @model_validator(mode="after")
    def _amount_has_a_currency(self) -> Self:
        if self.min_total is not None and self.currency is None:
            raise PydanticCustomError(str(Code.missing), "Send the currency of min_total.")
        return self


class RunCreate(Input):
    """What to plan."""

    run_on: Day | None = Field(
        default=None,
        description="The day whose messages are planned; the business date if left out. A later one is a forecast, "
        "as if nothing happened until then, and cannot be approved before that day.",
    )
    filter: RunFilterInput = Field(default_factory=RunFilterInput, description="What it is narrowed to.", examples=[{}])


class RunFilterOutput(Output):
    """What a run is narrowed to."""

    customer_ids: list[UUID] | None = Field(description="Only these customers.", examples=[None])
    step_keys: list[str] | None = Field(description="Only what is due at steps with these keys.", examples=[["d+5"]])
    currency: str | None = Field(description="Only this currency.", examples=["MXN"])
    min_total: str | None = Field(description="Only messages that ask for this much or more.", examples=["100.00"])
    policy_id: UUID | None = Field(description="Only what this policy says.", examples=[None])


class RunProgress(Output):
    """How far a run's planning is."""

    customers: int = Field(description="Customers to be looked at.", examples=[120])
    planned: int = Field(description="Those that have been.", examples=[120])


class RunOutput(Resource):
    """A dunning run."""

    status: RunStatus = Field(
        description="`planning` until all has been looked at; `planned` waits for you; `approved` while its reminders "
        "are being made, and then `completed`.",
        examples=["planned"],
    )
    run_on: date = Field(description="The day whose messages are planned.")
    filter: RunFilterOutput = Field(description="What it is narrowed to.")
    progress: RunProgress = Field(description="How far the planning is.")
    item_count: int = Field(description="Messages that it shows.", examples=[80])
    made_count: int = Field(description="Those that became reminders when it was approved.", examples=[79])
    drifted_count: int = Field(
        description="Those that could not be sent any more as they were shown, when it was approved.", examples=[1]
    )
    approved_at: datetime | None = Field(description="When it was approved (UTC).")
    finished_at: datetime | None = Field(description="When it came to its end (UTC).")
    failure: str | None = Field(description="Why it could not be planned.", examples=[None])


class RunItemCase(Output):
    """What a message is about."""

    case_id: UUID = Field(description="The case.")
    invoice_id: UUID = Field(description="Its invoice.")
    step_key: str = Field(description="The step that is due.", examples=["d+5"])
    cycle: int = Field(description="Counts how often the case was taken up.")
    amount: str = Field(description="What is asked for, with the step's fee.", examples=["1160.00"])


class RunItemOutput(Output):
    """One message, exactly as it would go out, and what became of it."""

    number: int = Field(description="Its place in the run.", examples=[1])
    customer_id: UUID = Field(description="Whom it goes to.")
    policy_id: UUID = Field(description="The policy behind it.")
    policy_version: int = Field(description="The policy's version.", examples=[1])
    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    channel: str = Field(description="How it goes out.", examples=["email"])
    to: str | None = Field(description="The address; null where your own system is asked to write.")
    language: str = Field(description="The language of the message.", examples=["es-MX"])
    template: str = Field(description="The key of its text.", examples=["first_notice"])
    planned_at: datetime = Field(description="When it could go out at the earliest (UTC).")
    total_due: str = Field(description="What it asks for.", examples=["1160.00"])
    cases: list[RunItemCase] = Field(description="What it is about.")
    subject: str | None = Field(description="Its subject.")
    text: str | None = Field(description="Its text.")
    status: ItemStatus = Field(
        description="`made`: a reminder was made of it. `drifted`: it could not be sent any more as it was shown.",
        examples=["planned"],
    )
    drift_reason: str | None = Field(
        description="Why: `amount_changed`, `address_changed`, `address_rejected` by the provider, `superseded` where "
        "another step is due, or a code of what stops the message, such as `paid` or `hold`.",
        examples=[None],
    )
    reminder_id: UUID | None = Field(description="The reminder that was made of it; it tells whether it left.")


class RunItemPage(Output):
    """A page of a run's messages, in order."""

    data: list[RunItemOutput] = Field(description="The messages.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class RunPage(Output):
    """A page of dunning runs, newest first."""

    data: list[RunOutput] = Field(description="The runs.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
