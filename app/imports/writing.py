"""Writes rows of a file by the functions that write the rows of a batch."""

from collections.abc import Sequence
from typing import Any

from app.core.batches import Outcome, parse_row
from app.core.errors import ProblemError
from app.core.uow import UnitOfWork
from app.customers.batch import write_batch as write_customers
from app.imports.layout import Layout
from app.imports.reading import Record
from app.imports.targets import INPUTS
from app.invoices.service import write_batch as write_invoices
from app.payments.batch import write_batch as write_payments

# A payment settles invoices, one statement after the other: fewer of them hold their customers as long.
PAYMENTS_AT_ONCE = 100


async def write_records(uow: UnitOfWork, layout: Layout, records: Sequence[Record]) -> Sequence[Outcome]:
    """Write records in one transaction; what became of each."""
    rows = [_row_of(layout, record) for record in records]
    match layout.kind:
        case "customers":
            return await write_customers(uow, rows, named=layout.named)
        case "invoices":
            return await write_invoices(uow, rows, named=layout.named)
        case "payments":
            return await write_payments(uow, rows)


def _row_of(layout: Layout, record: Record) -> dict[str, Any] | ProblemError:
    if record.problem is not None:
        return record.problem
    row = layout.row_of(record.value)
    return row if isinstance(row, ProblemError) else parse_row(INPUTS[layout.kind], row)


def external_id_of(layout: Layout, record: Record) -> str | None:
    """What a record says its id is, even where nothing else of it can be read."""
    value: Any = None
    if isinstance(record.value, dict):
        value = next((item for key, item in record.value.items() if _is_id(layout, key)), None)
    elif record.value is not None:
        cells = zip(layout.columns, record.value, strict=False)
        value = next((cell for target, cell in cells if target and target.path == ("external_id",)), None)
    return value.strip()[:200].replace("\0", "") or None if isinstance(value, str) else None


def _is_id(layout: Layout, key: str) -> bool:
    return layout.options.fields.get(key, key) == "external_id"
