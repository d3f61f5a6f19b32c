"""Wire forms of erasure."""

from pydantic import Field

from app.core.schemas import InFlightOutput, Input, Text200
from app.customers.schemas import CustomerOutput


class CustomerErase(Input):
    """Why a customer is erased."""

    reason: Text200 = Field(
        description="Why, for your own audit; it is checked and not kept, since it may name the person.",
        examples=["request under article 17 GDPR"],
    )
    force: bool = Field(
        default=False, strict=True, description="Erase although something is open: what is owed is chased no more."
    )


class CustomerErased(CustomerOutput):
    """A customer after its erasure."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders that were already claimed; they start within two seconds or not at all."
    )
