"""Commands on payment terms that are kept, and the calculator."""

from collections.abc import Mapping
from typing import Any

from app.core.amounts import not_negative, positive
from app.core.errors import conflict, invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.core.wire import day, money
from app.domain.errors import Code
from app.domain.terms import Terms, TermsError
from app.models import PaymentTerms
from app.settlement.terms import load_terms, plan_of, read, refused, tiers_of, unknown_code
from app.terms import repository

Fields = Mapping[str, Any]


async def create(uow: UnitOfWork, fields: Fields) -> PaymentTerms:
    """Keep terms under a new code.

    Raises:
        ProblemError: 409 when the code is taken, 422 for terms that contradict themselves.
    """
    # One code is not made twice at once.
    await uow.lock_tenant()
    if await repository.find_by_code(uow, fields["code"]) is not None:
        raise conflict(Code.external_id_taken, "These terms exist; PUT /v1/terms/by-code/{code} changes them.")
    return _new(uow, fields["code"], fields)


async def upsert(uow: UnitOfWork, code: str, fields: Fields) -> tuple[PaymentTerms, bool]:
    """Keep terms under a code, or change those that are; whether they are new.

    Invoices have their own copy, so what was issued stays as it is.

    Raises:
        ProblemError: 422 for terms that contradict themselves.
    """
    await uow.lock_tenant()
    terms = await repository.find_by_code(uow, code)
    if terms is None:
        return _new(uow, code, fields), True
    definition = _checked(fields)
    if (terms.name, terms.definition) != (fields["name"], definition):
        terms.name, terms.definition = fields["name"], definition
    return terms, False


async def preview(uow: UnitOfWork, fields: Fields) -> dict[str, Any]:
    """Due dates, amounts and discounts that an invoice would have.

    Raises:
        ProblemError: 422 naming what is not valid.
    """
    currency = fields["currency"]
    total = positive("/total", fields["total"], currency)
    net = None if fields["net_total"] is None else not_negative("/net_total", fields["net_total"], currency)
    if net is not None and net > total:
        raise invalid("/net_total", Code.out_of_range, "The net total is no more than the total.")
    terms, is_inside = await _terms(uow, fields)
    try:
        planned = plan_of(terms.with_pay_days(tuple(fields["pay_days"])), fields["issued_on"], total, net)
        tiers = tiers_of(terms, fields["issued_on"])
    except TermsError as error:
        raise refused("/terms" if is_inside else "/code", error, is_inside=is_inside) from None
    return {
        "due_on": day(planned[-1].due_on),
        "instalments": [
            {
                "number": part.number,
                "due_on": day(part.due_on),
                "nominal_on": day(part.nominal_on),
                "amount": money(part.amount_minor, currency),
            }
            for part in planned
        ],
        "discounts": tiers,
    }


async def _terms(uow: UnitOfWork, fields: Fields) -> tuple[Terms, bool]:
    if fields["terms"] is not None:
        return read("/terms", fields["terms"], fields["currency"]), True
    kept = (await load_terms(uow, [fields["code"]])).get(fields["code"])
    if kept is None:
        raise unknown_code("/code")
    return read("/code", kept, fields["currency"], is_inside=False), False


def _new(uow: UnitOfWork, code: str, fields: Fields) -> PaymentTerms:
    terms = PaymentTerms(
        tenant_id=uow.tenant_id,
        id=new_id(),
        code=code,
        name=fields["name"],
        definition=_checked(fields),
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(terms)
    return terms


def _checked(fields: Fields) -> dict[str, Any]:
    definition: dict[str, Any] = fields["definition"]
    read("/definition", definition, definition["currency"])
    return definition
