"""Wire forms of invoices, their ledger and their outlook."""

from datetime import date, datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, SkipValidation, model_validator
from pydantic_core import PydanticCustomError

from app.core.batches import BATCH_LIMIT, Mode
from app.core.charging import AccruedInterestOutput, LateInterestSchema
from app.core.schemas import (
    Currency,
    Day,
    ExternalId,
    Input,
    Metadata,
    Money,
    Output,
    Resource,
    Text100,
    Text200,
    Url,
    require_one,
)
from app.core.terms import AgreedTermsOutput, DiscountInput, DiscountOutput, TermsChoice
from app.domain.errors import Code
from app.domain.terms import MAX_DISCOUNTS, MAX_INSTALMENTS

InvoiceStatus = Literal["draft", "open", "partially_paid", "paid", "written_off", "void"]
DueState = Literal["not_due", "due", "overdue"]
CollectionState = Literal["legal", "with_agency", "disputed", "in_plan", "promised", "on_hold", "dunning", "none"]


class DocumentInput(Input):
    """A document of the invoice, kept at your place."""

    kind: Text100 = Field(description="What it is, such as `pdf` or `cfdi`.", examples=["pdf"])
    url: Url = Field(description="Where it is.")


class LineInput(Input):
    """A line of the invoice, kept for your own reference; amounts are not added up."""

    description: Text200 = Field(description="What was sold.", examples=["Cemento gris 50 kg"])
    quantity: str | None = Field(
        default=None, pattern=r"^(0|[1-9][0-9]{0,11})([.][0-9]{1,6})?$", description="How many, as a decimal string."
    )
    unit_price: Money | None = Field(default=None, description="Price of one, in the invoice's currency.")
    amount: Money | None = Field(default=None, description="Amount of the line, in the invoice's currency.")


class LineOutput(Output):
    """A line of the invoice."""

    description: str = Field(description="What was sold.")
    quantity: str | None = Field(description="How many.")
    unit_price: str | None = Field(description="Price of one.")
    amount: str | None = Field(description="Amount of the line.")


class InvoiceDescription(Input):
    """What describes an invoice and may change after it was issued."""

    number: Text100 | None = Field(default=None, description="The number your customer knows.", examples=["F-1001"])
    reference: Text200 | None = Field(default=None, description="Purchase order or payment reference.")
    payment_url: Url | None = Field(default=None, description="Where the customer can pay it.")
    documents: list[DocumentInput] = Field(default=[], max_length=20, description="Documents, shown to nobody yet.")
    lines: list[LineInput] = Field(default=[], max_length=500, description="Lines, kept and given back.")
    dunning_policy_id: UUID | None = Field(
        default=None, description="Policy that chases it; the customer's, else the default one, if left out."
    )
    late_interest: LateInterestSchema | None = Field(
        default=None, description="How lateness is charged; the customer's, else the tenant's, if left out."
    )
    metadata: Metadata = Field(default={})


class InvoiceFields(InvoiceDescription):
    """All of an invoice."""

    number: Text100 = Field(description="The number your customer knows.", examples=["F-1001"])
    customer_id: UUID | None = Field(default=None, description="The customer; or send `customer_external_id`.")
    customer_external_id: ExternalId | None = Field(default=None, description="Your own id of the customer.")
    currency: Currency
    total: Money = Field(description="Total with taxes, not negative.", examples=["1160.00"])
    opening_paid: Money = Field(default="0", description="What had been paid before Puntual knew the invoice.")
    net_total: Money | None = Field(
        default=None, description="Total without taxes, for terms that split it.", examples=["1000.00"]
    )
    issued_on: Day = Field(description="Date of the invoice.")
    due_on: Day | None = Field(
        default=None,
        description="Last day on which it can be paid in time; not before `issued_on`. Without it the invoice's "
        "`terms` say it, or else those of the customer, or else of the tenant. With `terms` it must be the date that "
        "they say.",
    )
    terms: TermsChoice | None = Field(
        default=None, description="Terms of its own: by code, or in full. The invoice keeps a copy.", examples=[None]
    )
    discount_terms: list[DiscountInput] | None = Field(
        default=None,
        max_length=MAX_DISCOUNTS,
        description="Discounts for early payment, in the place of those that its terms grant.",
    )
    status: Literal["open", "draft"] = Field(default="open", description="`draft` books and chases nothing yet.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_one(self, "customer_id", "customer_external_id")
        if self.due_on is not None and self.due_on < self.issued_on:
            raise PydanticCustomError(str(Code.date_order), "due_on must not be before issued_on.")
        return self


class InvoiceCreate(InvoiceFields):
    """A new invoice."""

    external_id: ExternalId | None = None


class InvoiceUpdate(Input):
    """Changes to an invoice: descriptive fields at any time, the others while it is a draft."""

    number: Text100 = Field(default="", description="The number your customer knows.")
    reference: Text200 | None = Field(default=None, description="Purchase order or payment reference.")
    payment_url: Url | None = Field(default=None, description="Where the customer can pay it.")
    documents: list[DocumentInput] = Field(default=[], max_length=20, description="Replaces all documents.")
    lines: list[LineInput] = Field(default=[], max_length=500, description="Replaces all lines.")
    dunning_policy_id: UUID | None = Field(default=None, description="Policy for a case that has not begun.")
    late_interest: LateInterestSchema | None = Field(
        default=None,
        description="How lateness is charged from now on; null for the customer's, else the tenant's. What is posted "
        "stays.",
    )
    metadata: Metadata = Field(default={}, description="Replaces all metadata.")
    currency: Currency = Field(default="MXN", description="ISO 4217 code; drafts only.")
    total: Money = Field(default="0", description="Total with taxes; drafts only.")
    opening_paid: Money = Field(default="0", description="Paid before Puntual knew it; drafts only.")
    issued_on: Day = Field(default=date(1970, 1, 1), description="Date of the invoice; drafts only.")
    net_total: Money | None = Field(default=None, description="Total without taxes; drafts only.", examples=["1000.00"])
    due_on: Day = Field(
        default=date(1970, 1, 1),
        description="Due date; drafts only. It takes the place of terms, unless terms are sent with it.",
    )
    terms: TermsChoice | None = Field(
        default=None, description="Payment terms, by code or in full; drafts only.", examples=[None]
    )
    discount_terms: list[DiscountInput] | None = Field(
        default=None,
        max_length=MAX_DISCOUNTS,
        description="Discounts for early payment; null for those that the terms grant. Drafts only.",
    )


class InstalmentDate(Input):
    """A new due date of an instalment."""

    number: int = Field(ge=1, le=MAX_INSTALMENTS, strict=True, description="Which instalment.", examples=[2])
    due_on: Day = Field(description="Its new due date; not before the invoice was issued.")


class InvoiceReschedule(Input):
    """New due dates of an issued invoice, and why."""

    due_on: Day | None = Field(default=None, description="The new due date of an invoice that is due whole.")
    instalments: list[InstalmentDate] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_INSTALMENTS,
        description="The new due dates of an invoice in instalments; those left out stay.",
        examples=[None],
    )
    reason: Text200 = Field(description="Why, for the people who ask.", examples=["Agreed with purchasing by phone"])

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        require_one(self, "due_on", "instalments")
        return self


class InvoiceBatch(Input):
    """Up to 1,000 invoices, each created or, by its `external_id`, updated."""

    invoices: list[SkipValidation[InvoiceCreate]] = Field(
        min_length=1, max_length=BATCH_LIMIT, description="The invoices."
    )
    mode: Mode = "per_row"


class DocumentOutput(Output):
    """A document of the invoice."""

    kind: str = Field(description="What it is.")
    url: str = Field(description="Where it is.")


class InstalmentOutput(Output):
    """A part of an invoice that is due in several."""

    number: int = Field(description="From 1, in order of due dates.", examples=[1])
    due_on: date = Field(description="Due date.")
    amount: str = Field(description="What it was issued with.", examples=["580.00"])
    open_amount: str = Field(description="What is open of it, charges left out.", examples=["580.00"])
    status: InvoiceStatus = Field(description="`open`, `partially_paid` or `paid`; or the invoice's own.")
    due_state: DueState = Field(description="`overdue` from the day after its due date; `not_due` once it is paid.")


class InvoiceOutput(Resource):
    """An invoice as it stands on the tenant's business date."""

    external_id: str | None = Field(description="Your own id of the invoice.")
    number: str = Field(description="The number your customer knows.")
    customer_id: UUID = Field(description="Who owes it.")
    currency: str = Field(description="ISO 4217 code of all its amounts.")
    total: str = Field(description="Total with taxes.", examples=["1160.00"])
    open_amount: str = Field(description="What is open: `principal_open` plus `charges_open`.", examples=["1160.00"])
    principal_open: str = Field(description="Open part of the total.", examples=["1160.00"])
    charges_open: str = Field(description="Open interest and fees.", examples=["0.00"])
    disputed_amount: str = Field(description="Part of the principal under dispute.", examples=["0.00"])
    opening_paid: str = Field(description="What had been paid before Puntual knew it.", examples=["0.00"])
    written_off_amount: str = Field(
        description="What was given up and has neither come in nor been taken back.", examples=["0.00"]
    )
    issued_on: date = Field(description="Date of the invoice.")
    due_on: date = Field(description="Due date; of an invoice in instalments, that of the last one.")
    net_total: str | None = Field(description="Total without taxes, if it was told.", examples=["1000.00"])
    terms: AgreedTermsOutput | None = Field(
        description="The terms behind its due date, as they were when it was created; null where you told the date."
    )
    discount_terms: list[DiscountOutput] = Field(description="Discounts for early payment, the earliest first.")
    instalments: list[InstalmentOutput] = Field(
        description="Its parts with due dates of their own; empty where all is due at once. What is paid fills them "
        "in order, and `due_state` is that of the oldest one with something open."
    )
    status: InvoiceStatus = Field(description="Where it stands.")
    due_state: DueState = Field(description="`overdue` from the day after the due date; `not_due` if nothing is owed.")
    days_overdue: int = Field(
        description="Days since the due date, of the oldest instalment with something open; 0 unless overdue."
    )
    collection_state: CollectionState = Field(description="What is being done to collect it, the strongest first.")
    reference: str | None = Field(description="Purchase order or payment reference.")
    payment_url: str | None = Field(description="Where the customer can pay it.")
    documents: list[DocumentOutput] = Field(description="Documents.")
    lines: list[LineOutput] = Field(description="Lines as you sent them.")
    dunning_policy_id: UUID | None = Field(description="Policy set on the invoice itself.")
    late_interest: LateInterestSchema | None = Field(description="How lateness is charged, if set on the invoice.")
    accrued_interest: AccruedInterestOutput | None = Field(
        default=None,
        description="Late interest that has accrued up to the business date and is not posted; on reading alone, and "
        "null unless the invoice is overdue and bears interest. Events do not have it.",
    )
    issued_at: datetime | None = Field(description="When it became a receivable here.")
    paid_at: datetime | None = Field(description="When it was settled here.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class InvoicePage(Output):
    """A page of invoices, newest first."""

    data: list[InvoiceOutput] = Field(description="The invoices.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class LedgerEntryOutput(Output):
    """One entry of the append-only ledger."""

    id: UUID = Field(description="Id of the entry.")
    account: Literal["principal", "interest", "fees"] = Field(description="Which balance of the invoice it moves.")
    kind: str = Field(description="What happened, such as `invoice_issued` or `payment_allocated`.")
    amount: str = Field(description="Positive raises what is owed, negative lowers it.", examples=["-100.00"])
    balance_after: str = Field(
        description="Open amount after this entry, of the entries that are listed, in order of booking.",
        examples=["1060.00"],
    )
    currency: str = Field(description="ISO 4217 code.")
    effective_on: date = Field(description="From when it counts.")
    booked_at: datetime = Field(description="When it was written, by the tenant's clock.")
    payment_id: UUID | None = Field(description="The payment behind it.")
    charge_id: UUID | None = Field(description="The charge behind it.")
    reverses_id: UUID | None = Field(description="The entry that it takes back.")


class LedgerBalances(Output):
    """What the entries add up to, those of all pages."""

    principal: str = Field(description="Open principal.", examples=["1160.00"])
    interest: str = Field(description="Open interest.", examples=["0.00"])
    fees: str = Field(description="Open fees.", examples=["50.00"])
    open: str = Field(description="All three together.", examples=["1210.00"])


class LedgerPage(Output):
    """Ledger entries, oldest first."""

    as_of: date | None = Field(description="Only entries effective by then count; null is all.", examples=[None])
    known_at: datetime | None = Field(description="Only what was booked by then counts; null is everything booked.")
    balances: LedgerBalances = Field(description="The invoice's balances at that point.")

    data: list[LedgerEntryOutput] = Field(description="The entries.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class DunningStart(Input):
    """How a ladder that has waited begins."""

    mode: Literal["restart", "highest"] = Field(
        description="`restart` begins with the lowest step after the due date, today, and keeps the spacing of the "
        "later ones; `highest` takes the highest step that is due."
    )


class BlockerOutput(Output):
    """Why nothing goes out now."""

    code: str = Field(description="A stable code; one you do not know means that contact is not allowed.")
    message: str = Field(description="The reason in words.")
    until: datetime | None = Field(description="When it ends by itself; null when it takes a new fact.")


class NextStep(Output):
    """The step that goes out next."""

    key: str = Field(description="Key of the step in its policy.")
    due_on: date = Field(description="Date on which it is due to go out.")
    earliest_at: datetime | None = Field(description="When it can go out at the earliest, as far as time decides.")


class CaseOutlook(Output):
    """What happens next about one instalment, and why nothing happens now."""

    instalment_number: int | None = Field(
        description="The instalment that the case chases; null for a whole invoice.", examples=[1]
    )
    case_id: UUID | None = Field(description="Its dunning case; null while no policy follows it.")
    state: str | None = Field(description="State of the case.", examples=["active"])
    policy_id: UUID | None = Field(description="The policy that follows it.")
    policy_version: int | None = Field(description="The version it is pinned to.")
    last_step: str | None = Field(description="The last step that went out.", examples=["d-3"])
    next_step: NextStep | None = Field(description="The next step; null when none is left.")
    blockers: list[BlockerOutput] = Field(description="What stops contact now; empty means that it goes out now.")


class OutlookOutput(CaseOutlook):
    """What happens next about an invoice, and why nothing happens now."""

    invoice_id: UUID = Field(description="The invoice.")
    instalments: list[CaseOutlook] = Field(
        description="Of an invoice in instalments, each of them; the fields beside this tell of the one whose step can "
        "go out first."
    )
