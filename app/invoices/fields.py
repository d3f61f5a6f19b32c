"""What a request says of an invoice, taken over where it may be: all of a draft, what describes an issued one."""

from collections.abc import Mapping
from typing import Any

from app.core.errors import FieldError, conflict, invalid_fields
from app.core.schemas import to_minor
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.invoices.terms import (
    DECIDING,
    Arrangement,
    Catalogue,
    Sale,
    apply,
    arrange,
    choose,
    rearrange,
    says_other_terms,
)
from app.models import Invoice

Fields = Mapping[str, Any]
DESCRIPTIVE = frozenset({
    "number", "reference", "payment_url", "documents", "lines", "dunning_policy_id", "late_interest", "metadata",
})  # fmt: skip
AMOUNTS = {"total": "total_minor", "net_total": "net_minor", "opening_paid": "opening_paid_minor"}
_OF_TOTAL = {
    "opening_paid": "No more can have been paid than the total.",
    "net_total": "The net total is no more than the total.",
}


def amounts_of(fields: Fields, currency: str, known: Mapping[str, int | None] | None = None) -> dict[str, int | None]:
    """The named amounts in minor units, by column.

    Args:
        fields: what is said.
        currency: of the amounts.
        known: by column, what stands where nothing is said.

    Raises:
        ProblemError: 422 naming each amount that is not valid.
    """
    parsed = {name: to_minor(f"/{name}", fields[name], currency) for name in AMOUNTS if fields.get(name) is not None}
    faults = [value for value in parsed.values() if isinstance(value, FieldError)]
    said: dict[str, int | None] = {
        column: None for name, column in AMOUNTS.items() if name in fields and fields[name] is None
    }
    for name, value in parsed.items():
        if isinstance(value, int):
            said[AMOUNTS[name]] = value
            if value < 0:
                faults.append(FieldError(f"/{name}", Code.out_of_range, "This amount must not be negative."))
    all_known = {**(known or {}), **said}
    total = all_known.get("total_minor")
    if not faults and total is not None:
        faults += [
            FieldError(f"/{name}", Code.out_of_range, message)
            for name, message in _OF_TOTAL.items()
            if (all_known.get(AMOUNTS[name]) or 0) > total
        ]
    if faults:
        raise invalid_fields(faults)
    return said


def refuse_fixed(uow: UnitOfWork, invoice: Invoice, fields: Fields) -> None:
    """Money and dates of an issued invoice are in the ledger and in messages: they change by commands.

    What is left out, and may be, is not said to be otherwise.

    Raises:
        ProblemError: 409 naming the fields and the command.
    """
    said = uow.events.snapshot(uow, invoice)
    amounts = amounts_of(fields, invoice.currency)
    changed = [
        name
        for name, column in AMOUNTS.items()
        if amounts.get(column) is not None and amounts[column] != getattr(invoice, column)
    ]
    changed += [name for name in ("currency",) if name in fields and fields[name] != invoice.currency]
    changed += [
        name
        for name in ("issued_on", "due_on")
        if fields.get(name) is not None and fields[name].isoformat() != said[name]
    ]
    changed += says_other_terms(invoice, fields)
    if changed:
        raise conflict(
            Code.issued_invoice_is_fixed,
            f"The invoice has been issued, so {', '.join(changed)} cannot be changed here. Change the due date with "
            "POST /v1/invoices/{id}/reschedule; correct amounts with a credit note, or void it and post it anew.",
        )


def change_draft(invoice: Invoice, fields: Fields, catalogue: Catalogue) -> None:
    """Take over the named fields of a draft; due dates, parts and discounts follow what has changed.

    Raises:
        ProblemError: 422; the draft is then as it was.
    """
    amounts, sale = _draft_sale(invoice, fields)
    arrangement = rearrange(sale, invoice, fields, catalogue) if DECIDING & fields.keys() else None
    _take_over(invoice, fields, amounts, arrangement)


def replace_draft(invoice: Invoice, fields: Fields, inherited: Fields | None, catalogue: Catalogue) -> None:
    """Take over all fields, as if the draft were new.

    Raises:
        ProblemError: 422; the draft is then as it was.
    """
    amounts, sale = _draft_sale(invoice, fields)
    arrangement = arrange(sale, choose(fields, inherited, catalogue), fields)
    _take_over(invoice, fields, amounts, arrangement)


def describe(invoice: Invoice, fields: Fields) -> None:
    """Take over what describes the invoice."""
    for column, value in described(fields).items():
        setattr(invoice, column, value)


def described(fields: Fields) -> dict[str, Any]:
    """What is said to describe an invoice, by column."""
    return {"meta" if name == "metadata" else name: fields[name] for name in DESCRIPTIVE & fields.keys()}


def _draft_sale(invoice: Invoice, fields: Fields) -> tuple[dict[str, int | None], Sale]:
    currency = fields.get("currency", invoice.currency)
    known: dict[str, int | None] = {column: getattr(invoice, column) for column in AMOUNTS.values()}
    amounts = amounts_of(fields, currency, known)
    known |= amounts
    sale = Sale(
        issued_on=fields.get("issued_on", invoice.issued_on),
        currency=currency,
        total_minor=known["total_minor"] or 0,
        net_minor=known["net_minor"],
    )
    return amounts, sale


def _take_over(
    invoice: Invoice, fields: Fields, amounts: Mapping[str, int | None], arrangement: Arrangement | None
) -> None:
    for name in ("currency", "issued_on"):
        if name in fields:
            setattr(invoice, name, fields[name])
    for column, value in amounts.items():
        setattr(invoice, column, value)
    if arrangement is not None:
        apply(invoice, arrangement)
    describe(invoice, fields)
