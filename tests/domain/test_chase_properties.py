"""What holds of every decision, whatever the facts (rules D3 to D7, M4), and that sleeping misses nothing."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.chase import evaluate
from app.domain.clocktime import business_date
from app.domain.contact_profiles import PROFILES
from app.domain.contact_rules import Attempt, Contact, first_allowed_on
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.ladder import Ladder, late_entry_shift_days
from app.domain.policy import CatchUp, Grouping, LateEntry, Policy
from app.domain.verdicts import MATURING, PASSING, Address, CaseFacts, ChaseFacts, ChasePlan, PendingPayment, due_step
from app.domain.windows import SendWindow
from tests.domain.chasing import Customer, D, is_open, policy, step, utc

# Around the night in which the clocks of Madrid go forward; those of New York went three weeks before.
START = utc("2026-03-26T00:00")
CENTRE = D("2026-03-29")
ZONES = st.sampled_from([
    ZoneInfo(name)
    for name in (
        "America/Mexico_City", "Europe/Madrid", "Asia/Tokyo", "Asia/Kolkata", "Pacific/Pago_Pago", "Pacific/Kiritimati",
    )
])  # fmt: skip
CURRENCIES = st.sampled_from(["MXN", "EUR"])
HALF_HOURS = st.integers(0, 47)


def time_of_day(half_hour: int) -> str:
    return f"{half_hour // 2:02}:{half_hour % 2 * 30:02}"


@st.composite
def windows(draw: st.DrawFn, shortest: int = 1) -> SendWindow:
    start = draw(st.integers(0, 48 - shortest))
    end = draw(st.integers(start + shortest, 48))
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    return SendWindow.of(time_of_day(start), time_of_day(end), days)


@st.composite
def policies(draw: st.DrawFn, number: int) -> Policy:
    minimum = st.dictionaries(st.just("MXN"), st.integers(0, 300), max_size=1)
    offsets = sorted(draw(st.sets(st.integers(-6, 9), min_size=1, max_size=4)))
    channels = st.sampled_from([("email",), ("sms", "email"), ("sms",), ("phone", "email")])
    return policy(
        *(step(offset, min_amount=draw(minimum), channels=draw(channels)) for offset in offsets),
        number=number,
        grouping=draw(st.sampled_from(Grouping)),
        catch_up=draw(st.sampled_from(CatchUp)),
        late_entry=draw(st.sampled_from(LateEntry)),
        min_gap_days=draw(st.integers(0, 3)),
        min_amount=draw(minimum),
        send_window=draw(st.none() | windows(shortest=12)),
    )


@st.composite
def customers(draw: st.DrawFn, *, fresh: bool = False) -> ChaseFacts:
    """A customer; `fresh` ones have cases that have just been opened and were never written to."""
    now = START + timedelta(minutes=30 * draw(st.integers(0, 48 * 6)))
    tenant_zone = draw(ZONES)
    known = [draw(policies(number)) for number in range(draw(st.integers(1, 2)))]
    today = business_date(now, tenant_zone)
    cases = []
    for number in range(draw(st.integers(1, 4))):
        of = draw(st.sampled_from(known))
        due_on = CENTRE + timedelta(days=draw(st.integers(-8, 8)))
        where = Ladder(
            due_on=due_on,
            shift_days=late_entry_shift_days(of, due_on=due_on, entered_on=today),
            entered_overdue=today > due_on,
            reached_offset_days=None if fresh else draw(st.none() | st.integers(-7, 10)),
            last_sent_on=None
            if fresh
            else draw(st.none() | st.integers(-3, 1).map(lambda days: today + timedelta(days))),
        )
        cases.append(draw(_cases(number, of, where, fresh=fresh)))
    contacted = draw(st.none() | st.integers(-4, 1)) if not fresh else None
    rules = draw(RULES)
    return ChaseFacts(
        now=now,
        tenant_zone=tenant_zone,
        customer_zone=draw(ZONES),
        sending="live" if fresh else draw(st.sampled_from(["live", "live", "shadow", "paused"])),
        tenant_window=draw(windows(shortest=12)),
        holidays={},
        max_contacts_per_day=draw(st.none() | st.integers(1, 2)),
        addresses=tuple(draw(st.lists(ADDRESSES, max_size=3))),
        unapplied=draw(st.dictionaries(CURRENCIES, st.integers(0, 400))),
        cases=tuple(cases),
        last_contact_on=today + timedelta(days=contacted) if contacted is not None else None,
        contacts_today=0 if fresh else draw(st.integers(0, 2)),
        pending_payments=tuple(draw(st.lists(PENDING, max_size=2))),
        customer_window=draw(st.none() | windows(shortest=24)),
        other_zones=tuple(draw(st.lists(ZONES, max_size=1))),
        rules=rules,
        rule_holidays=HOLIDAYS if rules is not None else frozenset(),
        contacts=tuple(draw(st.lists(CONTACTS, max_size=4))),
    )


RULES = st.none() | st.sampled_from([profile.versions[-1] for profile in PROFILES.values() if profile.versions])
HOLIDAYS = frozenset({D("2026-03-30"), D("2026-04-03")})
CONTACTS = st.builds(
    Contact,
    on=st.integers(-9, 0).map(lambda days: START.date() + timedelta(days)),
    channel=st.sampled_from(["email", "sms", "call", "visit"]),
    is_conversation=st.booleans(),
    invoice_ids=st.frozensets(st.integers(1000, 1003).map(lambda number: UUID(int=number)), max_size=2),
)


PENDING = st.builds(
    PendingPayment,
    currency=CURRENCIES,
    matures_on=st.integers(-4, 9).map(lambda days: CENTRE + timedelta(days=days)),
    designated=st.dictionaries(st.integers(1000, 1003).map(lambda number: UUID(int=number)), st.integers(0, 300)),
    rest_minor=st.integers(0, 300),
)


ADDRESSES = st.builds(
    Address,
    channel=st.sampled_from(["email", "email", "sms", "phone"]),
    address=st.sampled_from(["a", "b"]),
    consent=st.sampled_from(["unknown", "granted", "denied"]),
    preferred=st.booleans(),
    name=st.none(),
)
STATUSES = ["open", "open", "open", "partially_paid", "paid", "void", "written_off", "draft"]


@st.composite
def _cases(draw: st.DrawFn, number: int, of: Policy, where: Ladder, *, fresh: bool) -> CaseFacts:
    open_minor = draw(st.integers(1, 300))
    return CaseFacts(
        case_id=UUID(int=number),
        invoice_id=UUID(int=1000 + number),
        currency=draw(CURRENCIES),
        issued_on=CENTRE - timedelta(days=draw(st.integers(30, 60))),
        status="open" if fresh else draw(st.sampled_from(STATUSES)),
        open_minor=open_minor,
        disputed_minor=draw(st.one_of(st.just(0), st.integers(0, open_minor))),
        case_state="active" if fresh else draw(st.sampled_from(["open", "active", "active", "exhausted", "closed"])),
        cycle=1,
        policy=of,
        ladder=where,
        pending=None if fresh else draw(st.sampled_from([None, None, None, Code.in_flight, Code.awaiting_approval])),
    )


@given(facts=customers())
@settings(max_examples=300, deadline=None)
def test_every_decision_holds_together(facts: ChaseFacts) -> None:
    plan = evaluate(facts)
    assert [verdict.case for verdict in plan.verdicts] == list(facts.cases)
    _check_reminders(facts, plan)
    _check_rules(facts, plan)
    _check_waking(facts, plan)
    _check_residuals(facts, plan)


def _check_reminders(facts: ChaseFacts, plan: ChasePlan) -> None:
    """What may go out does, once; what goes out may, together with its like, and within the caps."""
    planned = Counter(verdict.case.case_id for reminder in plan.reminders for verdict in reminder.verdicts)
    assert planned == Counter(verdict.case.case_id for verdict in plan.verdicts if verdict.sendable)
    if facts.max_contacts_per_day is not None:
        assert len(plan.reminders) <= max(0, facts.max_contacts_per_day - facts.contacts_today)
    today = business_date(facts.now, facts.customer_zone)
    for reminder in plan.reminders:
        assert facts.sending != "paused"
        assert reminder.address in facts.addresses
        assert reminder.address.consent != "denied"
        assert reminder.policy.grouping is Grouping.customer or len(reminder.verdicts) == 1
        total = sum(verdict.residual_minor for verdict in plan.verdicts if verdict.case.currency == reminder.currency)
        assert total >= reminder.policy.min_amount.get(reminder.currency, 0)
        gap = timedelta(days=reminder.policy.min_gap_days)
        assert facts.last_contact_on is None or facts.last_contact_on + gap <= today or not gap
        for verdict in reminder.verdicts:
            item, of = due_step(verdict), verdict.case
            assert (of.policy, of.currency, verdict.address) == (reminder.policy, reminder.currency, reminder.address)
            assert of.status in RECEIVABLE
            assert of.pending is None
            assert verdict.residual_minor >= max(1, item.step.min_amount.get(of.currency, 0))
            assert reminder.address.channel in item.step.channels
            assert item.send_on <= today
            assert of.ladder.reached_offset_days is None or item.step.offset_days > of.ladder.reached_offset_days
            assert of.ladder.last_sent_on is None or of.ladder.last_sent_on < today


def _check_rules(facts: ChaseFacts, plan: ChasePlan) -> None:
    """What goes out is within the hours and limits of the contact profile, with the day's other reminders."""
    if facts.rules is None:
        return
    contacts = list(facts.contacts)
    for reminder in plan.reminders:
        channel = reminder.address.channel
        assert not facts.rules.needs_granted_consent or reminder.address.consent == "granted"
        rules = facts.rules.rules_for(channel)
        today = business_date(facts.now, facts.customer_zone)
        if rules is not None:
            for zone in (facts.customer_zone, *(facts.other_zones if facts.rules.in_every_zone else ())):
                assert is_open(facts.now, window=rules.hours, zone=zone, holidays=())
            assert rules.open_on_holidays or today not in facts.rule_holidays
        invoice_ids = frozenset(verdict.case.invoice_id for verdict in reminder.verdicts)
        assert first_allowed_on(facts.rules, contacts, Attempt(today, channel, invoice_ids)) == today
        contacts.append(Contact(today, channel, invoice_ids=invoice_ids))


def _check_waking(facts: ChaseFacts, plan: ChasePlan) -> None:
    """A case that does not go out is looked at again later and never at once; what time removes has its instant."""
    for verdict in plan.verdicts:
        if verdict.sendable:
            continue
        assert verdict.wake_at is None or verdict.wake_at > facts.now
        for blocker in verdict.blockers:
            assert blocker.until is None or (blocker.code in PASSING | MATURING and blocker.until > facts.now)
        if verdict.case.status == "paid":
            assert [blocker.code for blocker in verdict.blockers] == [Code.paid]


def _check_residuals(facts: ChaseFacts, plan: ChasePlan) -> None:
    today = business_date(facts.now, facts.tenant_zone)
    pending = [payment for payment in facts.pending_payments if today < payment.matures_on]
    for currency in ("MXN", "EUR"):
        mine = [verdict for verdict in plan.verdicts if verdict.case.currency == currency]
        undisputed = sum(
            verdict.case.open_minor - verdict.case.disputed_minor
            for verdict in mine
            if verdict.case.status in RECEIVABLE
        )
        most = max(0, undisputed - facts.unapplied.get(currency, 0))
        rest = sum(payment.rest_minor for payment in pending if payment.currency == currency)
        designated = sum(sum(payment.designated.values()) for payment in pending)
        asked = sum(verdict.residual_minor for verdict in mine)
        assert max(0, most - rest - designated) <= asked <= max(0, most - rest)
        assert all(verdict.residual_minor >= 0 for verdict in mine)


@given(facts=customers(), order=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_cases_does_not_matter(facts: ChaseFacts, order: Random) -> None:
    shuffled = list(facts.cases)
    order.shuffle(shuffled)
    one, other = evaluate(facts), evaluate(replace(facts, cases=tuple(shuffled)))
    assert {verdict.case.case_id: verdict for verdict in one.verdicts} == {
        verdict.case.case_id: verdict for verdict in other.verdicts
    }


PATIENCE = timedelta(days=12)
PACE = timedelta(minutes=30)


@given(facts=customers(fresh=True))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sleeping_until_wake_at_misses_nothing(facts: ChaseFacts) -> None:
    """Looking every half hour for twelve days sends the same steps at the same instants as waking when told."""
    watchful, sleepy = Customer(facts), Customer(facts)
    for look in range(PATIENCE // PACE):
        watchful.wake(facts.now + PACE * look)
    now = facts.now
    for _ in range(200):
        following = sleepy.wake(now)
        if following is None or following >= facts.now + PATIENCE:
            break
        assert following > now
        now = following
    else:
        raise AssertionError("woken two hundred times in twelve days")
    assert sleepy.sent == watchful.sent
