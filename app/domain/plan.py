"""Payment plans as values: what is asked for, what an instalment is, and what is agreed (rules P1 to P4).

`plan_quote` turns a `PlanAsk` into a `Quote`, `plan_rules` says whether a tenant allows it, `plan_payments` spreads
what was paid over an `Agreement`, and `plan_state` says where that stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from app.domain.errors import Code, RuleError
from app.domain.interest import DayCount
from app.domain.money import MAX_MINOR, is_currency
from app.domain.workdays import Convention

Frequency = Literal["weekly", "biweekly", "monthly"]
"""How far the instalments lie apart: 7 days, 14 days, or a month on a day that it keeps."""

InterestKind = Literal["none", "flat", "declining"]
"""No interest; a rate on the whole for the whole term; or a rate on what is left, with equal instalments."""

FeePlacement = Literal["first", "spread"]
"""Whether the set-up fee is due with the first instalment (not the down payment) or in equal parts with all."""

Surplus = Literal["shorten", "reamortise", "next"]
"""Whether a surplus pays the last instalments, lowers all that are left, or pays the next one (rule P3)."""

MAX_INSTALMENTS: Final = 520
"""Ten years of weeks."""

MAX_RATE_PERCENT: Final = 1_000
DOWN_PAYMENT: Final = 0
"""The number of the down payment among the instalments."""


class PlanError(RuleError):
    """A plan that cannot be.

    Its pointer leads into the ask, such as `/interest/annual_rate`.
    """


@dataclass(frozen=True, slots=True)
class PlanInterest:
    """Interest of a plan: `annual_rate` in percent, `Fraction("8.5")` being 8.5 %, and how its days are counted."""

    kind: InterestKind = "none"
    annual_rate: Fraction = Fraction(0)
    day_count: DayCount = DayCount.thirty_360

    def __post_init__(self) -> None:
        pointer = "/interest/annual_rate"
        if self.kind == "none" and self.annual_rate != 0:
            raise PlanError(Code.invalid_value, "A plan without interest has no rate.", pointer)
        if self.kind != "none" and not 0 < self.annual_rate <= MAX_RATE_PERCENT:
            message = f"A rate is above 0 % and at most {MAX_RATE_PERCENT} % a year."
            raise PlanError(Code.out_of_range, message, pointer)


@dataclass(frozen=True, slots=True)
class PlanAsk:
    """What a plan is asked for.

    Attributes:
        currency: ISO 4217 code of every amount.
        principal_minor: Principal of the covered invoices, in minor units.
        charges_minor: Their interest and fees that the plan includes. They bear no interest, and everything that is
            paid settles principal and included charges in proportion.
        charges_bear_interest: Interest is worked out on the included charges, too; `plan_rules` asks for a recorded
            express agreement then.
        starts_on: The day from which interest runs.
        first_due_on: The nominal due date of the first instalment.
        frequency: How far they lie apart.
        preferred_day: Day of the month from 1 to 31 for monthly instalments after the first, the month's last where
            it has no such day; None for the day of the first one.
        instalment_count: How many there are, without the down payment; this or `instalment_minor`.
        instalment_minor: What each comes to, without the set-up fee; the last one is what is left.
        down_payment_minor: Paid before the rest; it bears no interest.
        down_payment_on: Its date, which never rolls; None for `starts_on`.
        setup_fee_minor: A fee on top.
        fee_placement: Where the fee is due.
        interest: Interest of the plan.
        roll: How due dates leave days that are not worked (rule T4). Interest goes by nominal dates, so that a
            holiday makes no plan dearer.

    Raises:
        PlanError: `unknown_currency`, `out_of_range`, `missing`, `invalid_value` or `date_order`.
    """

    currency: str
    principal_minor: int
    starts_on: date
    first_due_on: date
    frequency: Frequency = "monthly"
    charges_minor: int = 0
    charges_bear_interest: bool = False
    preferred_day: int | None = None
    instalment_count: int | None = None
    instalment_minor: int | None = None
    down_payment_minor: int = 0
    down_payment_on: date | None = None
    setup_fee_minor: int = 0
    fee_placement: FeePlacement = "first"
    interest: PlanInterest = field(default_factory=PlanInterest)
    roll: Convention = "none"

    def __post_init__(self) -> None:
        if not is_currency(self.currency):
            raise PlanError(Code.unknown_currency, "The currency is not an active ISO 4217 code.", "/currency")
        self._check_amounts()
        self._check_instalments()
        self._check_dates()

    @property
    def covered_minor(self) -> int:
        """What the plan covers: principal and included charges."""
        return self.principal_minor + self.charges_minor

    @property
    def financed_minor(self) -> int:
        """What the instalments after the down payment pay back."""
        return self.covered_minor - self.down_payment_minor

    @property
    def bearing_share(self) -> Fraction:
        """The share of what is covered that bears interest."""
        bearing = self.covered_minor if self.charges_bear_interest else self.principal_minor
        return Fraction(bearing, self.covered_minor)

    def _check_amounts(self) -> None:
        if min(self.principal_minor, self.charges_minor) < 0 or not 0 < self.covered_minor <= MAX_MINOR:
            raise PlanError(Code.out_of_range, "A plan covers an amount above zero.", "/principal")
        if not 0 <= self.down_payment_minor < self.covered_minor:
            message = "A down payment is less than what the plan covers."
            raise PlanError(Code.out_of_range, message, "/down_payment")
        if not 0 <= self.setup_fee_minor <= MAX_MINOR:
            raise PlanError(Code.out_of_range, "A set-up fee is not negative.", "/setup_fee")

    def _check_instalments(self) -> None:
        if (self.instalment_count is None) == (self.instalment_minor is None):
            message = "A plan has either a number of instalments or an instalment amount."
            code = Code.missing if self.instalment_count is None else Code.invalid_value
            raise PlanError(code, message, "/instalment_count")
        if self.instalment_count is not None and not 1 <= self.instalment_count <= MAX_INSTALMENTS:
            message = f"A plan has from 1 to {MAX_INSTALMENTS} instalments."
            raise PlanError(Code.out_of_range, message, "/instalment_count")
        if self.instalment_minor is not None and self.instalment_minor <= 0:
            raise PlanError(Code.out_of_range, "An instalment is above zero.", "/instalment_amount")

    def _check_dates(self) -> None:
        if self.preferred_day is not None:
            if self.frequency != "monthly":
                raise PlanError(Code.invalid_value, "Only monthly instalments have a preferred day.", "/preferred_day")
            if not 1 <= self.preferred_day <= 31:
                raise PlanError(Code.out_of_range, "A preferred day is from 1 to 31.", "/preferred_day")
        if self.first_due_on < self.starts_on:
            message = "The first instalment is not due before the plan starts."
            raise PlanError(Code.date_order, message, "/first_due_on")
        if self.down_payment_on is None:
            return
        if self.down_payment_minor == 0:
            raise PlanError(Code.invalid_value, "There is a date but no down payment.", "/down_payment_on")
        if not self.starts_on <= self.down_payment_on <= self.first_due_on:
            message = "A down payment is due between the start of the plan and its first instalment."
            raise PlanError(Code.date_order, message, "/down_payment_on")


class Instalment(NamedTuple):
    """One instalment, in minor units.

    Attributes:
        number: From 1 in order of dates; `DOWN_PAYMENT` for that.
        due_on: Its due date.
        nominal_on: The date before it rolled off a day that is not worked, by which interest runs.
        principal_minor: What it pays back of the covered amounts, included charges among them.
        interest_minor: Interest of the plan.
        fee_minor: Its part of the set-up fee.
    """

    number: int
    due_on: date
    nominal_on: date
    principal_minor: int
    interest_minor: int = 0
    fee_minor: int = 0

    @property
    def total_minor(self) -> int:
        """Principal, interest and fee together."""
        return self.principal_minor + self.interest_minor + self.fee_minor


@dataclass(frozen=True, slots=True)
class Quote:
    """A plan as it is offered: the instalments, and what they cost.

    Attributes:
        ask: What was asked for.
        instalments: In order of dates, the down payment first; their principals add up to what is covered.
        effective_annual_rate: What interest and fees cost a year, in percent with two decimals; None where no rate
            can express it.
    """

    ask: PlanAsk
    instalments: tuple[Instalment, ...]
    effective_annual_rate: Fraction | None

    @property
    def principal_minor(self) -> int:
        """What the plan covers."""
        return self.ask.covered_minor

    @property
    def interest_minor(self) -> int:
        """All interest of the plan."""
        return sum(each.interest_minor for each in self.instalments)

    @property
    def cost_minor(self) -> int:
        """What the customer pays for the time: interest and fee."""
        return self.interest_minor + self.ask.setup_fee_minor

    @property
    def total_minor(self) -> int:
        """All that is to be paid, the down payment included."""
        return self.principal_minor + self.cost_minor

    @property
    def last_nominal_on(self) -> date:
        """When the last instalment is due, before any roll."""
        return self.instalments[-1].nominal_on


@dataclass(frozen=True, slots=True)
class Agreement:
    """A plan as it was agreed: what its state is worked out from, together with what has been paid.

    Attributes:
        instalments: As they were quoted, in order of numbers and dates.
        starts_on: The day from which interest runs.
        grace_days: Days after a due date before an unpaid instalment is missed (rule P4).
        allowed_misses: How many may be in default at once before the plan is.
        surplus: What a surplus does.
        day_count: How the days of a period are counted when interest is cut off by an early payoff.
        waived: The day from which nothing is owed any more on an instalment, by its number.

    Raises:
        PlanError: `out_of_range` or `date_order`.
    """

    instalments: tuple[Instalment, ...]
    starts_on: date
    grace_days: int = 0
    allowed_misses: int = 0
    surplus: Surplus = "shorten"
    day_count: DayCount = DayCount.thirty_360
    waived: Mapping[int, date] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not self.instalments:
            raise PlanError(Code.out_of_range, "A plan has at least one instalment.", "/instalments")
        if not 0 <= self.grace_days <= 365:
            raise PlanError(Code.out_of_range, "grace_days goes from 0 to 365.", "/grace_days")
        if not 0 <= self.allowed_misses <= MAX_INSTALMENTS:
            raise PlanError(Code.out_of_range, f"allowed_misses goes from 0 to {MAX_INSTALMENTS}.", "/allowed_misses")
        dates = [each.due_on for each in self.instalments]
        if dates != sorted(dates):
            raise PlanError(Code.date_order, "Instalments are in order of their due dates.", "/instalments")
