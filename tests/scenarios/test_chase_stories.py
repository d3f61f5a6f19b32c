"""Random stories of a chase through the API: whatever happens, nobody is written to who must not be, nor twice."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.money import format_amount
from tests.scenarios.chase_portfolios import BEGINNINGS, WINDOWS, debts, policies
from tests.scenarios.chase_stories import Chase
from tests.scenarios.chases import CAST, RULES, ChaseOffice, wire


@pytest.mark.slow
def test_random_chases(chase_office: ChaseOffice) -> None:
    Chase.office = chase_office
    machine = Chase.TestCase
    machine.settings = settings(
        max_examples=9,
        stateful_step_count=10,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine("runTest").runTest()


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    policy=policies,
    cast=st.lists(st.sampled_from(range(len(CAST))), min_size=2, max_size=3, unique=True),
    owed=st.lists(debts, min_size=4, max_size=8),
    window=st.sampled_from(WINDOWS),
    wait=st.integers(1, 5),
)
def test_a_preview_is_what_happens(
    chase_office: ChaseOffice,
    policy: dict[str, Any],
    cast: list[int],
    owed: list[tuple[int, str, int, int, int]],
    window: dict[str, Any],
    wait: int,
) -> None:
    """Where nothing comes between, a run that was approved sends what it has shown: to whom, how, when and how much."""
    office, begins = chase_office, BEGINNINGS[0]
    office.provider.begin()

    async def story() -> tuple[list[Any], list[Any]]:
        api = await office.tenant()
        body = {"contact_rules": RULES, "send_window": window, "max_contacts_per_day": None, "dunning_mode": "runs"}
        await api.patch("/tenant", body)
        await api.policy([], **policy)
        customers = [
            await api.customer(
                **CAST[place].fields,
                contacts=[{"channels": [{"type": "email", "address": f"c{place}@example.com", "consent": "granted"}]}],
            )
            for place in cast
        ]
        for who, currency, minor, due_in, age in owed:
            due_on = begins.date() + timedelta(days=due_in)
            issued_on = min(due_on, begins.date()) - timedelta(days=age)
            customer_id = customers[who % len(customers)]["id"]
            amount = format_amount(minor, currency)
            await api.invoice(customer_id, amount, issued_on.isoformat(), due_on.isoformat(), currency=currency)
        await api.advance(wire(begins + timedelta(days=wait)))
        assert await api.all("/reminders") == [], "sent without a run"
        run = await api.post("/dunning-runs", {})
        shown = await api.all(f"/dunning-runs/{run['id']}/items")
        await api.post(f"/dunning-runs/{run['id']}/approve", expect=200)
        await api.advance(wire(begins + timedelta(days=wait + 1)))
        return shown, await api.all("/reminders")

    def told(one: Any, parts: str, at: str) -> tuple[Any, ...]:
        names = "customer_id", "policy_version", "currency", "channel", "to", "language", "template", "total_due"
        about = sorted((part["case_id"], part["step_key"], part["cycle"], part["amount"]) for part in one[parts])
        return *(one[name] for name in names), one[at], about

    shown, reminders = office.run(story())
    assert {reminder["status"] for reminder in reminders} <= {"sent"}
    sent = sorted(told(reminder, "items", "sent_at") for reminder in reminders)
    assert sorted(told(item, "cases", "planned_at") for item in shown) == sent
