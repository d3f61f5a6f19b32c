"""The aging report over a large portfolio beside SQL written by hand for the same figures."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx

from app.core.clock import monotonic_seconds
from tests.benchmarks.figures import Ratio, Report, median, ratio_of_rounds
from tests.benchmarks.portfolio import portfolio
from tests.benchmarks.stage import BenchmarkError, Stage
from tests.benchmarks.tick import sizes

_AIM = 1.2
# Most of the portfolio's entries are later: to take them back would cost more than to add up the others.
_LONG_PAST = timedelta(days=60)
# From the balances that are kept on invoices: all that a report of today needs.
_FROM_BALANCES = """
SELECT currency, width_bucket($2::date - due_on, ARRAY[1, 31, 61, 91]) AS bucket, count(*) AS count,
       sum(principal_open_minor + interest_open_minor + fees_open_minor)::bigint AS amount
FROM invoices WHERE tenant_id = $1 AND status IN ('open', 'partially_paid') GROUP BY 1, 2 ORDER BY 1, 2
"""
# From the ledger: what a report of another day needs.
_FROM_LEDGER = """
SELECT balances.currency, width_bucket($2::date - due_on, ARRAY[1, 31, 61, 91]) AS bucket, count(*) AS count,
       sum(amount)::bigint AS amount
FROM (SELECT invoice_id, currency, sum(amount_minor) AS amount FROM ledger_entries
      WHERE tenant_id = $1 AND effective_on <= $2 GROUP BY 1, 2 HAVING sum(amount_minor) <> 0) AS balances
LEFT JOIN invoices ON invoices.tenant_id = $1 AND invoices.id = invoice_id
GROUP BY 1, 2 ORDER BY 1, 2
"""


async def run(stage: Stage) -> Report:
    """Measure in alternating rounds."""
    _, invoices, due = sizes(stage)
    rounds = 5 if stage.quick else 7
    report = Report("aging", f"GET /v1/reports/aging over {invoices:,} open invoices beside raw SQL")
    made = await portfolio(stage, invoices=invoices, due=due)
    connection = await stage.connect(made.database)
    service = await stage.api(made.database)
    times: dict[str, list[float]] = {
        "report": [], "balances": [], "ledger": [], "past report": [], "past ledger": [],
    }  # fmt: skip
    async with httpx.AsyncClient(
        base_url=service.url, headers={"authorization": f"Bearer {made.key}"}, timeout=120
    ) as client:
        for turn in range(rounds + 1):
            answer, seconds = await _ask(client)
            today = date.fromisoformat(answer["as_of"])
            balances, from_balances = await _query(connection, _FROM_BALANCES, made.tenant_id, today)
            ledger, from_ledger = await _query(connection, _FROM_LEDGER, made.tenant_id, today)
            if not _cells(answer) == balances == ledger:
                raise BenchmarkError("the report and the SQL do not give the same figures")
            past = today - _LONG_PAST
            answer, past_seconds = await _ask(client, as_of=past.isoformat())
            ledger, from_past_ledger = await _query(connection, _FROM_LEDGER, made.tenant_id, past)
            if _cells(answer) != ledger:
                raise BenchmarkError("the report of a past day and the SQL do not give the same figures")
            if turn:  # the first one warms up
                took = (seconds, from_balances, from_ledger, past_seconds, from_past_ledger)
                for name, value in zip(times, took, strict=True):
                    times[name].append(value)
    await connection.close()
    service.stop()
    report.add("GET /v1/reports/aging", median(times["report"]) * 1000, "ms")
    report.add("SQL over balances", median(times["balances"]) * 1000, "ms", "gives today's figures alone")
    report.add("SQL over the ledger", median(times["ledger"]) * 1000, "ms", "gives those of any day")
    days = _LONG_PAST.days
    report.add(f"report, {days} days back", median(times["past report"]) * 1000, "ms")
    report.add(f"SQL over the ledger, {days} days back", median(times["past ledger"]) * 1000, "ms")
    report.ratios += [
        Ratio("report ÷ SQL over balances", ratio_of_rounds(times["report"], times["balances"]), _AIM, "lower"),
        Ratio("report ÷ SQL over the ledger", ratio_of_rounds(times["report"], times["ledger"])),
        Ratio(
            f"report ÷ SQL over the ledger, {days} days back",
            ratio_of_rounds(times["past report"], times["past ledger"]),
            better="lower",
        ),
    ]
    return report


async def _ask(client: httpx.AsyncClient, **params: str) -> tuple[Any, float]:
    started = monotonic_seconds()
    answer = await client.get("/v1/reports/aging", params=params)
    seconds = monotonic_seconds() - started
    if answer.status_code != 200:
        raise BenchmarkError(f"the report answers {answer.status_code}: {answer.text}")
    return answer.json(), seconds


async def _query(connection: Any, statement: str, *arguments: Any) -> tuple[list[tuple[Any, ...]], float]:
    started = monotonic_seconds()
    rows = await connection.fetch(statement, *arguments)
    seconds = monotonic_seconds() - started
    return [tuple(row) for row in rows], seconds


def _cells(answer: Any) -> list[tuple[Any, ...]]:
    return [
        (total["currency"], index, bucket["count"], int(Decimal(bucket["amount"]) * 100))
        for total in answer["totals"]
        for index, bucket in enumerate(total["buckets"])
        if bucket["count"]
    ]
