"""Loads what the chase of some customers is decided on, in set queries whose number does not grow with them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.calendars import holidays_of
from app.core.uow import UnitOfWork
from app.domain.channels import THROUGH_ACCOUNTS
from app.domain.clocktime import business_date
from app.domain.conditions import Debtor
from app.domain.errors import Code
from app.domain.holds import DateRange
from app.domain.ladder import Ladder
from app.domain.policy import LateEntry, Policy
from app.domain.standing import CLEAR, Standing
from app.domain.verdicts import Address, Again, CaseFacts, ChaseFacts, PendingPayment
from app.dunning.contacts import NO_CONTACTS, Contacts, load_contacts, rule_holidays, rules_of, zone_of
from app.dunning.cover import load_pending_payments, load_unapplied
from app.dunning.definitions import load_policies, parse_window
from app.dunning.shares import share_of
from app.dunning.standing import load_standings
from app.models import Customer, DunningCase, Invoice, Reminder


@dataclass(slots=True)
class Dossier:
    """The rows behind one customer's facts, so that what was decided can be applied to them."""

    customer: Customer
    invoices: dict[UUID, Invoice] = field(default_factory=dict)
    cases: dict[UUID, DunningCase] = field(default_factory=dict)


async def load_dossiers(uow: UnitOfWork, customers: Iterable[Customer]) -> dict[UUID, Dossier]:
    """Receivable invoices of the customers, and their cases."""
    dossiers = {customer.id: Dossier(customer) for customer in customers}
    ids = list(dossiers)
    for invoice in await uow.fetch(Invoice, _INVOICES, uow.tenant_id, ids):
        dossiers[invoice.customer_id].invoices[invoice.id] = invoice
    for case in await uow.fetch(DunningCase, _CASES, uow.tenant_id, ids):
        if case.invoice_id in dossiers[case.customer_id].invoices:
            dossiers[case.customer_id].cases[case.id] = case
    return dossiers


_INVOICES = """
SELECT * FROM invoices WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND status IN ('open', 'partially_paid')
"""
_CASES = "SELECT * FROM dunning_cases WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND state <> 'closed'"


async def load_case_policies(uow: UnitOfWork, cases: Iterable[DunningCase]) -> dict[tuple[UUID, int], Policy]:
    """The policy versions that cases pin."""
    return await load_policies(uow, {(case.policy_id, case.policy_version) for case in cases})


async def load_facts(
    uow: UnitOfWork, dossiers: Mapping[UUID, Dossier], *, lifted: frozenset[UUID] = frozenset()
) -> dict[UUID, ChaseFacts]:
    """Facts of customers whose dossiers were loaded.

    Args:
        uow: the unit of work; for a decision that is acted upon, the customers are locked in it.
        dossiers: by customer.
        lifted: reminders that do not count as under way, because they are the ones being judged.
    """
    pending = await _load_pending(uow, dossiers, lifted)
    unapplied = await load_unapplied(uow, dossiers.keys())
    pending_payments = await load_pending_payments(
        uow, {customer_id: dossier.invoices.values() for customer_id, dossier in dossiers.items()}
    )
    contacts = await load_contacts(uow, [dossier.customer for dossier in dossiers.values()])
    standings = await load_standings(uow, [dossier.customer for dossier in dossiers.values()])
    cases = [case for dossier in dossiers.values() for case in dossier.cases.values()]
    policies = await load_case_policies(uow, cases)
    return {
        customer_id: chase_facts(
            uow,
            dossier.customer,
            [
                case_facts(
                    uow,
                    case,
                    dossier.invoices[case.invoice_id],
                    policies[case.policy_id, case.policy_version],
                    pending.get(case.id),
                    standings.of_case(case, dossier.invoices[case.invoice_id]),
                )
                for case in dossier.cases.values()
                if case.invoice_id in dossier.invoices
            ],
            unapplied=unapplied.get(customer_id, {}),
            pending_payments=pending_payments.get(customer_id, ()),
            contacts=contacts.get(customer_id, NO_CONTACTS),
        )
        for customer_id, dossier in dossiers.items()
    }


def chase_facts(
    uow: UnitOfWork,
    customer: Customer,
    cases: Sequence[CaseFacts],
    *,
    unapplied: Mapping[str, int],
    pending_payments: tuple[PendingPayment, ...] = (),
    contacts: Contacts = NO_CONTACTS,
) -> ChaseFacts:
    """Put one customer's facts together."""
    settings = uow.tenant.settings
    rules = rules_of(uow, customer)
    return ChaseFacts(
        now=uow.now,
        tenant_zone=uow.tenant.zone,
        customer_zone=zone_of(uow, customer),
        sending=uow.tenant.sending,
        tenant_window=parse_window(settings["send_window"]),
        # A policy without a calendar goes by the tenant's.
        holidays={"": holidays_of(settings["calendar"])}
        | {case.policy.calendar: holidays_of(case.policy.calendar) for case in cases if case.policy.calendar},
        max_contacts_per_day=settings["max_contacts_per_day"],
        addresses=addresses_of(customer),
        unapplied=unapplied,
        pending_payments=pending_payments,
        cases=tuple(cases),
        last_contact_on=contacts.last_on,
        contacts_today=contacts.today,
        customer_window=parse_window(customer.send_window) if customer.send_window else None,
        other_zones=tuple(ZoneInfo(zone) for zone in customer.other_time_zones),
        rules=rules,
        rule_holidays=rule_holidays(rules),
        contacts=contacts.recent,
        by_runs=settings["dunning_mode"] == "runs",
        debtor=debtor_of(customer),
        unavailable=THROUGH_ACCOUNTS.difference(settings["channels"]),
    )


def debtor_of(customer: Customer) -> Debtor:
    """What of a customer the conditions of policies and steps look at."""
    return Debtor(customer.kind, customer.country, frozenset(customer.tags))


def case_facts(
    uow: UnitOfWork,
    case: DunningCase,
    invoice: Invoice,
    policy: Policy,
    pending: Code | None = None,
    standing: Standing = CLEAR,
) -> CaseFacts:
    """One case as the domain sees it."""
    share = share_of(case, invoice)
    return CaseFacts(
        case_id=case.id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        issued_on=invoice.issued_on,
        status=invoice.status,
        open_minor=share.open_minor,
        disputed_minor=share.disputed_minor,
        case_state=case.state,
        cycle=case.cycle,
        policy=policy,
        ladder=ladder_of(uow, case, invoice, standing.stops),
        pending=pending,
        standing=standing,
        plan_id=case.plan_id,
        instalment_number=case.instalment_number,
    )


def ladder_of(uow: UnitOfWork, case: DunningCase, invoice: Invoice, stops: tuple[DateRange, ...]) -> Ladder:
    """Where a case stands on its ladder, whose clock stops on some days."""
    due_on = share_of(case, invoice).due_on
    return Ladder(
        due_on=due_on,
        shift_days=case.shift_days,
        entered_overdue=business_date(case.opened_at, uow.tenant.zone) > due_on,
        reached_offset_days=case.reached_offset_days,
        last_sent_on=case.last_sent_on,
        stops=stops,
        late_entry=LateEntry(case.late_entry) if case.late_entry else None,
        taken_keys=frozenset(case.taken_keys),
    )


def tried_again(facts: ChaseFacts, reminder: Reminder, *, tried: Iterable[str]) -> ChaseFacts:
    """The facts for a reminder that takes up its steps by a channel which was not tried yet.

    Args:
        facts: its customer's.
        reminder: with its items.
        tried: the channels that have failed.
    """
    items = {item.case_id: item for item in reminder.items if item.dropped_reason is None}
    names = frozenset(tried)
    if not names:
        return facts
    return replace(
        facts,
        cases=tuple(
            replace(case, again=Again(item.step_key, names, item.nominal_on))
            if (item := items.get(case.case_id)) is not None and item.cycle == case.cycle
            else case
            for case in facts.cases
        ),
    )


def addresses_of(customer: Customer) -> tuple[Address, ...]:
    """Every address of every contact that messages have not come back from, in the order the customer lists them."""
    return tuple(
        Address(
            channel=channel["type"],
            address=channel["address"],
            consent=channel["consent"],
            preferred=channel["preferred"],
            name=contact["name"],
        )
        for contact in customer.contacts
        for channel in contact["channels"]
        if not channel.get("bounced_at")
    )


_PENDING = """
SELECT i.case_id, r.id, r.status, r.next_attempt_at
FROM reminders r JOIN reminder_items i ON i.tenant_id = r.tenant_id AND i.reminder_id = r.id
WHERE r.tenant_id = $1 AND r.customer_id = ANY($2::uuid[]) AND i.dropped_reason IS NULL
    AND r.status IN ('awaiting_approval', 'ready', 'sending')
"""


async def _load_pending(uow: UnitOfWork, dossiers: Mapping[UUID, Dossier], lifted: frozenset[UUID]) -> dict[UUID, Code]:
    rows = await uow.driver.fetch(_PENDING, uow.tenant_id, list(dossiers))
    return {
        case_id: _pending_code(status, next_attempt_at)
        for case_id, reminder_id, status, next_attempt_at in rows
        if reminder_id not in lifted
    }


def _pending_code(status: str, next_attempt_at: datetime | None) -> Code:
    if status == "awaiting_approval":
        return Code.awaiting_approval
    # What nothing will attempt by itself waits for a person: a call.
    return Code.awaiting_call if status == "ready" and next_attempt_at is None else Code.in_flight
