"""Legal contact profiles: hours, days and limits, the minute and the day before, at and after each (rules D6, T4, T5).

2026: 1 March, 5 April, 6 September and 1 November are Sundays.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendars import holidays_of
from app.domain.chase import evaluate
from app.domain.contact_profiles import PROFILES
from app.domain.contact_rules import Attempt, Contact, first_allowed_on
from app.domain.schedule import Schedule, ZoneHours
from app.domain.verdicts import Address
from app.domain.windows import ALWAYS, SendWindow, WeeklyHours
from tests.domain.chasing import MADRID, D, at, case, codes, facts, going_out, judged, policy, step, until, utc

BOGOTA = ZoneInfo("America/Bogota")
SANTIAGO = ZoneInfo("America/Santiago")
LIMA = ZoneInfo("America/Lima")
TIJUANA = ZoneInfo("America/Tijuana")
NEW_YORK = ZoneInfo("America/New_York")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
ZONES = {
    "co_ley_2300": BOGOTA,
    "cl_19496": SANTIAGO,
    "pe_29571": LIMA,
    "mx_condusef": TIJUANA,
    "us_reg_f": NEW_YORK,
}


def version(profile: str, on: str = "2026-03-02") -> Any:
    return PROFILES[profile].on(D(on))


def bound(profile: str, *, zone: ZoneInfo | None = None, **fields: Any) -> dict[str, Any]:
    """The facts of a customer under a profile, whose tenant sets no limits of its own."""
    rules = version(profile)
    return {
        "tenant_zone": zone or ZONES[profile],
        "customer_zone": zone or ZONES[profile],
        "tenant_window": ALWAYS,
        "rules": rules,
        "rule_holidays": holidays_of(rules.calendar),
        **fields,
    }


def address(channel: str, consent: str = "granted") -> Address:
    return Address(channel, "x", consent, preferred=False, name=None)


def leaves(profile: str, local: str, *, channel: str = "email", **fields: Any) -> bool:
    """Whether a step that has been due for years goes out at a local time."""
    known = bound(profile, addresses=(address(channel),), **fields)
    due = case(1, policy(step(1, channels=(channel,))), "2020-01-01")
    return judged(at(local, known["customer_zone"]), due, **known).sendable


# Hours ----------------------------------------------------------------------------------------------------------------

EDGES = [
    # profile, channel, local time of the first minute, local time of the first minute after
    ("co_ley_2300", "email", "2026-03-02T07:00", "2026-03-02T19:00"),  # Monday
    ("co_ley_2300", "email", "2026-03-06T07:00", "2026-03-06T19:00"),  # Friday
    ("co_ley_2300", "phone", "2026-03-07T08:00", "2026-03-07T15:00"),  # Saturday
    ("cl_19496", "email", "2026-03-02T08:00", "2026-03-02T20:00"),
    ("cl_19496", "phone", "2026-03-07T08:00", "2026-03-07T20:00"),  # Saturday
    ("pe_29571", "phone", "2026-03-06T07:00", "2026-03-06T20:00"),
    ("pe_29571", "visit", "2026-03-02T07:00", "2026-03-02T20:00"),
    ("mx_condusef", "email", "2026-03-08T07:00", "2026-03-08T22:00"),  # Sunday, and the clocks go ahead in Tijuana
    ("mx_condusef", "phone", "2026-11-01T07:00", "2026-11-01T22:00"),  # Sunday, and they go back
    ("us_reg_f", "email", "2026-03-08T08:00", "2026-03-08T21:00"),  # Sunday, and the clocks go ahead
    ("us_reg_f", "email", "2026-11-01T08:00", "2026-11-01T21:00"),  # Sunday, and they go back
    ("us_reg_f", "phone", "2028-02-29T08:00", "2028-02-29T21:00"),  # leap day
]


@pytest.mark.parametrize(("profile", "channel", "opens", "closes"), EDGES)
def test_hours_open_at_their_first_minute_and_close_at_their_end(
    profile: str, channel: str, opens: str, closes: str
) -> None:
    minute = timedelta(minutes=1)
    zone = ZONES[profile]
    times = [at(opens, zone) - minute, at(opens, zone), at(closes, zone) - minute, at(closes, zone)]
    locals_ = [time.astimezone(zone).replace(tzinfo=None).isoformat() for time in times]
    assert [leaves(profile, local, channel=channel) for local in locals_] == [False, True, True, False]


CLOSED = [
    ("co_ley_2300", "email", "2026-03-08T12:00"),  # Sunday
    ("co_ley_2300", "email", "2026-03-23T12:00"),  # Saint Joseph, moved to a Monday
    ("co_ley_2300", "email", "2026-03-07T16:00"),  # Saturday afternoon, open on other days
    ("cl_19496", "email", "2026-04-05T12:00"),  # Sunday
    ("cl_19496", "phone", "2026-04-03T12:00"),  # Good Friday
    ("cl_19496", "email", "2026-04-04T12:00"),  # and the Saturday after it
    ("cl_19496", "email", "2026-09-18T12:00"),  # the national day, a Friday
    ("pe_29571", "phone", "2026-03-07T12:00"),  # Saturday
    ("pe_29571", "phone", "2026-03-08T12:00"),  # Sunday
    ("pe_29571", "visit", "2026-07-28T12:00"),  # the national day, a Tuesday
]
OPEN = [
    ("co_ley_2300", "email", "2026-03-24T12:00"),  # the day after the holiday
    ("pe_29571", "email", "2026-03-08T03:00"),  # what is written is free, by day and by night
    ("pe_29571", "sms", "2026-07-28T12:00"),
    ("mx_condusef", "email", "2026-03-16T12:00"),  # a holiday in Mexico
    ("us_reg_f", "phone", "2026-07-04T12:00"),
]


@pytest.mark.parametrize(("profile", "channel", "local"), CLOSED)
def test_sundays_and_holidays_are_closed_where_the_law_closes_them(profile: str, channel: str, local: str) -> None:
    assert not leaves(profile, local, channel=channel)


@pytest.mark.parametrize(("profile", "channel", "local"), OPEN)
def test_other_days_are_open(profile: str, channel: str, local: str) -> None:
    assert leaves(profile, local, channel=channel)


OPENINGS = [
    # now, zone, first instant of the next opening
    ("co_ley_2300", "2026-03-07T15:00", BOGOTA, "2026-03-09T12:00"),  # Saturday's end; Bogotá is at UTC-5 all year
    ("co_ley_2300", "2026-03-21T15:00", BOGOTA, "2026-03-24T12:00"),  # Sunday, then the holiday
    ("cl_19496", "2026-04-02T20:00", SANTIAGO, "2026-04-06T12:00"),  # Easter; UTC-3 until Saturday, UTC-4 after
    ("cl_19496", "2026-09-05T20:00", SANTIAGO, "2026-09-07T11:00"),  # and back to UTC-3
    ("us_reg_f", "2026-03-07T21:00", NEW_YORK, "2026-03-08T12:00"),  # UTC-4 from that Sunday on
    ("us_reg_f", "2026-10-31T21:00", NEW_YORK, "2026-11-01T13:00"),  # UTC-5 again
    ("us_reg_f", "2026-03-28T21:00", MADRID, "2026-03-29T06:00"),  # the profile in a zone of its own
    ("us_reg_f", "2026-10-24T21:00", MADRID, "2026-10-25T07:00"),
]


@pytest.mark.parametrize(("profile", "now", "zone", "opens"), OPENINGS)
def test_a_closed_window_tells_when_it_opens_over_changes_of_the_clocks(
    profile: str, now: str, zone: ZoneInfo, opens: str
) -> None:
    due = case(1, policy(step(1)), "2020-01-01")
    verdict = judged(at(now, zone), due, **bound(profile, zone=zone, addresses=(address("email"),)))
    assert (codes(verdict), until(verdict)) == (["outside_window"], utc(opens))


def test_the_narrowest_of_all_windows_holds() -> None:
    own: dict[str, Any] = {
        "tenant_window": SendWindow.of("09:00", "18:00", range(6)),
        "customer_window": SendWindow.of("10:00", "24:00", [5]),
    }
    times = {"09:59": False, "10:00": True, "14:59": True, "15:00": False}
    assert {time: leaves("co_ley_2300", f"2026-03-07T{time}", **own) for time in times} == times
    assert not leaves("co_ley_2300", "2026-03-06T12:00", **own)
    assert not leaves("co_ley_2300", "2026-03-02T12:00", customer_window=SendWindow.of("20:00", "21:00", range(7)))


def test_a_profile_without_rules_leaves_the_tenants_own() -> None:
    due = case(1, policy(step(1)), "2020-01-01")
    assert judged(
        at("2026-03-08T03:00", BOGOTA), due, customer_zone=BOGOTA, tenant_zone=BOGOTA, tenant_window=ALWAYS
    ).sendable


# Several zones --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "open_"),
    [
        ("10:59", False),
        ("11:00", True),
        ("20:59", True),
        ("21:00", False),
    ],  # 8:00 on the west coast is 11:00 in the east
)
def test_the_hours_hold_in_every_zone_that_the_debtor_may_be_in(local: str, open_: bool) -> None:
    assert leaves("us_reg_f", f"2026-03-11T{local}", other_zones=(LOS_ANGELES,)) is open_


def test_other_zones_matter_to_the_profiles_that_say_so() -> None:
    assert leaves("co_ley_2300", "2026-03-11T07:00", other_zones=(LOS_ANGELES,))


def test_zones_that_never_wake_together_have_no_opening() -> None:
    hours = WeeklyHours.of([SendWindow.of("08:00", "12:00", range(7))])
    schedule = Schedule(hours, (), (ZoneHours(ZoneInfo("Asia/Tokyo"), hours),))
    found = schedule.opens_at(not_before=utc("2026-03-02T12:00"), on_or_after=D("2026-03-02"), zone=NEW_YORK)
    assert found is None


# Consent --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "consent", "blockers"),
    [
        ("co_ley_2300", "unknown", ["no_consent"]),
        ("co_ley_2300", "denied", ["no_consent"]),
        ("co_ley_2300", "granted", []),
        ("cl_19496", "unknown", []),
        ("cl_19496", "denied", ["no_consent"]),
    ],
)
def test_only_authorised_channels_where_the_law_says_so(profile: str, consent: str, blockers: list[str]) -> None:
    due = case(1, policy(step(1)), "2020-01-01")
    known = bound(profile, addresses=(address("email", consent),))
    assert codes(judged(at("2026-03-02T12:00", known["customer_zone"]), due, **known)) == blockers


def test_the_next_channel_takes_the_place_of_one_that_is_not_authorised() -> None:
    due = case(1, policy(step(1, channels=("email", "sms"))), "2020-01-01")
    known = bound("co_ley_2300", addresses=(address("email", "unknown"), address("sms")))
    verdict = judged(at("2026-03-02T12:00", BOGOTA), due, **known)
    assert verdict.address is not None
    assert (codes(verdict), verdict.address.channel) == ([], "sms")


# Limits ---------------------------------------------------------------------------------------------------------------

DEBT, OTHER = UUID(int=1), UUID(int=2)


def contact(on: str, channel: str = "email", *, spoken: bool = False, debts: tuple[UUID, ...] = ()) -> Contact:
    return Contact(D(on), channel, spoken, frozenset(debts))


ONE_A_DAY = [contact(f"2026-03-0{day}", "call", debts=(DEBT,)) for day in range(2, 9)]
LIMITS = [
    # profile, contacts, channel, asked for on, earliest on
    ("co_ley_2300", [], "email", "2026-03-04", "2026-03-04"),
    ("co_ley_2300", [contact("2026-03-03")], "email", "2026-03-04", "2026-03-04"),
    ("co_ley_2300", [contact("2026-03-04")], "email", "2026-03-04", "2026-03-05"),
    ("co_ley_2300", [contact("2026-03-04", "letter")], "phone", "2026-03-04", "2026-03-05"),
    # A letter that nobody answered is no direct contact; a talk on the telephone is one, until the week ends on Sunday.
    ("co_ley_2300", [contact("2026-03-02", "sms")], "email", "2026-03-04", "2026-03-04"),
    ("co_ley_2300", [contact("2026-03-02", "call", spoken=True)], "email", "2026-03-03", "2026-03-09"),
    ("co_ley_2300", [contact("2026-03-02", "call", spoken=True)], "email", "2026-03-08", "2026-03-09"),
    ("co_ley_2300", [contact("2026-03-02", "call", spoken=True)], "email", "2026-03-09", "2026-03-09"),
    ("co_ley_2300", [contact("2026-03-08", "call", spoken=True)], "email", "2026-03-09", "2026-03-09"),
    ("co_ley_2300", [contact("2026-03-02", "call", spoken=True)], "phone", "2026-03-03", "2026-03-03"),
    # Chile: one call or visit a week; two other messages a week, two days apart; neither counts for the other.
    ("cl_19496", [contact("2026-03-02", "visit")], "phone", "2026-03-08", "2026-03-09"),
    ("cl_19496", [contact("2026-03-01", "visit")], "phone", "2026-03-02", "2026-03-02"),
    ("cl_19496", [contact("2026-03-02", "visit")], "email", "2026-03-02", "2026-03-02"),
    ("cl_19496", [contact("2026-03-02")], "email", "2026-03-02", "2026-03-04"),
    ("cl_19496", [contact("2026-03-02")], "sms", "2026-03-03", "2026-03-04"),
    ("cl_19496", [contact("2026-03-02")], "sms", "2026-03-04", "2026-03-04"),
    ("cl_19496", [contact("2026-03-02"), contact("2026-03-04")], "email", "2026-03-06", "2026-03-09"),
    ("cl_19496", [contact("2026-03-05"), contact("2026-03-07")], "email", "2026-03-08", "2026-03-09"),
    ("cl_19496", [contact("2026-03-08")], "email", "2026-03-09", "2026-03-10"),
    ("pe_29571", [contact("2026-03-02", "phone")] * 9, "phone", "2026-03-02", "2026-03-02"),
    ("mx_condusef", [contact("2026-03-02", "phone")] * 9, "phone", "2026-03-02", "2026-03-02"),
    # United States: seven calls in seven days about one debt; none for a week from a conversation on.
    ("us_reg_f", [contact("2026-03-02", "call", debts=(DEBT,))] * 6, "phone", "2026-03-02", "2026-03-02"),
    ("us_reg_f", [contact("2026-03-02", "call", debts=(DEBT,))] * 7, "phone", "2026-03-08", "2026-03-09"),
    ("us_reg_f", [contact("2026-03-02", "call", debts=(DEBT,))] * 7, "phone", "2026-03-09", "2026-03-09"),
    ("us_reg_f", ONE_A_DAY, "phone", "2026-03-08", "2026-03-09"),
    ("us_reg_f", [contact("2026-03-02", "call", debts=(OTHER,))] * 7, "phone", "2026-03-02", "2026-03-02"),
    ("us_reg_f", [contact("2026-03-02", "call")] * 7, "phone", "2026-03-02", "2026-03-09"),
    ("us_reg_f", [contact("2026-03-02", "call", spoken=True, debts=(DEBT,))], "phone", "2026-03-08", "2026-03-09"),
    ("us_reg_f", [contact("2026-03-02", "call", spoken=True, debts=(DEBT,))], "phone", "2026-03-09", "2026-03-09"),
    ("us_reg_f", [contact("2026-03-02", "call", spoken=True, debts=(OTHER,))], "phone", "2026-03-03", "2026-03-03"),
    ("us_reg_f", [contact("2026-03-02", "call", spoken=True, debts=(DEBT,))], "email", "2026-03-02", "2026-03-02"),
    # Over a leap day.
    ("us_reg_f", [contact("2028-02-23", "call", spoken=True)], "phone", "2028-02-29", "2028-03-01"),
    ("cl_19496", [contact("2028-02-28")], "email", "2028-02-29", "2028-03-01"),
    ("co_ley_2300", [contact("2028-02-29")], "email", "2028-02-29", "2028-03-01"),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "contacts", "channel", "on", "earliest_on"), LIMITS)
def test_limits_count_days_weeks_and_debts(
    profile: str, contacts: list[Contact], channel: str, on: str, earliest_on: str
) -> None:
    asked = Attempt(D(on), channel, frozenset({DEBT}))
    assert first_allowed_on(version(profile), contacts, asked) == D(earliest_on)


CONTACTS = st.lists(
    st.builds(
        Contact,
        on=st.integers(-20, 0).map(lambda days: D("2026-03-18") + timedelta(days)),
        channel=st.sampled_from(["email", "sms", "call", "visit"]),
        is_conversation=st.booleans(),
        invoice_ids=st.frozensets(st.sampled_from([DEBT, OTHER])),
    ),
    max_size=20,
)


@given(
    profile=st.sampled_from(sorted(PROFILES)),
    contacts=CONTACTS,
    channel=st.sampled_from(["email", "sms", "phone"]),
    later=st.integers(0, 20),
)
def test_what_is_allowed_from_a_date_on_stays_allowed(
    profile: str, contacts: list[Contact], channel: str, later: int
) -> None:
    """Wake-ups rest on it: nothing but a new contact closes what time has opened."""
    today, debts = D("2026-03-18"), frozenset({DEBT, OTHER})
    rules = version(profile)

    def is_allowed(on: date) -> bool:
        return first_allowed_on(rules, contacts, Attempt(on, channel, debts)) == on

    earliest_on = first_allowed_on(rules, contacts, Attempt(today, channel, debts))
    assert is_allowed(earliest_on + timedelta(later))
    for days in range((earliest_on - today).days):
        assert not is_allowed(today + timedelta(days))


def test_a_limit_counts_for_all_of_a_customer_and_tells_until_when() -> None:
    peso = case(1, policy(step(1), number=1), "2020-01-01")
    dollar = case(2, policy(step(1), number=2), "2020-01-02", currency="USD")
    known = bound("cl_19496", contacts=(contact("2026-03-02"),))
    plan = evaluate(facts(at("2026-03-04T12:00", SANTIAGO), peso, dollar, **known))
    assert going_out(plan) == [[1]]
    waiting = next(verdict for verdict in plan.verdicts if verdict.case is dollar)
    # That one is the second of the week.
    assert (codes(waiting), until(waiting)) == (["contact_cap"], at("2026-03-09T08:00", SANTIAGO))


def test_a_limit_of_the_profile_and_of_the_tenant_are_both_kept() -> None:
    due = case(1, policy(step(1)), "2020-01-01")
    known = bound(
        "cl_19496", contacts=(contact("2026-03-02"), contact("2026-03-06")), max_contacts_per_day=1, contacts_today=1
    )
    verdict = judged(at("2026-03-06T12:00", SANTIAGO), due, **known)
    assert (codes(verdict), until(verdict)) == (["contact_cap"], at("2026-03-09T08:00", SANTIAGO))
