"""Payment terms as services take them: found by their code, and read so that a fault names its field."""

from collections.abc import Collection, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from app.core.calendars import calendar_of
from app.core.errors import ProblemError, invalid
from app.core.uow import UnitOfWork
from app.domain.decimals import format_decimal
from app.domain.errors import Code
from app.domain.terms import Instalment, Terms, TermsError, discounts, due_dates, schedule
from app.domain.terms_wire import read_terms
from app.models import PaymentTerms

Wire = Mapping[str, Any]


async def load_terms(uow: UnitOfWork, codes: Collection[str]) -> dict[str, dict[str, Any]]:
    """The definitions that are kept under these codes, each with its code."""
    if not codes:
        return {}
    rows = await uow.session.execute(
        select(PaymentTerms.code, PaymentTerms.definition).where(
            PaymentTerms.tenant_id == uow.tenant_id, PaymentTerms.code.in_(codes)
        )
    )
    return {code: {**definition, "code": code} for code, definition in rows}


async def check_choice(uow: UnitOfWork, pointer: str, choice: Wire | None) -> dict[str, Any] | None:
    """Terms that are chosen for later invoices, in the form in which they are kept: a code alone, or all but a code.

    Raises:
        ProblemError: 422 for a code that nothing is kept under, or terms that contradict themselves.
    """
    if choice is None:
        return None
    if choice["code"] is not None:
        if not await load_terms(uow, [choice["code"]]):
            raise unknown_code(f"{pointer}/code")
        return kept(choice)
    read(pointer, choice, choice["currency"])
    return kept(choice)


def plan_of(terms: Terms, issued_on: date, total_minor: int, net_minor: int | None) -> tuple[Instalment, ...]:
    """What is due when; an invoice over nothing has one date and no parts.

    Raises:
        TermsError: where the terms do not fit the invoice.
    """
    calendar = calendar_of(terms.calendar)
    if total_minor == 0:
        last = due_dates(terms, issued_on, calendar)[-1]
        return (Instalment(1, last.due_on, last.nominal_on, 0),)
    return schedule(terms, issued_on, total_minor, calendar, net_minor)


def tiers_of(terms: Terms, issued_on: date) -> list[dict[str, str]]:
    """The discounts for early payment with their dates, as they are kept and told.

    Raises:
        TermsError: where a date lies after the year 9999.
    """
    return [tier(term.percent, term.until) for term in discounts(terms, issued_on)]


def tier(percent: Fraction, until: date) -> dict[str, str]:
    """One discount, its percent without needless zeros."""
    return {"percent": format_decimal(percent, 4).rstrip("0").rstrip("."), "until": until.isoformat()}


def kept(choice: Wire) -> dict[str, Any]:
    """Terms that are chosen, as they are kept: a code alone, or all but a code."""
    if choice.get("code") is not None:
        return {"code": choice["code"]}
    return {name: value for name, value in choice.items() if name != "code"}


def read(pointer: str, wire: Wire, currency: str | None, *, is_inside: bool = True) -> Terms:
    """Terms as a value.

    Args:
        pointer: where the terms are in the request, or what chose them.
        wire: the terms.
        currency: of their fixed amounts.
        is_inside: whether the terms themselves are in the request, so that a pointer leads into them.

    Raises:
        ProblemError: 422 with the pointer of the fault.
    """
    own = wire.get("currency")
    if own is not None and currency is not None and own != currency and has_fixed_amounts(wire):
        where = f"{pointer}/currency" if is_inside else pointer
        raise invalid(where, Code.currency_mismatch, f"The fixed amounts of these terms are in {own}.")
    try:
        return read_terms(wire, currency)
    except TermsError as error:
        raise refused(pointer, error, is_inside=is_inside) from None


def refused(pointer: str, error: TermsError, *, is_inside: bool) -> ProblemError:
    """A fault of terms, or of terms and invoice together, as a problem; the arguments are those of `read`."""
    if error.code is Code.missing and error.pointer.endswith("/of"):
        return invalid("/net_total", error.code, error.message)
    return invalid(pointer + error.pointer if is_inside else pointer, error.code, error.message)


def unknown_code(pointer: str) -> ProblemError:
    """The fault of a code that nothing is kept under."""
    return invalid(
        pointer, Code.unknown_reference, "No payment terms have this code; PUT /v1/terms/by-code makes them."
    )


def has_fixed_amounts(wire: Wire) -> bool:
    """Whether an instalment is an amount."""
    return any(part.get("amount") is not None for part in wire.get("instalments") or ())
