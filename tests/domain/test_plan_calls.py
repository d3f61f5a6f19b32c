"""On which invoices the instalments of a plan lie (rules M3, P3)."""

from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain.plan_calls import Call, Covered, calls

D = date.fromisoformat
A, B = UUID(int=1), UUID(int=2)
FIRST, SECOND = D("2026-02-20"), D("2026-02-25")


def test_instalments_lie_on_the_invoices_in_turn() -> None:
    asked, beyond = calls(
        [(D("2026-04-02"), 250), (D("2026-05-02"), 250)], [Covered(A, FIRST, 300), Covered(B, SECOND, 260)]
    )
    assert asked == [
        Call(D("2026-04-02"), A, 250),
        Call(D("2026-05-02"), A, 50),
        Call(D("2026-05-02"), B, 200),
    ]
    # What the plan does not ask for is due when the invoice is.
    assert beyond == [Call(SECOND, B, 60)]


def test_what_is_disputed_or_paid_is_not_asked_for() -> None:
    assert calls([(D("2026-04-02"), 250)], [Covered(A, FIRST, 0), Covered(B, SECOND, 100)]) == (
        [Call(D("2026-04-02"), B, 100)],
        [],
    )
    assert calls([(D("2026-04-02"), 0)], [Covered(A, FIRST, 5)]) == ([], [Call(FIRST, A, 5)])


@given(
    st.lists(st.integers(0, 400), max_size=8),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_nothing_is_lost_and_nothing_is_asked_for_twice(amounts: list[int], open_amounts: list[int]) -> None:
    instalments = [(date(2026, 1 + index, 1), amount) for index, amount in enumerate(amounts)]
    invoices = [Covered(UUID(int=index), FIRST, amount) for index, amount in enumerate(open_amounts)]
    asked, beyond = calls(instalments, invoices)
    assert all(call.amount_minor > 0 for call in (*asked, *beyond))
    assert sum(call.amount_minor for call in asked) == min(sum(amounts), sum(open_amounts))
    for invoice in invoices:
        on_it = sum(call.amount_minor for call in (*asked, *beyond) if call.invoice_id == invoice.invoice_id)
        assert on_it == invoice.available_minor
    for due_on, amount in instalments:
        assert sum(call.amount_minor for call in asked if call.due_on == due_on) <= amount
    assert [call.due_on for call in asked] == sorted(call.due_on for call in asked)
