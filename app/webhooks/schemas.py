"""Wire forms of webhook endpoints, deliveries and events."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.core.addresses import MAX_URL_LENGTH
from app.core.schemas import Input, Metadata, Output, Resource, Text2000
from app.domain.errors import Code
from app.domain.events import is_subscribable
from app.webhooks.repository import MAX_REPLAY

# The largest whole number that every JSON reader keeps exact.
MAX_SEQUENCE = 2**53 - 1

EndpointStatus = Literal["enabled", "disabled"]
DeliveryStatus = Literal["pending", "in_flight", "delivered", "retry_scheduled", "exhausted"]


def _subscribable(value: str) -> str:
    if not is_subscribable(value):
        raise PydanticCustomError(
            str(Code.invalid_value), "Send an event type such as invoice.paid, a family such as invoice.*, or *."
        )
    return value


EventPattern = Annotated[
    str,
    Field(
        max_length=100,
        description="An event type, a family of them such as `invoice.*`, or `*` for all.",
        examples=["invoice.*"],
    ),
    AfterValidator(_subscribable),
]
EventPatterns = Annotated[list[EventPattern], Field(min_length=1, max_length=100)]
EndpointUrl = Annotated[
    str,
    Field(
        max_length=MAX_URL_LENGTH,
        description="Where events are posted: https, a host on the public internet, no user name and no `#` part.",
        examples=["https://erp.example.com/hooks/puntual"],
    ),
]
Sequence = Annotated[int, Field(strict=True, ge=0, le=MAX_SEQUENCE)]


class EndpointCreate(Input):
    """A new webhook endpoint."""

    url: EndpointUrl
    description: Text2000 | None = Field(default=None, description="What listens there, in your own words.")
    event_types: EventPatterns = Field(default=["*"], description="The events that it gets.")
    metadata: Metadata = Field(default={})


class EndpointUpdate(Input):
    """Changes to an endpoint: fields left out stay as they are; `event_types` and `metadata` are replaced whole."""

    url: EndpointUrl = Field(default="", description="Where events are posted, from the next attempt on.")
    description: Text2000 | None = Field(default=None, description="What listens there, in your own words.")
    event_types: EventPatterns = Field(default=["*"], description="The events that it gets from now on.")
    status: EndpointStatus = Field(
        default="enabled",
        description="A `disabled` endpoint gets no new events; what was still undelivered waits until it is `enabled`.",
    )
    metadata: Metadata = Field(default={})


class EndpointOutput(Resource):
    """Where your system listens."""

    url: str = Field(description="Where events are posted.")
    description: str | None = Field(description="What listens there.")
    event_types: list[str] = Field(description="The events that it gets.", examples=[["invoice.*", "payment.created"]])
    status: EndpointStatus = Field(description="A disabled endpoint gets nothing.")
    disabled_reason: str | None = Field(
        description="`gone` when it answered 410, `requested` when you disabled it, null while it is enabled."
    )
    metadata: dict[str, str] = Field(description="Your own strings.")


class EndpointWithSecret(EndpointOutput):
    """A new endpoint with its secret, which is shown this once."""

    secret: str = Field(
        description="Verifies the signatures (Standard Webhooks); keep it as you keep passwords.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class EndpointWithNewSecret(EndpointWithSecret):
    """An endpoint after a rotation, with its new secret, which is shown this once."""

    previous_secret_expires_at: datetime = Field(
        description="Until this instant of real time the secret before also signs, so that you can change over."
    )


class EndpointPage(Output):
    """A page of endpoints, newest first."""

    data: list[EndpointOutput] = Field(description="The endpoints.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class ReplayInput(Input):
    """Which events are delivered once more: a range of sequences, or single events."""

    after: Sequence | None = Field(default=None, description="Events with a higher sequence.", examples=[1200])
    before: Sequence | None = Field(default=None, description="Events with a lower sequence.", examples=[1301])
    types: EventPatterns | None = Field(
        default=None, description="Of the range, only these; the endpoint's own `event_types` if left out."
    )
    event_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=MAX_REPLAY, description="Single events, in place of a range."
    )


class ReplayOutput(Output):
    """What a replay has begun."""

    deliveries: int = Field(description="How many new deliveries were made.", examples=[100])


class DeliveryOutput(Output):
    """One event on its way to one endpoint."""

    id: UUID = Field(description="UUIDv7 of the delivery.")
    endpoint_id: UUID = Field(description="The endpoint.")
    event_id: UUID = Field(description="The event; also the `webhook-id` of every attempt.")
    event_type: str = Field(description="Type of the event.", examples=["invoice.paid"])
    status: DeliveryStatus = Field(
        description="`pending` before the first attempt, `in_flight` during one, `retry_scheduled` between attempts, "
        "then `delivered` or, when the attempts are used up or the endpoint answered 410, `exhausted`."
    )
    attempt_count: int = Field(description="Attempts made so far, at most 10.")
    next_attempt_at: datetime | None = Field(
        description="When the next attempt is due, by the tenant's clock; null when none is."
    )
    created_at: datetime = Field(description="When it was made, by the tenant's clock (UTC).")
    updated_at: datetime = Field(description="When it last changed, by the tenant's clock (UTC).")


class DeliveryPage(Output):
    """A page of deliveries, newest first."""

    data: list[DeliveryOutput] = Field(description="The deliveries.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class AttemptOutput(Output):
    """One HTTP request of a delivery."""

    number: int = Field(description="Counts from 1.")
    attempted_at: datetime = Field(description="When, by the tenant's clock (UTC).")
    duration_ms: int = Field(description="How long it took, in milliseconds of real time.")
    status_code: int | None = Field(description="The receiver's HTTP status; null when none arrived.")
    error: str | None = Field(
        description="Why no status arrived: `timeout`, `dns`, `connect`, `tls`, `disconnected`, `bad_response`, "
        "`response_too_large`, `blocked_address` or `invalid_url`."
    )
    response_excerpt: str = Field(description="The first 1,024 bytes of the answer's text.")


class AttemptPage(Output):
    """The attempts of a delivery, the first one first."""

    data: list[AttemptOutput] = Field(description="The attempts.")
    next_cursor: str | None = Field(description="Always null: they fit on one page.")


class EventObject(Output):
    """What an event is about."""

    type: str = Field(description="Kind of the resource.", examples=["invoice"])
    id: UUID = Field(description="Its id.")
    version: int = Field(description="Its version after the change; of two events the higher one is the newer state.")


class EventOutput(Output):
    """One change, in the form that webhooks carry."""

    id: UUID = Field(description="UUIDv7 of the event; deliveries of one event share it.")
    type: str = Field(description="What happened.", examples=["invoice.paid"])
    created_at: datetime = Field(description="When it happened, by the tenant's clock (UTC).")
    sequence: int = Field(description="Its place among the tenant's events: 1, 2, 3, … without gaps.")
    object: EventObject = Field(description="What it is about.")
    data: dict[str, Any] = Field(description="The resource as it was after the change, in the form that GET answers.")
    previous: dict[str, Any] | None = Field(description="The changed fields as they were before.")
    idempotency_key: str | None = Field(description="Idempotency-Key of the request that caused it.")
    request_id: str | None = Field(description="X-Request-Id of the request that caused it.")


class EventPage(Output):
    """A part of the feed, oldest first."""

    data: list[EventOutput] = Field(description="The events; may be empty although `has_more` is true.")
    next_after: int = Field(
        description="The last sequence looked at, also when `types` left it out: send it as `after`, now or later, and "
        "you see every event once."
    )
    has_more: bool = Field(description="Whether there is more to look at already.")
    next_cursor: str | None = Field(description="`next_after` as text while `has_more` is true, else null.")


class DunningCaseOutput(Resource):
    """One invoice, or one instalment of it, on its way up the ladder of a policy, as events carry it."""

    customer_id: UUID = Field(description="Who owes the invoice.")
    invoice_id: UUID = Field(description="The invoice.")
    plan_id: UUID | None = Field(
        description="The payment plan whose instalment it chases; the invoice is then the oldest open one that the "
        "plan covers. Null where it chases the invoice itself."
    )
    instalment_number: int | None = Field(
        description="The instalment it chases, of the plan or of an invoice that is due in several; null for a whole "
        "invoice."
    )
    policy_id: UUID = Field(description="The policy that follows it.")
    policy_version: int = Field(description="The version it is pinned to.")
    state: str = Field(description="Where it stands.", examples=["active"])
    cycle: int = Field(description="Counts how often the invoice was taken up again after it had been settled.")
    last_step: str | None = Field(description="The last step that went out.", examples=["d+5"])
    last_sent_on: date | None = Field(description="When it went out.")
    opened_at: datetime = Field(description="When the invoice was taken up.")
    closed_at: datetime | None = Field(description="When the case ended; null while it runs.")
