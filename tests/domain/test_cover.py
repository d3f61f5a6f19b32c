"""Pending payments cover what they were meant for until they mature (rules M3, M4), and are not waited for longer."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.domain.chase import evaluate
from app.domain.verdicts import PendingPayment
from app.domain.windows import SendWindow
from tests.domain.chasing import MADRID, TOKYO, D, at, case, codes, facts, going_out, judged, policy, step, until

LEVELS = policy(5)
DUE = "2026-03-02"
MATURES = "2026-03-20"


def pending(rest: int = 100_00, matures_on: str = MATURES, currency: str = "MXN", **designated: int) -> PendingPayment:
    """What covers; `c1=…` is designated for the invoice of case 1."""
    by_invoice = {UUID(int=1000 + int(name[1:])): amount for name, amount in designated.items()}
    return PendingPayment(currency, D(matures_on), by_invoice, rest)


BOUNDARIES = [
    ("2026-03-19T10:00", ["pending_payment"], 0),
    ("2026-03-19T17:59", ["pending_payment"], 0),
    ("2026-03-20T09:00", [], 100_00),
    ("2026-03-23T10:00", [], 100_00),
]


@pytest.mark.parametrize(("now", "blockers", "residual"), BOUNDARIES)
def test_it_covers_until_the_day_before_it_matures(now: str, blockers: list[str], residual: int) -> None:
    verdict = judged(at(now), case(1, LEVELS, DUE), pending_payments=(pending(),))
    assert (codes(verdict), verdict.residual_minor) == (blockers, residual)


def test_it_is_looked_at_again_when_it_matures() -> None:
    """Midnight begins the day for the tenant; the window decides when the step can go."""
    verdict = judged(at("2026-03-10T10:00"), case(1, LEVELS, DUE), pending_payments=(pending(),))
    assert until(verdict) == at("2026-03-20T00:00")
    assert verdict.wake_at == at("2026-03-20T00:00")
    assert verdict.earliest_at == at("2026-03-20T09:00")


def test_the_day_is_the_tenant_s_and_the_window_the_customer_s() -> None:
    """In Tokyo the 20th begins while it is still the 19th in Madrid, whose business it is."""
    both: dict[str, Any] = {"tenant_zone": MADRID, "customer_zone": TOKYO, "pending_payments": (pending(),)}
    before = judged(at("2026-03-20T07:59", TOKYO), case(1, LEVELS, DUE), **both)
    assert codes(before)[0] == "pending_payment"
    assert before.wake_at == at("2026-03-20T00:00", MADRID)
    after = judged(at("2026-03-20T09:30", TOKYO), case(1, LEVELS, DUE), **both)
    assert codes(after) == []


AMOUNTS = [
    # what covers, and the residuals of invoices of 100.00 due on the 2nd and 3rd
    ((pending(99_99),), {}, [1, 100_00]),
    ((pending(100_00),), {}, [0, 100_00]),
    ((pending(150_00),), {}, [0, 50_00]),
    ((pending(0, c2=100_00),), {}, [100_00, 0]),
    ((pending(0, c2=60_00),), {}, [100_00, 40_00]),
    ((pending(20_00, c2=60_00),), {}, [80_00, 40_00]),
    # More than is open is not passed on: nobody said for what.
    ((pending(0, c2=160_00),), {}, [100_00, 0]),
    # Cash goes where nothing was designated.
    ((pending(0, c1=100_00),), {"MXN": 100_00}, [0, 0]),
    ((pending(40_00),), {"MXN": 70_00}, [0, 90_00]),
    ((pending(100_00), pending(0, c2=30_00, matures_on="2026-03-12")), {}, [0, 70_00]),
    ((pending(100_00, currency="EUR"),), {}, [100_00, 100_00]),
]


@pytest.mark.parametrize(("covering", "cash", "residuals"), AMOUNTS)
def test_what_was_designated_is_covered_first_then_the_oldest(
    covering: tuple[PendingPayment, ...], cash: dict[str, int], residuals: list[int]
) -> None:
    both = case(1, LEVELS, DUE), case(2, LEVELS, "2026-03-03")
    for cases in (both, both[::-1]):
        plan = evaluate(facts(at("2026-03-10T10:00"), *cases, pending_payments=covering, unapplied=cash))
        left = {verdict.case.case_id.int: verdict.residual_minor for verdict in plan.verdicts}
        assert [left[1], left[2]] == residuals


def test_what_cash_alone_covers_waits_for_nothing() -> None:
    now = at("2026-03-10T10:00")
    both = case(1, LEVELS, DUE), case(2, LEVELS, "2026-03-03")
    plan = evaluate(facts(now, *both, pending_payments=(pending(100_00),), unapplied={"MXN": 100_00}))
    assert [codes(verdict) for verdict in plan.verdicts] == [["covered_by_unapplied_cash"], ["pending_payment"]]
    assert plan.verdicts[0].wake_at is None
    assert plan.wake_at == at("2026-03-20T00:00")


def test_several_cover_until_the_one_matures_that_it_takes() -> None:
    """Of 60.00, 60.00 and 60.00 two are enough for 100.00: uncovered is it from the second day on."""
    days = ("2026-03-12", "2026-03-16", "2026-03-20")
    covering = tuple(pending(60_00, day) for day in days)
    verdict = judged(at("2026-03-10T10:00"), case(1, LEVELS, DUE), pending_payments=covering)
    assert until(verdict) == at("2026-03-16T00:00")
    assert verdict.wake_at == at("2026-03-12T00:00"), "what is asked for may change with the first"
    later = judged(at("2026-03-16T10:00"), case(1, LEVELS, DUE), pending_payments=covering)
    assert (codes(later), later.residual_minor) == ([], 40_00)


def test_of_one_day_all_end_together() -> None:
    covering = (pending(50_00), pending(50_00), pending(50_00))
    verdict = judged(at("2026-03-10T10:00"), case(1, LEVELS, DUE), pending_payments=covering)
    assert until(verdict) == at("2026-03-20T00:00")


def test_a_part_that_is_covered_leaves_the_rest_to_be_asked_for() -> None:
    verdict = judged(at("2026-03-10T10:00"), case(1, LEVELS, DUE), pending_payments=(pending(30_00),))
    assert (codes(verdict), verdict.residual_minor) == ([], 70_00)


@pytest.mark.parametrize(
    "of", [policy(step(5, min_amount={"MXN": 80_00})), policy(5, min_amount={"MXN": 80_00})], ids=["step", "policy"]
)
def test_a_minimum_that_the_covered_part_keeps_from_being_reached_is_judged_again(of: Any) -> None:
    now = facts(at("2026-03-10T10:00"), case(1, of, DUE), pending_payments=(pending(30_00),))
    plan = evaluate(now)
    assert codes(plan.verdicts[0]) == ["min_amount"]
    assert plan.wake_at == at("2026-03-20T00:00")
    assert going_out(evaluate(replace(now, now=at("2026-03-20T09:00")))) == [[1]]


@pytest.mark.parametrize(
    ("fields", "blockers"),
    [
        ({"sending": "paused"}, ["tenant_paused", "pending_payment"]),
        ({"addresses": ()}, ["pending_payment", "no_address"]),
        ({"last_contact_on": D("2026-03-10"), "contacts_today": 1, "max_contacts_per_day": 1},
         ["pending_payment", "contact_cap"]),
    ],
)  # fmt: skip
def test_it_is_named_beside_what_else_stops_the_case(fields: dict[str, Any], blockers: list[str]) -> None:
    verdict = judged(at("2026-03-10T10:00"), case(1, LEVELS, DUE), pending_payments=(pending(),), **fields)
    assert codes(verdict) == blockers


def test_a_step_that_is_not_due_yet_keeps_its_own_date() -> None:
    late = policy(30)
    verdict = judged(at("2026-03-10T10:00"), case(1, late, DUE), pending_payments=(pending(),))
    assert codes(verdict) == ["pending_payment", "not_due"]
    assert verdict.earliest_at == at("2026-04-01T09:00")
    assert verdict.wake_at == at("2026-03-20T00:00")


def test_where_no_window_ever_opens_it_is_not_waited_for() -> None:
    never = policy(5, send_window=SendWindow.of("19:00", "20:00", range(5)))
    verdict = judged(at("2026-03-10T10:00"), case(1, never, DUE), pending_payments=(pending(),))
    assert codes(verdict) == ["pending_payment", "outside_window"]
    assert verdict.wake_at is None


def test_what_is_disputed_is_not_what_a_payment_covers() -> None:
    whole = case(1, LEVELS, DUE, disputed_minor=100_00)
    verdict = judged(at("2026-03-10T10:00"), whole, pending_payments=(pending(),))
    assert codes(verdict) == ["disputed"]
    part = case(1, LEVELS, DUE, disputed_minor=40_00)
    covered = judged(at("2026-03-10T10:00"), part, pending_payments=(pending(60_00),))
    assert codes(covered) == ["pending_payment"]


@pytest.mark.parametrize(("amount", "residuals"), [(59_99, [1, 40_00]), (60_00, [0, 40_00]), (75_00, [0, 25_00])])
def test_of_an_invoice_in_instalments_the_first_one_is_covered_first(amount: int, residuals: list[int]) -> None:
    first = case(1, LEVELS, DUE, 60_00)
    second = replace(case(2, LEVELS, "2026-03-03", 40_00), invoice_id=first.invoice_id)
    plan = evaluate(facts(at("2026-03-10T10:00"), second, first, pending_payments=(pending(0, c1=amount),)))
    left = {verdict.case.case_id.int: verdict.residual_minor for verdict in plan.verdicts}
    assert [left[1], left[2]] == residuals
