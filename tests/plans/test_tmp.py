from tests.conftest import Api
from tests.plans.agreeing import word, charges

async def test_repro(api: Api) -> None:
    c = (await api.customer())["id"]
    i = await api.invoice(c, "300.00", "2026-02-01", "2026-02-20")
    p0 = await api.pay(c, "10.24", "2026-03-02")
    body = {"invoice_ids": [i["id"]], "instalment_count": 5, "frequency": "weekly", "first_due_on": "2026-03-08",
      "interest": {"kind": "flat", "annual_rate": "60", "day_count": "act_365"}, "propose": True}
    plan = await api.post("/payment-plans", body)
    plan = await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=200)
    await api.post(f"/payments/{p0['id']}/reverse", {"reason": "b"}, expect=200)
    await api.advance("2026-03-03T12:00:00Z")
    due = await api.get(f"/payment-plans/{plan['id']}/payoff")
    async def show(what, plan):
        plan = await api.get(f"/payment-plans/{plan['id']}")
        inv = await api.get(f"/invoices/{i['id']}")
        print(what, plan["status"], plan["total"], plan["open_amount"], plan["dropped_interest"], "|", inv["open_amount"], inv["principal_open"], inv["charges_open"], await charges(api))
    await show("active", plan)
    p1 = await api.pay(c, due["amount"], "2026-03-03")
    await show("paid", plan)
    await api.post(f"/payments/{p1['id']}/reverse", {"reason": "b"}, expect=200)
    await show("reversed", plan)
    new = await api.post(f"/payment-plans/{plan['id']}/restructure", {"instalment_count": 1, "frequency": "weekly", "first_due_on": "2026-03-10", "propose": True})
    await show("new", new)
    new = await api.post(f"/payment-plans/{new['id']}/accept", word(new), expect=200)
    await show("old", plan)
    await show("new", new)
