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
    """Who is written to."""

    name: str


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One invoice, or one due instalment of it, as the message shows it.

    Attributes:
        days_overdue: Negative before the due date, 0 on it, positive after it, counted to the message's `today`.
        amount_minor: What is open, charges included.
        charges_minor: The part of `amount_minor` that is charges; shown only when it is not 0.
    """

    number: str
    issued_on: date
    due_on: date
    days_overdue: int
    amount_minor: int
    charges_minor: int = 0
    reference: str | None = None
    payment_url: str | None = None


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where a transfer goes; the label says what kind of number it is, such as CLABE or IBAN."""

    label: str
    number: str
    bank: str | None = None
    holder: str | None = None


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
