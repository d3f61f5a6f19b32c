"""Commands on invoices. One invoice is a batch of one: both take the same path."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from app.core.errors import ProblemError, conflict, invalid
from app.core.ids import new_id
from app.core.rows import NewRow
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.states import INVOICE
from app.invoices import repository
from app.invoices.fields import amounts_of, change_draft, describe, described, refuse_fixed, replace_draft
from app.invoices.terms import Catalogue, Sale, arrange, choose, codes_of, inherited_terms
from app.ledger.invoices import issue_invoice
from app.models import Customer, Invoice, InvoiceInstalment
from app.models.base import fresh
from app.settlement.rate_tables import check_setting, load_tables, require_allowed
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, find_policy_ids, lock_customers, unknown_customer
from app.settlement.terms import load_terms

Fields = Mapping[str, Any]


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
    terms: Catalogue
    rates: Collection[str]
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
        terms=await load_terms(uow, codes_of(uow, [(row, found.get(_customer(row))) for row in valid])),
        rates=await load_tables(uow, {code for row in valid if (code := _rate_table(row)) is not None}),
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
    customer = await uow.lock_customer(invoice.customer_id)
    await check_setting(uow, fields.get("late_interest"), customer_kind=customer.kind)
    if fields.get("number", "-") == "":
        raise invalid("/number", Code.too_short, "An invoice has a number.")
    uow.track(invoice)
    if invoice.status == "draft":
        code = (fields.get("terms") or {}).get("code")
        change_draft(invoice, fields, await load_terms(uow, [] if code is None else [code]))
    else:
        refuse_fixed(uow, invoice, fields)
        describe(invoice, fields)
    await uow.flush()
    if uow.events.snapshot(uow, invoice) != uow.before(invoice):
        uow.emit("invoice.updated", invoice)
    if "late_interest" in fields:
        wake(uow, customer, uow.now)
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
    return (await repository.INVOICES.lock(uow, invoice_id))[1]


def _customer(row: Fields) -> Reference:
    return Reference(row["customer_id"], row["customer_external_id"])


def _write_row(
    uow: UnitOfWork, batch: _Batch, row: Fields, customer: Customer | None, *, may_update: bool
) -> RowResult:
    if customer is None:
        raise unknown_customer(_customer(row))
    _check_policy(row, batch.policies)
    _check_rates(row, batch.rates, customer)
    existing = batch.known.get(row["external_id"] or "")
    if existing is not None:
        if not may_update:
            raise conflict(
                Code.external_id_taken,
                "An invoice with this external_id exists; PUT /v1/invoices/by-external-id updates it.",
            )
        return _update_row(uow, batch, existing, row, customer)
    amounts = amounts_of(row, row["currency"])
    sale = Sale(row["issued_on"], row["currency"], amounts["total_minor"] or 0, amounts["net_minor"])
    arrangement = arrange(sale, choose(row, inherited_terms(uow, customer), batch.terms), row)
    invoice = fresh(
        Invoice,
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
        issued_on=row["issued_on"],
        status="draft",
        due_state="not_due",
        collection_state="none",
        issued_at=None,
        paid_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
        **amounts,
        **arrangement._asdict(),
        **described(row),
    )
    uow.add(invoice)
    uow.emit("invoice.created", invoice)
    if row["external_id"] is not None:
        batch.known[row["external_id"]] = invoice
    if row["status"] == "open":
        _issue(uow, invoice)
        batch.issued.append(invoice)
    return RowResult("created", invoice)


def _update_row(uow: UnitOfWork, batch: _Batch, invoice: Invoice, row: Fields, customer: Customer) -> RowResult:
    if invoice.customer_id != customer.id:
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
        refuse_fixed(uow, invoice, fields)
        describe(invoice, fields)
    elif batch.named is None:
        replace_draft(invoice, fields, inherited_terms(uow, customer), batch.terms)
    else:
        change_draft(invoice, fields, batch.terms)
    if is_draft and fields.get("status") == "open":
        _issue(uow, invoice)
        uow.emit("invoice.issued", invoice)
        batch.issued.append(invoice)
        return RowResult("updated", invoice)
    if uow.events.snapshot(uow, invoice) == uow.before(invoice):
        return RowResult("unchanged", invoice)
    uow.emit("invoice.updated", invoice)
    if "late_interest" in fields:
        wake(uow, customer, uow.now)
    return RowResult("updated", invoice)


def _issue(uow: UnitOfWork, invoice: Invoice) -> None:
    INVOICE.require(invoice.status, "open")
    invoice.status = "open"
    invoice.issued_at = uow.now
    issue_invoice(uow, invoice)
    for item in invoice.instalments:
        uow.add(NewRow(InvoiceInstalment, {**item, "tenant_id": uow.tenant_id, "invoice_id": invoice.id}))


def _check_policy(fields: Fields, known: Collection[UUID]) -> None:
    policy_id = fields.get("dunning_policy_id")
    if policy_id is not None and policy_id not in known:
        raise invalid("/dunning_policy_id", Code.unknown_reference, "No dunning policy with this id.")


def _rate_table(fields: Fields) -> str | None:
    setting = fields.get("late_interest")
    return None if setting is None else setting["rate_table"]


def _check_rates(fields: Fields, known: Collection[str], customer: Customer) -> None:
    code = _rate_table(fields)
    if code is None:
        return
    pointer = "/late_interest/rate_table"
    if code not in known:
        raise invalid(pointer, Code.unknown_reference, "No rate table has this code; see GET /v1/rate-tables.")
    require_allowed(pointer, code, customer.kind)
