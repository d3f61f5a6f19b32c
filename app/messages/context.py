"""The safe variables of a message: plain facts, frozen, with nothing behind them that a text could reach."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Company:
    """Who writes: the tenant, as its customers know it."""

    name: str
    sender_name: str
    reply_to: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """Who is written to.

    Attributes:
        contact: The person or desk, where one is known.
        kind: `business`, `sole_trader` or `consumer`.
        address: The postal address of a letter, lines apart by line breaks.
    """

    name: str
    contact: str | None = None
    kind: str = "business"
    tax_id: str | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One invoice, or one due instalment, as the message shows it.

    Attributes:
        number: Of the invoice; empty for an instalment of a payment plan, which is named by `instalment` alone.
        days_overdue: Negative before the due date, 0 on it, positive after it, counted to the message's `today`.
        amount_minor: What is open, charges included.
        charges_minor: The part of `amount_minor` that is charges; shown only when it is not 0.
        instalment: `1/3` for the first of three instalments; empty for a whole invoice.
    """

    number: str
    issued_on: date
    due_on: date
    days_overdue: int
    amount_minor: int
    charges_minor: int = 0
    reference: str | None = None
    payment_url: str | None = None
    instalment: str = ""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where a transfer goes; the label says what kind of number it is, such as CLABE or IBAN."""

    label: str
    number: str
    bank: str | None = None
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A payment plan, for messages about its instalments or its end.

    Attributes:
        instalment: Number of the instalment that the message is about; of several, the first.
        instalments: How many the plan has.
        amount_minor: What is open of that instalment.
        remaining_minor: What is open of the whole plan.
    """

    instalment: int
    instalments: int
    due_on: date
    amount_minor: int
    remaining_minor: int


@dataclass(frozen=True, slots=True)
class PromiseFacts:
    """A promise to pay that was not kept, or kept in part; `paid_minor` is what came in."""

    amount_minor: int
    promised_on: date
    paid_minor: int = 0


@dataclass(frozen=True, slots=True)
class MessageContext:
    """Everything a message may say.

    Attributes:
        currency: ISO 4217 code of every amount.
        total_due_minor: What is asked for now. When it is less than the lines add up to, the difference is shown as
            the customer's credit.
        lines: What the message is about, in the order to be shown; at least one.
        also_open: Other open invoices, listed for information and not part of the total.
        locale: The customer's locale, such as es-MX.
        fallback_locale: The tenant's locale, for customers whose language has no texts.
        identifies_collector: The message says who collects, and for whom, as the contact profile asks.
        offers_opt_out: The message says how to get no more of them, as the contact profile asks.
        plan: Where the message is about a payment plan.
        promise: Where a promise about these invoices was broken.
    """

    company: Company
    customer: Customer
    currency: str
    total_due_minor: int
    step_key: str
    today: date
    lines: tuple[MessageLine, ...]
    also_open: tuple[MessageLine, ...] = ()
    bank_accounts: tuple[BankAccount, ...] = ()
    locale: str = "es-MX"
    payment_reference: str | None = None
    fallback_locale: str = "es-MX"
    identifies_collector: bool = False
    offers_opt_out: bool = False
    plan: PlanFacts | None = None
    promise: PromiseFacts | None = None
