"""What the chase of a customer is decided on, and what is decided: the values that `chase.evaluate` takes and gives."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.conditions import ANYBODY, Debtor
from app.domain.contact_rules import Contact, ProfileVersion
from app.domain.errors import Code
from app.domain.ladder import Choice, Ladder, PlannedStep
from app.domain.policy import Policy
from app.domain.standing import CLEAR, Standing
from app.domain.windows import SendWindow

# Blockers that time alone removes; the others need a new fact.
PASSING = frozenset({Code.not_due, Code.outside_window, Code.min_gap, Code.contact_cap})
# Blockers that stop one step and perhaps not the one after it, which may ask for less or use another channel.
STEP_BOUND = frozenset(
    {Code.condition_not_met, Code.min_amount, Code.no_address, Code.no_consent, Code.awaiting_call, Code.awaiting_run}
)
# Ends with the day on which the payment matures; what was planned meanwhile is not kept for then, but judged afresh.
MATURING = frozenset({Code.pending_payment})


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why nothing goes out: a code, and until when if time alone removes it."""

    code: Code
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """One address of one contact of the customer."""

    channel: str
    address: str
    consent: str
    preferred: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class Again:
    """A step that is tried once more, by the channels that are left: the one it went by has failed.

    Attributes:
        step_key: the step.
        tried: the channels that are no more to be tried.
        nominal_on: the day by the policy.
    """

    step_key: str
    tried: frozenset[str]
    nominal_on: date


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """One case with its invoice and what is under way for it."""

    case_id: UUID
    invoice_id: UUID
    currency: str
    issued_on: date
    status: str
    open_minor: int
    disputed_minor: int
    case_state: str
    cycle: int
    policy: Policy
    ladder: Ladder
    pending: Code | None = None
    standing: Standing = CLEAR
    again: Again | None = None
    # The instalment that it chases, of a payment plan or of its invoice.
    plan_id: UUID | None = None
    instalment_number: int | None = None

    @property
    def is_in_plan(self) -> bool:
        """Whether a payment plan asks for it, so that it is not asked for itself."""
        return any(obstacle.code is Code.plan for obstacle in self.standing.obstacles)


@dataclass(frozen=True, slots=True)
class PendingPayment:
    """An instrument that has been handed over and not been paid: it covers while it has not matured (rule M4).

    Attributes:
        currency: of the payment.
        matures_on: the first business date on which it covers nothing any more.
        designated: what the payer named, by invoice: how much of it will be closed, in minor units.
        rest_minor: what was not designated and covers what has been due the longest, as unapplied cash does.
    """

    currency: str
    matures_on: date
    designated: Mapping[UUID, int]
    rest_minor: int


@dataclass(frozen=True, slots=True)
class ChaseFacts:
    """All that decides about one customer at one instant. Amounts are minor units; dates are the customer's.

    `unapplied` is cash and credit together, by currency. `promised` are cases for which a reminder has been made
    already: they go before others that come due meanwhile. `contacts` are those of the last 31 days; `rules` is
    what the contact profile that protects the customer asks for, and `rule_holidays` are its country's. Over channels
    that are `unavailable` nothing can leave. `debtor` is what the conditions of steps look at. `by_runs` says that
    nothing goes out but what was `promised`.
    """

    now: datetime
    tenant_zone: ZoneInfo
    customer_zone: ZoneInfo
    sending: str
    tenant_window: SendWindow
    holidays: Mapping[str, Container[date]]
    max_contacts_per_day: int | None
    addresses: tuple[Address, ...]
    unapplied: Mapping[str, int]
    cases: tuple[CaseFacts, ...]
    last_contact_on: date | None
    contacts_today: int
    promised: frozenset[UUID] = frozenset()
    pending_payments: tuple[PendingPayment, ...] = ()
    customer_window: SendWindow | None = None
    other_zones: tuple[ZoneInfo, ...] = ()
    rules: ProfileVersion | None = None
    rule_holidays: Container[date] = frozenset()
    contacts: tuple[Contact, ...] = ()
    by_runs: bool = False
    unavailable: frozenset[str] = frozenset()
    debtor: Debtor = ANYBODY


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about one case, and why not.

    Attributes:
        residual_minor: what may be asked for: open, less disputed, less what unapplied cash, credit and pending
            payments cover.
        next_step: the step that goes out next, now or later.
        earliest_at: when it can go out at the earliest, as far as time decides.
        blockers: what stops it now; empty means that it goes out now.
        address: where it goes.
        later_at: when a step comes due by time alone that what stops this one need not stop.
        matures_at: when the next pending payment in the currency matures, and covers nothing any more.
        passes_at: when the day of a step comes that the case is to pass over.
    """

    case: CaseFacts
    residual_minor: int
    choice: Choice | None
    next_step: PlannedStep | None
    earliest_at: datetime | None
    blockers: tuple[Blocker, ...]
    address: Address | None
    later_at: datetime | None = None
    matures_at: datetime | None = None
    passes_at: datetime | None = None

    @property
    def sendable(self) -> bool:
        """Nothing stops the step from going out now."""
        return not self.blockers

    @property
    def wake_at(self) -> datetime | None:
        """When to look again because of time alone; None when only a new fact can change the verdict."""
        standing = {blocker.code for blocker in self.blockers} - PASSING
        if not standing:
            return min((at for at in (self.earliest_at, self.passes_at) if at is not None), default=None)
        if not standing <= STEP_BOUND | MATURING:
            return None
        # With less that is covered, a minimum may be reached.
        return min((at for at in (self.later_at, self.matures_at, self.passes_at) if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class PlannedReminder:
    """A reminder to be made: the cases that go out together, to one address."""

    policy: Policy
    currency: str
    address: Address
    verdicts: tuple[Verdict, ...]

    @property
    def highest(self) -> PlannedStep:
        """The highest step among the cases: it gives the template (rule D5)."""
        return max((due_step(verdict) for verdict in self.verdicts), key=lambda item: item.step.offset_days)

    @property
    def requires_approval(self) -> bool:
        """One step that asks for approval holds the whole reminder."""
        return any(due_step(verdict).step.requires_approval for verdict in self.verdicts)


@dataclass(frozen=True, slots=True)
class ChasePlan:
    """The decision about one customer."""

    verdicts: tuple[Verdict, ...]
    reminders: tuple[PlannedReminder, ...] = field(default=())

    @property
    def wake_at(self) -> datetime | None:
        """The next instant at which time alone changes a verdict."""
        instants = [verdict.wake_at for verdict in self.verdicts if verdict.wake_at is not None]
        return min(instants, default=None)


def due_step(verdict: Verdict) -> PlannedStep:
    """The step that a sendable verdict sends."""
    if verdict.choice is None or verdict.choice.due is None:
        raise ValueError("the verdict sends nothing")
    return verdict.choice.due
