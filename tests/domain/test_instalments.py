from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.instalments import open_parts, part_status


def kept(*amounts: int) -> list[dict[str, Any]]:
    return [
        {"number": number, "due_on": f"2026-{number:02}-15", "amount_minor": amount}
        for number, amount in enumerate(amounts, start=1)
    ]


@pytest.mark.parametrize(
    ("principal", "charges", "expected"),
    [
        (100, 0, [(30, 0), (30, 0), (40, 0)]),
        (99, 0, [(29, 0), (30, 0), (40, 0)]),
        (71, 5, [(1, 5), (30, 0), (40, 0)]),
        (70, 5, [(0, 0), (30, 5), (40, 0)]),
        (69, 5, [(0, 0), (29, 5), (40, 0)]),
        (40, 0, [(0, 0), (0, 0), (40, 0)]),
        (0, 5, [(0, 0), (0, 0), (0, 5)]),
        (0, 0, [(0, 0), (0, 0), (0, 0)]),
    ],
)
def test_what_is_paid_fills_instalments_in_order(principal: int, charges: int, expected: list[tuple[int, int]]) -> None:
    parts = open_parts(kept(30, 30, 40), principal_open_minor=principal, charges_open_minor=charges)
    assert [(part.principal_minor, part.charges_minor) for part in parts] == expected
    assert [(part.number, part.due_on.month, part.amount_minor) for part in parts] == [
        (1, 1, 30),
        (2, 2, 30),
        (3, 3, 40),
    ]
    assert all(isinstance(part.due_on, date) for part in parts)


def test_a_dispute_lies_on_the_parts_that_are_due_first() -> None:
    parts = open_parts(kept(30, 30, 40), principal_open_minor=80, disputed_minor=25)
    assert [(part.principal_minor, part.disputed_minor) for part in parts] == [(10, 10), (30, 15), (40, 0)]


@settings(max_examples=150)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=6), st.data())
def test_parts_add_up_to_the_invoice(amounts: list[int], data: st.DataObject) -> None:
    principal = data.draw(st.integers(0, sum(amounts)))
    charges, disputed = data.draw(st.integers(0, 50)), data.draw(st.integers(0, principal))
    parts = open_parts(
        kept(*amounts), principal_open_minor=principal, charges_open_minor=charges, disputed_minor=disputed
    )
    assert sum(part.principal_minor for part in parts) == principal
    assert sum(part.charges_minor for part in parts) == charges
    assert sum(part.disputed_minor for part in parts) == disputed
    settled = [part.amount_minor - part.principal_minor for part in parts]
    for earlier, later in zip(parts, settled[1:], strict=False):
        assert earlier.principal_minor == 0 or later == 0, "an instalment is filled before the next one"


@pytest.mark.parametrize(
    ("invoice", "principal", "expected"),
    [
        ("open", 50, "open"),
        ("partially_paid", 49, "partially_paid"),
        ("partially_paid", 0, "paid"),
        ("paid", 0, "paid"),
        ("draft", 0, "draft"),
        ("void", 0, "void"),
        ("written_off", 0, "written_off"),
    ],
)
def test_the_status_of_a_part(invoice: str, principal: int, expected: str) -> None:
    assert part_status(invoice, amount_minor=50, principal_minor=principal) == expected
