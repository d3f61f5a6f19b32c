"""When invoices are due, and in how many parts: by terms of their own, of their customer, of the tenant."""

from typing import Any

import pytest

from app.core.uow import Database
from tests.conftest import Api
from tests.contract.test_statements import recorded

NET_30 = {"kind": "net", "days": 30, "discounts": [{"percent": "2", "days": 10}]}
HALVES = {"kind": "net", "instalments": [{"percent": "50", "days": 30}, {"percent": "50", "days": 60}]}


def body(customer_id: str, **fields: Any) -> dict[str, Any]:
    values = {
        "customer_id": customer_id, "number": "F-1", "currency": "MXN", "total": "100.00", "issued_on": "2026-03-02",
    }  # fmt: skip
    return {**values, **fields}


async def refused(api: Api, invoice: dict[str, Any], pointer: str, code: str) -> None:
    problem = await api.post("/invoices", invoice, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


async def test_terms_of_its_own_give_due_date_and_discounts(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.post("/invoices", body(customer["id"], terms=NET_30))
    assert invoice["due_on"] == "2026-04-01"
    assert invoice["discount_terms"] == [{"percent": "2", "until": "2026-03-12"}]
    assert (invoice["terms"]["days"], invoice["terms"]["code"], invoice["instalments"]) == (30, None, [])
    assert invoice.items() <= (await api.get(f"/invoices/{invoice['id']}")).items()


async def test_a_due_date_may_repeat_what_its_terms_say_and_nothing_else(api: Api) -> None:
    customer = await api.customer()
    for due_on in ("2026-03-31", "2026-04-02"):
        await refused(api, body(customer["id"], terms=NET_30, due_on=due_on), "/due_on", "invalid_value")
    invoice = await api.post("/invoices", body(customer["id"], terms=NET_30, due_on="2026-04-01"))
    assert invoice["due_on"] == "2026-04-01"


async def test_the_customers_terms_then_the_tenants_then_none(api: Api) -> None:
    customer = await api.customer()
    await refused(api, body(customer["id"]), "/due_on", "missing")
    await api.patch("/tenant", {"payment_terms": {"kind": "net", "days": 7}})
    assert (await api.post("/invoices", body(customer["id"])))["due_on"] == "2026-03-09"
    await api.put("/terms/by-code/N30", {"name": "30 días", "definition": NET_30}, expect=201)
    changed = await api.patch(f"/customers/{customer['id']}", {"payment_terms": {"code": "N30"}})
    assert changed["payment_terms"] == {"code": "N30"}
    invoice = await api.post("/invoices", body(customer["id"]))
    assert (invoice["due_on"], invoice["terms"]["code"]) == ("2026-04-01", "N30")
    own = await api.post("/invoices", body(customer["id"], terms={"kind": "net", "days": 1}))
    assert own["due_on"] == "2026-03-03"
    # A due date that is said stands for itself: nothing is inherited beside it.
    said = await api.post("/invoices", body(customer["id"], due_on="2026-03-20"))
    assert (said["due_on"], said["terms"], said["discount_terms"]) == ("2026-03-20", None, [])
    cleared = await api.patch(f"/customers/{customer['id']}", {"payment_terms": None})
    assert cleared["payment_terms"] is None
    assert (await api.post("/invoices", body(customer["id"])))["due_on"] == "2026-03-09"
    assert (await api.patch("/tenant", {"payment_terms": None}))["payment_terms"] is None
    await refused(api, body(customer["id"]), "/due_on", "missing")


async def test_terms_are_checked_where_they_are_chosen(api: Api) -> None:
    customer = await api.customer()
    unknown: dict[str, Any] = {"payment_terms": {"code": "NADA"}}
    for path in ("/tenant", f"/customers/{customer['id']}"):
        problem = await api.patch(path, unknown, expect=422)
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/payment_terms/code", "unknown_reference")]
        odd: dict[str, Any] = {"payment_terms": {"kind": "net", "instalments": [{"percent": "50"}]}}
        problem = await api.patch(path, odd, expect=422)
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [
            ("/payment_terms/instalments", "invalid_value")
        ]
        problem = await api.patch(path, {"payment_terms": {"code": "N30", "days": 5}}, expect=422)
        assert problem["errors"][0]["pointer"] == "/payment_terms"
        problem = await api.patch(path, {"payment_terms": {}}, expect=422)
        assert problem["errors"][0]["code"] == "missing"
    await refused(api, body(customer["id"], terms={"code": "NADA"}), "/terms/code", "unknown_reference")
    odd = {"kind": "net", "instalments": [{"percent": "0"}, {"remainder": True}]}
    await refused(api, body(customer["id"], terms=odd), "/terms/instalments/0/percent", "out_of_range")


async def test_inherited_terms_that_do_not_fit_are_named(api: Api) -> None:
    fixed = {"kind": "net", "currency": "EUR", "instalments": [{"amount": "60.00"}, {"remainder": True, "days": 30}]}
    customer = await api.customer(payment_terms=fixed)
    assert customer["payment_terms"]["instalments"][0]["amount"] == "60.00"
    await refused(api, body(customer["id"]), "/terms", "currency_mismatch")
    await refused(api, body(customer["id"], currency="EUR", total="60.00"), "/terms", "invalid_value")
    invoice = await api.post("/invoices", body(customer["id"], currency="EUR"))
    assert [part["amount"] for part in invoice["instalments"]] == ["60.00", "40.00"]


async def test_discounts_may_be_said(api: Api) -> None:
    customer = await api.customer()
    tiers = [{"percent": "1", "until": "2026-03-20"}, {"percent": "3.50", "until": "2026-03-07"}]
    invoice = await api.post("/invoices", body(customer["id"], due_on="2026-04-01", discount_terms=tiers))
    assert invoice["discount_terms"] == [
        {"percent": "3.5", "until": "2026-03-07"}, {"percent": "1", "until": "2026-03-20"},
    ]  # fmt: skip
    none = await api.post("/invoices", body(customer["id"], terms=NET_30, discount_terms=[]))
    assert none["discount_terms"] == []
    for tier, pointer, code in (
        ({"percent": "100", "until": "2026-03-20"}, "/discount_terms/0/percent", "out_of_range"),
        ({"percent": "0", "until": "2026-03-20"}, "/discount_terms/0/percent", "out_of_range"),
        ({"percent": "2", "until": "2026-03-01"}, "/discount_terms/0/until", "date_order"),
    ):
        await refused(api, body(customer["id"], terms=NET_30, discount_terms=[tier]), pointer, code)
    twice = [tiers[0], {"percent": "2", "until": "2026-03-20"}]
    await refused(
        api, body(customer["id"], terms=NET_30, discount_terms=twice), "/discount_terms/1/until", "duplicate_value"
    )
    await api.post(
        "/invoices", body(customer["id"], terms=NET_30, discount_terms=[{"percent": "2", "until": "2026-03-02"}])
    )


async def test_instalments_are_due_one_by_one(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.post("/invoices", body(customer["id"], terms=HALVES, total="100.01"))
    assert invoice["due_on"] == "2026-05-01"
    assert invoice["instalments"] == [
        {
            "number": 1, "due_on": "2026-04-01", "amount": "50.01", "open_amount": "50.01", "status": "open",
            "due_state": "not_due",
        },
        {
            "number": 2, "due_on": "2026-05-01", "amount": "50.00", "open_amount": "50.00", "status": "open",
            "due_state": "not_due",
        },
    ]  # fmt: skip
    one = await api.post(
        "/invoices", body(customer["id"], terms={"kind": "net", "instalments": [{"remainder": True, "days": 5}]})
    )
    assert (one["due_on"], one["instalments"]) == ("2026-03-07", [])


async def test_the_net_total_is_split(api: Api) -> None:
    customer = await api.customer()
    terms = {"kind": "net", "instalments": [{"percent": "50", "of": "net"}, {"remainder": True, "days": 30}]}
    await refused(api, body(customer["id"], terms=terms), "/net_total", "missing")
    await refused(api, body(customer["id"], terms=terms, net_total="100.01"), "/net_total", "out_of_range")
    invoice = await api.post("/invoices", body(customer["id"], terms=terms, total="116.00", net_total="100.00"))
    assert invoice["net_total"] == "100.00"
    assert [part["amount"] for part in invoice["instalments"]] == ["50.00", "66.00"]


async def test_an_invoice_over_nothing_has_no_parts(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.post("/invoices", body(customer["id"], terms=HALVES, total="0.00"))
    assert (invoice["status"], invoice["due_on"], invoice["instalments"]) == ("paid", "2026-05-01", [])


async def test_what_was_paid_before_fills_the_first_instalment(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.post("/invoices", body(customer["id"], terms=HALVES, opening_paid="60.00"))
    assert [(part["open_amount"], part["status"]) for part in invoice["instalments"]] == [
        ("0.00", "paid"), ("40.00", "partially_paid"),
    ]  # fmt: skip


async def test_a_change_of_the_catalogue_moves_nothing_issued(api: Api) -> None:
    customer = await api.customer()
    await api.put("/terms/by-code/N30", {"name": "30 días", "definition": NET_30}, expect=201)
    wanted = body(customer["id"], terms={"code": "N30"})
    first = await api.put("/invoices/by-external-id/A", wanted, expect=201)
    await api.put("/terms/by-code/N30", {"name": "30 días", "definition": {**NET_30, "days": 60}})
    assert first.items() <= (await api.get(f"/invoices/{first['id']}")).items()
    assert await api.put("/invoices/by-external-id/A", wanted) == first
    second = await api.put("/invoices/by-external-id/B", wanted, expect=201)
    assert (first["due_on"], second["due_on"]) == ("2026-04-01", "2026-05-01")


async def test_the_same_terms_again_change_nothing(api: Api) -> None:
    customer = await api.customer(payment_terms=HALVES)
    wanted = body(
        customer["id"], terms=NET_30, discount_terms=[{"percent": "2.0", "until": "2026-03-12"}], net_total="90.00"
    )
    first = await api.put("/invoices/by-external-id/A", wanted, expect=201)
    inherited = await api.put("/invoices/by-external-id/B", body(customer["id"]), expect=201)
    for again in (
        wanted,
        {**wanted, "terms": {**NET_30, "months": 0, "discounts": [{"percent": "2.00", "days": 10}]}},
        body(customer["id"]),
        body(customer["id"], due_on="2026-04-01"),
    ):
        assert await api.put("/invoices/by-external-id/A", again) == first
    assert await api.put("/invoices/by-external-id/B", body(customer["id"])) == inherited
    for other, field in (
        ({"terms": HALVES}, "terms"),
        ({"terms": {"code": "N30"}}, "terms"),
        ({"discount_terms": []}, "discount_terms"),
        ({"due_on": "2026-04-02"}, "due_on"),
        ({"net_total": "90.01"}, "net_total"),
    ):
        problem = await api.put("/invoices/by-external-id/A", body(customer["id"], **other), expect=409)
        assert (problem["code"], field in problem["detail"]) == ("issued_invoice_is_fixed", True)


async def test_a_draft_follows_its_terms(api: Api) -> None:
    customer = await api.customer()
    draft = await api.post("/invoices", body(customer["id"], terms=HALVES, status="draft"))
    assert [(part["amount"], part["status"]) for part in draft["instalments"]] == [
        ("50.00", "draft"),
        ("50.00", "draft"),
    ]
    path = f"/invoices/{draft['id']}"
    more = await api.patch(path, {"total": "200.00"})
    assert [part["amount"] for part in more["instalments"]] == ["100.00", "100.00"]
    later = await api.patch(path, {"issued_on": "2026-03-03"})
    assert [part["due_on"] for part in later["instalments"]] == ["2026-04-02", "2026-05-02"]
    other = await api.patch(path, {"terms": NET_30})
    assert (other["due_on"], other["instalments"]) == ("2026-04-02", [])
    assert other["discount_terms"] == [{"percent": "2", "until": "2026-03-13"}]
    said = await api.patch(path, {"discount_terms": [{"percent": "5", "until": "2026-03-10"}]})
    moved = await api.patch(path, {"issued_on": "2026-03-01"})
    assert (moved["due_on"], moved["discount_terms"]) == ("2026-03-31", said["discount_terms"])
    back = await api.patch(path, {"discount_terms": None})
    assert back["discount_terms"] == [{"percent": "2", "until": "2026-03-11"}]
    explicit = await api.patch(path, {"due_on": "2026-03-20"})
    assert (explicit["due_on"], explicit["terms"], explicit["discount_terms"]) == ("2026-03-20", None, [])
    assert (await api.patch(path, {"issued_on": "2026-03-02"}))["due_on"] == "2026-03-20"
    problem = await api.patch(path, {"issued_on": "2026-03-21"}, expect=422)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/due_on", "date_order")]
    problem = await api.patch(path, {"terms": NET_30, "due_on": "2026-03-20"}, expect=422)
    assert problem["errors"][0]["pointer"] == "/due_on"
    assert (await api.patch(path, {"terms": None}))["due_on"] == "2026-03-20"


async def test_a_draft_that_is_put_again_is_arranged_anew(api: Api) -> None:
    customer = await api.customer(payment_terms={"kind": "net", "days": 5})
    draft = await api.put("/invoices/by-external-id/A", body(customer["id"], terms=HALVES, status="draft"), expect=201)
    assert len(draft["instalments"]) == 2
    again = await api.put("/invoices/by-external-id/A", body(customer["id"], status="draft"))
    assert (again["due_on"], again["instalments"]) == ("2026-03-07", [])
    issued = await api.put("/invoices/by-external-id/A", body(customer["id"], terms=HALVES))
    assert (issued["status"], [part["status"] for part in issued["instalments"]]) == ("open", ["open", "open"])


async def test_issuing_a_draft_opens_a_case_for_each_instalment(api: Api) -> None:
    await api.policy([1])
    customer = await api.customer()
    draft = await api.post("/invoices", body(customer["id"], terms=HALVES, status="draft"))
    assert (await api.get(f"/invoices/{draft['id']}/dunning"))["instalments"] == []
    await api.post(f"/invoices/{draft['id']}/issue", expect=200)
    outlook = await api.get(f"/invoices/{draft['id']}/dunning")
    steps = [(one["instalment_number"], one["next_step"]["due_on"]) for one in outlook["instalments"]]
    assert steps == [(1, "2026-04-02"), (2, "2026-05-04")], "the 2nd is a Saturday"
    assert (outlook["instalment_number"], outlook["next_step"]) == (1, outlook["instalments"][0]["next_step"])


async def test_a_batch_takes_terms_and_costs_nothing_without_them(api: Api, database: Database) -> None:
    await api.put("/terms/by-code/N30", {"name": "30 días", "definition": NET_30}, expect=201)
    customer = await api.customer(payment_terms={"code": "N30"})
    plain = [body(customer["id"], number=f"P-{index}", due_on="2026-04-01") for index in range(20)]
    with recorded(database) as seen:
        answer = await api.post("/invoices/batch", {"invoices": plain}, expect=200)
    assert answer["created"] == 20
    assert not [
        statement for statement in seen if "payment_terms.code" in statement or "invoice_instalments" in statement
    ]
    rows = [
        body(customer["id"], external_id="A"),
        body(customer["id"], external_id="B", terms=HALVES),
        body(customer["id"], external_id="C", terms={"code": "NADA"}),
        body(customer["id"], external_id="D", terms={"kind": "net", "days": -1}),
        body(customer["id"], external_id="E", due_on="2026-03-10"),
    ]
    with recorded(database) as seen:
        answer = await api.post("/invoices/batch", {"invoices": rows}, expect=200)
    assert [row["status"] for row in answer["results"]] == ["created", "created", "failed", "failed", "created"]
    assert [row["errors"][0]["pointer"] for row in answer["results"][2:4]] == ["/terms/code", "/terms/days"]
    assert sum("payment_terms.code" in statement for statement in seen) == 1
    made = {row["external_id"]: row for row in await api.all("/invoices") if row["external_id"]}
    assert {key: row["due_on"] for key, row in made.items()} == {
        "A": "2026-04-01",
        "B": "2026-05-01",
        "E": "2026-03-10",
    }


@pytest.mark.parametrize("path", ["/tenant", "/customers"])
async def test_terms_come_back_as_they_were_said(api: Api, path: str) -> None:
    target = path if path == "/tenant" else f"/customers/{(await api.customer())['id']}"
    for terms in (NET_30, HALVES):
        kept = (await api.patch(target, {"payment_terms": terms}))["payment_terms"]
        assert (await api.patch(target, {"payment_terms": kept}))["payment_terms"] == kept
        assert (await api.get(target))["payment_terms"] == kept
