"""Whom to write to now, about what, and why not (rules D5, D6, D7, D13, D16, M4, T1, T4, T5): one table a rule.

March 2026 begins on a Sunday: the 2nd, 9th, 16th, 23rd and 30th are Mondays. Ordinary customers live in Mexico City
(UTC-6, no daylight saving), and messages leave from Monday to Friday between 09:00 and 18:00.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.chase import evaluate
from app.domain.errors import Code
from app.domain.policy import CatchUp, Grouping
from app.domain.verdicts import Address
from app.domain.windows import SendWindow
from tests.domain.chasing import (
    MADRID,
    TOKYO,
    WEEK,
    D,
    at,
    case,
    codes,
    facts,
    going_out,
    judged,
    key_of,
    ladder,
    policy,
    step,
    until,
    utc,
)

LEVELS = policy(5, 20, 40)
MONDAY = "2026-03-02"
NOON = at("2026-03-16T12:00")  # Monday, two weeks after it
EURO: dict[str, Any] = {"currency": "EUR"}


# D7, D13: levels and what stands against them ------------------------------------------------------------------------

LEVEL_DAYS = [
    # now, reached before, what goes out, next step, blockers
    ("2026-03-12T12:00", None, None, "d+5", ["not_due"]),
    ("2026-03-13T12:00", None, "d+5", "d+5", []),
    ("2026-03-16T12:00", None, "d+5", "d+5", []),
    ("2026-03-27T12:00", 5, None, "d+20", ["not_due"]),
    ("2026-03-30T12:00", 5, "d+20", "d+20", []),
    ("2026-03-30T12:00", 20, None, "d+40", ["not_due"]),
    ("2026-04-17T12:00", 20, "d+40", "d+40", []),
    ("2026-04-17T12:00", 40, None, None, ["exhausted"]),
]  # fmt: skip


@pytest.mark.parametrize(("now", "reached", "due", "following", "blockers"), LEVEL_DAYS)
def test_levels_at_5_20_and_40_days(
    now: str, reached: int | None, due: str | None, following: str | None, blockers: list[str]
) -> None:
    """Due on Sunday the 8th: the 5th day is Friday, the 20th is a Saturday, the 40th a Friday."""
    verdict = judged(at(now), case(1, LEVELS, ladder("2026-03-08", reached=reached)))
    assert (key_of(verdict.choice.due) if verdict.choice else None, key_of(verdict.next_step)) == (due, following)
    assert codes(verdict) == blockers
    assert verdict.sendable is (due is not None)


STANDING = [
    # what is special about the case, and about the customer; the blockers; None as the amount: untouched
    ({"status": "paid", "open_minor": 0}, {}, ["paid"], 0),
    ({"status": "void"}, {}, ["void"], 0),
    ({"status": "written_off"}, {}, ["written_off"], 0),
    ({"status": "draft"}, {}, ["not_due"], 0),
    ({"status": "partially_paid", "open_minor": 1}, {}, [], 1),
    ({"case_state": "exhausted"}, {}, ["exhausted"], 100_00),
    ({"case_state": "closed"}, {}, ["exhausted"], 100_00),
    ({"pending": Code.in_flight}, {}, ["in_flight"], 100_00),
    ({"pending": Code.awaiting_approval}, {}, ["awaiting_approval"], 100_00),
    ({"disputed_minor": 99_99}, {}, [], 1),
    ({"disputed_minor": 100_00}, {}, ["disputed"], 0),
    ({}, {"sending": "shadow"}, [], 100_00),
    ({}, {"sending": "paused"}, ["tenant_paused"], 100_00),
    ({}, {"unapplied": {"MXN": 99_99}}, [], 1),
    ({}, {"unapplied": {"MXN": 100_00}}, ["covered_by_unapplied_cash"], 0),
    ({}, {"unapplied": {"MXN": 100_01}}, ["covered_by_unapplied_cash"], 0),
    ({}, {"unapplied": {"EUR": 100_00}}, [], 100_00),
    ({"disputed_minor": 40_00}, {"unapplied": {"MXN": 60_00}}, ["covered_by_unapplied_cash"], 0),
    ({}, {"sending": "paused", "unapplied": {"MXN": 100_00}}, ["tenant_paused", "covered_by_unapplied_cash"], 0),
]  # fmt: skip


@pytest.mark.parametrize(("of_case", "of_customer", "blockers", "residual"), STANDING)
def test_what_stands_against_a_due_step(
    of_case: dict[str, Any], of_customer: dict[str, Any], blockers: list[str], residual: int
) -> None:
    verdict = judged(NOON, case(1, LEVELS, MONDAY, **of_case), **of_customer)
    assert (codes(verdict), verdict.residual_minor) == (blockers, residual)
    assert verdict.sendable is (not blockers)
    if blockers:
        assert verdict.wake_at is None, "only a new fact changes it"


def test_all_that_stands_against_a_step_is_told() -> None:
    """Blocked by the day of the week, the tenant, the residual and the address at once."""
    of = policy(step(5, min_amount={"MXN": 1}))
    verdict = judged(
        at("2026-03-15T12:00"),
        case(1, of, MONDAY, disputed_minor=100_00),
        sending="paused",
        addresses=(),
    )
    assert codes(verdict) == ["tenant_paused", "disputed", "min_amount", "no_address", "outside_window"]


# T4: the window ------------------------------------------------------------------------------------------------------

WINDOW_TIMES = [
    # now (the step is due on Friday the 13th), blockers, until or sent at
    ("2026-03-12T17:59", ["not_due"], "2026-03-13T09:00"),
    ("2026-03-13T08:59:59", ["outside_window"], "2026-03-13T09:00"),
    ("2026-03-13T09:00", [], "2026-03-13T09:00"),
    ("2026-03-13T17:59:59", [], "2026-03-13T17:59:59"),
    ("2026-03-13T18:00", ["outside_window"], "2026-03-16T09:00"),
    ("2026-03-14T12:00", ["outside_window"], "2026-03-16T09:00"),
    ("2026-03-16T09:00", [], "2026-03-16T09:00"),
]


@pytest.mark.parametrize(("now", "blockers", "opens"), WINDOW_TIMES)
def test_the_window_is_closed_at_its_end_and_on_weekends(now: str, blockers: list[str], opens: str) -> None:
    verdict = judged(at(now), case(1, LEVELS, "2026-03-08"))
    assert codes(verdict) == blockers
    assert verdict.earliest_at == verdict.wake_at == at(opens)
    assert [blocker.until for blocker in verdict.blockers] == [at(opens)] * len(blockers)


@pytest.mark.parametrize(
    ("own", "blockers", "opens"),
    [
        (SendWindow.of("15:00", "24:00", WEEK), ["outside_window"], "2026-03-16T15:00"),
        (SendWindow.of("00:00", "10:00", [4]), ["outside_window"], "2026-03-20T09:00"),
        (SendWindow.of("08:00", "13:00", WEEK), [], "2026-03-16T12:00"),
        (SendWindow.of("18:00", "24:00", WEEK), ["outside_window"], None),
        (SendWindow.of("09:00", "18:00", [5, 6]), ["outside_window"], None),
    ],
)
def test_a_policy_narrows_the_tenant_s_window(own: SendWindow, blockers: list[str], opens: str | None) -> None:
    verdict = judged(NOON, case(1, policy(5, send_window=own), MONDAY))
    assert codes(verdict) == blockers
    assert verdict.earliest_at == (at(opens) if opens else None)


def test_holidays_of_the_policy_s_calendar_are_closed() -> None:
    """The third Monday of March is a holiday in Mexico."""
    of = policy(5, calendar="MX")
    holidays = {"MX": {D("2026-03-16")}, "ES": {D("2026-03-17")}}
    verdict = judged(NOON, case(1, of, MONDAY), holidays=holidays)
    assert (codes(verdict), verdict.earliest_at) == (["outside_window"], at("2026-03-17T09:00"))
    assert judged(NOON, case(1, LEVELS, MONDAY), holidays=holidays).sendable


# T1: zones -----------------------------------------------------------------------------------------------------------

ZONE_TIMES = [
    # customer's zone, now there, blockers, until there; the step is on Friday the 13th of a tenant in Mexico
    # Tokyo is 15 hours ahead: the tenant's Friday begins there at 15:00.
    (TOKYO, "2026-03-12T12:00", ["not_due"], "2026-03-13T15:00"),
    (TOKYO, "2026-03-13T14:59", ["not_due"], "2026-03-13T15:00"),
    (TOKYO, "2026-03-13T15:00", [], None),
    (TOKYO, "2026-03-13T18:00", ["outside_window"], "2026-03-16T09:00"),
    # Madrid is 7 hours ahead: the tenant's Friday begins there at 07:00, before the window.
    (MADRID, "2026-03-13T06:59", ["not_due"], "2026-03-13T09:00"),
    (MADRID, "2026-03-13T08:59", ["outside_window"], "2026-03-13T09:00"),
    (MADRID, "2026-03-13T09:00", [], None),
    (MADRID, "2026-03-13T18:00", ["outside_window"], "2026-03-16T09:00"),
]


@pytest.mark.parametrize(("zone", "now", "blockers", "opens"), ZONE_TIMES)
def test_a_step_needs_its_date_here_and_the_window_there(
    zone: ZoneInfo, now: str, blockers: list[str], opens: str | None
) -> None:
    verdict = judged(at(now, zone), case(1, policy(5), "2026-03-08"), customer_zone=zone)
    assert codes(verdict) == blockers
    assert verdict.wake_at == (at(opens, zone) if opens else at(now, zone))


def test_a_customer_behind_the_tenant_waits_for_the_own_date() -> None:
    """In Madrid it is Friday from 17:00 on of the customer's Thursday in Mexico."""
    of = case(1, policy(5), "2026-03-08")
    verdict = judged(at("2026-03-12T17:30"), of, tenant_zone=MADRID)
    assert (codes(verdict), until(verdict)) == (["not_due"], at("2026-03-13T09:00"))
    assert judged(at("2026-03-13T09:00"), of, tenant_zone=MADRID).sendable


TOKYO_DAYS = [
    # the first step went out in Tokyo on Friday the 13th at 15:00; the second is on the tenant's Friday as well
    ("2026-03-13T17:00", ["not_due"], "2026-03-14T09:00"),
    # Saturday there and still Friday here: a new day for the customer.
    ("2026-03-14T08:59", ["outside_window"], "2026-03-14T09:00"),
    ("2026-03-14T09:00", [], None),
    ("2026-03-14T15:00", [], None),
]


@pytest.mark.parametrize(("now", "blockers", "opens"), TOKYO_DAYS)
def test_one_step_a_day_counts_the_customer_s_days(now: str, blockers: list[str], opens: str | None) -> None:
    where = ladder("2026-03-08", reached=4, sent_on="2026-03-13")
    window = SendWindow.of("09:00", "18:00", WEEK)
    verdict = judged(at(now, TOKYO), case(1, policy(4, 5), where), customer_zone=TOKYO, tenant_window=window)
    assert codes(verdict) == blockers
    assert verdict.wake_at == (at(opens, TOKYO) if opens else at(now, TOKYO))


DST_NIGHTS = [
    # the night on which the clocks of Madrid change; the window; the one opening in UTC
    ("2026-03-28", "02:00", "03:00", "2026-03-28T01:00", "2026-03-28T02:00"),
    # 02:00-03:00 does not exist: it opens at the first instant after the gap, for an hour.
    ("2026-03-29", "02:00", "03:00", "2026-03-29T01:00", "2026-03-29T02:00"),
    ("2026-03-29", "02:30", "04:00", "2026-03-29T01:00", "2026-03-29T02:00"),
    ("2026-03-29", "01:00", "02:30", "2026-03-29T00:00", "2026-03-29T01:00"),
    ("2026-03-30", "02:00", "03:00", "2026-03-30T00:00", "2026-03-30T01:00"),
    # 02:00-03:00 exists twice: the second counts.
    ("2026-10-25", "02:00", "03:00", "2026-10-25T01:00", "2026-10-25T02:00"),
    ("2026-10-25", "01:00", "02:30", "2026-10-24T23:00", "2026-10-25T01:30"),
    ("2026-10-26", "02:00", "03:00", "2026-10-26T01:00", "2026-10-26T02:00"),
]


@pytest.mark.parametrize(("day", "start", "end", "opens", "closes"), DST_NIGHTS)
def test_a_window_in_the_changing_of_the_clocks_opens_once(
    day: str, start: str, end: str, opens: str, closes: str
) -> None:
    of = case(1, policy(0, catch_up=CatchUp.skip), day)
    zones = {"tenant_zone": MADRID, "customer_zone": MADRID, "tenant_window": SendWindow.of(start, end, WEEK)}
    midnight = at(day, MADRID)
    quarters = [midnight + timedelta(minutes=15 * quarter) for quarter in range(-48, 4 * 30)]
    sendable = [now for now in quarters if judged(now, of, **zones).sendable]
    assert (sendable[0], sendable[-1] + timedelta(minutes=15)) == (utc(opens), utc(closes))
    assert len(sendable) == (utc(closes) - utc(opens)) // timedelta(minutes=15), "without a pause"
    for now in quarters:
        if now < sendable[0]:
            assert judged(now, of, **zones).wake_at == sendable[0]


# D6: addresses -------------------------------------------------------------------------------------------------------

WORK = Address("email", "a@example.com", "unknown", preferred=False, name="A")
BEST = Address("email", "b@example.com", "granted", preferred=True, name="B")
DENIED = Address("email", "c@example.com", "denied", preferred=True, name="C")
MOBILE = Address("sms", "+525512345678", "granted", preferred=True, name="D")
SILENT = Address("sms", "+525587654321", "denied", preferred=False, name="E")

ADDRESSES = [
    # channels of the step, addresses of the customer, the one that is used, blockers
    (("email",), (), None, ["no_address"]),
    (("email",), (MOBILE,), None, ["no_address"]),
    (("email",), (DENIED,), None, ["no_consent"]),
    (("email",), (WORK, BEST), BEST, []),
    (("email",), (WORK, replace(BEST, preferred=False)), WORK, []),
    (("email",), (DENIED, WORK), WORK, []),
    (("email", "sms"), (MOBILE, WORK), WORK, []),
    (("sms", "email"), (WORK, MOBILE), MOBILE, []),
    (("email", "sms"), (DENIED, MOBILE), MOBILE, []),
    (("email", "sms"), (MOBILE,), MOBILE, []),
    (("email", "sms"), (DENIED, SILENT), None, ["no_consent"]),
    (("post",), (DENIED, WORK), None, ["no_address"]),
]


@pytest.mark.parametrize(("channels", "addresses", "used", "blockers"), ADDRESSES)
def test_channels_are_alternatives_in_order(
    channels: tuple[str, ...], addresses: tuple[Address, ...], used: Address | None, blockers: list[str]
) -> None:
    plan = evaluate(facts(NOON, case(1, policy(step(5, channels=channels)), MONDAY), addresses=addresses))
    assert codes(plan.verdicts[0]) == blockers
    assert [reminder.address for reminder in plan.reminders] == ([used] if used else [])


# M4: unapplied cash --------------------------------------------------------------------------------------------------

CASH = [
    # unapplied cash, residuals of the invoices of 100.00 due on the 2nd, 3rd and 4th, of which the last came first
    (0, [100_00, 100_00, 100_00]),
    (1, [99_99, 100_00, 100_00]),
    (99_99, [1, 100_00, 100_00]),
    (100_00, [0, 100_00, 100_00]),
    (100_01, [0, 99_99, 100_00]),
    (250_00, [0, 0, 50_00]),
    (300_00, [0, 0, 0]),
    (999_00, [0, 0, 0]),
]


@pytest.mark.parametrize(("cash", "residuals"), CASH)
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_unapplied_cash_covers_the_oldest_first(cash: int, residuals: list[int], order: tuple[int, ...]) -> None:
    """Whatever the order in which the cases come."""
    cases = {
        number: case(4 - number, LEVELS, f"2026-03-0{number + 1}", issued_on=D(f"2026-01-0{9 - number}"))
        for number in (1, 2, 3)
    }
    plan = evaluate(facts(NOON, *(cases[number] for number in order), unapplied={"MXN": cash}))
    by_case = {4 - verdict.case.case_id.int: verdict for verdict in plan.verdicts}
    assert [by_case[number].residual_minor for number in (1, 2, 3)] == residuals
    covered = [["covered_by_unapplied_cash"] if residual == 0 else [] for residual in residuals]
    assert [codes(by_case[number]) for number in (1, 2, 3)] == covered
    assert sum(verdict.residual_minor for reminder in plan.reminders for verdict in reminder.verdicts) == sum(residuals)


def test_of_one_due_date_the_older_invoice_is_covered_first() -> None:
    younger = case(1, LEVELS, MONDAY, issued_on=D("2026-01-02"))
    older = case(2, LEVELS, MONDAY, issued_on=D("2026-01-01"))
    plan = evaluate(facts(NOON, younger, older, unapplied={"MXN": 100_00}))
    assert [verdict.residual_minor for verdict in plan.verdicts] == [100_00, 0]


def test_unapplied_cash_covers_neither_what_is_disputed_nor_what_is_closed() -> None:
    disputed = case(1, LEVELS, "2026-03-02", disputed_minor=70_00)
    void = case(2, LEVELS, "2026-03-03", status="void")
    last = case(3, LEVELS, "2026-03-04")
    plan = evaluate(facts(NOON, disputed, void, last, unapplied={"MXN": 50_00}))
    assert [verdict.residual_minor for verdict in plan.verdicts] == [0, 0, 80_00]


# D16: minimum amounts ------------------------------------------------------------------------------------------------

MINIMUMS = [
    # minimum of the policy, whether 50.00 and 1.00 are chased
    ("MXN", 50_99, True),
    ("MXN", 51_00, True),
    ("MXN", 51_01, False),
    ("EUR", 51_01, True),
]


@pytest.mark.parametrize(("currency", "minimum", "chased"), MINIMUMS)
def test_a_policy_s_minimum_is_over_the_customer_s_overdue_total(currency: str, minimum: int, chased: bool) -> None:
    of = policy(5, min_amount={currency: minimum})
    plan = evaluate(facts(NOON, case(1, of, MONDAY, 50_00), case(2, of, MONDAY, 1_00)))
    assert going_out(plan) == ([[1, 2]] if chased else [])
    assert [codes(verdict) for verdict in plan.verdicts] == [[] if chased else ["min_amount"]] * 2


COUNTED = [
    # what is special about a second invoice of 1.00, whether the 50.00 are chased under a minimum of 51.00
    ({"where": "2026-03-15"}, True),  # overdue since yesterday: counted before its own step is due
    ({"where": "2026-03-16"}, False),  # due today is not overdue
    ({"where": "2026-03-17"}, False),
    ({"status": "paid"}, False),
    ({"disputed_minor": 1}, False),
    ({"pending": Code.in_flight}, True),
    ({"currency": "EUR"}, False),
    ({"of": policy(90, number=2)}, True),  # of another policy: what counts is the customer's
]


@pytest.mark.parametrize(("special", "chased"), COUNTED)
def test_what_counts_towards_a_policy_s_minimum(special: dict[str, Any], chased: bool) -> None:
    of = policy(5, min_amount={"MXN": 51_00})
    second: dict[str, Any] = {"of": of, "where": MONDAY, "open_minor": 1_00, **special}
    plan = evaluate(facts(NOON, case(1, of, MONDAY, 50_00), case(2, **second)))
    assert plan.verdicts[0].sendable is chased


def test_unapplied_cash_is_taken_off_before_a_minimum() -> None:
    of = policy(5, min_amount={"MXN": 50_00})
    now = facts(NOON, case(1, of, MONDAY, 100_00))
    assert going_out(evaluate(replace(now, unapplied={"MXN": 50_00}))) == [[1]]
    assert going_out(evaluate(replace(now, unapplied={"MXN": 50_01}))) == []


@pytest.mark.parametrize(
    ("currency", "open_minor", "blockers"),
    [
        ("MXN", 49_99, ["min_amount"]),
        ("MXN", 50_00, []),
        ("MXN", 50_01, []),
        ("EUR", 1, []),
    ],
)
def test_a_step_s_minimum_is_over_its_own_invoice(currency: str, open_minor: int, blockers: list[str]) -> None:
    of = policy(step(5, min_amount={"MXN": 50_00}))
    other = case(2, of, MONDAY, 500_00)
    plan = evaluate(facts(NOON, case(1, of, MONDAY, open_minor, currency=currency), other))
    assert codes(plan.verdicts[0]) == blockers
    assert plan.verdicts[1].sendable


def test_a_step_before_the_due_date_counts_what_it_is_about() -> None:
    """Nothing is overdue yet; a minimum that no such step could ever reach would forbid them all."""
    of = policy(-3, min_amount={"MXN": 50_00})
    assert judged(NOON, case(1, of, "2026-03-19", 50_00)).sendable
    assert codes(judged(NOON, case(1, of, "2026-03-19", 49_99))) == ["min_amount"]


STEP_BOUND = [
    # what stops the first step and not the second, blockers
    (step(5, min_amount={"MXN": 100_01}), step(20), ["min_amount"]),
    (step(5, channels=("sms",)), step(20), ["no_address"]),
]


@pytest.mark.parametrize(("first", "second", "blockers"), STEP_BOUND)
def test_what_stops_one_step_does_not_put_the_next_to_sleep(first: Any, second: Any, blockers: list[str]) -> None:
    of = case(1, policy(first, second), MONDAY)
    before = judged(at("2026-03-06T12:00"), of)
    assert (codes(before), before.wake_at) == ([*blockers, "not_due"], at("2026-03-09T09:00"))
    stopped = judged(NOON, of)
    assert (codes(stopped), stopped.wake_at) == (blockers, at("2026-03-23T09:00"))
    assert judged(at("2026-03-23T09:00"), of).sendable


def test_a_stopped_step_is_passed_on_the_day_after_another_was_sent() -> None:
    """Two steps rolled onto Monday: the first went out, the second is stopped, and the third comes on its own day."""
    of = policy(5, step(6, min_amount={"MXN": 100_01}), 9)
    where = ladder("2026-03-09", reached=5, sent_on="2026-03-16")
    verdict = judged(NOON, case(1, of, where))
    assert (codes(verdict), verdict.wake_at) == (["min_amount", "not_due"], at("2026-03-17T09:00"))
    assert judged(at("2026-03-17T09:00"), case(1, of, where)).wake_at == at("2026-03-18T09:00")
    assert judged(at("2026-03-18T09:00"), case(1, of, where)).sendable


def test_after_the_last_step_there_is_nothing_to_wake_for() -> None:
    of = case(1, policy(step(5, min_amount={"MXN": 100_01})), MONDAY)
    assert judged(NOON, of).wake_at is None


# D5: grouping --------------------------------------------------------------------------------------------------------

BY_CUSTOMER = policy(5, 20, 40)
BY_INVOICE = policy(5, 20, 40, grouping=Grouping.invoice)
OTHER = policy(5, number=2)

GROUPS = [
    # the cases, which of them go out together; the higher step first, then the older debt
    ([case(1, BY_CUSTOMER, MONDAY), case(2, BY_CUSTOMER, "2026-03-03")], [[1, 2]]),
    ([case(1, BY_INVOICE, MONDAY), case(2, BY_INVOICE, "2026-03-03")], [[1], [2]]),
    ([case(1, BY_INVOICE, "2026-03-03"), case(2, BY_INVOICE, MONDAY)], [[2], [1]]),
    ([case(1, BY_CUSTOMER, MONDAY), case(2, BY_CUSTOMER, MONDAY, **EURO)], [[1], [2]]),
    ([case(1, BY_CUSTOMER, MONDAY), case(2, OTHER, MONDAY)], [[1], [2]]),
    ([case(1, BY_CUSTOMER, MONDAY), case(2, replace(BY_CUSTOMER, version=2), MONDAY)], [[1], [2]]),
    ([case(1, BY_CUSTOMER, MONDAY), case(2, BY_CUSTOMER, "2026-02-01")], [[1, 2]]),
    ([case(1, BY_INVOICE, MONDAY), case(2, BY_INVOICE, "2026-02-01")], [[2], [1]]),
    ([case(1, BY_CUSTOMER, MONDAY), case(2, BY_CUSTOMER, "2026-03-15")], [[1]]),
    ([case(1, BY_CUSTOMER, MONDAY), case(2, BY_CUSTOMER, MONDAY, status="paid")], [[1]]),
    ([case(1, BY_CUSTOMER, MONDAY), case(2, BY_CUSTOMER, ladder("2026-02-01", reached=40))], [[1]]),
]


@pytest.mark.parametrize(("cases", "together"), GROUPS)
def test_what_goes_out_together(cases: list[Any], together: list[list[int]]) -> None:
    assert going_out(evaluate(facts(NOON, *cases))) == together


def test_a_message_is_as_firm_as_its_highest_step_and_waits_for_each_approval() -> None:
    of = policy(step(5, template="first_notice", requires_approval=True), step(20, template="final_notice"))
    (reminder,) = evaluate(facts(NOON, case(1, of, MONDAY), case(2, of, "2026-02-01"))).reminders
    assert (reminder.highest.step.template, reminder.requires_approval) == ("final_notice", True)
    (alone,) = evaluate(facts(NOON, case(2, of, "2026-02-01"))).reminders
    assert alone.requires_approval is False


def test_each_case_keeps_its_own_step() -> None:
    (reminder,) = evaluate(facts(NOON, case(1, LEVELS, MONDAY), case(2, LEVELS, "2026-02-01"))).reminders
    assert [key_of(verdict.choice.due) for verdict in reminder.verdicts if verdict.choice] == ["d+5", "d+40"]


# D6: gaps and caps ---------------------------------------------------------------------------------------------------

GAPS = [
    # gap, last contact, blockers on Monday the 16th, until
    (0, "2026-03-16", [], None),
    (1, "2026-03-15", [], None),
    (1, "2026-03-16", ["min_gap"], "2026-03-17T09:00"),
    (3, "2026-03-12", [], None),
    (3, "2026-03-13", [], None),
    (3, "2026-03-14", ["min_gap"], "2026-03-17T09:00"),
    (5, "2026-03-16", ["min_gap"], "2026-03-23T09:00"),  # Saturday the 21st rolls to Monday
    (3, None, [], None),
]


@pytest.mark.parametrize(("gap", "last", "blockers", "ends"), GAPS)
def test_the_next_contact_is_on_the_last_one_s_date_plus_the_gap(
    gap: int, last: str | None, blockers: list[str], ends: str | None
) -> None:
    last_on = D(last) if last else None
    verdict = judged(NOON, case(1, policy(5, min_gap_days=gap), MONDAY), last_contact_on=last_on)
    assert codes(verdict) == blockers
    assert verdict.wake_at == (at(ends) if ends else NOON)


def test_a_gap_counts_the_customer_s_dates() -> None:
    """The last contact was on Monday in Tokyo, which was Sunday in Mexico."""
    of = case(1, policy(5, min_gap_days=1), MONDAY)
    now = at("2026-03-16T17:00", TOKYO)
    verdict = judged(now, of, customer_zone=TOKYO, last_contact_on=D("2026-03-16"))
    assert (codes(verdict), until(verdict)) == (["min_gap"], at("2026-03-17T09:00", TOKYO))


CAPS = [
    # cap, contacts today, what goes out of one case each in three currencies
    (None, 7, [[1], [2], [3]]),
    (3, 0, [[1], [2], [3]]),
    (2, 0, [[1], [2]]),
    (1, 0, [[1]]),
    (2, 1, [[1]]),
    (1, 1, []),
    (1, 2, []),
]


@pytest.mark.parametrize(("cap", "contacts", "together"), CAPS)
def test_a_cap_counts_over_all_of_the_customer_and_a_second_currency_waits(
    cap: int | None, contacts: int, together: list[list[int]]
) -> None:
    cases = [
        case(number, LEVELS, MONDAY, currency=currency) for number, currency in enumerate(["MXN", "EUR", "USD"], 1)
    ]
    plan = evaluate(facts(NOON, *cases, max_contacts_per_day=cap, contacts_today=contacts))
    assert going_out(plan) == together
    sent = {number for group in together for number in group}
    for verdict in plan.verdicts:
        if verdict.case.case_id.int not in sent:
            assert (codes(verdict), until(verdict)) == (["contact_cap"], at("2026-03-17T09:00"))
            assert verdict.wake_at == verdict.earliest_at == at("2026-03-17T09:00")


def test_the_most_pressing_reminder_takes_the_only_contact() -> None:
    mild = case(1, policy(5, number=1), "2026-02-01")
    firm = case(2, policy(20, number=2), "2026-02-20", **EURO)
    plan = evaluate(facts(NOON, mild, firm, max_contacts_per_day=1))
    assert going_out(plan) == [[2]]


WAITS = [
    # gap of the second policy, when it follows the first one's message of Monday the 16th
    (0, "2026-03-16T12:00"),
    (1, "2026-03-17T09:00"),
    (4, "2026-03-20T09:00"),
    (5, "2026-03-23T09:00"),
]


@pytest.mark.parametrize(("gap", "follows"), WAITS)
def test_a_gap_holds_between_the_reminders_of_one_moment_too(gap: int, follows: str) -> None:
    first = case(1, policy(20), "2026-02-01")
    second = case(2, policy(5, number=2, min_gap_days=gap), MONDAY)
    plan = evaluate(facts(NOON, first, second))
    assert plan.verdicts[1].earliest_at == at(follows)
    assert codes(plan.verdicts[1]) == ([] if gap == 0 else ["min_gap"])


def test_a_reached_cap_moves_what_is_not_due_yet_only_where_it_falls_on_today() -> None:
    tomorrow = judged(at("2026-03-12T12:00"), case(1, LEVELS, "2026-03-08"), max_contacts_per_day=1, contacts_today=1)
    assert (codes(tomorrow), tomorrow.wake_at) == (["not_due"], at("2026-03-13T09:00"))
    gap = judged(
        at("2026-03-12T12:00"),
        case(1, policy(5, min_gap_days=3), "2026-03-08"),
        last_contact_on=D("2026-03-12"),
    )
    assert (codes(gap), gap.earliest_at) == (["not_due"], at("2026-03-16T09:00"))


# Waking --------------------------------------------------------------------------------------------------------------


def test_the_customer_wakes_for_the_first_of_the_cases() -> None:
    plan = evaluate(
        facts(
            at("2026-03-16T19:00"),
            case(1, LEVELS, "2026-03-15"),
            case(2, LEVELS, MONDAY),
            case(3, LEVELS, MONDAY, status="paid"),
        )
    )
    assert [codes(verdict) for verdict in plan.verdicts] == [["not_due"], ["outside_window"], ["paid"]]
    assert plan.wake_at == at("2026-03-17T09:00")


def test_without_a_case_there_is_nothing_to_decide() -> None:
    plan = evaluate(facts(NOON))
    assert (plan.verdicts, plan.reminders, plan.wake_at) == ((), (), None)


def test_after_a_step_the_case_waits_for_the_next_day_at_the_earliest() -> None:
    """Two steps rolled from the weekend onto Monday: they go out on Monday and on Tuesday."""
    of = policy(5, 6, catch_up=CatchUp.one_at_a_time)
    where = ladder("2026-03-09", reached=5, sent_on="2026-03-16")
    verdict = judged(NOON, case(1, of, where))
    assert (codes(verdict), until(verdict)) == (["not_due"], at("2026-03-17T09:00"))
    assert verdict.sendable is False
    assert judged(at("2026-03-17T09:00"), case(1, of, where)).sendable


def test_paying_the_oldest_does_not_restart_the_others() -> None:
    """Each case has its own anchor (rule D18)."""
    older, younger = case(1, LEVELS, "2026-02-01", status="paid"), case(2, LEVELS, ladder("2026-02-20", reached=5))
    (reminder,) = evaluate(facts(NOON, older, younger)).reminders
    assert [key_of(verdict.choice.due) for verdict in reminder.verdicts if verdict.choice] == ["d+20"]


def test_an_instant_has_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        evaluate(facts(NOON.replace(tzinfo=None), case(1, LEVELS, MONDAY)))
