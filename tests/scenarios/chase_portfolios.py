"""Portfolios that random chases begin with: policies, windows, debts, holds and instruments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from app.domain.money import format_amount
from app.reminders.channels.base import Outcome
from tests.scenarios.chases import FEE, WEEK

OFFSETS = ([1, 3, 8], [-3, 0, 2, 6], [-5, -1, 1, 15], [0, 1, 2, 3, 4, 5])
WINDOWS = (
    {"start": "09:00", "end": "18:00", "days": WEEK[:5]},
    {"start": "00:00", "end": "24:00", "days": WEEK},
    {"start": "07:30", "end": "20:30", "days": WEEK[:6]},
    {"start": "18:30", "end": "24:00", "days": WEEK},
)
BEGINNINGS = (
    datetime(2026, 3, 2, 6, tzinfo=UTC),
    # The clocks of Madrid go forward on 03-29, those of Santiago back on 04-05, over Easter.
    datetime(2026, 3, 25, 15, tzinfo=UTC),
    # Santiago's midnight of 09-06 does not exist.
    datetime(2026, 9, 3, 20, tzinfo=UTC),
    datetime(2026, 10, 21, 9, tzinfo=UTC),
    # Over the holidays and the end of the year.
    datetime(2026, 12, 18, 23, tzinfo=UTC),
)
OUTCOMES = (
    (Outcome.not_sent, False),
    (Outcome.not_sent, True),
    (Outcome.refused, False),
    (Outcome.unknown, False),
    (Outcome.accepted, False),
)


currencies = st.sampled_from(["MXN", "MXN", "USD"])
amounts = st.integers(1_000, 300_000)
debts = st.tuples(st.integers(0, 2), currencies, amounts, st.sampled_from([-10, -4, -1, 0, 2, 6]), st.integers(0, 20))
holds = st.tuples(
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from([["contact"], ["contact"], ["escalation"], ["contact", "escalation"], ["charges"]]),
    st.integers(-2, 4),
    st.none() | st.integers(1, 10),
)
instruments = st.tuples(st.integers(0, 9), st.sampled_from([1000, 1000, 300]), st.integers(2, 12))
pauses = st.sampled_from([timedelta(hours=hours) for hours in (1, 7, 24, 24, 48, 72, 24 * 6, 24 * 15)])


def steps(offsets: list[int], *, fees: bool, approval: bool, channels: list[str]) -> list[dict[str, Any]]:
    """A ladder whose last step costs something and whose second one waits for approval, where that is asked for."""
    fee = {"kind": "flat", "currency": "MXN", "amount": format_amount(FEE["MXN"], "MXN")}
    return [
        {
            "key": f"d{offset:+d}",
            "offset_days": offset,
            "channels": channels,
            "template": "first_notice",
            "requires_approval": approval and place == 1,
            **({"fee": fee} if fees and place == len(offsets) - 1 else {}),
        }
        for place, offset in enumerate(offsets)
    ]


ladders = st.builds(
    steps,
    st.sampled_from(OFFSETS),
    fees=st.booleans(),
    approval=st.sampled_from([False, False, True]),
    channels=st.sampled_from([["email"], ["email"], ["email", "erp"]]),
)
policies = st.fixed_dictionaries({
    "steps": ladders,
    "grouping": st.sampled_from(["invoice", "customer"]),
    "catch_up": st.sampled_from(["highest", "one_at_a_time", "skip"]),
    "late_entry": st.sampled_from(["restart", "restart", "highest", "highest", "hold"]),
    "min_gap_days": st.sampled_from([0, 0, 1, 3]),
    "min_amount": st.sampled_from([{}, {}, {}, {"MXN": "1000.00"}]),
    "send_window": st.sampled_from([None, None, {"start": "10:00", "end": "19:30", "days": WEEK[:6]}]),
    "calendar": st.sampled_from([None, "MX"]),
})  # fmt: skip
