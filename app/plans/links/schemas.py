"""Wire forms of what a customer sees behind the link of a plan."""

from datetime import datetime

from pydantic import Field

from app.core.schemas import Input, Output, Text200
from app.plans.schemas import PlanStatus, PlanTermsOutput, TermsHash


class LinkAcceptance(Input):
    """The customer's word."""

    name: Text200 = Field(description="Who accepts.", examples=["Ana Núñez"])
    terms_hash: TermsHash | None = Field(
        default=None, description="The hash of the terms that were shown, to accept those and no others."
    )


class LinkOutput(Output):
    """A payment plan as its customer sees it."""

    creditor: str = Field(description="Who proposes the plan.", examples=["Comercial Ñandú, S.A. de C.V."])
    customer: str = Field(description="Whose plan it is.", examples=["Ferretería Núñez, S.A. de C.V."])
    status: PlanStatus = Field(description="Where the plan stands; it is accepted while it is `proposed`.")
    terms: PlanTermsOutput = Field(description="What is agreed by accepting it.")
    expires_at: datetime = Field(description="Until when the link leads here (UTC).")
    accepted_by: str | None = Field(description="Who has accepted it.", examples=["Ana Núñez"])
    accepted_at: datetime | None = Field(description="When it was accepted (UTC).")
