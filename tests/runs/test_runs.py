"""Dunning runs through the API: what is shown is what is sent, what has changed has drifted, and nothing is added."""

from typing import Any

import pytest

from app.core.uow import Database
from app.core.work import Kind, due_tenants
from app.runs import service
from app.runs.working import RunWorker
from tests.conftest import Api, MakeApi

MORNING = "2026-03-02T16:00:00Z"  # ten o'clock in Mexico, a Monday


async def by_runs(api: Api, offsets: list[int] | None = None, **fields: Any) -> None:
    """A tenant that sends by runs alone, at ten o'clock."""
    await api.always_open()
    await api.patch("/tenant", {"dunning_mode": "runs"})
    await api.policy(offsets or [1], **fields)


async def debtor(api: Api, total: str = "100.00", **fields: Any) -> tuple[Any, Any]:
    customer = await api.customer(**fields)
    return customer, await api.invoice(customer["id"], total, "2026-02-01", "2026-03-01")


async def planned(api: Api, **body: Any) -> tuple[Any, list[Any]]:
    run = await api.post("/dunning-runs", body)
    assert run["status"] == "planned"
    items = await api.all(f"/dunning-runs/{run['id']}/items")
    assert [item["number"] for item in items] == list(range(1, run["item_count"] + 1))
    return run, items


async def approved(api: Api, run: Any) -> tuple[Any, list[Any]]:
    done = await api.post(f"/dunning-runs/{run['id']}/approve", expect=200)
    assert done["status"] == "completed"
    return done, await api.all(f"/dunning-runs/{run['id']}/items")


async def test_a_tenant_that_works_by_runs_sends_nothing_by_itself(api: Api) -> None:
    await by_runs(api, [1, 5])
    _, invoice = await debtor(api)
    done = await api.advance("2026-03-20T16:00:00Z")
    assert (done["reminders_sent"], await api.all("/reminders")) == (0, [])
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert [blocker["code"] for blocker in outlook["blockers"]] == ["awaiting_run"]
    await api.patch("/tenant", {"dunning_mode": "automatic"})
    assert (await api.advance("2026-03-20T16:00:00Z"))["reminders_sent"] == 1


async def test_what_was_shown_is_what_is_sent(api: Api) -> None:
    """Fees, groups, languages and the words: all are in the preview as they are in the mail."""
    step = {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    fee = {"kind": "flat", "amount": "50.00"}
    await by_runs(api, steps=[{**step, "fee": fee, "requires_approval": True}], grouping="customer")
    one, first = await debtor(api)
    await api.invoice(one["id"], "30.00", "2026-02-01", "2026-03-01")
    two, _ = await debtor(api, locale="en-US")
    await debtor(api, contacts=[])
    await api.advance(MORNING)
    run, items = await planned(api)
    assert await api.all("/reminders") == []
    assert (await api.get(f"/invoices/{first['id']}"))["open_amount"] == "100.00"
    assert {item["customer_id"]: (item["total_due"], item["language"]) for item in items} == {
        one["id"]: ("230.00", "es-MX"), two["id"]: ("150.00", "en"),
    }  # fmt: skip
    assert [case["amount"] for case in items[0]["cases"]] in (["150.00", "80.00"], ["80.00", "150.00"])
    done, made = await approved(api, run)
    assert (done["item_count"], done["made_count"], done["drifted_count"]) == (2, 2, 0)
    await api.advance(MORNING)
    for before, item in zip(items, made, strict=True):
        assert item == {**before, "status": "made", "reminder_id": item["reminder_id"]}
        reminder = await api.get(f"/reminders/{item['reminder_id']}")
        assert reminder["status"] == "sent"
        said = {name: reminder[name] for name in ("customer_id", "channel", "to", "language", "total_due", "template")}
        assert said == {name: item[name] for name in said}
        assert {(case["case_id"], case["step_key"], case["amount"]) for case in item["cases"]} == {
            (each["case_id"], each["step_key"], each["amount"]) for each in reminder["items"]
        }
        message = await api.get(f"/reminders/{reminder['id']}/message")
        assert (message["subject"], message["text"]) == (item["subject"], item["text"])
    assert len(await api.all("/reminders")) == 2


async def test_a_payment_between_shows_as_drift_and_nothing_is_added(api: Api) -> None:
    await by_runs(api)
    paid, whole = await debtor(api)
    part, partial = await debtor(api)
    other, _ = await debtor(api)
    await api.advance(MORNING)
    run, _ = await planned(api)
    await api.pay(paid["id"], "100.00", "2026-03-02", allocations=[{"invoice_id": whole["id"], "amount": "100.00"}])
    await api.pay(part["id"], "40.00", "2026-03-02", allocations=[{"invoice_id": partial["id"], "amount": "40.00"}])
    await debtor(api)
    done, items = await approved(api, run)
    assert (done["made_count"], done["drifted_count"]) == (1, 2)
    assert {item["customer_id"]: (item["status"], item["drift_reason"]) for item in items} == {
        paid["id"]: ("drifted", "paid"), part["id"]: ("drifted", "amount_changed"), other["id"]: ("made", None),
    }  # fmt: skip
    await api.advance("2026-03-02T20:00:00Z")
    assert [reminder["customer_id"] for reminder in await api.all("/reminders")] == [other["id"]]


async def test_what_changes_after_the_approval_is_drift_too(api: Api) -> None:
    """Planned and approved at six in the morning, for nine: of two invoices one is paid at seven."""
    await by_runs(api, grouping="customer")
    customer, invoice = await debtor(api)
    await api.invoice(customer["id"], "30.00", "2026-02-01", "2026-03-01")
    touched, other = await debtor(api)
    run, items = await planned(api)
    assert [item["planned_at"] for item in items] == ["2026-03-02T15:00:00Z"] * 2
    _, made = await approved(api, run)
    assert [item["status"] for item in made] == ["made", "made"]
    settles = [{"invoice_id": invoice["id"], "amount": "100.00"}]
    await api.pay(customer["id"], "100.00", "2026-03-02", allocations=settles)
    await api.pay(touched["id"], "1.00", "2026-03-02", allocations=[{"invoice_id": other["id"], "amount": "1.00"}])
    await api.advance(MORNING)
    ended = await api.all(f"/dunning-runs/{run['id']}/items")
    assert [(item["status"], item["drift_reason"]) for item in ended] == [
        ("drifted", "paid"), ("drifted", "amount_changed"),
    ]  # fmt: skip
    assert {reminder["status"] for reminder in await api.all("/reminders")} == {"skipped"}
    # Both can be planned anew, for what is owed now.
    _, again = await planned(api)
    assert [item["total_due"] for item in again] == ["30.00", "99.00"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("address", "address_changed"),
        ("hold", "hold"),
        ("call", "contact_cap"),
        ("step", "superseded"),
        ("sent", "in_flight"),
    ],
)
async def test_each_drift_has_its_reason(api: Api, change: str, reason: str) -> None:
    await by_runs(api, [1, 2])
    customer, _ = await debtor(api)
    await api.advance(MORNING)
    run, (_,) = await planned(api)
    if change == "address":
        contacts = [{"channels": [{"type": "email", "address": "new@example.com"}]}]
        await api.patch(f"/customers/{customer['id']}", {"contacts": contacts})
    elif change == "hold":
        await api.post("/holds", {"customer_id": customer["id"], "reason": "asked for time"})
    elif change == "call":
        await api.patch("/tenant", {"max_contacts_per_day": 1})
        await api.post("/activities", {"customer_id": customer["id"], "kind": "call", "outcome": "reached"})
    elif change == "step":
        await api.advance("2026-03-03T16:00:00Z")
    else:
        await approved(api, (await planned(api))[0])
    done, (item,) = await approved(api, run)
    assert (done["drifted_count"], item["status"], item["drift_reason"]) == (1, "drifted", reason)


async def test_a_filter_narrows_and_what_is_left_out_waits(api: Api) -> None:
    await by_runs(api, [1, 5])
    await api.patch("/tenant", {"max_contacts_per_day": 1})
    small, _ = await debtor(api, "40.00")
    large, _ = await debtor(api, "400.00")
    await api.invoice(large["id"], "90.00", "2026-02-01", "2026-02-20", currency="USD")
    await api.advance(MORNING)

    async def shown(**wanted: Any) -> set[tuple[str, str]]:
        _, items = await planned(api, filter=wanted)
        return {(item["customer_id"], item["currency"]) for item in items}

    # The oldest debt goes first where the cap leaves room for one; a filter makes room for what it names.
    assert await shown() == {(small["id"], "MXN"), (large["id"], "USD")}
    assert await shown(currency="MXN") == {(small["id"], "MXN"), (large["id"], "MXN")}
    assert await shown(currency="MXN", min_total="100.00") == {(large["id"], "MXN")}
    assert await shown(step_keys=["d+1"]) == {(small["id"], "MXN"), (large["id"], "USD")}
    assert await shown(step_keys=["d+5"]) == set()
    assert await shown(customer_ids=[small["id"]]) == {(small["id"], "MXN")}
    (followed,) = await api.all("/dunning-policies")
    other = await api.policy([3], default=False, name="Otra")
    assert await shown(policy_id=followed["id"]) == {(small["id"], "MXN"), (large["id"], "USD")}
    assert await shown(policy_id=other["id"]) == set()


async def test_a_forecast_is_of_its_day_and_cannot_be_approved_before(api: Api) -> None:
    await by_runs(api, [1, 10])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-08")
    assert (await planned(api))[1] == []
    run, (item,) = await planned(api, run_on="2026-03-09")
    assert (item["planned_at"], item["cases"][0]["step_key"]) == ("2026-03-09T15:00:00Z", "d+1")
    assert (await api.post(f"/dunning-runs/{run['id']}/approve", expect=409))["code"] == "state_conflict"
    assert (await api.get("/test-clock"))["now"] == "2026-03-02T12:00:00Z"
    await api.advance("2026-03-09T16:00:00Z")
    done, _ = await approved(api, run)
    assert done["made_count"] == 1


async def test_a_run_is_discarded_or_approved_once(api: Api) -> None:
    await by_runs(api)
    await debtor(api)
    await api.advance(MORNING)
    run, _ = await planned(api)
    gone = await api.post(f"/dunning-runs/{run['id']}/discard", expect=200)
    assert gone["status"] == "discarded"
    (item,) = await api.all(f"/dunning-runs/{run['id']}/items", status="discarded")
    assert item["reminder_id"] is None
    await api.post(f"/dunning-runs/{run['id']}/approve", expect=409)
    second, _ = await planned(api)
    await approved(api, second)
    await api.post(f"/dunning-runs/{second['id']}/approve", expect=409)
    await api.post(f"/dunning-runs/{second['id']}/discard", expect=409)
    assert [each["status"] for each in await api.all("/dunning-runs")] == ["completed", "discarded"]
    await api.advance(MORNING)
    told = await api.get("/events", types="dunning_run.*", limit=200)
    assert [event["type"].partition(".")[2] for event in told["data"]] == [
        "planned", "discarded", "planned", "approved", "completed",
    ]  # fmt: skip


async def test_large_runs_go_on_in_the_background(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CUSTOMERS_AT_ONCE", 2)
    monkeypatch.setattr(service, "ITEMS_AT_ONCE", 2)
    await by_runs(api)
    for _ in range(5):
        await debtor(api)
    await api.advance(MORNING)
    worker = RunWorker(database, api.settings)

    async def is_due() -> bool:
        return api.tenant_id in {tenant.id for tenant in await due_tenants(database, Kind.dunning_run, most=10_000)}

    assert not await is_due()
    run = await api.post("/dunning-runs", {})
    assert (run["status"], run["item_count"], run["progress"]) == ("planning", 2, {"customers": 5, "planned": 2})
    await api.post(f"/dunning-runs/{run['id']}/approve", expect=409)
    assert await is_due()
    assert [await worker.run(api.tenant_id) for _ in range(3)] == [1, 1, 0]
    path = f"/dunning-runs/{run['id']}"
    assert (await api.get(path))["progress"] == {"customers": 5, "planned": 5}
    assert (await api.post(f"{path}/approve", expect=200))["status"] == "approved"
    assert [await worker.run(api.tenant_id) for _ in range(3)] == [1, 1, 0]
    assert not await is_due()
    done = await api.get(path)
    assert (done["status"], done["made_count"]) == ("completed", 5)
    await api.advance(MORNING)
    assert len(await api.all("/reminders", status="sent")) == 5


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"run_on": "2026-03-01"}, "/run_on"),
        ({"filter": {"min_total": "1.00"}}, "/filter"),
        ({"filter": {"min_total": "1.001", "currency": "MXN"}}, "/filter/min_total"),
        ({"filter": {"customer_ids": ["019abc5e-7d00-7000-8000-000000000001"]}}, "/filter/customer_ids/0"),
        ({"filter": {"policy_id": "019abc5e-7d00-7000-8000-000000000001"}}, "/filter/policy_id"),
    ],
)
async def test_what_is_not_valid_is_refused(api: Api, body: dict[str, Any], pointer: str) -> None:
    refused = await api.post("/dunning-runs", body, expect=422)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_another_tenants_run_is_unknown(api: Api, make_api: MakeApi) -> None:
    run, _ = await planned(api)
    other = await make_api()
    for path in ("", "/items"):
        await other.get(f"/dunning-runs/{run['id']}{path}", expect=404)
    await other.post(f"/dunning-runs/{run['id']}/approve", expect=404)
