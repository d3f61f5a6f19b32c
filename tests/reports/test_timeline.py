"""Timelines through the API: everything that happened, once and in order."""

from typing import Any

from tests.conftest import Api, MakeApi


async def story(api: Api) -> tuple[Any, Any, Any]:
    await api.always_open()
    await api.policy([1])
    customer = await api.customer()
    first = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01", number="F-100")
    second = await api.invoice(customer["id"], "40.00", "2026-02-01", "2026-04-01", number="F-200")
    await api.advance("2026-03-02T16:00:00Z")
    call = {"kind": "call", "outcome": "reached", "contact_name": "Ana", "note": "Pays today."}
    await api.post("/activities", {"customer_id": customer["id"], **call, "invoice_ids": [first["id"]]})
    await api.post("/activities", {"customer_id": customer["id"], "kind": "note", "note": "Moves in May."})
    await api.advance("2026-03-03T16:00:00Z")
    settles = [{"invoice_id": first["id"], "amount": "100.00"}]
    await api.pay(customer["id"], "100.00", "2026-03-03", allocations=settles)
    await api.post("/holds", {"invoice_id": second["id"], "reason": "goods receipt"})
    await api.post("/tasks", {"customer_id": customer["id"], "kind": "other", "title": "Ask for the address"})
    await api.advance("2026-03-03T17:00:00Z")
    return customer, first, second


async def test_a_customers_timeline_is_everything_newest_first(api: Api) -> None:
    customer, _, _ = await story(api)
    # Somebody else's is not in it.
    other = await api.customer()
    await api.invoice(other["id"], "1.00", "2026-02-01", "2026-04-01")
    lines = await api.all(f"/customers/{customer['id']}/timeline")
    assert [line["at"] for line in lines] == sorted((line["at"] for line in lines), reverse=True)
    feed = [event for event in (await api.get("/events", limit=200))["data"] if _of(event, customer["id"])]
    told = [(line["type"], line["object"]["id"]) for line in lines if line["type"] != "activity"]
    assert sorted(told) == sorted((event["type"], event["object"]["id"]) for event in feed)
    assert {
        "customer.created",
        "invoice.created",
        "reminder.sent",
        "payment.created",
        "hold.placed",
        "task.created",
    } <= {kind for kind, _ in told}
    said = [line["summary"] for line in lines]
    assert "Call to the customer with Ana (reached): Pays today." in said
    assert "Note: Moves in May." in said
    assert "Invoice F-100: Nothing is open any more." in said
    call = next(line for line in lines if line["summary"].startswith("Call"))
    assert call["data"] == await api.get(f"/activities/{call['object']['id']}")


def _of(event: Any, customer_id: str) -> bool:
    return bool(event["object"]["id"] == customer_id or event["data"].get("customer_id") == customer_id)


async def test_pages_join_without_gap_or_repetition(api: Api) -> None:
    customer, first, _ = await story(api)
    for path in (f"/customers/{customer['id']}/timeline", f"/invoices/{first['id']}/timeline"):
        whole = await api.all(path)
        seen: list[Any] = []
        cursor = None
        while True:
            page = await api.get(path, limit=3, **({"cursor": cursor} if cursor else {}))
            seen += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == whole
        assert len(whole) > 6


async def test_an_invoices_timeline_has_what_it_has_to_do_with(api: Api) -> None:
    _, first, second = await story(api)
    lines = await api.all(f"/invoices/{first['id']}/timeline")
    kinds = {line["object"]["type"] for line in lines}
    assert kinds == {"invoice", "dunning_case", "reminder", "payment", "activity"}
    assert {line["object"]["id"] for line in lines if line["object"]["type"] == "invoice"} == {first["id"]}
    others = await api.all(f"/invoices/{second['id']}/timeline")
    assert {line["object"]["type"] for line in others} == {"invoice", "dunning_case", "hold"}


async def test_what_does_not_exist_is_not_found(api: Api, make_api: MakeApi) -> None:
    customer, first, _ = await story(api)
    other = await make_api()
    for path in (f"/customers/{customer['id']}/timeline", f"/invoices/{first['id']}/timeline"):
        await other.get(path, expect=404)
        for cursor in ("x", "AAAA", "f" + "_" * 31):
            refused = await api.get(path, cursor=cursor, expect=422)
            assert refused["errors"][0]["pointer"] == "?cursor"
