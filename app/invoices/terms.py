"""When an invoice is due, in which parts, and what early payment earns: by its terms, or as it was said.

Terms of an invoice's own come first. Without them and without a due date, the customer's apply, or else the tenant's;
a due date that is said stands for itself, and then only discounts that are said beside it are granted. The invoice
keeps a copy of the terms, so that a later change of what they were taken from moves nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from app.core.errors import invalid
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.terms import TermsError
from app.models import Customer, Invoice
from app.settlement.terms import kept, plan_of, read, refused, tier, tiers_of, unknown_code

Fields = Mapping[str, Any]
Catalogue = Mapping[str, dict[str, Any]]

DECIDING = frozenset({"terms", "due_on", "discount_terms", "issued_on", "currency", "total", "net_total"})
"""Fields that decide about due dates, parts and discounts."""


@dataclass(frozen=True, slots=True)
class Sale:
    """What terms are applied to, in minor units."""

    issued_on: date
    currency: str
    total_minor: int
    net_minor: int | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Terms for one invoice: what they say, and where a fault of theirs is to be shown."""

    wire: dict[str, Any]
    pointer: str = "/terms"
    is_inside: bool = False


class Arrangement(NamedTuple):
    """What follows for an invoice, by the columns in which it is kept."""

    due_on: date
    terms: dict[str, Any] | None
    discount_terms: list[Any]
    instalments: list[Any]


def inherited_terms(uow: UnitOfWork, customer: Customer) -> Fields | None:
    """The terms of invoices of a customer that say nothing themselves."""
    found: Fields | None = customer.payment_terms or uow.tenant.settings["payment_terms"]
    return found


def codes_of(uow: UnitOfWork, rows: Iterable[tuple[Fields, Customer | None]]) -> set[str]:
    """The codes of terms that rows refer to, themselves or through their customers."""
    codes = set()
    for row, customer in rows:
        if row["terms"] is not None:
            codes.add(row["terms"]["code"])
        elif row["due_on"] is None and customer is not None:
            codes.add((inherited_terms(uow, customer) or {}).get("code"))
    return {code for code in codes if code is not None}


def choose(fields: Fields, inherited: Fields | None, catalogue: Catalogue) -> Chosen | None:
    """The terms of an invoice: its own, else those it inherits unless it says a due date.

    Raises:
        ProblemError: 422 for a code that nothing is kept under.
    """
    own = fields.get("terms")
    if own is not None:
        if own["code"] is None:
            return Chosen({**kept(own), "code": None}, is_inside=True)
        return Chosen(_kept_under(own["code"], catalogue, "/terms/code"), "/terms/code")
    if fields.get("due_on") is not None or inherited is None:
        return None
    if "code" in inherited:
        return Chosen(_kept_under(inherited["code"], catalogue, "/terms"))
    return Chosen({**inherited, "code": None})


def _kept_under(code: str, catalogue: Catalogue, pointer: str) -> dict[str, Any]:
    if code not in catalogue:
        raise unknown_code(pointer)
    return catalogue[code]


def arrange(sale: Sale, chosen: Chosen | None, fields: Fields) -> Arrangement:
    """Work out due date, parts and discounts of an invoice.

    Args:
        sale: what it is about.
        chosen: its terms, if it has any.
        fields: of these `due_on` and `discount_terms`, where they are said.

    Raises:
        ProblemError: 422 naming what does not fit together.
    """
    due_on, said = fields.get("due_on"), fields.get("discount_terms")
    explicit = None if said is None else _said_discounts(said, sale.issued_on)
    if chosen is not None:
        by_terms = _by_terms(sale, chosen)
        if due_on is not None and due_on != by_terms.due_on:
            raise invalid(
                "/due_on",
                Code.invalid_value,
                f"By its terms the invoice is due on {by_terms.due_on.isoformat()}; leave out due_on or the terms.",
            )
        if explicit is None:
            return by_terms
        return Arrangement(by_terms.due_on, by_terms.terms, explicit, by_terms.instalments)
    if due_on is None:
        raise invalid(
            "/due_on", Code.missing, "Send due_on or terms; neither the customer nor the tenant has payment terms."
        )
    if due_on < sale.issued_on:
        raise invalid("/due_on", Code.date_order, "due_on must not be before issued_on.")
    return Arrangement(due_on, None, explicit or [], [])


def rearrange(sale: Sale, invoice: Invoice, fields: Fields, catalogue: Catalogue) -> Arrangement:
    """What follows for a draft of which some fields change; the others stay as they were said.

    A due date that is said takes the place of terms, unless terms are said with it.

    Raises:
        ProblemError: 422 naming what does not fit together.
    """
    said = {name: fields[name] for name in ("terms", "due_on", "discount_terms") if fields.get(name) is not None}
    chosen = choose(said, None, catalogue)
    if chosen is None and "due_on" not in said:
        if invoice.terms is not None and "terms" not in fields:
            chosen = Chosen(invoice.terms)
        else:
            said["due_on"] = invoice.due_on
    if "discount_terms" not in fields and _has_own_discounts(invoice):
        said["discount_terms"] = [
            {**item, "until": date.fromisoformat(item["until"])} for item in invoice.discount_terms
        ]
    return arrange(sale, chosen, said)


def apply(invoice: Invoice, arrangement: Arrangement) -> None:
    """Put an arrangement into an invoice."""
    for column, value in arrangement._asdict().items():
        setattr(invoice, column, value)


def says_other_terms(invoice: Invoice, fields: Fields) -> list[str]:
    """Which of terms and discounts are said and not those of an issued invoice.

    A code that the invoice has is the same, whatever is kept under it by now.

    Raises:
        ProblemError: 422 for terms that contradict themselves.
    """
    other = []
    wanted, discounts = fields.get("terms"), fields.get("discount_terms")
    if wanted is not None and not _is_said(invoice, wanted):
        other.append("terms")
    if discounts is not None and _said_discounts(discounts, invoice.issued_on) != invoice.discount_terms:
        other.append("discount_terms")
    return other


def _is_said(invoice: Invoice, wanted: Fields) -> bool:
    if invoice.terms is None:
        return False
    if wanted["code"] is not None:
        return bool(invoice.terms["code"] == wanted["code"])
    return read("/terms", wanted, invoice.currency) == read("/terms", invoice.terms, invoice.currency)


def _by_terms(sale: Sale, chosen: Chosen) -> Arrangement:
    terms = read(chosen.pointer, chosen.wire, sale.currency, is_inside=chosen.is_inside)
    try:
        planned = plan_of(terms, sale.issued_on, sale.total_minor, sale.net_minor)
        tiers = tiers_of(terms, sale.issued_on)
    except TermsError as error:
        raise refused(chosen.pointer, error, is_inside=chosen.is_inside) from None
    parts: list[Any] = [
        {"number": part.number, "due_on": part.due_on.isoformat(), "amount_minor": part.amount_minor}
        for part in planned
    ]
    return Arrangement(planned[-1].due_on, chosen.wire, tiers, parts if len(parts) > 1 else [])


def _said_discounts(said: Sequence[Fields], issued_on: date) -> list[Any]:
    tiers = []
    windows: set[date] = set()
    for index, item in enumerate(said):
        percent, until = Fraction(item["percent"]), item["until"]
        pointer = f"/discount_terms/{index}"
        if not 0 < percent < 100:
            raise invalid(f"{pointer}/percent", Code.out_of_range, "A discount is above 0 % and below 100 %.")
        if until < issued_on:
            raise invalid(f"{pointer}/until", Code.date_order, "until must not be before issued_on.")
        if until in windows:
            raise invalid(f"{pointer}/until", Code.duplicate_value, "Two discounts end on the same day.")
        windows.add(until)
        tiers.append(tier(percent, until))
    return sorted(tiers, key=lambda one: one["until"])


def _has_own_discounts(invoice: Invoice) -> bool:
    """Whether the discounts of a draft were said, and do not follow from its terms."""
    if invoice.terms is None:
        return bool(invoice.discount_terms)
    terms = read("/terms", invoice.terms, invoice.currency, is_inside=False)
    return invoice.discount_terms != tiers_of(terms, invoice.issued_on)
