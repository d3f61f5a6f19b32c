"""What holds of late interest, whatever the table, the balances and the stops (rule M8)."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.interest import Accrual, DayCount, Rate, RateBasis, RateTable, Rounding, accrue, days_between

D = date.fromisoformat
DAY = timedelta(days=1)
DATES = st.dates(D("2023-01-01"), D("2026-12-31"))
PRINCIPALS = st.integers(0, 10**12)
ACTUAL = (DayCount.act_365, DayCount.act_360, DayCount.act_act)
BALANCES = st.lists(st.tuples(DATES, PRINCIPALS), max_size=5)
STOPS = st.lists(st.tuples(DATES, DATES).map(lambda ends: (min(ends), max(ends))), max_size=3)


@st.composite
def tables(
    draw: st.DrawFn, bases: tuple[RateBasis, ...] = tuple(RateBasis), counts: tuple[DayCount, ...] = tuple(DayCount)
) -> RateTable:
    days = draw(st.lists(DATES, unique=True, max_size=4))
    rates = [draw(st.integers(0, 5_000)) for _ in range(len(days) + 1)]
    return RateTable(
        code="own",
        day_count=draw(st.sampled_from(counts)),
        rates=tuple(Rate(on, Fraction(rate, 100)) for on, rate in zip([date.min, *sorted(days)], rates, strict=True)),
        rate_basis=draw(st.sampled_from(bases)),
        rounding=draw(st.sampled_from(Rounding)),
        cap_percent=draw(st.none() | st.integers(0, 50).map(Fraction)),
    )


def days_of(first: date, last: date) -> list[date]:
    return [first + DAY * number for number in range((last - first).days + 1)]


@settings(max_examples=60, deadline=None)
@given(rates=tables((RateBasis.each_day, RateBasis.at_start)), balances=BALANCES, due=DATES, span=st.integers(0, 800),
       stops=STOPS)  # fmt: skip
def test_interest_is_what_its_days_earn_one_by_one(
    rates: RateTable, balances: list[tuple[date, int]], due: date, span: int, stops: list[tuple[date, date]]
) -> None:
    accrual = accrue(rates, balances, due, due + DAY * span, stops)
    exact = Fraction(0)
    daily = 0
    for day in days_of(due + DAY, due + DAY * span):
        past = [(on, number, principal) for number, (on, principal) in enumerate(balances) if on < day]
        principal = max(past)[2] if past else 0
        if any(start <= day <= end for start, end in stops):
            continue
        rate = rates.rate_on(due + DAY if rates.rate_basis is RateBasis.at_start else day)
        leap = day.year % 4 == 0  # no century in range
        year = {"act_365": 365, "act_360": 360, "act_act": 366 if leap else 365, "30_360": 360}[rates.day_count]
        weight = days_between(rates.day_count, due, day) - days_between(rates.day_count, due, day - DAY)
        earned = principal * rate / 100 / year
        exact += earned * weight
        daily += int(earned + Fraction(1, 2)) * weight
    assert accrual.exact == exact == sum(segment.exact for segment in accrual.segments)
    uncapped = daily if rates.rounding is Rounding.daily else int(exact + Fraction(1, 2))
    assert accrual.is_capped or accrual.amount_minor == uncapped
    assert not accrual.is_capped or accrual.amount_minor < uncapped


@settings(max_examples=60, deadline=None)
@given(rates=tables(), balances=BALANCES, due=DATES, through=DATES, split=DATES, stops=STOPS)
def test_a_split_at_any_date_keeps_the_total_and_the_days(
    rates: RateTable,
    balances: list[tuple[date, int]],
    due: date,
    through: date,
    split: date,
    stops: list[tuple[date, date]],
) -> None:
    whole = accrue(rates, balances, due, through, stops)
    before = accrue(rates, balances, due, through, [*stops, (split + DAY, date.max)])
    after = accrue(rates, balances, due, through, [*stops, (date.min, split)])
    assert before.exact + after.exact == whole.exact
    assert sum(one.days for one in (*before.segments, *after.segments)) == sum(one.days for one in whole.segments)


@settings(max_examples=60, deadline=None)
@given(rates=tables((RateBasis.each_day,), counts=ACTUAL), balances=BALANCES, dates=st.tuples(DATES, DATES, DATES))
def test_actual_days_may_be_posted_in_two_parts(
    rates: RateTable, balances: list[tuple[date, int]], dates: tuple[date, date, date]
) -> None:
    due, middle, through = sorted(dates)
    parts = accrue(rates, balances, due, middle), accrue(rates, balances, middle, through)
    assert parts[0].exact + parts[1].exact == accrue(rates, balances, due, through).exact


@settings(max_examples=60, deadline=None)
@given(rates=tables(), balances=BALANCES, due=DATES, through=DATES, stops=STOPS)
def test_interest_is_never_negative_nor_over_its_cap_and_segments_are_in_order(
    rates: RateTable, balances: list[tuple[date, int]], due: date, through: date, stops: list[tuple[date, date]]
) -> None:
    accrual = accrue(rates, balances, due, through, stops)
    assert accrual.amount_minor >= 0
    assert all(segment.days >= 0 and segment.exact >= 0 for segment in accrual.segments)
    edges = [edge for segment in accrual.segments for edge in (segment.from_on, segment.through_on + DAY)]
    assert edges == sorted(edges)
    assert all(due < segment.from_on <= segment.through_on <= through for segment in accrual.segments)
    if rates.cap_percent is not None:
        largest = max((segment.principal_minor for segment in accrual.segments), default=0)
        assert accrual.amount_minor <= largest * rates.cap_percent / 100
    nothing = accrue(rates, [(on, 0) for on, _ in balances], due, through, stops)
    assert nothing == Accrual((), Fraction(0), 0)


@settings(max_examples=60, deadline=None)
@given(rates=tables((RateBasis.each_day, RateBasis.at_start)), principal=PRINCIPALS, part=st.integers(0, 100),
       due=DATES, payments=st.tuples(DATES, DATES), through=DATES, stops=STOPS)  # fmt: skip
def test_an_earlier_payment_never_raises_interest(
    rates: RateTable,
    principal: int,
    part: int,
    due: date,
    payments: tuple[date, date],
    through: date,
    stops: list[tuple[date, date]],
) -> None:
    left = principal * part // 100
    earlier, later = (
        accrue(rates, [(date.min, principal), (paid, left)], due, through, stops) for paid in sorted(payments)
    )
    assert earlier.exact <= later.exact
    assert earlier.amount_minor <= later.amount_minor


@given(rates=tables(), principal=PRINCIPALS, due=DATES, early=st.integers(0, 400), through=DATES)
def test_a_full_payment_in_time_earns_nothing(
    rates: RateTable, principal: int, due: date, early: int, through: date
) -> None:
    accrual = accrue(rates, [(date.min, principal), (due - DAY * early, 0)], due, through)
    assert accrual == Accrual((), Fraction(0), 0)
