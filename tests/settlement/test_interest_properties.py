"""Whatever comes in which order, the interest that stands posted is that of the principal's final history (M6)."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.checks.invariants import INVARIANTS
from app.core.settings import Settings
from tests.conftest import Api, MakeApi
from tests.contract.catalogue import engine_of
from tests.settlement.lateness import AT_SETTLEMENT, MONTHLY, TABLE

DUE_ON = date(2026, 1, 20)
START = datetime(2026, 2, 10, 12, tzinfo=UTC)
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.integers(0, 120), st.integers(1, 120_000)),
        st.tuples(st.just("reverse"), st.integers(0, 9), st.integers(0, 60)),
        st.tuples(st.just("unallocate"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("advance"), st.integers(1, 40), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


def minor(text: str) -> int:
    return int(text.replace(".", ""))


def text(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


class Story:
    """One invoice of 1000.00 and what happens to it."""

    def __init__(self, api: Api, invoice: Any) -> None:
        self.api, self.invoice = api, invoice
        self.payments: list[Any] = []

    async def today(self) -> date:
        return date.fromisoformat((await self.api.get("/test-clock"))["now"][:10])

    async def open_minor(self) -> int:
        return minor((await self.api.get(f"/invoices/{self.invoice['id']}"))["open_amount"])

    async def pay(self, back: int, amount: int) -> None:
        amount = min(amount, await self.open_minor())
        if amount == 0:
            return
        on = max(date(2026, 1, 1), await self.today() - timedelta(days=back))
        allocations = [{"invoice_id": self.invoice["id"], "amount": text(amount)}]
        self.payments.append(
            await self.api.pay(self.invoice["customer_id"], text(amount), on.isoformat(), allocations=allocations)
        )

    async def reverse(self, number: int, later: int) -> None:
        if not self.payments:
            return
        payment = self.payments.pop(number % len(self.payments))
        on = min(await self.today(), date.fromisoformat(payment["received_on"]) + timedelta(days=later))
        body = {"reason": "bounced", "reversed_on": on.isoformat()}
        await self.api.post(f"/payments/{payment['id']}/reverse", body, expect=200)

    async def unallocate(self, number: int) -> None:
        if self.payments:
            payment = self.payments.pop(number % len(self.payments))
            await self.api.call("POST", f"/payments/{payment['id']}/unallocate", json={})

    async def advance(self, days: int) -> None:
        now = datetime.fromisoformat((await self.api.get("/test-clock"))["now"])
        await self.api.advance((now + timedelta(days=days)).isoformat().replace("+00:00", "Z"))

    async def perform(self, name: str, first: int, second: int) -> None:
        match name:
            case "pay":
                await self.pay(first, second)
            case "reverse":
                await self.reverse(first, second)
            case "unallocate":
                await self.unallocate(first)
            case "advance":
                await self.advance(first)

    async def standing(self) -> list[Any]:
        charges = await self.api.all("/charges", invoice_id=self.invoice["id"], kind="interest")
        return [charge for charge in charges if charge["status"] in {"posted", "paid"}]

    async def earned(self, through_on: date) -> int:
        """A tenth of a percent for each day, of what was open at the end of the day before, day by day."""
        by_day: dict[date, int] = defaultdict(int)
        for entry in await self.api.all(f"/invoices/{self.invoice['id']}/ledger"):
            if entry["account"] == "principal":
                by_day[date.fromisoformat(entry["effective_on"])] += minor(entry["amount"])
        exact = Fraction(0)
        day = DUE_ON
        while day < through_on:
            exact += Fraction(max(0, sum(amount for on, amount in by_day.items() if on <= day)), 1000)
            day += timedelta(days=1)
        return int(exact + Fraction(1, 2))


async def begin(make_api: MakeApi, setting: Any, order: list[str]) -> Story:
    api = await make_api(clock_at=START)
    await api.post("/rate-tables", TABLE)
    await api.patch("/tenant", {"late_interest": setting, "allocation_order": order})
    customer = await api.customer()
    return Story(api, await api.invoice(customer["id"], "1000.00", "2026-01-01", DUE_ON.isoformat()))


async def broken(api: Api, config: Settings) -> list[str]:
    """Invariants that do not hold for the tenant."""
    found = []
    async with engine_of(config, admin=True) as engine, engine.connect() as connection:
        for invariant in INVARIANTS:
            if ":now" in invariant.violations or ":today" in invariant.violations or ":grace" in invariant.violations:
                continue
            statement = invariant.violations.replace(":tenant_id", f"'{api.tenant_id}'")
            rows = (await connection.exec_driver_sql(statement)).all()
            found += [f"{invariant.name}: {row}" for row in rows]
    return found


ORDERS = st.sampled_from([["interest", "fees", "principal"], ["principal", "interest", "fees"]])


@FEW
@given(setting=st.sampled_from([AT_SETTLEMENT, MONTHLY]), order=ORDERS, operations=OPERATIONS)
async def test_what_stands_posted_is_what_the_final_history_earned(
    make_api: MakeApi, settings: Settings, setting: Any, order: list[str], operations: list[tuple[str, int, int]]
) -> None:
    story = await begin(make_api, setting, order)
    for operation in operations:
        await story.perform(*operation)
        standing = await story.standing()
        invoice = await story.api.get(f"/invoices/{story.invoice['id']}")
        covered = [date.fromisoformat(charge["through_on"]) for charge in standing]
        posted = sum(minor(charge["amount"]) for charge in standing)
        if covered:
            assert posted == await story.earned(max(covered))
        if minor(invoice["principal_open"]) == 0:
            # Settled: nothing was forgotten.
            assert posted == await story.earned(await story.today())
        elif setting is MONTHLY:
            assert posted == await story.earned(
                max([(await story.today()).replace(day=1) - timedelta(days=1), *covered])
            )
        for charge in standing:
            assert sum(minor(segment["interest"]) for segment in charge["segments"]) == minor(charge["amount"])
    assert await broken(story.api, settings) == []


@FEW
@given(order=ORDERS, operations=OPERATIONS)
async def test_a_full_payment_in_time_leaves_no_interest(
    make_api: MakeApi, settings: Settings, order: list[str], operations: list[tuple[str, int, int]]
) -> None:
    story = await begin(make_api, MONTHLY, order)
    for operation in operations:
        await story.perform(*operation)
    for payment in list(story.payments):
        # The payments so far were meant for something else.
        await story.api.call("POST", f"/payments/{payment['id']}/unallocate", json={})
    principal = (await story.api.get(f"/invoices/{story.invoice['id']}"))["principal_open"]
    allocations = [{"invoice_id": story.invoice["id"], "amount": principal}]
    await story.api.pay(story.invoice["customer_id"], principal, DUE_ON.isoformat(), allocations=allocations)
    # Days on which it was settled and came back late have earned nothing either: it was never late.
    assert await story.open_minor() == 0
    assert sum(minor(charge["amount"]) for charge in await story.standing()) == await story.earned(await story.today())
    assert await broken(story.api, settings) == []
