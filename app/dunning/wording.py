"""What a message about cases is made of: the texts that the tenant can use, and the facts that they speak of."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.dunning.contacts import rules_of
from app.dunning.facts import Dossier
from app.dunning.shares import share_of
from app.messages.context import BankAccount, Company, MessageContext, MessageLine, PlanFacts, PromiseFacts
from app.messages.context import Customer as Recipient
from app.messages.texts import Text, Texts
from app.models import Customer, DunningCase, Invoice, PaymentPlan, Promise, Template

_UNKEPT: Final = ("broken", "partially_kept")


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of a tenant, and what some customers have agreed and not kept.

    Attributes:
        promises: The promises of each customer that were not kept, the last one first.
        plans: Payment plans by id: those whose instalments are chased, and those that have failed.
        failed_plans: The plans of each customer that have failed, the last one first.
    """

    texts: Texts
    promises: Mapping[UUID, list[Promise]] = field(default_factory=dict)
    plans: Mapping[UUID, PaymentPlan] = field(default_factory=dict)
    failed_plans: Mapping[UUID, list[PaymentPlan]] = field(default_factory=dict)


_TEMPLATES = "SELECT * FROM templates WHERE tenant_id = $1 AND is_active"


async def load_texts(uow: UnitOfWork) -> Texts:
    """The texts that the tenant can use: its own active ones before those that ship."""
    rows = await uow.fetch(Template, _TEMPLATES, uow.tenant_id)
    return Texts.of(text_of(row) for row in rows)


def text_of(template: Template) -> Text:
    """A tenant's template as a text."""
    return Text(
        id=template.id,
        key=template.key,
        language=template.language,
        channel=template.channel,
        tone=template.tone,
        name=template.name,
        subject=template.subject,
        body=template.body,
        body_html=template.body_html,
        provider_template=template.provider_template,
    )


async def load_wording(uow: UnitOfWork, dossiers: Mapping[UUID, Dossier], templates: Collection[str]) -> Wording:
    """What messages to some customers may say, under some keys."""
    texts = await load_texts(uow)
    chased = {case.plan_id for dossier in dossiers.values() for case in dossier.cases.values() if case.plan_id}
    return Wording(
        texts,
        promises=await _load_promises(uow, dossiers) if _speaks_of("promise", templates, texts) else {},
        plans={plan.id: plan for plan in await _load_plans(uow, chased)} if chased else {},
        failed_plans=await _load_failed_plans(uow, dossiers) if _speaks_of("plan", templates, texts) else {},
    )


def message_context(
    uow: UnitOfWork,
    dossier: Dossier,
    case_ids: Iterable[UUID],
    *,
    wording: Wording,
    currency: str,
    total_due_minor: int,
    step_key: str,
    today: date,
    also_open: Iterable[UUID] = (),
    contact: str | None = None,
    address: str = "",
) -> MessageContext:
    """The facts of a message about some cases of a customer.

    Args:
        uow: the unit of work.
        dossier: the rows of the customer.
        case_ids: what the message is about.
        wording: what the tenant can say.
        currency: of all the cases.
        total_due_minor: what is asked for.
        step_key: the highest step.
        today: the tenant's business date.
        also_open: cases to be listed for information.
        contact: whom it is addressed to, where that is known.
        address: the postal address of a letter.
    """
    cases = [dossier.cases[case_id] for case_id in case_ids]
    lines = [case_line(case, dossier.invoices[case.invoice_id], today) for case in cases]
    others = [dossier.cases[case_id] for case_id in also_open]
    return customer_context(
        uow,
        dossier.customer,
        lines,
        currency=currency,
        total_due_minor=total_due_minor,
        step_key=step_key,
        today=today,
        also_open=[case_line(case, dossier.invoices[case.invoice_id], today) for case in others],
        contact=contact,
        address=address,
        plan=_plan_of(dossier.customer.id, cases, wording),
        promise=_promise_of(dossier.customer.id, {case.invoice_id for case in cases}, currency, wording),
    )


def customer_context(
    uow: UnitOfWork,
    customer: Customer,
    lines: Iterable[MessageLine],
    *,
    currency: str,
    total_due_minor: int,
    step_key: str,
    today: date,
    also_open: Iterable[MessageLine] = (),
    contact: str | None = None,
    address: str = "",
    plan: PlanFacts | None = None,
    promise: PromiseFacts | None = None,
) -> MessageContext:
    """The facts of a message to a customer about lines that are made out already."""
    rules = rules_of(uow, customer)
    return MessageContext(
        company=company_of(uow),
        customer=Recipient(
            name=customer.name, contact=contact, kind=customer.kind, tax_id=customer.tax_id, address=address
        ),
        currency=currency,
        total_due_minor=total_due_minor,
        step_key=step_key,
        today=today,
        lines=tuple(sorted(lines, key=lambda line: (line.due_on, line.number, line.instalment))),
        also_open=tuple(also_open),
        bank_accounts=bank_accounts(uow.tenant.settings["bank_accounts"], currency),
        locale=customer.locale or uow.tenant.locale,
        payment_reference=customer.external_id,
        fallback_locale=uow.tenant.locale,
        identifies_collector=rules is not None and rules.identifies_collector,
        offers_opt_out=rules is not None and rules.needs_opt_out,
        plan=plan,
        promise=promise,
    )


def company_of(uow: UnitOfWork) -> Company:
    """The tenant, as its customers know it."""
    settings = uow.tenant.settings
    return Company(
        name=settings["name"],
        sender_name=settings["sender_name"],
        reply_to=settings["reply_to"] or settings["sender_address"],
        phone=settings["phone"],
    )


def bank_accounts(accounts: Iterable[Mapping[str, Any]], currency: str) -> tuple[BankAccount, ...]:
    """The tenant's accounts for a currency."""
    return tuple(
        BankAccount(label=account["label"], number=account["number"], bank=account["bank"], holder=account["holder"])
        for account in accounts
        if account["currency"] == currency
    )


def case_line(case: DunningCase, invoice: Invoice, today: date) -> MessageLine:
    """One case as a message shows it: an invoice, an instalment of it, or one of a payment plan."""
    share = share_of(case, invoice)
    return MessageLine(
        number="" if case.plan_id is not None else invoice.number,
        issued_on=invoice.issued_on,
        due_on=share.due_on,
        days_overdue=(today - share.due_on).days,
        amount_minor=share.open_minor - share.disputed_minor,
        charges_minor=share.charges_minor,
        reference=invoice.reference,
        payment_url=invoice.payment_url,
        instalment=share.label,
    )


def invoice_line(invoice: Invoice, today: date) -> MessageLine:
    """An invoice that no case follows, as a message would show it."""
    return MessageLine(
        number=invoice.number,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        days_overdue=(today - invoice.due_on).days,
        amount_minor=invoice.open_minor - invoice.disputed_minor,
        charges_minor=invoice.charges_open_minor,
        reference=invoice.reference,
        payment_url=invoice.payment_url,
    )


def _speaks_of(variable: str, templates: Collection[str], texts: Texts) -> bool:
    """Whether a text under one of the keys may use a variable, so that its facts are worth a query."""
    shipped = {"plan": {"plan_default"}, "promise": {"broken_promise"}}[variable]
    return not shipped.isdisjoint(templates) or any(
        variable in text.body or variable in (text.subject or "") or variable in (text.body_html or "")
        for (key, _), own in texts.own.items()
        if key in templates
        for text in own
    )


async def _load_promises(uow: UnitOfWork, customer_ids: Collection[UUID]) -> dict[UUID, list[Promise]]:
    rows = await uow.session.scalars(
        select(Promise)
        .where(Promise.tenant_id == uow.tenant_id, Promise.customer_id.in_(customer_ids), Promise.status.in_(_UNKEPT))
        .order_by(Promise.promised_on.desc(), Promise.id.desc())
    )
    found: dict[UUID, list[Promise]] = {}
    for promise in rows:
        found.setdefault(promise.customer_id, []).append(promise)
    return found


async def _load_plans(uow: UnitOfWork, plan_ids: Collection[UUID]) -> list[PaymentPlan]:
    statement = select(PaymentPlan).where(PaymentPlan.tenant_id == uow.tenant_id, PaymentPlan.id.in_(plan_ids))
    return list(await uow.session.scalars(statement.options(selectinload(PaymentPlan.instalments))))


async def _load_failed_plans(uow: UnitOfWork, customer_ids: Collection[UUID]) -> dict[UUID, list[PaymentPlan]]:
    statement = (
        select(PaymentPlan)
        .where(
            PaymentPlan.tenant_id == uow.tenant_id,
            PaymentPlan.customer_id.in_(customer_ids),
            PaymentPlan.status == "defaulted",
        )
        .order_by(PaymentPlan.id.desc())
        .options(selectinload(PaymentPlan.instalments), selectinload(PaymentPlan.invoices))
    )
    found: dict[UUID, list[PaymentPlan]] = {}
    for plan in await uow.session.scalars(statement):
        found.setdefault(plan.customer_id, []).append(plan)
    return found


def _plan_of(customer_id: UUID, cases: Collection[DunningCase], wording: Wording) -> PlanFacts | None:
    followed = sorted((case.instalment_number or 0, case.plan_id) for case in cases if case.plan_id is not None)
    if followed:
        number, plan_id = followed[0]
        plan = wording.plans.get(plan_id)
    else:
        # Of those that have failed, one that the message is about; an invoice's own instalments are not the plan's.
        ids = {case.invoice_id for case in cases if case.instalment_number is None}
        plans = wording.failed_plans.get(customer_id, ())
        plan = next((plan for plan in plans if any(covered.invoice_id in ids for covered in plan.invoices)), None)
        missed = [part.number for part in plan.instalments if part.status != "paid"] if plan else []
        number = missed[0] if missed else 0
    part = next((part for part in plan.instalments if part.number == number), None) if plan else None
    if plan is None or part is None:
        return None
    return PlanFacts(
        instalment=number,
        # The down payment is number 0 and counts for none.
        instalments=sum(part.number > 0 for part in plan.instalments),
        due_on=part.due_on,
        amount_minor=part.total_minor - part.paid_minor,
        remaining_minor=sum(part.total_minor - part.paid_minor for part in plan.instalments),
    )


def _promise_of(
    customer_id: UUID, invoice_ids: Collection[UUID], currency: str, wording: Wording
) -> PromiseFacts | None:
    for promise in wording.promises.get(customer_id, ()):
        if promise.currency == currency and not set(promise.invoice_ids).isdisjoint(invoice_ids):
            return PromiseFacts(promise.amount_minor, promise.promised_on, promise.paid_minor)
    return None
