"""The check of the invariants is silent about a sound database, and finds each kind of fault."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import text

from app.checks.check import MEANINGS, Report, check_all, checking_database
from app.core.settings import Settings
from tests.conftest import ROOT, Api
from tests.contract.catalogue import engine_of

Story = dict[str, str]


async def tell(api: Api) -> Story:
    """Invoices that are open, partly paid, paid and paid again after a bounce; reminders with fees; webhooks."""
    await api.always_open()
    step = {"channels": ["email"], "template": "first_notice"}
    fee = {"kind": "flat", "amount": "50.00"}
    steps = [{"key": "a", "offset_days": 1, **step, "fee": fee}, {"key": "b", "offset_days": 60, **step}]
    await api.policy([], steps=steps)
    await api.post("/webhook-endpoints", {"url": "http://127.0.0.1:9/hooks", "event_types": ["reminder.sent"]})
    customer = (await api.customer())["id"]
    other = (await api.customer())["id"]
    chased = await api.invoice(customer, "1000.00", "2026-02-01", "2026-02-20")
    paid = await api.invoice(customer, "300.00", "2026-02-01", "2026-02-20", opening_paid="100.00")
    future = await api.invoice(other, "70.00", "2026-02-01", "2026-06-30")
    await api.invoice(other, "80.00", "2026-02-01", "2026-02-10", status="draft")
    halves = {"kind": "net", "instalments": [{"percent": "50", "days": 20}, {"percent": "50", "days": 200}]}
    third = (await api.customer())["id"]
    divided = await api.post(
        "/invoices",
        {"customer_id": third, "number": "F-D", "currency": "MXN", "total": "90.00", "issued_on": "2026-02-01",
         "terms": halves, "opening_paid": "45.00"},
    )  # fmt: skip
    await api.advance("2026-03-03T18:00:00Z")
    first = await api.pay(
        customer, "250.00", "2026-03-03", allocations=[{"invoice_id": paid["id"], "amount": "250.00"}]
    )
    await api.post(f"/payments/{first['id']}/reverse", {"reason": "bounced"}, expect=200)
    again = await api.pay(
        customer, "250.00", "2026-03-03", allocations=[{"invoice_id": paid["id"], "amount": "250.00"}]
    )
    part = await api.pay(
        customer, "400.00", "2026-03-03", allocations=[{"invoice_id": chased["id"], "amount": "390.00"}]
    )
    charge = await api.post("/charges", {"invoice_id": chased["id"], "kind": "fee", "amount": "5.00"})
    credited = await api.invoice(customer, "90.00", "2026-02-01", "2026-06-30")
    credit = {"customer_id": customer, "currency": "MXN", "issued_on": "2026-03-03"}
    note = await api.post("/credit-notes", {**credit, "amount": "40.00", "invoice_id": credited["id"]})
    lost = await api.invoice(customer, "70.00", "2026-02-01", "2026-06-30")
    await api.post(f"/invoices/{lost['id']}/write-off", {"reason": "insolvency"}, expect=200)
    await api.pay(customer, "20.00", "2026-03-03", allocations=[{"invoice_id": lost["id"], "amount": "20.00"}])
    (written,) = await api.all(f"/invoices/{lost['id']}/write-offs")
    refunded = await api.pay(customer, "15.00", "2026-03-03", auto_allocate=False)
    await api.post(f"/payments/{refunded['id']}/refund", {"amount": "5.00"}, expect=200)
    void = await api.invoice(customer, "30.00", "2026-02-01", "2026-06-30")
    await api.post(f"/invoices/{void['id']}/void", {"reason": "issued twice"}, expect=200)
    plan = await agree(api)
    await api.advance("2026-03-05T18:00:00Z")
    reminder = (await api.get("/reminders", customer_id=customer))["data"][0]
    assert (await api.get(f"/invoices/{paid['id']}"))["status"] == "paid"
    return {
        "customer": customer, "other": other, "chased": chased["id"], "paid": paid["id"], "future": future["id"],
        "divided": divided["id"],
        "again": again["id"], "part": part["id"], "reminder": reminder["id"], "tenant": str(api.tenant_id),
        "credited": credited["id"], "note": note["id"], "lost": lost["id"], "written": written["id"],
        "refunded": refunded["id"], "void": void["id"], "charge": charge["id"], "plan": plan["id"],
    }  # fmt: skip


async def agree(api: Api) -> Any:
    """A payment plan with interest and a fee, whose first instalment is paid and whose second is chased."""
    customer = (await api.customer())["id"]
    invoices = [(await api.invoice(customer, "60.00", "2026-02-01", "2026-02-20"))["id"] for _ in range(2)]
    policy = await api.policy([-1, 1], default=False)
    terms = {"instalment_count": 3, "first_due_on": "2026-03-06", "frequency": "weekly", "setup_fee": "3.00"}
    body = {**terms, "invoice_ids": invoices, "interest": {"kind": "flat", "annual_rate": "52"}, "propose": True}
    plan = await api.post("/payment-plans", {**body, "dunning_policy_id": policy["id"]})
    word = {"accepted_by": "Ana", "method": "letter", "terms_hash": plan["terms_hash"]}
    accepted = await api.post(f"/payment-plans/{plan['id']}/accept", word, expect=200)
    await api.pay(customer, accepted["instalments"][0]["total"], "2026-03-03")
    return plan


async def check(settings: Settings, api: Api) -> Report:
    report = Report()
    async with checking_database(settings) as database:
        async for _ in check_all(database, report, tenant_ids=[api.tenant_id]):
            pass
    return report


async def plant(settings: Settings, statements: str, story: Story) -> None:
    async with engine_of(settings, admin=True) as admin, admin.begin() as outside:
        # Faults that keys and checks would keep out, too.
        await outside.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements.split(";"):
            await outside.execute(text(re.sub(r"\$([a-z]+)", lambda name: f"'{story[name[1]]}'::uuid", statement)))


@pytest.fixture
async def story(api: Api) -> Story:
    return await tell(api)


async def test_a_sound_portfolio_breaks_nothing(api: Api, story: Story, settings: Settings) -> None:
    report = await check(settings, api)
    assert (report.violations, report.failures) == ([], [])
    assert report.is_clean
    assert set(report.counts()) == set(MEANINGS)
    # Things the clock has not come to yet, and things that nothing but a new fact can change.
    lonely = await api.post("/customers", {"name": "Sin correo"})
    await api.invoice(lonely["id"], "10.00", "2026-02-01", "2026-02-10")
    covered = await api.customer()
    await api.pay(covered["id"], "100.00", "2026-03-05")
    await api.invoice(covered["id"], "10.00", "2026-02-01", "2026-02-10")
    await api.advance("2026-03-06T18:00:00Z")
    assert (await check(settings, api)).violations == []


FAULTS = [
    ("invoice_balances", "UPDATE invoices SET principal_open_minor = principal_open_minor + 1 WHERE id = $chased"),
    ("invoice_balances", "UPDATE invoices SET fees_open_minor = fees_open_minor + 1 WHERE id = $chased"),
    ("invoice_balances", "UPDATE invoices SET interest_open_minor = interest_open_minor + 1 WHERE id = $chased"),
    ("invoice_balances", "DELETE FROM ledger_entries WHERE invoice_id = $future"),
    ("payment_unapplied", "UPDATE payments SET unapplied_minor = unapplied_minor - 1 WHERE id = $part"),
    ("payment_allocations", "UPDATE payments SET amount_minor = amount_minor - 1 WHERE id = $part"),
    ("payment_allocations", "UPDATE payments SET status = 'reversed' WHERE id = $again"),
    ("payment_allocations", "UPDATE payments SET status = 'pending', unapplied_minor = 0 WHERE id = $part"),
    ("payment_allocations", "UPDATE payments SET refunded_minor = refunded_minor - 1 WHERE id = $refunded"),
    ("credit_note_unapplied", "UPDATE credit_notes SET unapplied_minor = unapplied_minor + 1 WHERE id = $note"),
    ("credit_note_allocations", "UPDATE credit_notes SET amount_minor = amount_minor + 1 WHERE id = $note"),
    ("credit_note_allocations", "UPDATE credit_notes SET status = 'open' WHERE id = $note"),
    ("credit_note_allocations", "UPDATE credit_notes SET status = 'voided' WHERE id = $note"),
    ("allocation_entries", "UPDATE allocations SET amount_minor = amount_minor - 1 WHERE credit_note_id = $note"),
    ("allocation_entries", "UPDATE allocations SET discount_minor = 1 WHERE payment_id = $part"),
    ("allocation_entries", "UPDATE allocations SET reversed_at = now() WHERE invoice_id = $lost"),
    (
        "allocation_entries",
        "DELETE FROM ledger_entries WHERE invoice_id = $lost AND account = 'principal' AND kind = 'payment_allocated'",
    ),
    ("charge_entries", "UPDATE charges SET amount_minor = amount_minor + 1 WHERE id = $charge"),
    ("charge_entries", "UPDATE charges SET status = 'waived' WHERE id = $charge"),
    ("charge_payments", "UPDATE charges SET paid_minor = 1 WHERE id = $charge"),
    ("invoice_disputed", "UPDATE invoices SET disputed_minor = 1 WHERE id = $chased"),
    ("write_offs", "UPDATE write_offs SET amount_minor = amount_minor + 1 WHERE id = $written"),
    ("write_offs", "UPDATE write_offs SET recovered_minor = recovered_minor + 1 WHERE id = $written"),
    ("write_offs", "UPDATE write_offs SET status = 'reversed' WHERE id = $written"),
    ("invoice_written_off", "UPDATE invoices SET written_off_minor = written_off_minor - 1 WHERE id = $lost"),
    ("invoice_written_off", "UPDATE invoices SET written_off_minor = 1 WHERE id = $chased"),
    ("invoice_settled", "UPDATE invoices SET settled_minor = settled_minor - 1 WHERE id = $paid"),
    ("invoice_settled", "UPDATE invoices SET settled_minor = 40 WHERE id = $credited"),
    ("allocation_entries", "UPDATE allocations SET amount_minor = amount_minor - 1 WHERE payment_id = $part"),
    ("allocation_entries", "UPDATE allocations SET reversed_at = now() WHERE payment_id = $part"),
    ("credit_state", "UPDATE customers SET credit_state = 'over_limit' WHERE id = $other"),
    (
        "credit_state",
        (
            "UPDATE customers SET credit_state = 'over_limit', credit_limit_minor = 7000, credit_currency = 'MXN'"
            " WHERE id = $other"
        ),
    ),
    ("credit_state", "UPDATE customers SET credit_limit_minor = 6999, credit_currency = 'MXN' WHERE id = $other"),
    ("invoice_status", "UPDATE invoices SET status = 'open' WHERE id = $chased"),
    ("invoice_status", "UPDATE invoices SET status = 'partially_paid' WHERE id = $paid"),
    ("invoice_status", "UPDATE invoices SET status = 'paid' WHERE id = $lost"),
    ("invoice_status", "UPDATE invoices SET status = 'partially_paid' WHERE id = $credited"),
    ("void_invoices", "UPDATE invoices SET status = 'void' WHERE id = $credited"),
    ("void_invoices", "UPDATE invoices SET settled_minor = 1 WHERE id = $void"),
    ("case_states", "UPDATE dunning_cases SET state = 'closed' WHERE invoice_id = $chased"),
    ("case_states", "UPDATE dunning_cases SET state = 'active' WHERE invoice_id = $paid"),
    ("case_states", "UPDATE dunning_cases SET state = 'closed' WHERE invoice_id = $divided AND instalment_number = 2"),
    ("case_states", "UPDATE dunning_cases SET instalment_number = 1 WHERE invoice_id = $divided"),
    ("instalments", "UPDATE invoice_instalments SET due_on = due_on + 1 WHERE invoice_id = $divided AND number = 2"),
    ("instalments", "DELETE FROM invoice_instalments WHERE invoice_id = $divided AND number = 1"),
    ("instalments", "UPDATE invoices SET instalments = '[]' WHERE id = $divided"),
    (
        "paid_events",
        (
            "DELETE FROM events WHERE object_id = $paid AND type = 'invoice.paid'"
            " AND position = (SELECT max(position) FROM events WHERE object_id = $paid AND type = 'invoice.paid')"
        ),
    ),
    ("paid_events", "UPDATE events SET type = 'invoice.paid' WHERE object_id = $future AND type = 'invoice.created'"),
    ("paid_events", "DELETE FROM events WHERE object_id = $lost AND type = 'invoice.written_off'"),
    (
        "paid_events",
        ("UPDATE events SET type = 'invoice.written_off' WHERE object_id = $future AND type = 'invoice.created'"),
    ),
    ("reminder_events", "UPDATE events SET type = 'reminder.failed' WHERE object_id = $reminder"),
    ("reminder_events", "UPDATE reminders SET status = 'outcome_unknown' WHERE id = $reminder"),
    ("event_sequences", "UPDATE events SET sequence = 100000 WHERE tenant_id = $tenant AND sequence = 2"),
    ("event_sequences", "DELETE FROM events WHERE tenant_id = $tenant AND sequence = 2"),
    ("event_sequences", "UPDATE event_counters SET last_sequence = last_sequence + 1 WHERE tenant_id = $tenant"),
    (
        "unsequenced_events",
        (
            "INSERT INTO events (tenant_id, id, type, created_at, object_type, object_id, object_version, data)"
            " VALUES ($tenant, uuidv7(interval '-6 minutes'), 'customer.updated', now(), 'customer', $tenant, 1, '{}')"
        ),
    ),
    (
        "lost_reminders",
        (
            "UPDATE reminders SET status = 'sending', next_attempt_at = timestamptz '2026-03-05T17:54:00Z'"
            " WHERE id = $reminder"
        ),
    ),
    ("lost_reminders", "UPDATE reminders SET status = 'sending', next_attempt_at = NULL WHERE id = $reminder"),
    (
        "lost_deliveries",
        (
            "UPDATE deliveries SET status = 'in_flight', attempt_count = 0,"
            " lease_expires_at = clock_timestamp() - interval '6 minutes' WHERE tenant_id = $tenant AND id ="
            " (SELECT id FROM deliveries WHERE tenant_id = $tenant ORDER BY id LIMIT 1)"
        ),
    ),
    ("forgotten_due_dates", "UPDATE customers SET next_action_at = NULL WHERE id = $other"),
    ("forgotten_due_dates", "UPDATE customers SET next_action_at = timestamptz '2026-07-09T00:00Z' WHERE id = $other"),
    ("sleeping_customers", "UPDATE customers SET next_action_at = NULL WHERE id = $customer"),
    ("plan_instalments", "UPDATE payment_plans SET paid_minor = paid_minor - 1 WHERE id = $plan"),
    (
        "plan_instalments",
        "UPDATE plan_instalments SET fee_minor = fee_minor + 1 WHERE plan_id = $plan AND number = 1",
    ),
    ("plan_charges", "UPDATE charges SET amount_minor = amount_minor - 1 WHERE plan_id = $plan AND kind = 'fee'"),
    (
        "plan_open",
        "UPDATE plan_instalments SET interest_minor = interest_minor + 1 WHERE plan_id = $plan AND number = 3",
    ),
    (
        "plan_cases",
        (
            "UPDATE dunning_cases SET plan_open_minor = plan_open_minor + 1"
            " WHERE plan_id = $plan AND instalment_number = 2"
        ),
    ),
    ("plan_cases", "UPDATE dunning_cases SET state = 'active' WHERE plan_id = $plan AND instalment_number = 1"),
]


@pytest.mark.parametrize(("invariant", "fault"), FAULTS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(FAULTS)])
async def test_each_fault_is_found(api: Api, story: Story, settings: Settings, invariant: str, fault: str) -> None:
    await plant(settings, fault, story)
    report = await check(settings, api)
    found = {violation.invariant: violation for violation in report.violations}
    assert invariant in found, found
    assert found[invariant].count == 1
    assert found[invariant].examples[0].id in story.values() or invariant.startswith(
        ("lost_d", "alloc", "case", "unseq", "plan_cases")
    )
    assert not report.is_clean
    assert report.counts()[invariant] == 1


def test_every_invariant_has_a_fault_that_it_finds() -> None:
    assert {name for name, _ in FAULTS} == set(MEANINGS)


@pytest.mark.parametrize(
    "fault",
    [
        # A little late is slow, not lost.
        (
            "UPDATE reminders SET status = 'sending', next_attempt_at = timestamptz '2026-03-05T17:56:00Z'"
            " WHERE id = $reminder"
        ),
        (
            "INSERT INTO events (tenant_id, id, type, created_at, object_type, object_id, object_version, data)"
            " VALUES ($tenant, uuidv7(interval '-4 minutes'), 'customer.updated', now(), 'customer', $tenant, 1, '{}')"
        ),
        (
            "UPDATE deliveries SET status = 'in_flight', attempt_count = 0,"
            " lease_expires_at = clock_timestamp() - interval '4 minutes' WHERE tenant_id = $tenant"
        ),
    ],
)
async def test_what_is_merely_slow_is_no_fault(api: Api, story: Story, settings: Settings, fault: str) -> None:
    await plant(settings, fault, story)
    found = {violation.invariant for violation in (await check(settings, api)).violations}
    assert not found & {"lost_reminders", "unsequenced_events", "lost_deliveries"}


async def test_a_query_that_fails_is_no_clean_bill(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.checks.wakes.find_sleeping", fail)
    report = await check(settings, api)
    assert report.failures == [(api.tenant_id, "sleeping_customers", "RuntimeError")]
    assert not report.is_clean


def run_command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", "check", *arguments],
        cwd=ROOT,
        env={"DATABASE_URL": settings.database_url, "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_the_command_tells_by_its_exit_code(api: Api, settings: Settings) -> None:
    customer = (await api.customer())["id"]
    await api.invoice(customer, "10.00", "2026-02-01", "2026-06-30")
    clean = run_command(settings, "--tenant", str(api.tenant_id))
    assert clean.returncode == 0, clean.stderr
    assert "invoice_balances" in clean.stdout
    assert "1 of 1 tenants checked" in clean.stdout
    fault = "UPDATE customers SET next_action_at = NULL WHERE id = $customer"
    await plant(settings, fault, {"customer": customer})
    found = run_command(settings, "--json", "--tenant", str(api.tenant_id))
    assert found.returncode == 1, found.stderr
    result = json.loads(found.stdout)
    assert result["invariants"]["forgotten_due_dates"] == 1
    assert [(row["tenant_id"], row["invariant"]) for row in result["violations"]] == [
        (str(api.tenant_id), "forgotten_due_dates")
    ]


async def test_the_command_goes_over_all_tenants(api: Api, settings: Settings) -> None:
    result = json.loads(run_command(settings, "--json").stdout)
    assert result["tenants"] == result["tenants_checked"] >= 1
    assert result["failures"] == []
