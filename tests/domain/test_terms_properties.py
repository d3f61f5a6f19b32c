from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.domain.terms import Offset, Part, Terms, due_dates, schedule
from app.domain.workdays import Calendar, Convention, is_working_day

WEEKENDS = Calendar()
# Many holidays, some of them beside a weekend or at the end of a month.
BUSY = Calendar(
    frozenset(
        date(year, month, day)
        for year in range(2024, 2032)
        for month in range(1, 13)
        for day in (1, 6, 16, 31)
        if day < 31 or month in (1, 3, 5, 7, 8, 10, 12)
    )
)

PAY_DAYS = st.lists(st.integers(1, 31) | st.just(-1), min_size=1, max_size=4).map(tuple)
SPAN = st.integers(0, 100)
OFFSETS = st.one_of(
    st.builds(Offset, st.just("net"), SPAN, st.integers(0, 14)),
    st.builds(Offset, st.just("end_of_month"), SPAN, st.integers(0, 14), SPAN, st.just(()) | PAY_DAYS),
    st.builds(Offset, st.just("pay_days"), SPAN, st.integers(0, 14), st.just(0), PAY_DAYS),
)
ROLLS: tuple[Convention, ...] = ("none", "following", "preceding", "modified_following")
CONVENTIONS = st.sampled_from(ROLLS)
ISSUED = st.dates(date(2024, 1, 1), date(2028, 12, 31))
CALENDARS = st.sampled_from([WEEKENDS, BUSY])


@st.composite
def in_instalments(draw: st.DrawFn) -> tuple[Terms, int]:
    """Terms of some percents, and a last instalment that takes what they leave; a total of which none can vanish."""
    offsets = draw(st.lists(OFFSETS, min_size=1, max_size=6))
    smallest, totals = draw(st.sampled_from([(Fraction(1), (50, 500)), (Fraction(1, 10_000), (10**6, 10**12))]))
    percents = st.integers(1, int(16 / smallest)).map(lambda number: number * smallest)
    parts = [Part(offset, draw(percents)) for offset in offsets[1:]]
    terms = Terms(Offset(), draw(CONVENTIONS), parts=(*parts, Part(offsets[0], remainder=True)))
    return terms, draw(st.integers(*totals))


@given(in_instalments(), ISSUED, CALENDARS)
def test_parts_add_up_and_come_in_order_of_dates(drawn: tuple[Terms, int], issued_on: date, calendar: Calendar) -> None:
    terms, total = drawn
    parts = schedule(terms, issued_on, total, calendar)
    assert sum(part.amount_minor for part in parts) == total
    assert min(part.amount_minor for part in parts) > 0
    assert [(part.due_on, part.nominal_on) for part in parts] == list(due_dates(terms, issued_on, calendar))
    due_on = [part.due_on for part in parts]
    assert due_on == sorted(due_on)
    assert [part.number for part in parts] == list(range(1, len(terms.parts) + 1))


@given(st.builds(Terms, OFFSETS, CONVENTIONS), ISSUED, CALENDARS)
def test_due_dates_follow_the_issue_and_are_worked(terms: Terms, issued_on: date, calendar: Calendar) -> None:
    (found,) = due_dates(terms, issued_on, calendar)
    assert issued_on <= found.due_on
    assert issued_on <= found.nominal_on
    assert found.due_on == found.nominal_on if terms.roll == "none" else is_working_day(found.due_on, calendar)


@given(st.builds(Terms, OFFSETS, CONVENTIONS), ISSUED, CALENDARS)
def test_an_invoice_issued_later_is_not_due_earlier(terms: Terms, issued_on: date, calendar: Calendar) -> None:
    (first,) = due_dates(terms, issued_on, calendar)
    (second,) = due_dates(terms, issued_on + timedelta(days=1), calendar)
    assert first.due_on <= second.due_on


@given(OFFSETS.filter(lambda offset: bool(offset.pay_days)), ISSUED)
def test_pay_days_are_kept(offset: Offset, issued_on: date) -> None:
    (found,) = due_dates(Terms(offset), issued_on, WEEKENDS)
    is_last = (found.due_on + timedelta(days=1)).day == 1
    latest = 31 if -1 in offset.pay_days else max(offset.pay_days)
    assert found.due_on.day in offset.pay_days or (is_last and found.due_on.day < latest) or (is_last and latest == 31)
