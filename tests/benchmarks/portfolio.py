"""Portfolios of open invoices, written by SQL: customers, invoices, their ledger entries and their cases."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from app.core.clock import monotonic_seconds
from tests.benchmarks.stage import Stage

OPEN_EACH: Final = 2

# Version 7 as the application's own, so that keys grow with time and pages fill as they do in life.
_UUID = "uuidv7()"
_CUSTOMERS = f"""
INSERT INTO customers (tenant_id, id, external_id, name, kind, contacts, meta, next_action_at,
                       version, created_at, updated_at)
SELECT $1, {_UUID}, $5 || n, 'Cliente ' || n, 'business',
       jsonb_build_array(jsonb_build_object('id', {_UUID}, 'name', NULL, 'role', NULL, 'channels',
           jsonb_build_array(jsonb_build_object('type', 'email', 'address', 'c' || n || '@example.com',
                                                'consent', 'unknown', 'preferred', false)))),
       '{{}}', CASE WHEN n <= $3 THEN now() + $4 ELSE now() + interval '1 day' * (2 + n % 28) END,
       1, now(), now()
FROM generate_series(1, $2) AS n
"""  # constants of this module
# The first invoice of a due customer is two days overdue, past the first step of the ladder; the others are not due.
_INVOICES = f"""
INSERT INTO invoices (tenant_id, id, number, customer_id, currency, total_minor, opening_paid_minor,
                      principal_open_minor, interest_open_minor, fees_open_minor, disputed_minor, settled_minor,
                      issued_on, due_on, status, due_state, collection_state, documents, lines, meta, issued_at,
                      version, created_at, updated_at)
SELECT $1, {_UUID}, 'F-' || customers.external_id || '-' || k, customers.id, 'MXN', amount, 0,
       amount, 0, 0, 0, 0, due_on - 45, due_on, 'open',
       CASE WHEN due_on < today THEN 'overdue' ELSE 'not_due' END, 'dunning', '[]', '[]', '{{}}', now(),
       1, now(), now()
FROM customers, generate_series(1, $2) AS k,
     LATERAL (SELECT (10000 + (hashtext(customers.external_id) & 1048575) * k)::bigint AS amount,
                     (now() AT TIME ZONE 'America/Mexico_City')::date AS today) AS given,
     LATERAL (SELECT CASE WHEN k > 1 THEN today + 1 + (hashtext(customers.external_id) & 31)
                          WHEN customers.next_action_at <= now() + interval '1 day' THEN today - 2
                          ELSE today - (hashtext(customers.external_id) & 127) + 28 END AS due_on) AS due
WHERE customers.tenant_id = $1 AND customers.external_id LIKE $3 || '%'
ORDER BY customers.id
"""
_ENTRIES = f"""
INSERT INTO ledger_entries (tenant_id, id, customer_id, invoice_id, account, kind, currency, amount_minor,
                            effective_on, booked_at)
SELECT tenant_id, {_UUID}, customer_id, id, 'principal', 'invoice_issued', currency, total_minor, issued_on, created_at
FROM invoices WHERE tenant_id = $1 AND number LIKE 'F-' || $2 || '%'
"""
_CASES = f"""
INSERT INTO dunning_cases (tenant_id, id, customer_id, invoice_id, policy_id, policy_version, state, cycle, shift_days,
                           opened_at, version, created_at, updated_at)
SELECT invoices.tenant_id, {_UUID}, invoices.customer_id, invoices.id, policy.id, policy.published_number, 'open', 1, 0,
       now() - interval '30 days', 1, now(), now()
FROM invoices JOIN dunning_policies AS policy ON policy.tenant_id = invoices.tenant_id AND policy.is_default
WHERE invoices.tenant_id = $1 AND invoices.number LIKE 'F-' || $2 || '%'
"""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A database with one tenant and its portfolio."""

    database: str
    tenant_id: UUID
    key: str
    seconds: float


_made: dict[tuple[str, int, int], Portfolio] = {}


async def portfolio(stage: Stage, *, invoices: int, due: int) -> Portfolio:
    """A portfolio in a database of its own; the same one again for the next benchmark of a run.

    Args:
        stage: where.
        invoices: how many are open.
        due: customers that have a step due.
    """
    wanted = (str(stage.folder), invoices, due)
    if wanted not in _made:
        name = await stage.database(f"bench_{invoices}")
        async with stage.tenant(name) as api:
            tenant_id, key = api.tenant_id, api.key
        connection = await stage.connect(name)
        try:
            seconds = await fill(connection, tenant_id, customers=invoices // OPEN_EACH, due=due)
        finally:
            await connection.close()
        _made[wanted] = Portfolio(name, tenant_id, key, seconds)
    return _made[wanted]


async def fill(
    connection: Any,
    tenant_id: UUID,
    *,
    customers: int,
    due: int,
    open_each: int = OPEN_EACH,
    due_in_seconds: float = -60.0,
    prefix: str = "C",
) -> float:
    """Write a portfolio; how many seconds that took.

    Args:
        connection: asyncpg's, of the superuser.
        tenant_id: whose; it has a published default policy with a step one day after the due date.
        customers: how many, each with `open_each` open invoices.
        due: how many of them have a step due.
        open_each: open invoices of a customer.
        due_in_seconds: when those are to be looked at, from now.
        prefix: of external ids and numbers, for several portfolios of one tenant.
    """
    started = monotonic_seconds()
    async with connection.transaction():
        await connection.execute(_CUSTOMERS, tenant_id, customers, due, timedelta(seconds=due_in_seconds), prefix)
        await connection.execute(_INVOICES, tenant_id, open_each, prefix)
        await connection.execute(_ENTRIES, tenant_id, prefix)
        await connection.execute(_CASES, tenant_id, prefix)
    await connection.execute("VACUUM (ANALYZE) customers, invoices, ledger_entries, dunning_cases")
    return monotonic_seconds() - started
