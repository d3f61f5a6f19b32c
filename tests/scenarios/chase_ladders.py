"""Judges the ladders of a random chase: which step goes out on which day, and what stands in the way (rules D3, D8)."""

from collections.abc import Coroutine
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from tests.conftest import Api
from tests.scenarios.chase_books import AGREED, Books, clock, day_of, is_stopped
from tests.scenarios.chases import OWED, TENANT_ZONE, ChaseOffice

# How far a day without sending can move a step: a weekend and Easter, or the end of a year.
ROLL = timedelta(days=7)

Step = tuple[str, str, int]
"""A case, the key of its step, and its cycle."""


class LadderChase(RuleBasedStateMachine):
    """A chase whose ladders are known.

    Attributes:
        api: The tenant.
        now: Its clock.
        books: What was known when the clock moved last.
        versions: Published policies by id and version.
        pins: By case, its version.
        shifts: By invoice, the days by which its ladder starts later than its due date.
        waiting: Invoices whose ladder waits for a person.
        taken: By case and invoice, the last step that went out, and when.
    """

    office: ClassVar[ChaseOffice]
    api: Api
    now: datetime
    reminders: dict[str, Any]

    def begin_ladders(self) -> None:
        """Nothing is known yet."""
        self.books: Books | None = None
        self.versions: dict[tuple[str, int], Any] = {}
        self.pins: dict[str, tuple[str, int]] = {}
        self.shifts: dict[str, int] = {}
        self.waiting: set[str] = set()
        self.outlooks: dict[str, Any] = {}
        self.taken: dict[tuple[str, str], tuple[int, date]] = {}
        self.skipped: set[Step] = set()
        self.sent: set[Step] = set()

    @property
    def today(self) -> date:
        """The business date."""
        return self.now.astimezone(TENANT_ZONE).date()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one coroutine to its end."""
        return self.office.run(work)

    def _enter(self, invoice: Any) -> None:
        """A case that is first seen overdue enters its ladder today (rule D3)."""
        outlook = self.run(self.api.get(f"/invoices/{invoice['id']}/dunning"))
        policy = self.versions[outlook["policy_id"], outlook["policy_version"]]
        due_on = date.fromisoformat(invoice["due_on"])
        self.shifts[invoice["id"]] = 0
        if due_on >= self.today:
            return
        if policy["late_entry"] == "hold":
            self.waiting.add(invoice["id"])
        elif policy["late_entry"] == "restart":
            # The lowest step after the due date comes now, or on the first day on which the clock goes on.
            first = min(step["offset_days"] for step in policy["steps"] if step["offset_days"] > 0)
            stops = self.books.stops(invoice, self.today) if self.books is not None else []
            shown = clock(due_on, self.today, stops) + is_stopped(self.today, stops)
            self.shifts[invoice["id"]] = max(0, shown - first)

    def _check_step(
        self, invoice: Any, step: Any, policy: Any, books: Books, local_on: date, business_on: date
    ) -> None:
        """The step is the one that the ladder clock shows."""
        on = min(local_on, business_on)
        due_on, offset_days = date.fromisoformat(invoice["due_on"]), step["offset_days"]
        self._check_day(step, due_on, on, business_on)
        shown = clock(due_on, on, books.stops(invoice, business_on)) - self.shifts[invoice["id"]]

        def has_come(days: int) -> bool:
            return shown >= days if days > 0 else on >= due_on + timedelta(days=days)

        assert offset_days <= 0 or has_come(offset_days), "a step was sent before the ladder clock shows it"
        # Where the customer's day is another one, a step may have rolled to it and not come for the business.
        if policy["catch_up"] == "highest" and on == local_on:
            places = [one["offset_days"] for one in policy["steps"]]
            higher = [days for days in places if days > offset_days and has_come(days)]
            assert not higher, f"the step of day {offset_days} was sent when that of day {higher[-1]} was due"

    def _check_day(self, step: Any, due_on: date, on: date, business_on: date) -> None:
        if step["offset_days"] < 0:
            assert business_on <= due_on, "a step before the due date was sent after it"
        else:
            assert on >= due_on + timedelta(days=step["offset_days"]), "a step was sent before its day"

    def _check_ladder(self, item: Any, offset_days: int, on: date) -> None:
        case = item["case_id"], item["invoice_id"]
        before = self.taken.get(case)
        if before is not None:
            assert offset_days > before[0], "a ladder went back"
            assert on > before[1], "two steps of a case on one day"
        self.taken[case] = offset_days, on

    def _check_standing(self, books: Books) -> None:
        """Each outlook names what stands in the way and nothing else, and the day on which the ladder goes on."""
        for invoice_id, outlook in self.outlooks.items():
            invoice = books.invoices[invoice_id]
            if invoice["status"] not in OWED:
                continue
            codes = {blocker["code"] for blocker in outlook["blockers"]}
            stands = books.stands(invoice, self.today)
            if invoice_id in self.waiting:
                stands.add("hold")
            # A dispute of a part is named where it covers all that is left.
            told = codes & AGREED - ({"disputed"} if books.disputed_minor(invoice) else set())
            assert told == stands - ({"disputed"} if books.disputed_minor(invoice) else set()), (told, stands)
            assert "disputed" not in stands or "disputed" in codes
            self._check_next(invoice, outlook, codes, books)

    def _check_next(self, invoice: Any, outlook: Any, codes: set[str], books: Books) -> None:
        step, stops = outlook["next_step"], books.stops(invoice, self.today)
        if step is None:
            stands_for_good = any(last is None for _, last in stops)
            assert codes & {"exhausted", "outside_window", "condition_not_met"} or stands_for_good, codes
            return
        policy = self.versions[self.pins[outlook["case_id"]]]
        offset_days = next(one["offset_days"] for one in policy["steps"] if one["key"] == step["key"])
        due_on, step_on = date.fromisoformat(invoice["due_on"]), date.fromisoformat(step["due_on"])
        if offset_days > 0:
            nominal_on = day_of(due_on, offset_days + self.shifts[invoice["id"]], stops)
        else:
            nominal_on = due_on + timedelta(days=offset_days)
        assert nominal_on is not None, "a ladder whose clock stands for good has a next step"
        if offset_days < 0:
            assert nominal_on - ROLL <= step_on <= nominal_on, (nominal_on, step_on)
        else:
            assert nominal_on <= step_on <= nominal_on + ROLL, (nominal_on, step_on)

    def _check_whole_ladders(self) -> None:
        """No step is forgotten: what lies below one that was taken was taken or passed over."""
        told = self.skipped | self.sent
        # What lies below one whose outcome is not known yet is passed over when it is.
        under_way = {
            (item["case_id"], item["step_key"], item["cycle"])
            for reminder in self.reminders.values()
            if reminder["status"] == "sending"
            for item in reminder["items"]
        }
        for case, step_key, _ in self.sent - under_way:
            policy = self.versions[self.pins[case]]
            places = {step["key"]: step["offset_days"] for step in policy["steps"]}
            known = {key for other, key, _ in told if other == case}
            lower = {key for key, offset_days in places.items() if offset_days < places[step_key]}
            assert lower <= known, f"{lower - known} were forgotten"
