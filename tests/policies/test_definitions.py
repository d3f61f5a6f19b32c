"""What the API stores is what the engine reads."""

from collections.abc import Callable
from datetime import time
from fractions import Fraction
from typing import Any
from uuid import UUID

from app.domain.policy import CatchUp, Fee, Grouping, LateEntry, Policy, Step
from app.domain.windows import SendWindow
from app.dunning.definitions import load_policies
from tests.conftest import Api
from tests.policies.steps import policy, step


async def test_a_published_version_is_what_the_engine_reads(api: Api, unit_of_work: Callable[[UUID], Any]) -> None:
    fee = {"kind": "percent", "percent": "2.5", "min": "1", "max": "9.5"}
    body = policy(
        grouping="invoice",
        catch_up="skip",
        late_entry="highest",
        min_gap_days=2,
        min_amount={"MXN": "100"},
        send_window={"start": "10:00", "end": "16:30", "days": ["fri", "mon"]},
        calendar="MX",
        steps=[step(-3, min_amount={"JPY": "5"}), step(5, fee=fee, requires_approval=True)],
    )
    made = await api.post("/dunning-policies", body)
    await api.post(f"/dunning-policies/{made['id']}/publish", expect=200)
    key = (UUID(made["id"]), 1)
    async with unit_of_work(api.tenant_id) as uow:
        read = (await load_policies(uow, {key}))[key]
    assert read == Policy(
        id=key[0],
        version=1,
        grouping=Grouping.invoice,
        catch_up=CatchUp.skip,
        late_entry=LateEntry.highest,
        min_gap_days=2,
        min_amount={"MXN": 100_00},
        send_window=SendWindow(time(10), time(16, 30), frozenset({0, 4})),
        calendar="MX",
        steps=(
            Step("d-3", -3, ("email",), "first_notice", {"JPY": 5}, None, requires_approval=False),
            Step(
                "d+5",
                5,
                ("email",),
                "first_notice",
                {},
                Fee("MXN", None, Fraction(5, 2), 1_00, 9_50),
                requires_approval=True,
            ),
        ),
    )
