"""Wire forms of tasks."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.activities.schemas import ActivityContact, ActivityOutput
from app.core.schemas import (
    Currency,
    Day,
    ExternalId,
    Input,
    Metadata,
    Money,
    Output,
    Resource,
    Text200,
    Text2000,
    require_one,
)
from app.disputes.schemas import DisputeReason
from app.domain.errors import Code

TaskKind = Literal["call", "review", "placement", "write_off", "dispute", "other"]
TaskStatus = Literal["open", "done", "cancelled"]
TaskOutcome = Literal[
    "reached", "no_answer", "voicemail", "wrong_number", "promised", "disputed", "refused", "other", "done"
]


class TaskCreate(Input):
    """Something for a person to do about a customer."""

    external_id: ExternalId | None = None
    customer_id: UUID | None = Field(default=None, description="About whom; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    invoice_ids: list[UUID] = Field(default=[], max_length=200, description="What it is about.")
    kind: TaskKind = Field(description="What is to be done.", examples=["call"])
    title: Text200 = Field(description="What is to be done, in words.", examples=["Ask about invoice F-1001"])
    script: Text2000 | None = Field(
        default=None, description="What is to be said or looked at.", examples=["Ask when F-1001 is paid."]
    )
    due_on: Day | None = Field(default=None, description="When, at the latest; the business date if left out.")
    assignee: Text200 | None = Field(default=None, description="Who does it.", examples=["Marta"])
    metadata: Metadata = Field(default={})

    @model_validator(mode="after")
    def _names_one_customer(self) -> Self:
        require_one(self, "customer_id", "customer_external_id")
        return self


class TaskUpdate(Input):
    """Changes of an open task; fields left out stay as they are."""

    title: Text200 = Field(default_factory=str, description="What is to be done, in words.")
    due_on: Day = Field(default_factory=lambda: date(1970, 1, 1), description="When, at the latest.")
    assignee: Text200 | None = Field(default=None, description="Who does it; null for nobody yet.", examples=["Marta"])


class TaskPromise(Input):
    """What the customer has promised to pay."""

    promised_on: Day = Field(description="The day by which it is paid, inclusive.")
    amount: Money | None = Field(
        default=None, description="What is promised; what is open of the invoices if left out."
    )
    currency: Currency | None = Field(default=None, description="That of the invoices if left out.")
    invoice_ids: list[UUID] | None = Field(
        default=None, max_length=200, description="The invoices that it is for; the task's if left out."
    )
    tolerance_days: Annotated[int, Field(ge=0, le=365, strict=True)] = Field(
        default=0, description="Days after `promised_on` whose payments still count.", examples=[2]
    )


class TaskDispute(Input):
    """What the customer objects to."""

    invoice_id: UUID | None = Field(default=None, description="The invoice; if left out, the only one of the task.")
    amount: Money | None = Field(default=None, description="The disputed part; the whole invoice if left out.")
    reason: DisputeReason = Field(description="What it is about.", examples=["quality"])
    respond_by_on: Day | None = Field(default=None, description="Last day to answer it, inclusive.")


class TaskComplete(Input):
    """How a task was done."""

    outcome: TaskOutcome = Field(
        description="What came of it; `done` is for what is no call. A call whose outcome is `no_answer`, `voicemail` "
        "or `wrong_number` has reached nobody.",
        examples=["reached"],
    )
    note: Text2000 | None = Field(default=None, description="What was said.", examples=["Pays on Friday."])
    contact: ActivityContact | None = Field(
        default=None,
        description="How somebody was in touch with the customer: it is kept as an activity. A call is always kept.",
    )
    promise: TaskPromise | None = Field(
        default=None, description="With the outcome `promised`: the promise to pay, which is recorded with it."
    )
    dispute: TaskDispute | None = Field(
        default=None, description="With the outcome `disputed`: the dispute, which is opened with it."
    )

    @model_validator(mode="after")
    def _fits_the_outcome(self) -> Self:
        if self.promise is not None and self.outcome != "promised":
            raise PydanticCustomError(str(Code.invalid_value), "A promise comes with the outcome promised.")
        if self.dispute is not None and self.outcome != "disputed":
            raise PydanticCustomError(str(Code.invalid_value), "A dispute comes with the outcome disputed.")
        return self


class TaskCancel(Input):
    """Why a task is not done."""

    note: Text2000 | None = Field(default=None, description="Why.", examples=["Paid meanwhile."])


class TaskOutput(Resource):
    """A task."""

    external_id: str | None = Field(description="Your own id of the task.")
    customer_id: UUID = Field(description="About whom.")
    invoice_ids: list[UUID] = Field(description="What it is about.")
    kind: TaskKind = Field(description="What is to be done.", examples=["call"])
    title: str = Field(description="What is to be done, in words.", examples=["Ask about invoice F-1001"])
    script: str | None = Field(description="What is to be said or looked at.", examples=["Ask when F-1001 is paid."])
    due_on: date = Field(description="When, at the latest.")
    assignee: str | None = Field(description="Who does it.", examples=["Marta"])
    status: TaskStatus = Field(description="Where it stands.", examples=["open"])
    outcome: str | None = Field(description="What came of it, or why it was taken back.", examples=["reached"])
    note: str | None = Field(description="What was said.", examples=["Pays on Friday."])
    completed_at: datetime | None = Field(description="When it was done or cancelled (UTC).")
    reminder_id: UUID | None = Field(description="The reminder whose call it is.")
    amount: str | None = Field(description="What the call asks for.", examples=["1160.00"])
    currency: str | None = Field(description="ISO 4217 code of the amount.", examples=["MXN"])
    metadata: dict[str, str] = Field(description="Your own strings.")


class TaskDone(TaskOutput):
    """A task that was done, and what came of it."""

    activity: ActivityOutput | None = Field(description="The activity that it was kept as.")
    promise_id: UUID | None = Field(description="The promise that was recorded.")
    dispute_id: UUID | None = Field(description="The dispute that was opened.")


class TaskPage(Output):
    """A page of tasks, newest first."""

    data: list[TaskOutput] = Field(description="The tasks.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
