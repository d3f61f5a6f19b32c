"""`python -m app check`: progress on standard error, the result on standard output."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from app.checks.check import MEANINGS, Report, check_all, checking_database
from app.core.log import configure_logging
from app.core.settings import Settings

_CLEAN, _VIOLATED, _INTERRUPTED = 0, 1, 130
_PROGRESS_EVERY = 10


def run(settings: Settings, *, as_json: bool, tenant_ids: Sequence[UUID] | None = None) -> int:
    """Check, print, and answer with the exit code: 0 clean, 1 something found or not checked, 130 interrupted."""
    configure_logging("critical")
    report = Report()
    console = Console(stderr=True)
    try:
        was_interrupted = asyncio.run(_check(settings, report, console, tenant_ids))
    except KeyboardInterrupt:
        was_interrupted = True
    output = Console(soft_wrap=as_json)
    if as_json:
        output.print(json.dumps(payload(report), indent=2), markup=False, highlight=False)
    else:
        _print_table(output, report)
    if was_interrupted:
        return _INTERRUPTED
    return _CLEAN if report.is_clean else _VIOLATED


def payload(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "tenants": report.tenants,
        "tenants_checked": report.tenants_checked,
        "invariants": report.counts(),
        "violations": [{**asdict(violation), "tenant_id": str(violation.tenant_id)} for violation in report.violations],
        "failures": [
            {"tenant_id": str(tenant_id), "invariant": name, "error": error}
            for tenant_id, name, error in report.failures
        ],
    }


async def _check(settings: Settings, report: Report, console: Console, tenant_ids: Sequence[UUID] | None) -> bool:
    try:
        async with checking_database(settings) as database:
            async for found in check_all(database, report, tenant_ids=tenant_ids):
                if found.tenants_checked % _PROGRESS_EVERY == 0:
                    console.print(f"{found.tenants_checked} of {found.tenants} tenants checked …", highlight=False)
    except asyncio.CancelledError:
        return True
    return False


def _print_table(output: Console, report: Report) -> None:
    table = Table("Invariant", "What must hold", "Violations")
    failed = {name for _, name, _ in report.failures}
    for name, count in report.counts().items():
        table.add_row(name, MEANINGS[name], "not checked everywhere" if name in failed and not count else str(count))
    output.print(table)
    for violation in report.violations:
        output.print(f"tenant {violation.tenant_id}: {violation.invariant}, {violation.count}", highlight=False)
        for example in violation.examples:
            output.print(f"  {example.id}  {example.difference}", markup=False, highlight=False)
    output.print(f"{report.tenants_checked} of {report.tenants} tenants checked.", highlight=False)
