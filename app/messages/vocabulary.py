"""What a tenant's own text may speak of: every variable with its meaning, and every filter."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

FieldKind = Literal["text", "number", "yes_no", "block"]
"""`block` is several lines that fit the part they stand in: a table in HTML, aligned columns in plain text."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value."""

    kind: FieldKind
    description: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Values under one name; an optional one may be absent, which `{% if %}` finds out."""

    description: str
    fields: Mapping[str, Field]
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list to be walked with `{% for %}`."""

    description: str
    item: Group


Variable = Field | Group | Listing


def _text(description: str, example: str = "") -> Field:
    return Field("text", description, example)


_INVOICE: Final = Group(
    "One invoice, or one due instalment.",
    {
        "number": _text("Its number, with the instalment where it is one.", "F-1001"),
        "instalment": _text("`1/3` for the first of three instalments; empty for a whole invoice.", "1/3"),
        "issued_on": _text("Its date, short.", "21 nov 2026"),
        "due_on": _text("Its due date, short.", "21 dic 2026"),
        "due": _text("A clause with its due date.", "venció el 21 de diciembre de 2026, hace 5 días"),
        "when": _text("A clause without the date.", "venció hace 5 días"),
        "status": _text("Where it stands, for a table.", "5 días de atraso"),
        "days_overdue": Field("number", "Days after the due date; 0 on it, negative before it.", "5"),
        "amount": _text("What is open of it, charges included.", "$1,160.00 MXN"),
        "charges": _text("The charges in it; empty without any.", "$50.00 MXN"),
        "reference": _text("Your reference of the invoice; may be empty.", "OC-4711"),
        "payment_url": _text("Where it can be paid online; may be empty.", "https://pay.example.com/F-1001"),
    },
)
_ACCOUNT: Final = Group(
    "One account of yours in the message's currency.",
    {
        "label": _text("What kind of number it is.", "CLABE"),
        "number": _text("The number.", "012180001234567895"),
        "bank": _text("The bank; may be empty.", "BBVA"),
        "holder": _text("Whose account it is; may be empty.", "Ferretería Núñez"),
    },
)

VARIABLES: Final[Mapping[str, Variable]] = {
    "company": Group(
        "You, as your customers know you.",
        {
            "name": _text("Your name.", "Comercial Ñandú"),
            "sender_name": _text("Who writes.", "Cobranza"),
            "reply_to": _text("The e-mail address for answers.", "cobranza@example.com"),
            "phone": _text("Your telephone number; may be empty.", "55 1234 5678"),
        },
    ),
    "customer": Group(
        "Who is written to.",
        {
            "name": _text("The customer's name.", "Ferretería Núñez, S.A. de C.V."),
            "contact": _text("The person or desk; may be empty.", "Cuentas por pagar"),
            "kind": _text("`business`, `sole_trader` or `consumer`.", "business"),
            "reference": _text("Your own id of the customer; may be empty.", "C-1001"),
            "tax_id": _text("RFC, NIF or the like; may be empty.", "FNU010203AB1"),
        },
    ),
    "invoices": Listing("What the message asks to be paid, oldest due date first; at most 200.", _INVOICE),
    "invoice": Group("The first of `invoices`; the only one where `count` is 1.", _INVOICE.fields),
    "count": Field("number", "How many invoices or instalments the message is about.", "1"),
    "overdue_count": Field("number", "How many of them are overdue.", "1"),
    "owed": _text("How many, in words that fit a sentence.", "2 facturas pendientes (1 ya vencida)"),
    "total": _text("What is asked for: all of it, less the customer's credit.", "$1,160.00 MXN"),
    "charges": _text("The charges in the total; empty without any.", "$50.00 MXN"),
    "credit": _text("The customer's credit, already taken off the total; empty without any.", "$100.00 MXN"),
    "currency": _text("ISO 4217 code of the amounts.", "MXN"),
    "also_open": Listing(
        "Other overdue invoices, not in the total; with `invoices` at most 200, and often none.", _INVOICE
    ),
    "also_open_count": Field("number", "How many other invoices are overdue.", "0"),
    "payable": Field("yes_no", "Whether the message can say how to pay: an account or a link is known.", "true"),
    "payment_reference": _text("What the payer should quote; may be empty.", "C-1001"),
    "payment_url": _text(
        "The one link by which all can be paid; empty where there is none.", "https://pay.example.com/x"
    ),
    "bank_accounts": Listing("Your accounts in the message's currency; at most 10.", _ACCOUNT),
    "plan": Group(
        "The payment plan, where the message is about one.",
        {
            "instalment": Field("number", "Number of the instalment, the first of several.", "2"),
            "instalments": Field("number", "How many the plan has.", "6"),
            "due_on": _text("When the instalment falls due.", "21 de diciembre de 2026"),
            "amount": _text("What is open of the instalment.", "$500.00 MXN"),
            "remaining": _text("What is open of the whole plan.", "$2,500.00 MXN"),
        },
        is_optional=True,
    ),
    "promise": Group(
        "The promise to pay, where one about these invoices was not kept.",
        {
            "amount": _text("What was promised.", "$1,000.00 MXN"),
            "promised_on": _text("For which day.", "30 de noviembre de 2026"),
            "paid": _text("What came in of it; empty where nothing did.", "$400.00 MXN"),
        },
        is_optional=True,
    ),
    "step": _text("Key of the policy's step.", "d+5"),
    "tone": _text("Tone of this template: `friendly`, `firm`, `formal` or `final`.", "firm"),
    "today": _text("The day of the message, in words.", "26 de diciembre de 2026"),
    "contact": _text("How to reach you, as a clause.", "responda a este correo o llámenos al 55 1234 5678"),
    "if_paid": _text("For short messages: what to do if it has been paid.", "Si ya hizo el pago, ignore este SMS."),
    "pay_or_call": _text(
        "For short messages: the payment link, or else your telephone, or else your e-mail address.",
        "Pague en https://pay.example.com/F-1001",
    ),
    "greeting": Field("block", "The salutation."),
    "invoice_table": Field("block", "The invoices with their dates and amounts, the total, and what else is open."),
    "payment_details": Field("block", "How to pay: accounts, payment reference and link; or how to ask for them."),
    "signature": Field("block", "Who writes and how to reach them."),
}

LOOP: Final = Group(
    "Where a `{% for %}` stands.",
    {
        "index": Field("number", "Counts from 1.", "1"),
        "first": Field("yes_no", "Whether it is the first round.", "true"),
        "last": Field("yes_no", "Whether it is the last round.", "false"),
    },
)


def _shorten(value: str, length: int) -> str:
    return value if len(value) <= length else f"{value[: max(length - 1, 0)].rstrip()}…"


def _default(value: str, other: str) -> str:
    return value or other


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: what it takes besides the value, and what it does."""

    description: str
    call: Callable[..., Any]
    takes: Literal["text", "list"] = "text"
    argument: type[str] | type[int] | None = None


# None of them makes a text longer by more than what is written in the template.
FILTERS: Final[Mapping[str, Filter]] = {
    "upper": Filter("In capitals.", str.upper),
    "lower": Filter("In small letters.", str.lower),
    "capitalize": Filter("The first letter in capitals.", str.capitalize),
    "trim": Filter("Without blanks around it.", str.strip),
    "default": Filter('Another text where it is empty: `default("...")`.', _default, argument=str),
    "shorten": Filter("Cut to a length: `shorten(20)`.", _shorten, argument=int),
    "length": Filter("How many there are in a list.", len, takes="list"),
}


def describe() -> Iterator[dict[str, str]]:
    """Every variable by the name that a template uses, with its kind, meaning and an example."""
    for name, variable in VARIABLES.items():
        match variable:
            case Field():
                yield _entry(name, variable)
            case Group():
                yield {"name": name, "kind": "group", "description": variable.description, "example": ""}
                yield from (_entry(f"{name}.{part}", field) for part, field in variable.fields.items())
            case Listing(item=item):
                yield {"name": name, "kind": "list", "description": variable.description, "example": ""}
                yield from (_entry(f"{name}[].{part}", field) for part, field in item.fields.items())
    yield from (_entry(f"loop.{part}", field) for part, field in LOOP.fields.items())


def _entry(name: str, field: Field) -> dict[str, str]:
    return {"name": name, "kind": field.kind, "description": field.description, "example": field.example}
