from datetime import date
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.allocation import (
    DEFAULT_ORDER,
    AllocationError,
    Component,
    DuePart,
    OpenItem,
    portions,
    split_within_invoice,
)

ORDERS = list(permutations(DEFAULT_ORDER))


def item(number: int, due: str, issued: str = "2026-01-01", principal: int = 100, **more: Any) -> OpenItem:
    return OpenItem(UUID(int=number), date.fromisoformat(due), date.fromisoformat(issued), principal, **more)


def order(*items: OpenItem) -> list[tuple[int, str, int]]:
    return [(each.item.invoice_id.int, each.due_on.isoformat(), each.available) for each in portions(items)]


def numbers(*items: OpenItem) -> list[int]:
    return [number for number, _, _ in order(*items)]


def test_the_oldest_due_date_comes_first() -> None:
    before, on, after = item(1, "2026-02-27"), item(2, "2026-02-28"), item(3, "2026-03-01")
    assert order(after, before, on) == [(1, "2026-02-27", 100), (2, "2026-02-28", 100), (3, "2026-03-01", 100)]


def test_then_the_oldest_issue_date_then_the_id() -> None:
    one = item(1, "2026-03-01", "2026-02-02")
    two = item(2, "2026-03-01", "2026-02-01")
    three = item(3, "2026-03-01", "2026-02-02")
    assert numbers(three, one, two) == [2, 1, 3]


def test_the_due_date_goes_before_the_issue_date() -> None:
    assert numbers(item(1, "2026-03-02", "2025-01-01"), item(2, "2026-03-01", "2026-02-01")) == [2, 1]


def test_charges_are_part_of_what_is_open() -> None:
    assert order(item(1, "2026-03-01", interest_open=7, fees_open=5)) == [(1, "2026-03-01", 112)]


def test_disputed_amounts_take_nothing() -> None:
    whole = item(1, "2026-03-01", disputed=100)
    part = item(2, "2026-03-02", disputed=30, fees_open=5)
    excess = item(3, "2026-03-03", disputed=1000)
    assert order(whole, part, excess) == [(2, "2026-03-02", 75)]


def in_parts(number: int, *parts: tuple[str, int], **more: Any) -> OpenItem:
    """An invoice in instalments; its own due date is its last one's."""
    due = tuple(DuePart(date.fromisoformat(on), amount) for on, amount in parts)
    total = sum(part.principal_open for part in due)
    return OpenItem(UUID(int=number), due[-1].due_on, date(2026, 1, 1), total, parts=due, **more)


def test_instalments_are_due_one_by_one() -> None:
    a, b = in_parts(1, ("2026-01-15", 50), ("2026-03-15", 50)), item(2, "2026-02-01")
    assert order(b, a) == [(1, "2026-01-15", 50), (2, "2026-02-01", 100), (1, "2026-03-15", 50)]


def test_a_paid_instalment_is_passed_over_and_charges_go_with_the_first_open_one() -> None:
    a = in_parts(1, ("2026-01-15", 0), ("2026-03-15", 50), ("2026-04-15", 20), interest_open=3, fees_open=4)
    assert order(a) == [(1, "2026-03-15", 57), (1, "2026-04-15", 20)]
    only_charges = in_parts(1, ("2026-01-15", 0), ("2026-03-15", 0), fees_open=4)
    assert order(only_charges) == [(1, "2026-03-15", 4)]


def test_what_is_disputed_is_taken_off_the_first_instalments() -> None:
    a = in_parts(1, ("2026-01-15", 50), ("2026-03-15", 50), disputed=60)
    assert order(a) == [(1, "2026-03-15", 40)]
    assert order(in_parts(1, ("2026-01-15", 50), ("2026-03-15", 50), disputed=200)) == []


def test_instalments_add_up_to_the_open_principal() -> None:
    with pytest.raises(AllocationError):
        OpenItem(UUID(int=1), date(2026, 1, 1), date(2026, 1, 1), 100, parts=(DuePart(date(2026, 1, 1), 99),))


AMOUNTS = st.integers(0, 10**12)
ITEMS = st.lists(
    st.builds(
        OpenItem,
        st.uuids(),
        st.dates(date(2026, 1, 1), date(2026, 1, 5)),
        st.dates(date(2025, 12, 1), date(2025, 12, 3)),
        AMOUNTS,
        AMOUNTS,
        AMOUNTS,
        AMOUNTS,
    ),
    max_size=8,
    unique_by=lambda each: each.invoice_id,
)


@settings(max_examples=150)
@given(ITEMS)
def test_portions_add_up_to_what_is_open_and_not_disputed(items: list[OpenItem]) -> None:
    found = portions(items)
    assert portions(reversed(items)) == found
    assert all(each.available > 0 for each in found)
    for one in items:
        available = sum(each.available for each in found if each.item is one)
        assert available == one.available == max(0, one.open_amount - one.disputed)


def test_interest_then_fees_then_principal_by_default() -> None:
    one = item(1, "2026-03-01", interest_open=10, fees_open=20)
    assert split_within_invoice(5, one) == {"interest": 5, "fees": 0, "principal": 0}
    assert split_within_invoice(10, one) == {"interest": 10, "fees": 0, "principal": 0}
    assert split_within_invoice(11, one) == {"interest": 10, "fees": 1, "principal": 0}
    assert split_within_invoice(31, one) == {"interest": 10, "fees": 20, "principal": 1}
    assert split_within_invoice(130, one) == {"interest": 10, "fees": 20, "principal": 100}


def test_the_tenant_may_set_another_order() -> None:
    one = item(1, "2026-03-01", interest_open=10, fees_open=20)
    assert split_within_invoice(115, one, ("principal", "interest", "fees")) == {
        "principal": 100,
        "interest": 10,
        "fees": 5,
    }


def test_a_designated_payment_may_go_to_a_disputed_invoice() -> None:
    assert split_within_invoice(60, item(1, "2026-03-01", disputed=100)) == {"interest": 0, "fees": 0, "principal": 60}


@settings(max_examples=100)
@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(0, 100), st.sampled_from(ORDERS))
def test_parts_within_an_invoice_add_up_in_order(
    principal: int, interest: int, fees: int, percent: int, order: tuple[Component, ...]
) -> None:
    one = item(1, "2026-03-01", principal=principal, interest_open=interest, fees_open=fees)
    amount = (principal + interest + fees) * percent // 100
    parts = split_within_invoice(amount, one, order)
    limits = {"principal": principal, "interest": interest, "fees": fees}
    assert sum(parts.values()) == amount
    assert all(0 <= parts[component] <= limits[component] for component in order)
    for place, component in enumerate(order):
        if any(parts[later] for later in order[place + 1 :]):
            assert parts[component] == limits[component]


def test_impossible_amounts_and_orders_are_refused() -> None:
    one = item(1, "2026-03-01")
    for amount in (-1, 101):
        with pytest.raises(AllocationError):
            split_within_invoice(amount, one)
    orders: list[tuple[Component, ...]] = [(), ("interest", "principal"), ("fees", "fees", "principal")]
    for order in orders:
        with pytest.raises(AllocationError):
            split_within_invoice(50, one, order)
    for principal, interest, fees, disputed in ((-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)):
        with pytest.raises(AllocationError):
            item(1, "2026-03-01", principal=principal, interest_open=interest, fees_open=fees, disputed=disputed)
