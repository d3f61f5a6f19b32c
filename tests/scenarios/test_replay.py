"""A portfolio replayed day by day through the API gives the figures that a few lines of arithmetic give."""

import csv
import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from examples.replay_receivables import STEPS, Receivable, Tenant, read, replay
from tests.conftest import MakeApi

AGING_ON = (date(2023, 3, 31), date(2023, 5, 15), date(2023, 6, 30))


def write_file(path: Path, count: int, seed: int) -> list[Receivable]:
    """A file in the form that the program reads, the same in every run."""
    rng = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["customerID", "invoiceNumber", "InvoiceDate", "DueDate", "InvoiceAmount", "SettledDate"])
        for number in range(count):
            issued_on = date(2023, 1, 10) + timedelta(days=rng.randrange(90))
            due_on = issued_on + timedelta(days=30)
            settled_on = issued_on + timedelta(days=rng.choice([5, 20, 30, 31, 32, 37, 38, 39, 45, 46, 60, 61, 75]))
            days = [f"{day.month}/{day.day}/{day.year}" for day in (issued_on, due_on)]
            settled = f"{settled_on.month}/{settled_on.day}/{settled_on.year}"
            amount = f"{rng.randrange(100, 20000) / Decimal(100)}"
            writer.writerow([f"C{rng.randrange(15)}", f"N{number:04}", *days, amount, settled])
    return read(path)


def expected_steps(rows: list[Receivable]) -> dict[str, int]:
    """A step goes out on its day unless the invoice was settled by then: a payment on the day silences it."""
    return {
        key: sum(row.settled_on > row.due_on + timedelta(days=offset) for row in rows) for key, offset in STEPS.items()
    }


def expected_aging(rows: list[Receivable], as_of: date) -> dict[str, tuple[int, Decimal]]:
    """Open are those issued by the date and settled after it."""
    counts, amounts = Counter[str](), Counter[str]()
    for row in rows:
        if row.issued_on <= as_of < row.settled_on:
            late = (as_of - row.due_on).days
            label = next(name for name, last in (("current", 0), ("1-30", 30), ("31-60", 60)) if late <= last)
            counts[label] += 1
            amounts[label] += Decimal(row.amount)  # type: ignore[assignment]  # a Counter adds what it is given
    return {label: (counts[label], Decimal(amounts[label])) for label in counts}


def told_aging(report: dict[str, Any]) -> dict[str, tuple[int, Decimal]]:
    """The buckets of a report that hold something."""
    return {
        bucket["label"]: (bucket["count"], Decimal(bucket["amount"]))
        for total in report["totals"]
        for bucket in total["buckets"]
        if bucket["count"]
    }


@pytest.mark.slow
async def test_a_replayed_portfolio_gives_the_expected_figures(make_api: MakeApi, tmp_path: Path) -> None:
    rows = write_file(tmp_path / "receivables.csv", 120, seed=11)
    api = await make_api(clock_at=datetime(2023, 1, 1, tzinfo=UTC))
    figures = await replay(Tenant(api.client, api.key), rows, aging_on=AGING_ON)
    assert figures["by_step"] == expected_steps(rows)
    assert figures["sent_for_paid_invoices"] == 0
    for day in AGING_ON:
        assert told_aging(figures["aging"][day.isoformat()]) == expected_aging(rows, day)
    assert all(count > 0 for count in figures["by_step"].values()), "the file must reach every step"


@pytest.mark.slow
@pytest.mark.skipif("PUNTUAL_RECEIVABLES_FILE" not in os.environ, reason="PUNTUAL_RECEIVABLES_FILE names no file")
async def test_a_file_of_your_own_gives_the_expected_figures(make_api: MakeApi) -> None:
    rows = read(Path(os.environ["PUNTUAL_RECEIVABLES_FILE"]))
    start = datetime(min(row.issued_on for row in rows).year, 1, 1, tzinfo=UTC)
    api = await make_api(clock_at=start)
    figures = await replay(Tenant(api.client, api.key), rows)
    assert figures["by_step"] == expected_steps(rows)
    assert figures["sent_for_paid_invoices"] == 0
