"""What holds of plans, whatever is asked, paid and when (rules P1 to P4, M8, M9)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import get_args

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.domain.interest import DayCount
from app.domain.plan import (
    Agreement,
    FeePlacement,
    Frequency,
    InterestKind,
    PlanAsk,
    PlanError,
    PlanInterest,
    Quote,
    Surplus,
)
from app.domain.plan_payments import fill, payoff
from app.domain.plan_quote import quote
from app.domain.plan_state import judge
from app.domain.states import INSTALMENT
from app.domain.workdays import Calendar, Convention

START = date(2026, 1, 15)
DAYS = st.integers(0, 420).map(lambda number: START + timedelta(days=number))
PAYMENTS = st.lists(st.tuples(DAYS, st.integers(0, 60_000)), max_size=8)
SURPLUS = st.sampled_from(get_args(Surplus))
RANK = {"pending": 0, "due": 0, "missed": 0, "partially_paid": 1, "paid": 2, "waived": 2}
LATE = START + timedelta(days=2_000)


@st.composite
def offers(
    draw: st.DrawFn,
    most: int = 10**9,
    kinds: Sequence[InterestKind] = get_args(InterestKind),
    day_counts: Sequence[DayCount] = tuple(DayCount),
) -> Quote:
    kind = draw(st.sampled_from(kinds))
    rate = Fraction(draw(st.integers(1, 6_000)), 100) if kind != "none" else Fraction(0)
    principal = draw(st.integers(1, most))
    charges = draw(st.integers(0, most // 10))
    frequency: Frequency = draw(st.sampled_from(get_args(Frequency)))
    by_count = draw(st.booleans())
    roll: Convention = draw(st.sampled_from(get_args(Convention)))
    placement: FeePlacement = draw(st.sampled_from(get_args(FeePlacement)))
    try:
        ask = PlanAsk(
            "EUR",
            principal,
            START,
            START + timedelta(days=draw(st.integers(0, 45))),
            frequency,
            charges_minor=charges,
            charges_bear_interest=draw(st.booleans()),
            instalment_count=draw(st.integers(1, 14)) if by_count else None,
            instalment_minor=None if by_count else draw(st.integers(1 + principal // 14, 2 * principal)),
            down_payment_minor=draw(st.integers(0, (principal + charges - 1) // 2)),
            setup_fee_minor=draw(st.integers(0, 5_000)),
            fee_placement=placement,
            interest=PlanInterest(kind, rate, draw(st.sampled_from(day_counts))),
            roll=roll,
        )
        return quote(ask, Calendar())
    except PlanError:
        assume(False)
        raise


def agreement(offer: Quote, surplus: Surplus = "shorten", grace: int = 3, misses: int = 1) -> Agreement:
    return Agreement(offer.instalments, START, grace, misses, surplus, offer.ask.interest.day_count)


@settings(max_examples=60, deadline=None)
@given(offer=offers())
def test_instalments_add_up_to_principal_interest_and_fee(offer: Quote) -> None:
    rows = offer.instalments
    assert sum(row.principal_minor for row in rows) == offer.ask.covered_minor
    assert sum(row.fee_minor for row in rows) == offer.ask.setup_fee_minor
    assert sum(row.total_minor for row in rows) == offer.total_minor
    assert all(row.principal_minor > 0 and row.interest_minor >= 0 and row.fee_minor >= 0 for row in rows)
    assert all(before.due_on <= after.due_on for before, after in pairwise(rows))
    without_fee = {row.total_minor - row.fee_minor for row in rows if row.number}
    last = rows[-1].total_minor - rows[-1].fee_minor
    assert len(without_fee - {last}) <= 1
    assert offer.effective_annual_rate is None or (offer.effective_annual_rate > 0) <= (offer.cost_minor > 0)


@settings(max_examples=60, deadline=None)
@given(offer=offers(kinds=("declining",), day_counts=(DayCount.act_365,)))
def test_interest_on_what_is_left_is_rounded_once(offer: Quote) -> None:
    left = offer.ask.financed_minor
    before = START
    for row in offer.instalments:
        if row.number == 0:
            continue
        days = (row.nominal_on - before).days
        exact = left * offer.ask.bearing_share * offer.ask.interest.annual_rate * days / 36_500
        assert abs(row.interest_minor - exact) <= Fraction(1, 2)
        left -= row.principal_minor
        before = row.nominal_on
    assert left == 0


@settings(max_examples=60, deadline=None)
@given(offer=offers(100_000), payments=PAYMENTS, surplus=SURPLUS, order=st.randoms(use_true_random=False), today=DAYS)
def test_the_order_of_payments_does_not_matter(
    offer: Quote, payments: list[tuple[date, int]], surplus: Surplus, order: Random, today: date
) -> None:
    plan = agreement(offer, surplus)
    shuffled = list(payments)
    order.shuffle(shuffled)
    assert judge(plan, payments, today) == judge(plan, shuffled, today)
    split = [(on, part) for on, amount in payments for part in (amount // 3, amount - amount // 3)]
    assert judge(plan, payments, today) == judge(plan, split, today)


@settings(max_examples=60, deadline=None)
@given(offer=offers(100_000), payments=PAYMENTS, surplus=SURPLUS)
def test_every_unit_that_was_paid_is_somewhere(
    offer: Quote, payments: list[tuple[date, int]], surplus: Surplus
) -> None:
    found = fill(agreement(offer, surplus), payments, LATE).read(LATE)
    received = sum(amount for _, amount in payments)
    assert found.paid_minor <= received
    assert found.paid_minor == received or found.open_minor == 0
    assert found.paid_minor + found.open_minor + found.dropped_minor == offer.total_minor
    assert found.dropped_minor >= 0
    for share, row in zip(found.shares, offer.instalments, strict=True):
        assert 0 <= share.paid_minor <= share.total_minor <= row.total_minor
        assert share.open_minor == share.total_minor - share.paid_minor
        assert (share.paid_on is not None) == (share.open_minor == 0)


@settings(max_examples=60, deadline=None)
@given(
    offer=offers(100_000),
    payments=PAYMENTS,
    more=st.tuples(DAYS, st.integers(0, 60_000)),
    surplus=st.sampled_from(("shorten", "next")),
    today=DAYS,
)
def test_paying_more_never_makes_anything_worse(
    offer: Quote, payments: list[tuple[date, int]], more: tuple[date, int], surplus: Surplus, today: date
) -> None:
    plan = agreement(offer, surplus)
    before, after = judge(plan, payments, today), judge(plan, [*payments, more], today)
    for old, new in zip(before.instalments, after.instalments, strict=True):
        assert new.share.open_minor <= old.share.open_minor
        assert RANK[new.status] >= RANK[old.status]
        assert (new.status == "missed") <= (old.status == "missed")
    assert (after.status == "defaulted") <= (before.status == "defaulted")
    # Taking it back gives the former states back.
    assert judge(plan, payments, today) == before


@settings(max_examples=60, deadline=None)
@given(offer=offers(100_000), payments=PAYMENTS, surplus=SURPLUS, today=DAYS, grace=st.integers(0, 20))
def test_time_takes_instalments_along_their_machine(
    offer: Quote, payments: list[tuple[date, int]], surplus: Surplus, today: date, grace: int
) -> None:
    plan = agreement(offer, surplus, grace)
    old = judge(plan, payments, today)
    known = [payment for payment in payments if payment[0] <= today]
    new = judge(plan, known, today + timedelta(days=1))
    for before, after in zip(old.instalments, new.instalments, strict=True):
        assert after.status in {before.status} | INSTALMENT.transitions[before.status] or (
            (before.status, after.status) == ("pending", "missed") and grace == 0
        )
        assert before.share == after.share
    changed = [each.status for each in old.instalments] != [each.status for each in new.instalments]
    if (changed or new.status != old.status) and old.status == "active":
        assert old.wake_on == today + timedelta(days=1)
    if old.status != "active":
        assert new.status == old.status


@settings(max_examples=60, deadline=None)
@given(offer=offers(100_000), payments=PAYMENTS, surplus=SURPLUS, on=DAYS)
def test_what_pays_it_off_pays_it_off(
    offer: Quote, payments: list[tuple[date, int]], surplus: Surplus, on: date
) -> None:
    plan = agreement(offer, surplus)
    before = fill(plan, payments, on).read(on)
    owed = payoff(plan, payments, on)
    assert 0 <= owed.amount_minor <= before.open_minor
    assert owed.amount_minor == owed.principal_minor + owed.interest_minor
    assert owed.amount_minor + owed.dropped_minor == before.open_minor
    known = [payment for payment in payments if payment[0] <= on]
    found = fill(plan, [*known, (on, owed.amount_minor)], on).read(on)
    assert (found.open_minor, found.paid_minor) == (0, before.paid_minor + owed.amount_minor)
    if owed.amount_minor:
        assert fill(plan, [*known, (on, owed.amount_minor - 1)], on).read(on).open_minor > 0


@settings(max_examples=60, deadline=None)
@given(offer=offers(100_000), payments=PAYMENTS, today=DAYS)
def test_more_grace_and_more_misses_never_default_sooner(
    offer: Quote, payments: list[tuple[date, int]], today: date
) -> None:
    strict = agreement(offer, grace=0, misses=0)
    first = judge(strict, payments, today)
    for lenient in (replace(strict, grace_days=4), replace(strict, allowed_misses=1)):
        then = judge(lenient, payments, today)
        if then.status == "defaulted":
            assert first.status == "defaulted"
            assert first.changed_on is not None
            assert then.changed_on is not None
            assert first.changed_on <= then.changed_on
