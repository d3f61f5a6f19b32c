"""Wire forms of reminders."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.core.schemas import Input, Output, Resource, Text2000

ReminderStatus = Literal[
    "scheduled",
    "awaiting_approval",
    "ready",
    "sending",
    "sent",
    "delivered",
    "outcome_unknown",
    "failed",
    "skipped",
    "cancelled",
]
ReminderChannel = Literal["email", "sms", "whatsapp", "letter", "call", "erp"]


class ReminderResolve(Input):
    """What you found out about a reminder whose outcome was unknown."""

    outcome: Literal["sent", "failed"] = Field(
        description="`sent` if it reached the provider, `failed` if it did not; it is not sent again in either case."
    )
    note: Text2000 | None = Field(
        default=None, description="How you know; carried by the event.", examples=["Found in the provider's log."]
    )


class ReminderItemOutput(Output):
    """One invoice, or one instalment, at one step in a reminder."""

    invoice_id: UUID = Field(description="The invoice.")
    case_id: UUID = Field(description="The dunning case of the invoice, or of the instalment.")
    plan_id: UUID | None = Field(
        description="The payment plan whose instalment it is about; the invoice is then the oldest open one that the "
        "plan covers. Null where it is about the invoice itself."
    )
    instalment_number: int | None = Field(
        description="The instalment of the plan, or of an invoice that is due in several; null for a whole invoice."
    )
    step_key: str = Field(description="The policy's step that the reminder takes for it.", examples=["d+3"])
    cycle: int = Field(description="Counts how often the invoice was taken up again after it had been settled.")
    amount: str = Field(description="What the reminder asks for on this invoice.", examples=["1160.00"])


class ReminderOutput(Resource):
    """A reminder: one message to one customer, over one or more invoices."""

    customer_id: UUID = Field(description="Who is written to.")
    policy_id: UUID = Field(description="The dunning policy behind it.")
    policy_version: int = Field(description="The policy's version.")
    currency: str = Field(description="ISO 4217 code of its amounts.")
    channel: ReminderChannel = Field(description="The way it goes.")
    to: str | None = Field(
        description="The address; judged anew when the reminder is claimed for sending. Null for `erp`."
    )
    language: str = Field(description="Language of the message.", examples=["es-MX"])
    template: str = Field(description="The message's template, the highest step's.", examples=["first_notice"])
    status: ReminderStatus = Field(
        description="Where it stands. A call stays `ready` while its task waits for somebody, and is `sent` once the "
        "customer was reached."
    )
    shadow: bool = Field(description="It was decided and recorded, and nothing left, because `sending` was `shadow`.")
    nominal_on: date = Field(description="The day by the policy, before windows and caps.")
    scheduled_at: datetime = Field(description="When it was made out to be sent (UTC).")
    sent_at: datetime | None = Field(description="When the provider took it, or when it was resolved as sent (UTC).")
    delivered_at: datetime | None = Field(
        description="When it arrived, as the provider tells (UTC).", examples=["2026-11-21T15:00:12Z"]
    )
    read_at: datetime | None = Field(description="When it was opened, as the provider tells (UTC).", examples=[None])
    provider_message_id: str | None = Field(description="The provider's id of the message.")
    replaces_id: UUID | None = Field(
        description="The reminder whose step this one tries by another channel, because that one failed.",
        examples=[None],
    )
    skip_reason: str | None = Field(description="Why it did not go out, if it was skipped or cancelled.")
    attempts: int = Field(description="How often it was claimed for sending.")
    last_error: str | None = Field(description="What the last attempt met, for operators.")
    total_due: str = Field(description="What the message asks for in all.", examples=["3480.00"])
    items: list[ReminderItemOutput] = Field(description="The invoices that it is about.")


class ReminderPage(Output):
    """A page of reminders, newest first."""

    data: list[ReminderOutput] = Field(description="The reminders.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class ReminderMessageOutput(Output):
    """The message of a reminder as it was frozen when it was last claimed for sending."""

    reminder_id: UUID = Field(description="The reminder.")
    channel: ReminderChannel = Field(description="The way it goes.")
    to: str | None = Field(description="The address.")
    subject: str | None = Field(description="The subject line.")
    text: str | None = Field(description="The plain text.")
    html: str | None = Field(description="The HTML part, if the channel has one.")
    language: str = Field(description="Language of the message.", examples=["es-MX"])
    message_id: str = Field(description="The Message-ID header, the same for every attempt.")
    provider_message_id: str | None = Field(description="The provider's id of the message.")
    size_bytes: int = Field(description="Length of the encoded message in bytes.", examples=[5120])
