"""Wire forms of payment plans."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.agreement_rules import InterestKindName
from app.core.charging import AnnualRate, DayCountName
from app.core.schemas import (
    Day,
    ExternalId,
    InFlightOutput,
    Input,
    Instant,
    Metadata,
    Money,
    Output,
    Resource,
    Text100,
    Text200,
    require_one,
)
from app.core.terms import Roll
from app.domain.plan import MAX_INSTALMENTS

PlanStatus = Literal["draft", "proposed", "accepted", "active", "completed", "defaulted", "cancelled", "superseded"]
InstalmentStatus = Literal["pending", "due", "partially_paid", "paid", "missed", "waived"]
FrequencyName = Literal["weekly", "biweekly", "monthly"]
SurplusName = Literal["shorten", "reamortise", "next"]
FeePlacementName = Literal["first", "spread"]
TermsHash = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the terms in canonical JSON (UTF-8, keys sorted, no spaces), without the hash itself.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]


class PlanInterestInput(Input):
    """Interest of a plan."""

    kind: InterestKindName = Field(
        default="none",
        description="`none`; `flat`, a rate on the whole for the whole term; `declining`, a rate on what is left, with "
        "equal instalments.",
        examples=["declining"],
    )
    annual_rate: AnnualRate = Field(default="0", description="Percent a year, `8.5` being 8.5 %.")
    day_count: DayCountName = Field(default="30_360", description="How days are counted.", examples=["30_360"])


class PlanTermsInput(Input):
    """How what a plan covers is paid back."""

    include_charges: bool = Field(
        default=True,
        strict=True,
        description="Whether the interest and fees that are open on the invoices are part of the plan; otherwise they "
        "stay beside it.",
    )
    charges_bear_interest: bool = Field(
        default=False,
        strict=True,
        description="Whether the interest of the plan is worked out on included charges, too. It needs "
        "`compound_agreement`.",
    )
    compound_agreement: Text200 | None = Field(
        default=None, description="Where the customer's express agreement to that is on record.", examples=[None]
    )
    instalment_count: Annotated[int, Field(ge=1, le=MAX_INSTALMENTS, strict=True)] | None = Field(
        default=None, description="How many instalments, without the down payment; or send `instalment_amount`.",
        examples=[6],
    )  # fmt: skip
    instalment_amount: Money | None = Field(
        default=None,
        description="What each instalment comes to, without the set-up fee; the last one is what is left.",
        examples=[None],
    )
    frequency: FrequencyName = Field(
        default="monthly", description="How far the instalments lie apart: 7 days, 14 days, or a month."
    )
    starts_on: Day | None = Field(
        default=None,
        description="From when interest runs; the business date if left out.",
        examples=[None],
    )
    first_due_on: Day = Field(description="Due date of the first instalment, before any roll.", examples=["2026-12-21"])
    preferred_day: Annotated[int, Field(ge=1, le=31, strict=True)] | None = Field(
        default=None,
        description="Day of the month of monthly instalments after the first; a month's last where it has no such day.",
        examples=[None],
    )
    down_payment: Money = Field(default="0", description="Paid before the rest; it bears no interest.", examples=["0"])
    down_payment_on: Day | None = Field(
        default=None, description="When it is due; the start of the plan if left out.", examples=[None]
    )
    setup_fee: Money = Field(default="0", description="A fee for the plan.", examples=["0"])
    fee_placement: FeePlacementName = Field(
        default="first", description="Whether the fee is due with the first instalment or in equal parts with all."
    )
    interest: PlanInterestInput = Field(default_factory=PlanInterestInput, description="Interest of the plan.")
    roll: Roll = Field(
        default="none",
        description="How due dates leave days that are not worked, by the tenant's calendar. Interest goes by the "
        "dates before.",
        examples=["none"],
    )
    grace_days: Annotated[int, Field(ge=0, le=365, strict=True)] = Field(
        default=0, description="Days after a due date before an instalment that is not paid in full is missed.",
        examples=[5],
    )  # fmt: skip
    allowed_misses: Annotated[int, Field(ge=0, le=MAX_INSTALMENTS, strict=True)] = Field(
        default=0,
        description="How many instalments may be missed at once before the plan is in default.",
        examples=[1],
    )
    surplus: SurplusName = Field(
        default="shorten",
        description="What is paid beyond what is due pays the last instalments (`shorten`), lowers all that are left "
        "(`reamortise`), or pays the next one (`next`).",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        require_one(self, "instalment_count", "instalment_amount")
        return self


class PlanQuote(PlanTermsInput):
    """What a plan is to be worked out for."""

    invoice_ids: list[UUID] = Field(
        default=[],
        max_length=500,
        description="Invoices of one customer in one currency, with something open.",
        examples=[[]],
    )
    invoice_external_ids: list[ExternalId] = Field(
        default=[],
        max_length=500,
        description="The same by your own ids; both lists together are covered.",
        examples=[["F-1001"]],
    )


class _Kept(Input):
    external_id: ExternalId | None = Field(default=None, examples=["PP-1001"])
    dunning_policy_id: UUID | None = Field(
        default=None,
        description="The policy that reminds of the instalments: its steps count from their due dates. Without one "
        "nobody is reminded of them.",
        examples=[None],
    )
    propose: bool = Field(
        default=False, strict=True, description="Propose the plan at once; otherwise it is a draft.", examples=[True]
    )
    expires_at: Instant | None = Field(
        default=None, description="Until when a proposal can be accepted; 14 days if left out.", examples=[None]
    )
    metadata: Metadata = Field(default={})


class PlanCreate(PlanQuote, _Kept):
    """A new payment plan."""


class PlanRestructure(PlanTermsInput, _Kept):
    """A plan in the place of another one, over what is open of its invoices."""


class PlanPropose(Input):
    """How long a plan is offered."""

    expires_at: Instant | None = Field(
        default=None, description="Until when it can be accepted; 14 days if left out.", examples=[None]
    )


class PlanAccept(Input):
    """Who has accepted a plan, and how you know."""

    accepted_by: Text200 = Field(description="Who has accepted it.", examples=["Ana Núñez"])
    terms_hash: TermsHash
    method: Text100 = Field(description="How: by letter, by telephone, ...", examples=["signed letter"])
    address: Text200 | None = Field(
        default=None, description="From where: an IP address, a telephone number, ...", examples=["+52 55 1234 5678"]
    )


class PlanCancel(Input):
    """Why a plan is cancelled."""

    reason: Text100 = Field(description="Why.", examples=["the customer asked for it"])


class PlanCoverOutput(Output):
    """What a plan covers of an invoice."""

    invoice_id: UUID = Field(description="The invoice.")
    principal: str = Field(description="Its principal.", examples=["1160.00"])
    charges: str = Field(description="Its interest and fees, where the plan includes them.", examples=["0.00"])


class TermsCoverOutput(PlanCoverOutput):
    """What a plan covers of an invoice, as it is shown to the customer."""

    number: str = Field(description="The invoice's number.", examples=["F-1001"])


class PlanInterestOutput(Output):
    """Interest of a plan as it was agreed."""

    kind: InterestKindName = Field(description="How it is worked out.", examples=["declining"])
    annual_rate: str = Field(description="Percent a year.", examples=["12"])
    day_count: DayCountName = Field(description="How days are counted.", examples=["30_360"])
    amount: str = Field(description="All of it, where the plan is paid by its dates.", examples=["40.96"])


class TermsInstalmentOutput(Output):
    """One instalment as it is agreed."""

    number: int = Field(description="From 1 in order of dates; 0 is the down payment.", examples=[1])
    due_on: date = Field(description="When it is due.")
    principal: str = Field(description="What it pays back of what is covered.", examples=["190.00"])
    interest: str = Field(description="Interest of the plan.", examples=["11.60"])
    fee: str = Field(description="Its part of the set-up fee.", examples=["0.00"])
    total: str = Field(description="All three together.", examples=["201.60"])


class PlanInstalmentOutput(TermsInstalmentOutput):
    """One instalment as it stands."""

    paid: str = Field(description="What has been paid of it.", examples=["0.00"])
    open: str = Field(description="What is owed on it.", examples=["201.60"])
    status: InstalmentStatus = Field(description="Where it stands.", examples=["pending"])
    missed_on: date | None = Field(description="Since when it is missed; null unless it is.", examples=[None])


class PlanTermsOutput(Output):
    """The terms of a plan: all that is agreed by accepting it."""

    customer_id: UUID = Field(description="Who owes.")
    currency: str = Field(description="ISO 4217 code of every amount.")
    invoices: list[TermsCoverOutput] = Field(description="What is covered.")
    principal: str = Field(description="What the plan covers, included charges among it.", examples=["1160.00"])
    included_charges: str = Field(description="Charges that it includes.", examples=["0.00"])
    charges_bear_interest: bool = Field(description="Whether interest is worked out on those, too.")
    compound_agreement: str | None = Field(description="Where the agreement to that is on record.", examples=[None])
    down_payment: str = Field(description="What is paid before the rest.", examples=["0.00"])
    setup_fee: str = Field(description="A fee for the plan.", examples=["0.00"])
    fee_placement: FeePlacementName = Field(description="When the fee is due.")
    interest: PlanInterestOutput = Field(description="Interest of the plan.")
    effective_annual_rate: str | None = Field(
        description="What interest and fee cost a year, in percent, by Directive 2008/48/EC, Annex I; null where no "
        "rate can say it.",
        examples=["12.68"],
    )
    total_cost: str = Field(description="Interest and fee.", examples=["40.96"])
    total: str = Field(description="All that is to be paid, the down payment included.", examples=["1200.96"])
    frequency: FrequencyName = Field(description="How far the instalments lie apart.", examples=["monthly"])
    starts_on: date = Field(description="From when interest runs.")
    first_due_on: date = Field(description="Due date of the first instalment, before any roll.")
    preferred_day: int | None = Field(description="Day of the month of the others.", examples=[None])
    roll: Roll = Field(description="How due dates leave days that are not worked.", examples=["none"])
    grace_days: int = Field(description="Days after a due date before an instalment is missed.", examples=[5])
    allowed_misses: int = Field(description="Misses that the plan survives.", examples=[1])
    surplus: SurplusName = Field(description="What a surplus does.", examples=["shorten"])
    supersedes_id: UUID | None = Field(description="The plan that it replaces.", examples=[None])
    instalments: list[TermsInstalmentOutput] = Field(description="In order of dates; they add up to the total.")
    terms_hash: TermsHash


class AcceptanceOutput(Output):
    """How a plan was accepted."""

    by: str = Field(description="Who accepted it.", examples=["Ana Núñez"])
    at: datetime = Field(description="When (UTC).")
    method: str = Field(description="How; `link` for the customer's own link.", examples=["link"])
    address: str | None = Field(description="From where.", examples=["203.0.113.7"])
    terms_hash: TermsHash


class PlanOutput(Resource):
    """A payment plan."""

    external_id: str | None = Field(description="Your own id of the plan.", examples=["PP-1001"])
    customer_id: UUID = Field(description="Who owes.")
    currency: str = Field(description="ISO 4217 code of every amount.")
    status: PlanStatus = Field(description="Where it stands.", examples=["active"])
    invoice_ids: list[UUID] = Field(description="The invoices that it covers.")
    invoices: list[PlanCoverOutput] = Field(description="What it covers of each.")
    principal: str = Field(description="What it covers, included charges among it.", examples=["1160.00"])
    included_charges: str = Field(description="Charges that it includes.", examples=["0.00"])
    down_payment: str = Field(description="What is paid before the rest.", examples=["0.00"])
    setup_fee: str = Field(description="The fee for it; a charge from its acceptance on.", examples=["0.00"])
    interest: PlanInterestOutput = Field(description="Its interest as agreed; a charge from its acceptance on.")
    dropped_interest: str = Field(
        description="Agreed interest that is not owed any more, since what bears it was paid early or the plan ended.",
        examples=["0.00"],
    )
    effective_annual_rate: str | None = Field(
        description="What interest and fee cost a year, in percent.", examples=["12.68"]
    )
    total_cost: str = Field(description="Interest and fee as agreed.", examples=["40.96"])
    total: str = Field(description="What the instalments come to.", examples=["1200.96"])
    paid_amount: str = Field(description="What they have been paid.", examples=["0.00"])
    open_amount: str = Field(description="What is owed on them.", examples=["1200.96"])
    frequency: FrequencyName = Field(description="How far the instalments lie apart.", examples=["monthly"])
    starts_on: date = Field(description="From when interest runs.")
    first_due_on: date = Field(description="Due date of the first instalment, before any roll.")
    grace_days: int = Field(description="Days after a due date before an instalment is missed.", examples=[5])
    allowed_misses: int = Field(description="Misses that the plan survives.", examples=[1])
    surplus: SurplusName = Field(description="What a surplus does.", examples=["shorten"])
    terms_hash: TermsHash
    expires_at: datetime | None = Field(description="Until when it can be accepted (UTC); null for a draft.")
    accepted_by: str | None = Field(description="Who has accepted it.", examples=["Ana Núñez"])
    acceptance: AcceptanceOutput | None = Field(description="How it was accepted.")
    activated_on: date | None = Field(description="The business date of its acceptance.")
    ended_on: date | None = Field(description="When it was completed, or ended otherwise.", examples=[None])
    end_reason: str | None = Field(
        description="Why it ended: your words, `missed_instalments`, `restructured`, or `invoices_given_up` where what "
        "was left was written off or voided.",
        examples=[None],
    )
    supersedes_id: UUID | None = Field(description="The plan that it replaces.", examples=[None])
    dunning_policy_id: UUID | None = Field(description="The policy that reminds of its instalments.")
    instalments: list[PlanInstalmentOutput] = Field(description="In order of dates.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class PlanLinkOutput(Output):
    """The link by which the customer reads and accepts the plan; it is shown once."""

    token: str = Field(description="Its secret.", examples=["AZq8Xn0AcACAAAAAAAAACcWqG4cNq3mE0a1sXl2mFh8nP0tQkTzYb2Vw"])
    path: str = Field(
        description="Where it leads, under this service's address; show the plan on a page of yours by it.",
        examples=["/v1/plan-links/AZq8Xn0AcACAAAAAAAAACcWqG4cNq3mE0a1sXl2mFh8nP0tQkTzYb2Vw"],
    )
    expires_at: datetime = Field(description="Until when (UTC).")


class PlanProposalOutput(PlanOutput):
    """A payment plan, with its link where it was proposed."""

    link: PlanLinkOutput | None = Field(description="The customer's link; null for a draft.")


class PlanAnswer(PlanOutput):
    """A payment plan as its acceptance was acknowledged."""

    in_flight: list[InFlightOutput] = Field(
        description="Reminders about what it covers that were already claimed; no other one goes out."
    )


class PlanPage(Output):
    """A page of payment plans, newest first."""

    data: list[PlanOutput] = Field(description="The plans.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class PlanInstalmentList(Output):
    """The instalments of a plan."""

    data: list[PlanInstalmentOutput] = Field(description="In order of dates.")


class PayoffOutput(Output):
    """What pays a plan off on a day."""

    plan_id: UUID = Field(description="The plan.")
    on: date = Field(description="The day.")
    currency: str = Field(description="ISO 4217 code of every amount.")
    amount: str = Field(description="What is to be paid; received by that day it settles the plan.")
    principal: str = Field(description="Of it, principal and fee.", examples=["1150.00"])
    interest: str = Field(description="Of it, interest earned until that day.", examples=["10.00"])
    dropped_interest: str = Field(description="Interest not earned by then, which is not owed.", examples=["30.96"])
