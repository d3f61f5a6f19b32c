"""From the facts of a message to the plain values that a text speaks of, and to what its blocks are made of."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from app.messages.context import BankAccount, MessageContext, MessageLine
from app.messages.formats import long_date, money_format, short_date
from app.messages.gsm import plain_letters
from app.messages.languages import format_locale, resolve_language
from app.messages.plain_text import MAX_VALUE_LENGTH, Row, clean
from app.messages.texts import Text
from app.messages.words import Words, words_of

MAX_LISTED: Final = 200
MAX_ACCOUNTS: Final = 10
_MAX_URL_LENGTH: Final = 2000
# A name must leave room for what a short message is about.
_VALUE_LENGTHS: Final = {"sms": 28, "whatsapp": 60}
BLOCKS: Final = ("greeting", "invoice_table", "payment_details", "signature")


class Absent(dict[str, Any]):
    """A group that is not there: it has its parts, all empty, and is false."""

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Material:
    """What one message is made of.

    Attributes:
        values: The documented variables, without the blocks.
        ways_to_pay: What `pay_or_call` may say, the best first.
        if_paid: What `if_paid` says.
        print: What the blocks and layouts print.
    """

    values: dict[str, Any]
    ways_to_pay: tuple[str, ...]
    if_paid: str
    print: dict[str, Any]
    words: Words


def material(context: MessageContext, text: Text) -> Material:
    """Gather what a text may say; every leaf is a string, a whole number, or a yes or no.

    Raises:
        ValueError: The message is about no invoice, or its currency is not a currency code.
    """
    if not context.lines:
        raise ValueError("a message is about at least one invoice")
    return _Gathering(context, text).material()


class _Gathering:
    def __init__(self, context: MessageContext, text: Text) -> None:
        self.context, self.text = context, text
        self.words = words_of(resolve_language(text.language, fallback=context.fallback_locale))
        self.locale = format_locale(context.locale, text.language)
        self.money = money_format(self.locale, context.currency)
        self.length = _VALUE_LENGTHS.get(text.channel, MAX_VALUE_LENGTH)
        self.shared_url = _shared_url(context)

    def value(self, stored: str | None) -> str:
        shown = clean(stored or "", self.length)
        return plain_letters(shown) if self.text.channel == "sms" else shown

    def amount(self, minor: int) -> str:
        shown = self.money(minor)
        return plain_letters(shown) if self.text.channel == "sms" else shown

    def material(self) -> Material:
        context, words = self.context, self.words
        listed = context.lines[:MAX_LISTED]
        also_listed = context.also_open[: MAX_LISTED - len(listed)]
        overdue = sum(line.days_overdue > 0 for line in context.lines)
        credit = sum(line.amount_minor for line in context.lines) - context.total_due_minor
        charges = sum(line.charges_minor for line in context.lines)
        phone = clean(context.company.phone or "").replace(" ", "\N{NO-BREAK SPACE}")
        email = clean(context.company.reply_to)
        contact = self._contact(phone, email)
        accounts = [self._account(account) for account in context.bank_accounts[:MAX_ACCOUNTS]]
        invoices, also_open = self._lines(listed), self._lines(also_listed)
        today = long_date(context.today, self.locale)
        payable = bool(accounts or self.shared_url or any(_url(line.payment_url) for line in listed))
        values = {
            **self._parties(phone, email),
            "invoices": invoices,
            "invoice": invoices[0],
            "count": len(context.lines),
            "overdue_count": overdue,
            "owed": words.owed(len(context.lines), overdue),
            "total": self.amount(context.total_due_minor),
            "charges": self.amount(charges) if charges else "",
            "credit": self.amount(credit) if credit > 0 else "",
            "currency": context.currency,
            "also_open": also_open,
            "also_open_count": len(context.also_open),
            "payable": payable,
            "payment_reference": self.value(context.payment_reference),
            "payment_url": self.shared_url,
            "bank_accounts": [account["values"] for account in accounts],
            **self._agreements(),
            "step": context.step_key,
            "tone": self.text.tone,
            "today": today,
            "contact": contact,
        }
        pages = {
            "credit": self.amount(-credit) if credit > 0 else "",
            "statement": words.say("statement", date=today),
            "more": words.more(len(context.lines) - len(listed)),
            "also_more": words.more(len(context.also_open) - len(also_listed)),
            "accounts": accounts,
            "payment_rows": self._payment_rows(),
            "ask_details": words.say("ask_details", contact=contact),
            "greeting": self._greeting(),
            "signature": self._signature(phone, email),
            "sender": [line for line in (email, f"{words.labels['phone']} {phone}" if phone else "") if line],
            "address": self._address(),
            "fine_print": self._fine_print(),
        }
        if_paid = words.labels["if_paid_sms" if self.text.channel == "sms" else "if_paid"]
        return Material(values, self._ways_to_pay(email), if_paid, pages, words)

    def _parties(self, phone: str, email: str) -> dict[str, Any]:
        company, customer = self.context.company, self.context.customer
        return {
            "company": {
                "name": self.value(company.name),
                "sender_name": self.value(company.sender_name),
                "reply_to": email,
                "phone": phone,
            },
            "customer": {
                "name": self.value(customer.name),
                "contact": self.value(customer.contact),
                "kind": customer.kind,
                "reference": self.value(self.context.payment_reference),
                "tax_id": self.value(customer.tax_id),
            },
        }

    def _lines(self, rows: tuple[MessageLine, ...]) -> list[dict[str, Any]]:
        words, locale = self.words, self.locale
        return [
            {
                "number": self._number(line),
                "instalment": line.instalment,
                "issued_on": short_date(line.issued_on, locale),
                "due_on": short_date(line.due_on, locale),
                "due": words.moment("due", line.days_overdue, long_date(line.due_on, locale)),
                "when": words.moment("when", line.days_overdue),
                "status": words.moment("status", line.days_overdue),
                "days_overdue": line.days_overdue,
                "amount": self.amount(line.amount_minor),
                "charges": self.amount(line.charges_minor) if line.charges_minor else "",
                "reference": self.value(line.reference),
                "payment_url": _url(line.payment_url),
            }
            for line in rows
        ]

    def _number(self, line: MessageLine) -> str:
        if not line.number:
            return self.words.say("instalment", part=line.instalment)
        number = self.value(line.number)
        return f"{number} ({line.instalment})" if line.instalment else number

    def _agreements(self) -> dict[str, Any]:
        plan, promise = self.context.plan, self.context.promise
        found: dict[str, Any] = {"plan": _NO_PLAN, "promise": _NO_PROMISE}
        if plan is not None:
            found["plan"] = {
                "instalment": plan.instalment,
                "instalments": plan.instalments,
                "due_on": long_date(plan.due_on, self.locale),
                "amount": self.amount(plan.amount_minor),
                "remaining": self.amount(plan.remaining_minor),
            }
        if promise is not None:
            found["promise"] = {
                "amount": self.amount(promise.amount_minor),
                "promised_on": long_date(promise.promised_on, self.locale),
                "paid": self.amount(promise.paid_minor) if promise.paid_minor else "",
            }
        return found

    def _contact(self, phone: str, email: str) -> str:
        label = {"letter": "contact_written", "call": "contact_written", "email": "contact"}.get(
            self.text.channel, "contact_chat"
        )
        return self.words.say(f"{label}_phone" if phone else label, phone=phone, email=email)

    def _ways_to_pay(self, email: str) -> tuple[str, ...]:
        phone = self.value(self.context.company.phone)
        ways = (("pay_url", "url", self.shared_url), ("pay_phone", "phone", phone), ("pay_email", "email", email))
        return tuple(self.words.say(label, **{name: value}) for label, name, value in ways if value)

    def _greeting(self) -> list[str]:
        name = clean(self.context.customer.name)
        greeting = self.words.say("greeting", name=name)
        # A letter has the name in its address already.
        addressee = "" if self.text.channel == "letter" else self.words.say("addressee", name=name)
        return [line for line in (addressee, greeting) if line]

    def _address(self) -> list[str]:
        customer = self.context.customer
        lines = [customer.name, customer.contact or "", *customer.address.splitlines()]
        shown = dict.fromkeys(clean(line) for line in lines)
        return [line for line in shown if line]

    def _signature(self, phone: str, email: str) -> list[str]:
        sender, company = clean(self.context.company.sender_name), clean(self.context.company.name)
        lines = [company] if sender == company or not sender else [sender, company]
        lines.append(email)
        if phone:
            lines.append(f"{self.words.labels['phone']} {phone}")
        return [line for line in lines if line]

    def _fine_print(self) -> list[str]:
        sender, company = clean(self.context.company.sender_name), clean(self.context.company.name)
        lines = []
        if self.context.identifies_collector:
            own = not sender or sender == company
            lines.append(self.words.say("identity_own" if own else "identity", collector=sender, company=company))
        if self.context.offers_opt_out and self.text.channel != "letter":
            lines.append(self.words.labels["opt_out" if self.text.channel == "email" else "opt_out_chat"])
        return lines

    def _payment_rows(self) -> list[Row]:
        labels = self.words.labels
        rows: list[Row] = []
        if self.context.payment_reference:
            rows.append((labels["payment_reference"], clean(self.context.payment_reference), ""))
        if self.shared_url:
            rows.append((labels["pay_online"], self.shared_url, self.shared_url))
        return rows

    def _account(self, account: BankAccount) -> dict[str, Any]:
        labels = self.words.labels
        label = clean(account.label)
        rows: list[Row] = [(label, clean(account.number), "")]
        if account.bank:
            rows.insert(0, (labels["bank"], clean(account.bank), ""))
        if account.holder:
            rows.append((labels["holder"], clean(account.holder), ""))
        values = {
            "label": label,
            "number": self.value(account.number),
            "bank": self.value(account.bank),
            "holder": self.value(account.holder),
        }
        title = labels["transfer_spei" if label.upper() == "CLABE" else "transfer"]
        return {"title": title, "rows": rows, "values": values}


_NO_PLAN: Final = Absent(instalment=0, instalments=0, due_on="", amount="", remaining="")
_NO_PROMISE: Final = Absent(amount="", promised_on="", paid="")


def _shared_url(context: MessageContext) -> str:
    urls = {_url(line.payment_url) for line in context.lines}
    return urls.pop() if len(urls) == 1 else ""


def _url(url: str | None) -> str:
    """Accept a link only when it is one: no scripts, no spaces, nothing that could hide where it leads."""
    if not url or len(url) > _MAX_URL_LENGTH or not url.isprintable() or " " in url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"https", "http"} and parts.netloc else ""
