"""Wire forms of messages that came in."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.schemas import ExternalId, InFlightOutput, Input, Instant, Output
from app.customers.schemas import normalised_phone

Channel = Literal["email", "sms", "whatsapp"]
Outcome = Literal["recorded", "opted_out", "already_opted_out", "unknown_address"]


class InboundMessageInput(Input):
    """A message that a customer has sent."""

    channel: Channel = Field(description="How it came.", examples=["email"])
    sender: str = Field(
        alias="from",
        min_length=1,
        max_length=500,
        description="The address or number that it came from.",
        examples=["cuentas@example.com"],
    )
    text: str = Field(
        max_length=20_000, description="What was written, without the message that it quotes.", examples=["Baja"]
    )
    received_at: Instant | None = Field(default=None, description="When it came; now if left out.")
    external_id: ExternalId | None = Field(
        default=None,
        description="The provider's id of the message; the same one again is answered as the first time and does "
        "nothing.",
        examples=["M-1001"],
    )

    @model_validator(mode="after")
    def _number_in_one_form(self) -> Self:
        if self.channel != "email":
            self.sender = normalised_phone(self.sender) or self.sender
        return self


class InboundMessageOutput(Output):
    """A message of a customer, and what was done about it."""

    id: UUID = Field(description="UUIDv7 of the activity that records it.")
    external_id: str | None = Field(description="The provider's id of the message.", examples=["M-1001"])
    customer_id: UUID = Field(description="Whose message it is.")
    channel: Channel = Field(description="How it came.")
    sender: str = Field(
        alias="from", description="The address or number that it came from.", examples=["cuentas@example.com"]
    )
    text: str = Field(description="What was written.", examples=["Baja"])
    received_at: datetime = Field(description="When it came (UTC).")
    outcome: Outcome = Field(
        description="`opted_out`: the message is an opt-out word, and the address's consent is `denied` now; "
        "`already_opted_out`: it was before. `unknown_address`: an opt-out word from an address that the customer does "
        "not have, so that nothing could be denied. `recorded`: anything else; read it yourself.",
        examples=["opted_out"],
    )
    opt_out_word: str | None = Field(description="The word that was recognised.", examples=["baja"])
    in_flight: list[InFlightOutput] = Field(
        description="Reminders to the address that were claimed before: they start within two seconds or not at all."
    )
