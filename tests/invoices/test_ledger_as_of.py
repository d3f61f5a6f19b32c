"""An invoice's ledger, on any day and as it was known at any instant."""

from typing import Any

from tests.conftest import Api


def brief(ledger: Any) -> list[tuple[str, str, str]]:
    return [(entry["kind"], entry["amount"], entry["balance_after"]) for entry in ledger["data"]]


async def test_it_says_what_is_open_after_each_entry(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-01-10", "2026-01-31", opening_paid="10.00")
    first = await api.pay(customer["id"], "30.00", "2026-02-10")
    await api.advance("2026-03-05T12:00:00Z")
    await api.pay(customer["id"], "20.00", "2026-01-20")
    body = {"reason": "bounced", "reversed_on": "2026-02-12"}
    await api.post(f"/payments/{first['id']}/reverse", body, expect=200)
    path = f"/invoices/{invoice['id']}/ledger"
    ledger = await api.get(path)
    assert brief(ledger) == [
        ("invoice_issued", "100.00", "100.00"),
        ("opening_paid", "-10.00", "90.00"),
        ("payment_allocated", "-30.00", "60.00"),
        ("payment_allocated", "-20.00", "40.00"),
        ("allocation_reversed", "30.00", "70.00"),
    ]
    assert (ledger["as_of"], ledger["known_at"]) == (None, None)
    assert ledger["balances"] == {"principal": "70.00", "interest": "0.00", "fees": "0.00", "open": "70.00"}
    for as_of, known_at, open_amount in [
        ("2026-01-09", None, "0.00"),
        ("2026-01-10", None, "90.00"),
        ("2026-01-20", None, "70.00"),
        ("2026-02-10", None, "40.00"),
        ("2026-02-11", None, "40.00"),
        ("2026-02-12", None, "70.00"),
        ("2026-01-20", "2026-03-02T12:00:00Z", "90.00"),
        ("2026-02-12", "2026-03-02T12:00:00Z", "60.00"),
        ("2026-02-12", "2026-03-02T11:59:59Z", "0.00"),
    ]:
        point: dict[str, Any] = {"as_of": as_of, **({"known_at": known_at} if known_at else {})}
        found = await api.get(path, **point)
        assert found["balances"]["open"] == open_amount, (as_of, known_at)
        assert (found["data"][-1]["balance_after"] if found["data"] else "0.00") == open_amount


async def test_the_balance_runs_on_over_pages(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "1.005", "2026-01-10", "2026-01-31", currency="KWD")
    for _ in range(4):
        await api.pay(customer["id"], "0.001", "2026-02-10", currency="KWD")
    path = f"/invoices/{invoice['id']}/ledger"
    whole = await api.get(path)
    assert [entry["balance_after"] for entry in whole["data"]] == ["1.005", "1.004", "1.003", "1.002", "1.001"]
    first = await api.get(path, limit=2)
    second = await api.get(path, limit=2, cursor=first["next_cursor"])
    assert first["data"] + second["data"] == whole["data"][:4]
    assert first["balances"] == second["balances"] == whole["balances"]
