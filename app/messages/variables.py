"""From the facts of a message to the plain strings that a letter prints."""

from typing import Any, Final
from urllib.parse import urlsplit

from app.messages.context import BankAccount, MessageContext, MessageLine
from app.messages.formats import long_date, money_format, short_date
from app.messages.languages import format_locale
from app.messages.plain_text import Row, clean, table
from app.messages.words import Words, words_of

MAX_LISTED: Final = 200
MAX_ACCOUNTS: Final = 10
_MAX_URL_LENGTH: Final = 2000


def variables(context: MessageContext, language: str) -> dict[str, Any]:
    """Build the variables of a letter; every leaf is a string, a number of invoices or a yes or no.

    Raises:
        ValueError: The message is about no invoice, or its currency is not a currency code.
    """
    if not context.lines:
        raise ValueError("a message is about at least one invoice")
    words = words_of(language)
    locale = format_locale(context.locale, language)
    money = money_format(locale, context.currency)

    listed = context.lines[:MAX_LISTED]
    also_listed = context.also_open[: MAX_LISTED - len(listed)]
    shared_url = _shared_url(context)
    overdue = sum(line.days_overdue > 0 for line in context.lines)
    credit = sum(line.amount_minor for line in context.lines) - context.total_due_minor
    name = clean(context.customer.name)
    phone = clean(context.company.phone or "").replace(" ", "\N{NO-BREAK SPACE}")
    contact = words.say("contact_phone", phone=phone) if phone else words.say("contact")
    accounts = [_account(account, words) for account in context.bank_accounts[:MAX_ACCOUNTS]]

    def lines(rows: tuple[MessageLine, ...]) -> list[dict[str, Any]]:
        return [
            {
                "number": clean(line.number),
                "issued": short_date(line.issued_on, locale),
                "due_date": short_date(line.due_on, locale),
                "due": words.moment("due", line.days_overdue, long_date(line.due_on, locale)),
                "when": words.moment("when", line.days_overdue),
                "status": words.moment("status", line.days_overdue),
                "amount": money(line.amount_minor),
                "notes": _notes(line, words, money(line.charges_minor) if line.charges_minor else "", shared_url),
            }
            for line in rows
        ]

    invoices, also_open = lines(listed), lines(also_listed)
    more = words.more(len(context.lines) - len(listed))
    also_more = words.more(len(context.also_open) - len(also_listed))
    total = money(context.total_due_minor)
    summary = [(words.labels["total"], total)]
    if credit > 0:
        summary.insert(0, (words.labels["credit"], money(-credit)))
    payment_rows = _payment_rows(context, words, shared_url)
    today = long_date(context.today, locale)
    return {
        "language": language,
        "words": words.labels,
        "company": {"name": clean(context.company.name)},
        "addressee": words.say("addressee", name=name),
        "greeting": words.say("greeting", name=name),
        "statement": words.say("statement", date=today),
        "today": today,
        "count": len(context.lines),
        "owed": words.owed(len(context.lines), overdue),
        "invoice": invoices[0],
        "invoices": invoices,
        "more": more,
        "credit": money(-credit) if credit > 0 else "",
        "total": total,
        "table": _table(invoices, words, summary, more),
        "also_open": also_open,
        "has_also_open": bool(context.also_open),
        "also_more": also_more,
        "also_table": _table(also_open, words, [], also_more) if also_open else also_more,
        "payable": bool(accounts or shared_url or any(_url(line.payment_url) for line in listed)),
        "accounts": accounts,
        "payment_rows": payment_rows,
        "contact": contact,
        "ask_details": words.say("ask_details", contact=contact),
        "signature": _signature(context, words, phone),
    }


def _table(invoices: list[dict[str, Any]], words: Words, summary: list[tuple[str, str]], remark: str) -> str:
    header = [words.labels[key] for key in ("number", "issued", "due_date", "situation", "amount")]
    rows = [
        ((line["number"], line["issued"], line["due_date"], line["status"], line["amount"]), line["notes"])
        for line in invoices
    ]
    return table(header, rows, summary, remark)


def _notes(line: MessageLine, words: Words, charges: str, shared_url: str) -> list[Row]:
    notes: list[Row] = []
    if charges:
        notes.append((words.labels["charges"], charges, ""))
    if line.reference:
        notes.append((words.labels["reference"], clean(line.reference), ""))
    url = _url(line.payment_url)
    if url and url != shared_url:
        notes.append((words.labels["pay_online"], url, url))
    return notes


def _payment_rows(context: MessageContext, words: Words, shared_url: str) -> list[Row]:
    rows: list[Row] = []
    if context.payment_reference:
        rows.append((words.labels["payment_reference"], clean(context.payment_reference), ""))
    if shared_url:
        rows.append((words.labels["pay_online"], shared_url, shared_url))
    return rows


def _account(account: BankAccount, words: Words) -> dict[str, Any]:
    label = clean(account.label)
    rows: list[Row] = [(label, clean(account.number), "")]
    if account.bank:
        rows.insert(0, (words.labels["bank"], clean(account.bank), ""))
    if account.holder:
        rows.append((words.labels["holder"], clean(account.holder), ""))
    return {"title": words.labels["transfer_spei" if label.upper() == "CLABE" else "transfer"], "rows": rows}


def _signature(context: MessageContext, words: Words, phone: str) -> list[str]:
    sender, company = clean(context.company.sender_name), clean(context.company.name)
    lines = [company] if sender == company or not sender else [sender, company]
    lines.append(clean(context.company.reply_to))
    if phone:
        lines.append(f"{words.labels['phone']} {phone}")
    return [line for line in lines if line]


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
