"""Days sales outstanding and collection effectiveness through the API."""

from typing import Any

import pytest

from tests.conftest import Api


async def dso(api: Api, **params: Any) -> Any:
    return await api.get("/reports/dso", **params)


async def sell(api: Api, *sales: tuple[str, str], currency: str = "MXN") -> Any:
    customer = await api.customer()
    for total, issued_on in sales:
        await api.invoice(customer["id"], total, issued_on, "2026-03-31", currency=currency)
    return customer


async def test_countback_exhausts_the_receivables_by_months(api: Api) -> None:
    customer = await sell(api, ("310.00", "2026-01-15"), ("280.00", "2026-02-10"), ("50.00", "2026-03-01"))
    await api.pay(customer["id"], "210.00", "2026-02-28")
    found = await dso(api)
    assert (found["as_of"], found["method"], found["days"], found["known_at"]) == (
        "2026-03-02", "countback", None, None,
    )  # fmt: skip
    (mxn,) = found["data"]
    # 430 are open: 50 of March's 2 days, 280 of February's 28, 100 of January's 310 in 31 days.
    assert (mxn["receivables"], mxn["sales"], mxn["dso"]) == ("430.00", "640.00", "40.0")
    assert mxn["months"] == [
        {"from": "2026-03-01", "to": "2026-03-02", "sales": "50.00", "matched": "50.00", "days": "2.0"},
        {"from": "2026-02-01", "to": "2026-02-28", "sales": "280.00", "matched": "280.00", "days": "28.0"},
        {"from": "2026-01-01", "to": "2026-01-31", "sales": "310.00", "matched": "100.00", "days": "10.0"},
    ]


async def test_simple_divides_by_the_sales_of_the_period(api: Api) -> None:
    await sell(api, ("900.00", "2026-01-31"), ("100.00", "2026-02-01"), ("200.00", "2026-03-02"))
    (mxn,) = (await dso(api, method="simple", days=30))["data"]
    # The 30 days that end on 2 March begin on 1 February.
    assert (mxn["receivables"], mxn["sales"], mxn["dso"], mxn["months"]) == ("1200.00", "300.00", "120.0", [])
    (mxn,) = (await dso(api, method="simple", days=31))["data"]
    assert (mxn["sales"], mxn["dso"]) == ("1200.00", "31.0")
    (mxn,) = (await dso(api, method="simple", days=1, as_of="2026-02-20"))["data"]
    assert (mxn["receivables"], mxn["sales"], mxn["dso"]) == ("1000.00", "0.00", None)


@pytest.mark.parametrize("method", ["countback", "simple"])
async def test_a_past_day_is_reproducible_and_currencies_stay_apart(api: Api, method: str) -> None:
    customer = await sell(api, ("1000", "2026-02-01"), currency="JPY")
    await sell(api, ("1.500", "2026-02-01"), currency="KWD")
    asked = {"as_of": "2026-02-28", "known_at": "2026-03-02T12:00:00Z", "method": method}
    before = await dso(api, **asked)
    assert [(item["currency"], item["receivables"]) for item in before["data"]] == [("JPY", "1000"), ("KWD", "1.500")]
    await api.advance("2026-03-03T12:00:00Z")
    await api.pay(customer["id"], "500", "2026-02-15", currency="JPY")
    assert await dso(api, **asked) == before
    (jpy,) = (await dso(api, as_of="2026-02-28", method=method, currency="JPY"))["data"]
    assert (jpy["receivables"], jpy["dso"]) == ("500", "14.0" if method == "countback" else "45.0")
    (eur,) = (await dso(api, method=method, currency="EUR"))["data"]
    assert (eur["receivables"], eur["sales"], eur["dso"]) == ("0.00", "0.00", "0.0")


@pytest.mark.parametrize("days", ["0", "367", "x"])
async def test_a_period_has_days(api: Api, days: str) -> None:
    problem = await api.get("/reports/dso", expect=422, method="simple", days=days)
    assert problem["errors"][0]["pointer"] == "?days"


async def test_effectiveness_is_what_was_collected_of_what_could_be(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "1000.00", "2026-01-10", "2026-02-10")
    await api.invoice(customer["id"], "500.00", "2026-02-15", "2026-03-15")
    await api.pay(customer["id"], "750.00", "2026-02-20")
    asked: dict[str, Any] = {"from": "2026-02-01", "to": "2026-02-28"}
    found = await api.get("/reports/collection-effectiveness", **asked)
    assert found == {
        **asked,
        "known_at": None,
        "data": [
            {
                "currency": "MXN",
                "beginning_receivables": "1000.00",
                "sales": "500.00",
                "ending_receivables": "750.00",
                "ending_current_receivables": "500.00",
                # 750 collected of the 1000 that could be
                "index": "75.0",
            }
        ],
    }
    later = await api.get("/reports/collection-effectiveness", **{**asked, "to": "2026-02-19"})
    assert later["data"][0]["index"] == "0.0"
    nothing = await api.get("/reports/collection-effectiveness", currency="EUR", **asked)
    assert (nothing["data"][0]["currency"], nothing["data"][0]["index"]) == ("EUR", None)
    wrong = await api.get("/reports/collection-effectiveness", expect=422, **{**asked, "from": "2026-03-03"})
    assert wrong["errors"][0]["code"] == "date_order"
