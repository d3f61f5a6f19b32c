"""Wire forms of reports on one customer."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.core.schemas import Output

StatementKind = Literal["open_item", "balance_forward"]


class BalanceOutput(Output):
    """What a customer owes in one currency; sums never mix currencies."""

    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    open_amount: str = Field(description="Open on invoices, charges included.", examples=["1210.00"])
    principal_open: str = Field(description="Open principal.", examples=["1160.00"])
    charges_open: str = Field(description="Open interest and fees.", examples=["50.00"])
    overdue: str = Field(description="The part of `open_amount` whose due date has passed.", examples=["1210.00"])
    not_due: str = Field(description="The part of it that is due on `as_of` or later.", examples=["0.00"])
    unapplied_cash: str = Field(description="Received and not applied to an invoice.", examples=["200.00"])
    unapplied_credit: str = Field(description="Left of credit notes.", examples=["10.00"])
    pending_payments: str = Field(
        description="Handed over and not yet matured; it lowers nothing so far.", examples=["0.00"]
    )
    net: str = Field(
        description="`open_amount` less unapplied cash and credit; negative for a customer in credit.",
        examples=["1000.00"],
    )


class CreditOutput(Output):
    """The credit limit of today beside what it limits."""

    currency: str = Field(description="Currency of the limit.", examples=["MXN"])
    limit: str = Field(description="What the customer may owe, as the limit is today.", examples=["50000.00"])
    exposure: str = Field(
        description="`net` in that currency on `as_of`. What decides `credit_state` is everything booked, invoices "
        "dated ahead included.",
        examples=["1000.00"],
    )


class CustomerBalanceOutput(Output):
    """What a customer owes on a day, as it was known at an instant."""

    customer_id: UUID = Field(description="The customer.")
    as_of: date = Field(description="Entries effective by this date count, and what is due before it is overdue.")
    known_at: datetime | None = Field(description="Only what was booked by then counts; null is everything booked.")
    balances: list[BalanceOutput] = Field(description="By currency, in alphabetical order.")
    credit: CreditOutput | None = Field(description="The credit limit; null without one.")


class StatementItemOutput(Output):
    """Something that is open: an invoice or an instalment of one, a payment or a credit note not yet applied."""

    kind: Literal["invoice", "payment", "credit_note"] = Field(
        description="What it is; payments and credit notes are negative.", examples=["invoice"]
    )
    document_id: UUID = Field(
        description="Id of the invoice, payment or credit note.", examples=["019abc5e-7d00-7000-8000-000000000002"]
    )
    number: str | None = Field(description="Number of the document, or reference of the payment.")
    external_id: str | None = Field(description="Your own id of the document.")
    instalment_number: int | None = Field(
        description="Number of the instalment; null for an invoice that is due whole, and for the charges of one that "
        "is not.",
        examples=[None],
    )
    dated_on: date = Field(description="Date of issue, or of receipt.", examples=["2026-11-21"])
    due_on: date | None = Field(
        description="Due date; of the charges of an invoice in instalments that of the oldest open one; null for "
        "payments and credit notes."
    )
    days_overdue: int = Field(description="Days since the due date on `to`, 0 on it and before.")
    amount: str = Field(description="Its original amount, without charges.", examples=["1160.00"])
    paid: str = Field(
        description="What has been settled of that, by payments or otherwise; of payments and credit notes what was "
        "applied or given back.",
        examples=["0.00"],
    )
    charges_open: str = Field(description="Open interest and fees.", examples=["50.00"])
    open_amount: str = Field(description="`amount` less `paid`, plus `charges_open`.", examples=["1210.00"])


class StatementMovementOutput(Output):
    """Something that changed what the customer owes; allocations move nothing and are not listed."""

    effective_on: date = Field(description="From when it counts.", examples=["2026-11-21"])
    kind: str = Field(
        description="What happened, as in the ledger: `invoice_issued`, `payment_received`, …",
        examples=["invoice_issued"],
    )
    document: Literal["invoice", "payment", "credit_note", "charge"] = Field(
        description="What kind of document it is about.", examples=["invoice"]
    )
    document_id: UUID = Field(description="Id of the document.", examples=["019abc5e-7d00-7000-8000-000000000002"])
    number: str | None = Field(description="Number of the document (of a charge, that of its invoice), or reference.")
    external_id: str | None = Field(description="Your own id of the document.")
    amount: str = Field(description="Positive raises what is owed, negative lowers it.", examples=["1160.00"])
    balance: str = Field(description="What is owed after it.", examples=["1160.00"])


class StatementAccountOutput(Output):
    """The statement of one currency."""

    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    opening_balance: str | None = Field(
        description="`net` of the balance on the day before `from`; null for open items.", examples=["0.00"]
    )
    closing_balance: str = Field(
        description="`net` of the balance on `to`: the opening balance and all movements, or all open items.",
        examples=["1160.00"],
    )
    items: list[StatementItemOutput] = Field(description="With `kind=open_item`, by due date; else empty.")
    movements: list[StatementMovementOutput] = Field(
        description="With `kind=balance_forward`, by date and booking; else empty."
    )


class StatementOutput(Output):
    """A statement of account."""

    customer_id: UUID = Field(description="The customer.")
    kind: StatementKind = Field(description="Open items, or balance forward.", examples=["balance_forward"])
    from_: date | None = Field(
        alias="from", description="First day of the range; null for open items.", examples=["2026-11-01"]
    )
    to: date = Field(description="Last day of the range.", examples=["2026-11-30"])
    known_at: datetime | None = Field(description="Only what was booked by then counts; null is everything booked.")
    accounts: list[StatementAccountOutput] = Field(description="By currency, in alphabetical order.")


class LastPaymentOutput(Output):
    """The last payment received."""

    payment_id: UUID = Field(description="The payment.")
    received_on: date = Field(description="When it was received.")
    amount: str = Field(description="Its whole amount.", examples=["1160.00"])


class BehaviourOutput(Output):
    """How punctually payments settled invoices of one currency, early ones counting as negative days."""

    currency: str = Field(description="ISO 4217 code of the amounts.", examples=["MXN"])
    paid: str = Field(
        description="Principal that payments of the range settled, discounts taken with them included.",
        examples=["11600.00"],
    )
    paid_late: str = Field(description="How much of it after its due date.", examples=["2900.00"])
    average_days_late: str | None = Field(
        description="Days from the due date to the effective date, weighted by amount; negative when early on "
        "average, null when nothing was paid.",
        examples=["4.5"],
    )
    late_amount_percent: str | None = Field(description="`paid_late` in percent of `paid`.", examples=["25.0"])
    invoice_count: int = Field(description="Invoices that they settled, wholly or in part.", examples=[10])
    late_invoice_count: int = Field(description="How many of them with something late.", examples=[2])
    late_invoice_percent: str | None = Field(description="Those in percent of all.", examples=["20.0"])
    last_payment: LastPaymentOutput | None = Field(description="The last payment received by `to`.")


class PaymentBehaviourOutput(Output):
    """How punctually a customer paid in a range of days."""

    customer_id: UUID = Field(description="The customer.")
    from_: date = Field(alias="from", description="First effective date of the payments.", examples=["2026-01-01"])
    to: date = Field(description="Last effective date of the payments.", examples=["2026-11-21"])
    known_at: datetime | None = Field(description="Only what was booked by then counts; null is everything booked.")
    currencies: list[BehaviourOutput] = Field(description="By currency, in alphabetical order.")
