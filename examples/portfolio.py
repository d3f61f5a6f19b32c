"""Makes a portfolio of receivables: customers in Mexico, Spain and Colombia, their invoices, and how they pay.

The same seed gives the same portfolio on every machine. Nothing here knows of Puntual or of a network.

    python -m examples.portfolio > portfolio.json
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Literal

SEED = 20260105
STARTS_ON = date(2026, 1, 5)
CUSTOMERS, INVOICES, DAYS = 40, 200, 90

Behaviour = Literal["on_time", "late", "in_parts", "never", "bounced"]


@dataclass(frozen=True, slots=True)
class Country:
    """Where customers are, and what is invoiced there: amounts are in whole units of the currency."""

    code: str
    currency: str
    locale: str
    time_zone: str
    least: int
    most: int
    method: str
    businesses: tuple[str, ...]
    consumers: tuple[str, ...]


COUNTRIES = (
    Country(
        code="MX",
        currency="MXN",
        locale="es-MX",
        time_zone="America/Mexico_City",
        least=1_800,
        most=140_000,
        method="spei",
        businesses=(
            "Ferretería Núñez, S.A. de C.V.",
            "Abarrotes La Michoacana, S. de R.L. de C.V.",
            "Construcciones Peña y Asociados, S.C.",
            "Transportes Zúñiga del Norte, S.A. de C.V.",
            "Distribuidora El Ángel, S.A. de C.V.",
            "Panificadora Güemes, S.A. de C.V.",
            "Clínica Dental Sonríe Más, S.C.",
            "Maquinados Ibáñez de Querétaro, S.A. de C.V.",
            "Agrícola Tepeyac, S.P.R. de R.L.",
            "Hotel Mesón de Jalpan, S.A. de C.V.",
            "Refacciones Acuña, S.A. de C.V.",
            "Muebles Rústicos Pátzcuaro, S.A. de C.V.",
            "Textiles Xóchitl, S.A. de C.V.",
        ),
        consumers=("María José Peña Ibáñez", "Óscar Núñez Güitrón", "Itzel Cárdenas Muñoz", "Ramón Ávila Treviño"),
    ),
    Country(
        code="ES",
        currency="EUR",
        locale="es-ES",
        time_zone="Europe/Madrid",
        least=90,
        most=8_500,
        method="transferencia",
        businesses=(
            "Calçats Ferrer i Fills, S.L.",
            "Forn de Pa Plaça Major, S.L.",
            "Bodegas Íñigo Echeverría, S.A.",
            "Talleres Muñoz e Hijos, S.L.",
            "Suministros Cantábrico Begoña, S.L.",
            "Llibreria Barça-Sants, S.C.C.L.",
            "Aceites Peñarroya, S.A.",
            "Reformas Núñez de Balboa, S.L.",
            "Instal·lacions Viçenç Güell, S.L.",
        ),
        consumers=("Begoña Iturbe Ibáñez", "Françoise Muñoz Lledó", "Íñigo Echeverría Aizpún", "Núria Plaça i Bosch"),
    ),
    Country(
        code="CO",
        currency="COP",
        locale="es-CO",
        time_zone="America/Bogota",
        least=280_000,
        most=32_000_000,
        method="pse",
        businesses=(
            "Cafés del Quindío Ñame y Cía., S.A.S.",
            "Confecciones Nariño, S.A.S.",
            "Droguería San José de Cúcuta, S.A.S.",
            "Transportes Magdalena Medio, S.A.",
            "Ladrillera Boyacá Ltda.",
            "Lácteos Páramo de Chía, S.A.S.",
            "Ferretería El Tornillo Bogotano, S.A.S.",
        ),
        consumers=("Ángela Ordóñez Peñaloza", "Andrés Camilo Muñoz Rincón", "Sofía Castañeda Gómez"),
    ),
)  # fmt: skip
DOMAINS = ("example.com", "example.net", "example.org")
TERMS_DAYS = (15, 30, 30, 30, 45, 60)


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; `time_zone` is None where the ERP does not know it."""

    external_id: str
    name: str
    kind: Literal["business", "consumer"]
    country: str
    currency: str
    locale: str
    time_zone: str | None
    email: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice, posted on `posted_on`; `total` is a decimal string in the customer's currency."""

    external_id: str
    customer: str
    currency: str
    total: str
    issued_on: date
    due_on: date
    posted_on: date
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of one invoice; a bounced one is taken back on `bounced_on`."""

    external_id: str
    customer: str
    invoice: str
    currency: str
    amount: str
    received_on: date
    method: str
    bounced_on: date | None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everything, in the order in which it happens."""

    starts_on: date
    days: int
    customers: tuple[Customer, ...]
    invoices: tuple[Invoice, ...]
    payments: tuple[Payment, ...]


def make(*, seed: int = SEED, customers: int = CUSTOMERS, invoices: int = INVOICES, days: int = DAYS) -> Portfolio:
    """Make a portfolio.

    Args:
        seed: the same one gives the same portfolio.
        customers: how many, at most as many as there are names.
        invoices: how many; two of five are open, and some of them overdue, on the first day.
        days: how many days it covers; what would be paid later is not paid.

    Raises:
        ValueError: there are not so many names, or nothing to do.
    """
    names = _names()
    if not 1 <= customers <= len(names) or invoices < 1 or days < 1:
        raise ValueError(f"1 to {len(names)} customers, at least one invoice and one day")
    # Not for secrets: it has to be the same everywhere.
    chance = random.Random(seed)  # noqa: S311
    people = tuple(_customer(chance, number, *names[number]) for number in range(customers))
    issued = tuple(sorted(_invoices(chance, people, invoices, days), key=lambda invoice: invoice.posted_on))
    bounced = next((i for i, invoice in enumerate(issued) if _can_bounce(invoice, days)), None)
    if bounced is not None:
        issued = (*issued[:bounced], replace(issued[bounced], behaviour="bounced"), *issued[bounced + 1 :])
    last = STARTS_ON + timedelta(days=days - 1)
    payments = [
        payment for invoice in issued for payment in _payments(chance, invoice, last) if payment.received_on <= last
    ]
    return Portfolio(
        starts_on=STARTS_ON,
        days=days,
        customers=people,
        invoices=issued,
        payments=tuple(sorted(payments, key=lambda payment: (payment.received_on, payment.external_id))),
    )


def _names() -> list[tuple[Country, Literal["business", "consumer"], str]]:
    """Names of all countries, mixed so that any first few of them hold something of everything."""
    lists: list[list[tuple[Country, Literal["business", "consumer"], str]]] = []
    for country in COUNTRIES:
        lists.append([(country, "business", name) for name in country.businesses])
        lists.append([(country, "consumer", name) for name in country.consumers])
    mixed = []
    while any(lists):
        mixed += [names.pop(0) for names in lists if names]
    return mixed


def _customer(
    chance: random.Random, number: int, country: Country, kind: Literal["business", "consumer"], name: str
) -> Customer:
    # Where the company itself is, the ERP leaves the zone out; elsewhere it forgets it now and then.
    knows_zone = country.code != "MX" and chance.randrange(5) > 0
    return Customer(
        external_id=f"{country.code}-{number + 1:03d}",
        name=name,
        kind=kind,
        country=country.code,
        currency=country.currency,
        locale=country.locale,
        time_zone=country.time_zone if knows_zone else None,
        email=f"pagos.{country.code.lower()}{number + 1:03d}@{DOMAINS[number % len(DOMAINS)]}",
    )


def _invoices(chance: random.Random, customers: tuple[Customer, ...], count: int, days: int) -> Iterator[Invoice]:
    countries = {country.code: country for country in COUNTRIES}
    for number in range(count):
        customer = customers[chance.randrange(len(customers))]
        country = countries[customer.country]
        terms = TERMS_DAYS[chance.randrange(len(TERMS_DAYS))]
        if number < count * 2 // 5:
            # Open when the company begins to use Puntual; the oldest are overdue by then.
            issued_on, posted_on = STARTS_ON - timedelta(days=chance.randrange(5, 75)), STARTS_ON
        else:
            issued_on = posted_on = STARTS_ON + timedelta(days=chance.randrange(max(1, days * 2 // 3)))
        yield Invoice(
            external_id=f"F-{number + 1001}",
            customer=customer.external_id,
            currency=customer.currency,
            total=_amount(chance, customer, country),
            issued_on=issued_on,
            due_on=issued_on + timedelta(days=terms),
            posted_on=posted_on,
            behaviour=_behaviour(chance),
        )


def _amount(chance: random.Random, customer: Customer, country: Country) -> str:
    # Small ones are common and large ones rare, and consumers buy less.
    most = country.most // (6 if customer.kind == "consumer" else 1)
    whole = min(chance.randrange(country.least, most) for _ in range(3))
    if country.currency == "COP":
        return f"{whole // 100 * 100}.00"
    return f"{whole}.{chance.randrange(100):02d}"


def _behaviour(chance: random.Random) -> Behaviour:
    drawn = chance.randrange(100)
    table: tuple[tuple[int, Behaviour], ...] = ((42, "on_time"), (70, "late"), (84, "in_parts"), (100, "never"))
    return next(behaviour for below, behaviour in table if drawn < below)


def _can_bounce(invoice: Invoice, days: int) -> bool:
    room = timedelta(days=min(20, days // 2))
    return STARTS_ON < invoice.due_on <= STARTS_ON + timedelta(days=days) - room and invoice.behaviour == "late"


def _payments(chance: random.Random, invoice: Invoice, last: date) -> Iterator[Payment]:
    """What is paid of an invoice, and when: never before the day on which it is posted."""
    total = int(invoice.total.replace(".", ""))
    first = total * chance.randrange(25, 70) // 100
    on_time = invoice.due_on - timedelta(days=chance.randrange(6))
    late = invoice.due_on + timedelta(days=chance.randrange(2, 40))
    rest = late + timedelta(days=chance.randrange(6, 30))
    parts: dict[Behaviour, list[tuple[int, date]]] = {
        "on_time": [(total, on_time)],
        "late": [(total, late)],
        "in_parts": [(first, late), *([(total - first, rest)] if chance.randrange(3) else [])],
        "never": [],
        "bounced": [(total, invoice.due_on)],
    }
    country = next(country for country in COUNTRIES if country.currency == invoice.currency)
    for number, (minor, day) in enumerate(parts[invoice.behaviour], start=1):
        received_on = max(day, invoice.posted_on)
        yield Payment(
            external_id=f"P-{invoice.external_id}-{number}",
            customer=invoice.customer,
            invoice=invoice.external_id,
            currency=invoice.currency,
            amount=f"{minor // 100}.{minor % 100:02d}",
            received_on=received_on,
            method=country.method,
            bounced_on=min(received_on + timedelta(days=4), last) if invoice.behaviour == "bounced" else None,
        )


def as_json(portfolio: Portfolio) -> str:
    """The portfolio as text, the same text for the same portfolio."""
    return json.dumps(asdict(portfolio), indent=1, ensure_ascii=False, default=lambda day: day.isoformat()) + "\n"


def main() -> None:
    """Print the portfolio."""
    parser = argparse.ArgumentParser(description="Prints the sample portfolio as JSON.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--invoices", type=int, default=INVOICES)
    parser.add_argument("--days", type=int, default=DAYS)
    print(as_json(make(**vars(parser.parse_args()))), end="")


if __name__ == "__main__":
    main()
