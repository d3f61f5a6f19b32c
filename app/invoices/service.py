"""Commands on invoices. One invoice is a batch of one: both take the same path."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from app.core.errors import FieldError, ProblemError, conflict, invalid, invalid_fields, not_found
from app.core.ids import new_id
from app.core.schemas import to_minor
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.states import INVOICE
from app.invoices import repository
from app.ledger.invoices import issue_invoice
from app.models import Customer, Invoice
from app.settlement.reconcile import reconcile
from app.settlement.references import Reference, find_policy_ids, lock_customers, unknown_customer

Fields = Mapping[str, Any]
DESCRIPTIVE = frozenset({
    "number", "reference", "payment_url", "documents", "lines", "dunning_policy_id", "metadata",
})  # fmt: skip
_AMOUNTS = {"total": "total_minor", "opening_paid": "opening_paid_minor"}


@dataclass(slots=True)
class RowResult:
    """What became of one row."""

    status: Literal["created", "updated", "unchanged", "failed"]
    invoice: Invoice | None = None
    problem: ProblemError | None = None

    @property
    def resource_id(self) -> UUID | None:
        """The invoice's id."""
        return self.invoice.id if self.invoice is not None else None


@dataclass(slots=True)
class _Batch:
    """What the rows refer to, and the invoices issued so far."""

    customers: dict[UUID, Customer]
    policies: set[UUID]
    known: dict[str, Invoice]
    named: Collection[str] | None
    issued: list[Invoice] = field(default_factory=list)


async def create(uow: UnitOfWork, fields: Fields) -> Invoice:
    """Create an invoice, open unless it says draft.

    Raises:
        ProblemError: 409 when the external id is taken, 422 for what is not valid.
    """
    return (await _write_one(uow, fields, may_update=False))[0]


async def upsert(uow: UnitOfWork, external_id: str, fields: Fields) -> tuple[Invoice, bool]:
    """Create or update the invoice with an external id; whether it was created.

    Raises:
        ProblemError: 409 when money or dates of an issued invoice would change, 422 for what is not valid.
    """
    return await _write_one(uow, {**fields, "external_id": external_id}, may_update=True)


async def _write_one(uow: UnitOfWork, fields: Fields, *, may_update: bool) -> tuple[Invoice, bool]:
    result = (await write_batch(uow, [fields], may_update=may_update))[0]
    if result.problem is not None:
        raise result.problem
    if result.invoice is None:
        raise LookupError("a row without a problem has an invoice")
    return result.invoice, result.status == "created"


async def write_batch(
    uow: UnitOfWork,
    rows: Sequence[Fields | ProblemError],
    *,
    may_update: bool = True,
    named: Collection[str] | None = None,
) -> list[RowResult]:
    """Create or update invoices, each row by itself; rows that are not valid change nothing.

    Args:
        uow: one transaction for all rows.
        rows: fields of valid form, or the problem with the form of a row.
        may_update: whether a known external id means that invoice, and not a fault.
        named: the fields that change of a known invoice, where the rows do not speak of all.
    """
    valid = [row for row in rows if not isinstance(row, ProblemError)]
    found = await lock_customers(uow, [_customer(row) for row in valid])
    batch = _Batch(
        customers={customer.id: customer for customer in found.values()},
        policies=await find_policy_ids(
            uow, {row["dunning_policy_id"] for row in valid if row["dunning_policy_id"] is not None}
        ),
        known=await repository.load_by_external_ids(
            uow, {row["external_id"] for row in valid if row["external_id"] is not None}
        ),
        named=named,
    )
    results = []
    for row in rows:
        if isinstance(row, ProblemError):
            results.append(RowResult("failed", problem=row))
            continue
        try:
            results.append(_write_row(uow, batch, row, found.get(_customer(row)), may_update=may_update))
        except ProblemError as problem:
            results.append(RowResult("failed", problem=problem))
    await reconcile(uow, batch.customers, batch.issued, cases={})
    return results


async def update(uow: UnitOfWork, invoice_id: UUID, fields: Fields) -> Invoice:
    """Change the named fields of an invoice.

    Raises:
        ProblemError: 404, 409 when money or dates of an issued invoice would change, 422 for what is not valid.
    """
    invoice = await lock(uow, invoice_id)
    policies = await find_policy_ids(uow, {value for value in [fields.get("dunning_policy_id")] if value is not None})
    _check_policy(fields, policies)
    if fields.get("number", "-") == "":
        raise invalid("/number", Code.too_short, "An invoice has a number.")
    uow.track(invoice)
    if invoice.status != "draft":
        _refuse_fixed(uow, invoice, fields)
    _assign(invoice, fields)
    if invoice.due_on < invoice.issued_on:
        raise invalid("/due_on", Code.date_order, "due_on must not be before issued_on.")
    await uow.flush()
    if uow.events.snapshot(uow, invoice) != uow.before(invoice):
        uow.emit("invoice.updated", invoice)
    return invoice


async def issue(uow: UnitOfWork, invoice_id: UUID) -> Invoice:
    """Make a draft a receivable.

    Raises:
        ProblemError: 404, 409 when it is no draft.
    """
    invoice = await lock(uow, invoice_id)
    INVOICE.require(invoice.status, "open")
    if invoice.status != "draft":
        raise conflict(Code.state_conflict, "Only a draft can be issued.")
    uow.track(invoice)
    _issue(uow, invoice)
    uow.emit("invoice.issued", invoice)
    await reconcile(uow, {invoice.customer_id: await uow.lock_customer(invoice.customer_id)}, [invoice], cases={})
    return invoice


async def lock(uow: UnitOfWork, invoice_id: UUID) -> Invoice:
    """An invoice under its customer's lock.

    Raises:
        ProblemError: 404.
    """
    customer_id = await repository.find_customer_id(uow, invoice_id)
    if customer_id is None:
        raise not_found("invoice")
    await uow.lock_customer(customer_id)
    return await get(uow, invoice_id)


async def get(uow: UnitOfWork, invoice_id: UUID) -> Invoice:
    """The invoice with an id.

    Raises:
        ProblemError: 404.
    """
    invoice = await repository.find(uow, invoice_id)
    if invoice is None:
        raise not_found("invoice")
    return invoice


def _customer(row: Fields) -> Reference:
    return Reference(row["customer_id"], row["customer_external_id"])


def _write_row(
    uow: UnitOfWork, batch: _Batch, row: Fields, customer: Customer | None, *, may_update: bool
) -> RowResult:
    if customer is None:
        raise unknown_customer(_customer(row))
    _check_policy(row, batch.policies)
    existing = batch.known.get(row["external_id"] or "")
    if existing is not None:
        if not may_update:
            raise conflict(
                Code.external_id_taken,
                "An invoice with this external_id exists; PUT /v1/invoices/by-external-id updates it.",
            )
        return _update_row(uow, batch, existing, row, customer.id)
    amounts = _amounts(row, row["currency"])
    invoice = Invoice(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=row["external_id"],
        customer_id=customer.id,
        currency=row["currency"],
        principal_open_minor=0,
        interest_open_minor=0,
        fees_open_minor=0,
        disputed_minor=0,
        settled_minor=0,
        written_off_minor=0,
        discount_terms=[],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        status="draft",
        due_state="not_due",
        collection_state="none",
        issued_at=None,
        paid_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
        **amounts,
    )
    _describe(invoice, row)
    uow.add(invoice)
    uow.emit("invoice.created", invoice)
    if row["external_id"] is not None:
        batch.known[row["external_id"]] = invoice
    if row["status"] == "open":
        _issue(uow, invoice)
        batch.issued.append(invoice)
    return RowResult("created", invoice)


def _update_row(uow: UnitOfWork, batch: _Batch, invoice: Invoice, row: Fields, customer_id: UUID) -> RowResult:
    if invoice.customer_id != customer_id:
        raise conflict(
            Code.issued_invoice_is_fixed, "The invoice belongs to another customer; void it and post it anew."
        )
    uow.track(invoice)
    fields = {
        name: value
        for name, value in row.items()
        if name not in {"customer_id", "customer_external_id"} and (batch.named is None or name in batch.named)
    }
    is_draft = invoice.status == "draft"
    if not is_draft:
        _refuse_fixed(uow, invoice, fields)
    _assign(invoice, fields)
    if is_draft and fields.get("status") == "open":
        _issue(uow, invoice)
        uow.emit("invoice.issued", invoice)
        batch.issued.append(invoice)
        return RowResult("updated", invoice)
    if uow.events.snapshot(uow, invoice) == uow.before(invoice):
        return RowResult("unchanged", invoice)
    uow.emit("invoice.updated", invoice)
    return RowResult("updated", invoice)


def _issue(uow: UnitOfWork, invoice: Invoice) -> None:
    INVOICE.require(invoice.status, "open")
    invoice.status = "open"
    invoice.issued_at = uow.now
    issue_invoice(uow, invoice)


def _amounts(row: Fields, currency: str) -> dict[str, int]:
    """The named amounts in minor units.

    Raises:
        ProblemError: 422 naming each amount that is not valid.
    """
    parsed = {name: to_minor(f"/{name}", row[name], currency) for name in _AMOUNTS if name in row}
    faults = [value for value in parsed.values() if isinstance(value, FieldError)]
    amounts = {name: value for name, value in parsed.items() if isinstance(value, int)}
    faults += [
        FieldError(f"/{name}", Code.out_of_range, "This amount must not be negative.")
        for name, value in amounts.items()
        if value < 0
    ]
    if not faults and amounts.get("opening_paid", 0) > amounts.get("total", amounts.get("opening_paid", 0)):
        faults.append(FieldError("/opening_paid", Code.out_of_range, "No more can have been paid than the total."))
    if faults:
        raise invalid_fields(faults)
    return {_AMOUNTS[name]: value for name, value in amounts.items()}


def _refuse_fixed(uow: UnitOfWork, invoice: Invoice, fields: Fields) -> None:
    """Money and dates of an issued invoice are in the ledger and in messages: they change by commands.

    Raises:
        ProblemError: 409 naming the fields and the command.
    """
    said = uow.events.snapshot(uow, invoice)
    amounts = _amounts(fields, invoice.currency)
    changed = [
        name for name, column in _AMOUNTS.items() if column in amounts and amounts[column] != getattr(invoice, column)
    ]
    changed += [name for name in ("currency",) if name in fields and fields[name] != invoice.currency]
    changed += [name for name in ("issued_on", "due_on") if name in fields and fields[name].isoformat() != said[name]]
    if changed:
        raise conflict(
            Code.issued_invoice_is_fixed,
            f"The invoice has been issued, so {', '.join(changed)} cannot be changed here. Change the due date with "
            "POST /v1/invoices/{id}/reschedule; correct amounts with a credit note, or void it and post it anew.",
        )


def _assign(invoice: Invoice, fields: Fields) -> None:
    """Take over the named fields; the others of an issued invoice have been found equal."""
    if invoice.status == "draft":
        # Checked before anything is taken over: a row of a batch that fails leaves the invoice as it was.
        amounts = _amounts(fields, fields.get("currency", invoice.currency))
        kept = {"total_minor": invoice.total_minor, "opening_paid_minor": invoice.opening_paid_minor} | amounts
        if kept["opening_paid_minor"] > kept["total_minor"]:
            raise invalid("/opening_paid", Code.out_of_range, "No more can have been paid than the total.")
        for name in ("currency", "issued_on", "due_on"):
            if name in fields:
                setattr(invoice, name, fields[name])
        for column, value in amounts.items():
            setattr(invoice, column, value)
    _describe(invoice, fields)


def _describe(invoice: Invoice, fields: Fields) -> None:
    for name in DESCRIPTIVE & fields.keys():
        setattr(invoice, "meta" if name == "metadata" else name, fields[name])


def _check_policy(fields: Fields, known: Collection[UUID]) -> None:
    policy_id = fields.get("dunning_policy_id")
    if policy_id is not None and policy_id not in known:
        raise invalid("/dunning_policy_id", Code.unknown_reference, "No dunning policy with this id.")
