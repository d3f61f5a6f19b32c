"""What a tenant allows of payment plans (rule P1), and when interest may be worked out on interest."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from app.domain.decimals import format_decimal
from app.domain.errors import Code
from app.domain.money import format_amount
from app.domain.months import whole_months
from app.domain.plan import DOWN_PAYMENT, InterestKind, Quote


@dataclass(frozen=True, slots=True)
class PlanRules:
    """The limits of a tenant; None is no limit. Amounts are in minor units of the plan's currency.

    Attributes:
        allowed_kinds: Customer kinds that may have a plan.
        min_amount_minor: The least that a plan covers, inclusive.
        max_amount_minor: The most that a plan covers, inclusive.
        max_months: The last instalment is due, before any roll, at most so many months after the start.
        min_down_payment_percent: The least share of what is covered that is paid down.
        min_instalment_minor: The least that an instalment comes to; the down payment is none, and the last of several
            may be less, since it pays what is left.
        max_open_plans: How many plans of a customer may be open, this one among them.
        max_grace_days: The most grace days.
        max_allowed_misses: The most misses before default.
        allowed_interest: Kinds of interest that a plan may have.
        max_annual_rate: The highest rate, in percent a year.
    """

    allowed_kinds: Collection[str] | None = None
    min_amount_minor: int | None = None
    max_amount_minor: int | None = None
    max_months: int | None = None
    min_down_payment_percent: Fraction | None = None
    min_instalment_minor: int | None = None
    max_open_plans: int | None = None
    max_grace_days: int | None = None
    max_allowed_misses: int | None = None
    allowed_interest: Collection[InterestKind] | None = None
    max_annual_rate: Fraction | None = None


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What the rules need besides the quote.

    Attributes:
        customer_kind: `business`, `sole_trader` or `consumer`.
        open_plans: Plans of the customer that are proposed, accepted or active, without this one and those it replaces.
        grace_days: Grace days of this plan.
        allowed_misses: Misses of this plan.
        has_compound_agreement: That the customer expressly agreed to interest on included interest is on record.
    """

    customer_kind: str
    open_plans: int = 0
    grace_days: int = 0
    allowed_misses: int = 0
    has_compound_agreement: bool = False


class Violation(NamedTuple):
    """A rule that a plan breaks: a code, the rule's name, and a sentence for people."""

    code: Code
    rule: str
    message: str


Check = Callable[[Quote, PlanRules, PlanFacts], str | None]
"""One rule: the sentence where it is broken, and None where it is kept or not set."""


def check(quote: Quote, rules: PlanRules, facts: PlanFacts) -> list[Violation]:
    """Every rule that a plan breaks, in the order of `PlanRules`; none where it is allowed."""
    found = []
    for rule, broken in CHECKS.items():
        message = broken(quote, rules, facts)
        if message is not None:
            found.append(Violation(Code.plan_not_allowed, rule, message))
    return found


def _kinds(_quote: Quote, rules: PlanRules, facts: PlanFacts) -> str | None:
    if rules.allowed_kinds is None or facts.customer_kind in rules.allowed_kinds:
        return None
    return "Customers of this kind may not have a plan."


def _min_amount(quote: Quote, rules: PlanRules, _facts: PlanFacts) -> str | None:
    least = rules.min_amount_minor
    if least is None or quote.principal_minor >= least:
        return None
    return f"A plan covers at least {_money(least, quote)}."


def _max_amount(quote: Quote, rules: PlanRules, _facts: PlanFacts) -> str | None:
    most = rules.max_amount_minor
    if most is None or quote.principal_minor <= most:
        return None
    return f"A plan covers at most {_money(most, quote)}."


def _months(quote: Quote, rules: PlanRules, _facts: PlanFacts) -> str | None:
    if rules.max_months is None:
        return None
    start, end = quote.ask.starts_on, quote.last_nominal_on
    months = whole_months(start, end)
    if months is None:
        # Not a whole number: the month that has begun counts.
        months = 12 * (end.year - start.year) + end.month - start.month + (end.day > start.day)
    return None if months <= rules.max_months else f"A plan ends within {rules.max_months} months of its start."


def _down_payment(quote: Quote, rules: PlanRules, _facts: PlanFacts) -> str | None:
    least = rules.min_down_payment_percent
    if least is None or 100 * quote.ask.down_payment_minor >= least * quote.principal_minor:
        return None
    return f"At least {format_decimal(least, 2)} % of the covered amount is paid down."


def _instalment(quote: Quote, rules: PlanRules, _facts: PlanFacts) -> str | None:
    least = rules.min_instalment_minor
    instalments = [each for each in quote.instalments if each.number != DOWN_PAYMENT]
    if least is None or all(each.total_minor >= least for each in instalments[:-1] or instalments):
        return None
    return f"An instalment comes to at least {_money(least, quote)}."


def _open_plans(_quote: Quote, rules: PlanRules, facts: PlanFacts) -> str | None:
    most = rules.max_open_plans
    if most is None or facts.open_plans < most:
        return None
    return f"A customer has at most {most} open plans at a time."


def _grace(_quote: Quote, rules: PlanRules, facts: PlanFacts) -> str | None:
    most = rules.max_grace_days
    return None if most is None or facts.grace_days <= most else f"A plan has at most {most} grace days."


def _misses(_quote: Quote, rules: PlanRules, facts: PlanFacts) -> str | None:
    most = rules.max_allowed_misses
    return None if most is None or facts.allowed_misses <= most else f"A plan allows at most {most} missed instalments."


def _interest(quote: Quote, rules: PlanRules, _facts: PlanFacts) -> str | None:
    if rules.allowed_interest is None or quote.ask.interest.kind in rules.allowed_interest:
        return None
    return "Plans may not have this kind of interest."


def _rate(quote: Quote, rules: PlanRules, _facts: PlanFacts) -> str | None:
    most = rules.max_annual_rate
    if most is None or quote.ask.interest.annual_rate <= most:
        return None
    return f"The interest of a plan is at most {format_decimal(most, 2)} % a year."


def _compound(quote: Quote, _rules: PlanRules, facts: PlanFacts) -> str | None:
    ask = quote.ask
    on_charges = ask.charges_bear_interest and ask.charges_minor > 0 and ask.interest.kind != "none"
    if not on_charges or facts.has_compound_agreement:
        return None
    return "Interest on included charges needs the customer's express agreement on record."


def _money(minor: int, quote: Quote) -> str:
    return f"{format_amount(minor, quote.ask.currency)} {quote.ask.currency}"


CHECKS: Final[dict[str, Check]] = {
    "allowed_kinds": _kinds,
    "min_amount": _min_amount,
    "max_amount": _max_amount,
    "max_months": _months,
    "min_down_payment_percent": _down_payment,
    "min_instalment": _instalment,
    "max_open_plans": _open_plans,
    "max_grace_days": _grace,
    "max_allowed_misses": _misses,
    "allowed_interest": _interest,
    "max_annual_rate": _rate,
    # Holds whatever the tenant allows.
    "compound_agreement": _compound,
}
"""The rules by name, in the order in which they are reported."""
