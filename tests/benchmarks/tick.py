"""What a tick costs when ten times as much is open: the same due customers in a small and in a large portfolio."""

from dataclasses import dataclass, field

from app.core.clock import monotonic_seconds
from app.core.db import create_engine
from app.core.queue import SilentDoorbell
from app.core.uow import Database
from app.outbox.writer import OutboxWriter
from app.settlement.tick import tick
from tests.benchmarks.figures import Ratio, Report, median
from tests.benchmarks.portfolio import OPEN_EACH, Portfolio, portfolio
from tests.benchmarks.stage import BenchmarkError, Stage

_AIM = 1.2
_BATCHES_A_ROUND = 5


@dataclass(slots=True)
class _Side:
    """One of the two portfolios."""

    invoices: int
    portfolio: Portfolio
    database: Database
    rounds: list[float] = field(default_factory=list)
    reminders: int = 0


def sizes(stage: Stage) -> tuple[int, int, int]:
    """Open invoices of the small and the large portfolio, and due customers in each."""
    return (10_000, 100_000, 2_000) if stage.quick else (100_000, 1_000_000, 10_000)


async def run(stage: Stage) -> Report:
    """Measure in alternating rounds."""
    *both, due = sizes(stage)
    report = Report("tick", f"evaluating {due:,} due customers out of fewer and of more")
    sides = []
    for invoices in both:
        made = await portfolio(stage, invoices=invoices, due=due)
        report.add(f"writing {invoices:,} open cases", made.seconds, "s", "by SQL, with VACUUM ANALYZE")
        engine = create_engine(stage.settings(made.database))
        sides.append(_Side(invoices, made, Database(engine, OutboxWriter(), SilentDoorbell())))
    limit = stage.settings("puntual").tick_batch_size
    turns = due // (limit * _BATCHES_A_ROUND)
    for _ in range(turns):
        for side in sides:
            side.rounds.append(await _round(side, limit))
    for side in sides:
        await side.database.engine.dispose()
        if side.reminders != due:
            raise BenchmarkError(f"{side.reminders} reminders were made for {due} due customers")
        seconds, cases = sum(side.rounds), due * OPEN_EACH
        report.add(f"tick, {side.invoices:,} open", seconds, "s", f"{due:,} customers, {cases:,} cases")
        report.add(f"cases, {side.invoices:,} open", cases / seconds, "cases/s")
    value = median(large / small for small, large in zip(sides[0].rounds, sides[1].rounds, strict=True))
    report.ratios.append(Ratio(f"{both[1]:,} ÷ {both[0]:,} open", value, _AIM, "lower"))
    return report


async def _round(side: _Side, limit: int) -> float:
    started = monotonic_seconds()
    for _ in range(_BATCHES_A_ROUND):
        async with side.database.unit_of_work(side.portfolio.tenant_id) as uow:
            side.reminders += (await tick(uow, limit=limit)).reminders
    return monotonic_seconds() - started
