"""A made-up case for previews: two invoices, one of them with charges, and one more that is open."""

from datetime import date, timedelta

from app.messages.context import BankAccount, Company, Customer, MessageContext, MessageLine, PlanFacts, PromiseFacts

_AMOUNTS = (116_000, 58_050)
_CHARGES = 5_000


def sample_context(
    *,
    company: Company,
    bank_accounts: tuple[BankAccount, ...],
    currency: str,
    locale: str,
    fallback_locale: str,
    today: date,
) -> MessageContext:
    """A case with everything in it that a text may speak of; what is the tenant's own is real."""
    lines = (
        _line("F-1001", today, 15, _AMOUNTS[0] + _CHARGES, charges=_CHARGES),
        _line("F-1002", today, 1, _AMOUNTS[1]),
    )
    return MessageContext(
        company=company,
        customer=Customer(
            name="Ferretería Núñez, S.A. de C.V.",
            contact="Cuentas por pagar",
            tax_id="FNU010203AB1",
            address="Av. Juárez 100\n06010 Ciudad de México",
        ),
        currency=currency,
        total_due_minor=sum(line.amount_minor for line in lines),
        step_key="d+15",
        today=today,
        lines=lines,
        also_open=(_line("F-1003", today, 3, 29_000),),
        bank_accounts=bank_accounts,
        locale=locale,
        payment_reference="C-1001",
        fallback_locale=fallback_locale,
        plan=PlanFacts(2, 6, today - timedelta(days=5), 20_000, 100_000),
        promise=PromiseFacts(150_000, today - timedelta(days=3), 40_000),
    )


def _line(number: str, today: date, days_overdue: int, amount_minor: int, *, charges: int = 0) -> MessageLine:
    due_on = today - timedelta(days=days_overdue)
    return MessageLine(
        number,
        due_on - timedelta(days=30),
        due_on,
        days_overdue,
        amount_minor,
        charges_minor=charges,
        reference="OC-4711",
        payment_url="https://pay.example.com/C-1001",
    )
