"""A tenant with one of everything, by the public API, for tests that call every operation."""

from typing import Any

from tests.conftest import Api

Json = dict[str, Any]

# Nobody listens there, so that deliveries fail at once and are tried again.
NOBODY = "https://127.0.0.1:9/hook"


async def seed(api: Api) -> Json:
    """Make one of everything, and what the examples of the document refer to.

    Returns:
        The values of path parameters that lead to what was made.
    """
    await api.always_open()
    policy = await api.policy([1, 3])
    customer = await api.customer(external_id="C-1001")
    endpoint = await api.post("/webhook-endpoints", {"url": NOBODY, "event_types": ["payment.*"]})
    invoice = await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-02", external_id="F-1000")
    await api.advance("2026-03-04T18:00:00Z")
    payment = await api.pay(customer["id"], "10.00", "2026-03-03", external_id="P-1000")
    credit = {"customer_id": customer["id"], "currency": "MXN", "amount": "5.00", "issued_on": "2026-03-03"}
    note = await api.post("/credit-notes", {**credit, "external_id": "NC-1000"})
    await api.advance("2026-12-01T18:00:00Z")
    hold = await api.post("/holds", {"customer_id": customer["id"], "reason": "goods receipt missing"})
    body = {"customer_id": customer["id"], "invoice_ids": [invoice["id"]], "promised_on": "2026-12-10"}
    promise = await api.post("/promises", {**body, "amount": "20.00"})
    dispute = await api.post("/disputes", {"invoice_id": invoice["id"], "amount": "10.00", "reason": "quality"})
    placed = await api.invoice(customer["id"], "30.00", "2026-03-01", "2026-03-02")
    body = {"customer_id": customer["id"], "invoice_ids": [placed["id"]], "agency": "Cobranza del Norte"}
    placement = await api.post("/placements", body)
    await api.invoice(customer["id"], "90.00", "2026-11-01", "2026-11-20", external_id="F-P")
    body = {"invoice_external_ids": ["F-P"], "instalment_count": 3, "first_due_on": "2026-12-21", "propose": True}
    plan = await api.post("/payment-plans", body)
    key = await api.post("/api-keys", {"name": "ERP", "scopes": ["read"]})
    file = await api.call(
        "POST", "/imports?kind=customers", content=b"external_id,name\nC-2,Dos\n", headers={"Content-Type": "text/csv"},
        expect=202,
    )  # fmt: skip
    terms = await api.post("/terms", {"code": "N15", "name": "15 días", "definition": {"kind": "net", "days": 15}})
    await api.put("/terms/by-code/N30", {"name": "30 días", "definition": {"kind": "net", "days": 30}}, expect=201)
    owed = await api.invoice(customer["id"], "80.00", "2026-03-01", "2026-03-02")
    charge = await api.post("/charges", {"invoice_id": owed["id"], "kind": "fee", "amount": "5.00"})
    rates = [{"from_on": "2020-01-01", "annual_rate": "24"}]
    await api.post("/rate-tables", {"code": "anual", "name": "Anual", "rates": rates})
    text = {
        "key": "ours",
        "language": "es",
        "channel": "email",
        "name": "Nuestro",
        "subject": "Pago",
        "body": "{{ total }}",
    }
    template = await api.post("/templates", text)
    activity = await api.post("/activities", {"customer_id": customer["id"], "kind": "note", "note": "Moves in May."})
    task = await api.post("/tasks", {"customer_id": customer["id"], "kind": "other", "title": "Ask for the address"})
    run = await api.post("/dunning-runs", {})
    deliveries = await api.all(f"/webhook-endpoints/{endpoint['id']}/deliveries")
    return {
        "activity_id": activity["id"],
        "charge_id": charge["id"],
        "code": "N30",
        "credit_note_id": note["id"],
        "customer_id": customer["id"],
        "delivery_id": deliveries[0]["id"],
        "dispute_id": dispute["id"],
        "endpoint_id": endpoint["id"],
        "event_id": (await api.all("/events"))[0]["id"],
        "external_id": "X-1001",
        "hold_id": hold["id"],
        "import_id": file.json()["id"],
        "invoice_id": invoice["id"],
        "key_id": key["id"],
        "number": 1,
        "payment_id": payment["id"],
        "placement_id": placement["id"],
        "plan_id": plan["id"],
        "policy_id": policy["id"],
        "promise_id": promise["id"],
        "table_code": "anual",
        "reminder_id": (await api.all("/reminders"))[0]["id"],
        "run_id": run["id"],
        "task_id": task["id"],
        "template_id": template["id"],
        "terms_id": terms["id"],
        "token": plan["link"]["token"],
    }
