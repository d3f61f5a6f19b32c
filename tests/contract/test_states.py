"""The database accepts the states of the domain's tables, those and no others."""

import re

from sqlalchemy import text

from app.core.settings import Settings
from app.domain.states import MACHINES
from tests.contract.catalogue import engine_of

COLUMNS = {
    "invoice": ("invoices", "status"),
    "case": ("dunning_cases", "state"),
    "reminder": ("reminders", "status"),
    "charge": ("charges", "status"),
    "credit_note": ("credit_notes", "status"),
    "import": ("imports", "status"),
    "payment": ("payments", "status"),
    "hold": ("holds", "status"),
    "promise": ("promises", "status"),
    "dispute": ("disputes", "status"),
    "plan": ("payment_plans", "status"),
    "instalment": ("plan_instalments", "status"),
    "placement": ("placements", "status"),
    "task": ("tasks", "status"),
    "dunning_run": ("dunning_runs", "status"),
    "delivery": ("deliveries", "status"),
}
CHECKS = """
    SELECT t.relname AS table, k.conname AS name, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
    WHERE k.contype = 'c' AND k.connamespace = 'public'::regnamespace
"""


async def test_checks_list_the_states_of_the_domain(settings: Settings) -> None:
    assert set(COLUMNS) == set(MACHINES)
    async with engine_of(settings, admin=True) as admin, admin.connect() as outside:
        rows = (await outside.execute(text(CHECKS))).all()
        names = {
            (row.table_name, row.column_name)
            for row in await outside.execute(
                text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
            )
        }
    checks = {(row.table, row.name): set(re.findall(r"'([a-z_]+)'", row.definition)) for row in rows}
    compared = 0
    for machine, (table, column) in COLUMNS.items():
        if (table, column) in names:
            assert checks[table, f"ck_{table}_{column}"] == MACHINES[machine].states, table
            compared += 1
    assert compared >= 6
