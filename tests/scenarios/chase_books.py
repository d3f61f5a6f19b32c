"""What the API says is owed and agreed, and what follows from it for a chase, written a second time from DOMAIN."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.domain.money import parse_amount
from tests.scenarios.chases import OWED

ONE_DAY = timedelta(days=1)
AGREED = frozenset({"hold", "disputed", "promise", "plan", "placed"})
AT_WORK = frozenset({"placed", "acknowledged", "in_progress"})
PLAN_IN_FORCE = frozenset({"accepted", "active"})

Stop = tuple[date, date | None]
Part = tuple[str, int]
"""An instalment of a payment plan: the plan and its number."""


def _on(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def is_stopped(day: date, stops: Iterable[Stop]) -> bool:
    """Whether the ladder clock stands on a day."""
    return any(first <= day and (last is None or day <= last) for first, last in stops)


def clock(due_on: date, on: date, stops: Sequence[Stop]) -> int:
    """What the ladder clock shows: the days overdue on which it did not stand (rule D8)."""
    days = ((due_on + timedelta(days=count)) for count in range(1, max(0, (on - due_on).days) + 1))
    return sum(not is_stopped(day, stops) for day in days)


def day_of(due_on: date, shown: int, stops: Sequence[Stop]) -> date | None:
    """The first day on which the clock shows so much; None where it stands for good before."""
    day = due_on
    while shown > 0:
        day += ONE_DAY
        if is_stopped(day, stops):
            if any(first <= day and last is None for first, last in stops):
                return None
            continue
        shown -= 1
    return day


@dataclass(frozen=True, slots=True)
class Books:
    """What the API says is owed, paid, on its way and agreed, before the clock moves.

    Attributes:
        designated: Of pending payments, the invoice that they were handed over for.
        given_up: Placements that were closed without chasing on.
    """

    invoices: dict[str, Any]
    payments: list[Any]
    credit_notes: list[Any]
    holds: list[Any]
    promises: list[Any]
    disputes: list[Any]
    plans: list[Any]
    placements: list[Any]
    designated: dict[str, str]
    given_up: frozenset[str]

    def residuals(
        self, customer_id: str, currency: str, on: date, opened: Mapping[str, int] | None = None
    ) -> dict[str | Part, int]:
        """What may be asked for on a business date, by invoice and by instalment of a plan.

        Args:
            customer_id: Whose.
            currency: In which.
            on: The business date.
            opened: What is open by then, where it is more than when the books were read.
        """

        spare, named = self._covering(customer_id, currency, on)
        left: dict[str | Part, int] = {}
        asked: list[tuple[tuple[str, str, str], str | Part, int]] = []
        for invoice in _theirs(self.invoices.values(), customer_id, currency):
            amount = parse_amount(invoice["open_amount"], currency) if invoice["status"] in OWED else 0
            if amount and opened is not None:
                amount = opened[invoice["id"]]
            left[invoice["id"]] = 0
            if not self.is_in_plan(invoice, on):
                key = invoice["due_on"], invoice["issued_on"], invoice["id"]
                asked.append((key, invoice["id"], amount - min(amount, self.disputed_minor(invoice))))
        for plan in _theirs(self.plans, customer_id, currency):
            if plan["dunning_policy_id"] is not None and self.is_in_force(plan, on):
                asked += self._instalments(plan)
        for (_, _, invoice_id), part, amount in sorted(asked):
            by_name = min(amount, named[invoice_id])
            named[invoice_id] -= by_name
            covered = min(amount - by_name, spare)
            spare -= covered
            left[part] = amount - by_name - covered
        return left

    def _covering(self, customer_id: str, currency: str, on: date) -> tuple[int, dict[str, int]]:
        """What covers the oldest debts without settling them, and what covers an invoice by name (rule M4)."""
        spare, named = 0, defaultdict[str, int](int)
        for payment in _theirs(self.payments, customer_id, currency):
            if payment["status"] == "posted":
                spare += parse_amount(payment["unapplied_amount"], currency)
            elif payment["status"] == "pending" and on < date.fromisoformat(payment["matures_on"]):
                amount = parse_amount(payment["amount"], currency)
                invoice_id = self.designated.get(payment["id"])
                if invoice_id is None:
                    spare += amount
                else:
                    named[invoice_id] += amount
        for note in _theirs(self.credit_notes, customer_id, currency):
            if note["status"] == "open":
                spare += parse_amount(note["unapplied_amount"], currency)
        return spare, named

    def _instalments(self, plan: Any) -> Iterable[tuple[tuple[str, str, str], Part, int]]:
        covered = [self.invoices[invoice_id] for invoice_id in plan["invoice_ids"]]
        first = min(
            (row for row in covered if row["status"] in OWED),
            key=lambda row: (row["due_on"], row["issued_on"], row["id"]),
            default=covered[0],
        )
        for part in plan["instalments"]:
            key = part["due_on"], first["issued_on"], first["id"]
            yield key, (plan["id"], part["number"]), parse_amount(part["open"], plan["currency"])

    def disputed_minor(self, invoice: Any) -> int:
        """What of an invoice is disputed: never more than its principal (rule D9)."""
        parts = [row["amount"] for row in self.disputes if self._is_disputed_by(invoice, row)]
        principal = parse_amount(invoice["principal_open"], invoice["currency"])
        if None in parts:
            return principal
        return min(principal, sum(parse_amount(part, invoice["currency"]) for part in parts))

    def stands(self, invoice: Any, on: date) -> set[str]:
        """What forbids to write about an invoice on a business date."""
        found = set()
        if self.is_held(invoice, on):
            found.add("hold")
        if any(row["amount"] is None for row in self.disputes if self._is_disputed_by(invoice, row)):
            found.add("disputed")
        for promise in self.promises:
            last_on = date.fromisoformat(promise["promised_on"]) + timedelta(days=promise["tolerance_days"])
            # Before that day is over, only a payment or a word ends it.
            is_live = promise["status"] in {"open", "partially_kept", "broken"} and on <= last_on
            if is_live and invoice["id"] in promise["invoice_ids"]:
                found.add("promise")
        if self.is_in_plan(invoice, on):
            found.add("plan")
        if self._is_placed(invoice):
            found.add("placed")
        return found

    def stops(self, invoice: Any, on: date) -> list[Stop]:
        """When the ladder clock of an invoice stood and stands, as known on a business date (rule D8)."""
        found: list[tuple[date, date | None]] = []
        for hold in self.holds:
            if self._is_about(hold, invoice) and "escalation" in hold["effects"]:
                ends = [day for day in (_on(hold["ends_on"]), _before(_on(hold["released_on"]))) if day is not None]
                found.append((date.fromisoformat(hold["starts_on"]), min(ends, default=None)))
        found += [
            (date.fromisoformat(dispute["opened_on"]), _before(_on(dispute["resolved_on"])))
            for dispute in self.disputes
            if dispute["invoice_id"] == invoice["id"] and dispute["amount"] is None
        ]
        for plan in self.plans:
            if invoice["id"] in plan["invoice_ids"] and plan["activated_on"] is not None:
                ended_on = _on(plan["ended_on"])
                if plan["status"] in PLAN_IN_FORCE:
                    defaults_on = self._defaults_on(plan)
                    ended_on = defaults_on if defaults_on is not None and defaults_on <= on else None
                found.append((date.fromisoformat(plan["activated_on"]), _before(ended_on)))
        return [(first, last) for first, last in found if last is None or first <= last]

    def is_in_plan(self, invoice: Any, on: date) -> bool:
        """Whether a plan in good standing covers an invoice on a business date."""
        return any(invoice["id"] in plan["invoice_ids"] and self.is_in_force(plan, on) for plan in self.plans)

    def is_in_force(self, plan: Any, on: date) -> bool:
        """Whether a plan is in good standing on a business date, if nothing more is paid."""
        defaults_on = self._defaults_on(plan)
        return plan["status"] in PLAN_IN_FORCE and (defaults_on is None or on < defaults_on)

    def is_held(self, invoice: Any, on: date) -> bool:
        """Whether a hold stops contact or escalation on a business date."""
        return any(
            self._is_about(hold, invoice)
            and {"contact", "escalation"} & set(hold["effects"])
            and hold["released_on"] is None
            and date.fromisoformat(hold["starts_on"]) <= on
            and (hold["ends_on"] is None or on <= date.fromisoformat(hold["ends_on"]))
            for hold in self.holds
        )

    def _is_placed(self, invoice: Any) -> bool:
        """An agency has it, or has given it up; what it gave back is nobody's."""
        mine = [row for row in self.placements if invoice["id"] in {item["invoice_id"] for item in row["invoices"]}]
        # The newest one comes first.
        return bool(mine) and (mine[0]["status"] in AT_WORK or mine[0]["id"] in self.given_up)

    def _defaults_on(self, plan: Any) -> date | None:
        """The day on which more instalments are missed than a plan allows, if nothing more is paid (rule P4)."""
        missed = sorted(
            date.fromisoformat(part["due_on"]) + timedelta(days=plan["grace_days"] + 1)
            for part in plan["instalments"]
            if parse_amount(part["open"], plan["currency"]) > 0
        )
        return missed[plan["allowed_misses"]] if len(missed) > plan["allowed_misses"] else None

    def _is_disputed_by(self, invoice: Any, dispute: Any) -> bool:
        return bool(dispute["invoice_id"] == invoice["id"] and dispute["status"] == "open")

    def _is_about(self, hold: Any, invoice: Any) -> bool:
        is_theirs = hold["customer_id"] == invoice["customer_id"]
        return is_theirs and hold["invoice_id"] in {None, invoice["id"]}


def _theirs(rows: Iterable[Any], customer_id: str, currency: str) -> list[Any]:
    return [row for row in rows if (row["customer_id"], row["currency"]) == (customer_id, currency)]


def _before(day: date | None) -> date | None:
    return None if day is None else day - ONE_DAY
