"""Requests a second: an invoice and a payment, each with key, idempotency and events, beside one bare insert."""

from datetime import timedelta
from itertools import count
from uuid import uuid4

from app.core.clock import system_now
from tests.benchmarks.baseline import TABLE
from tests.benchmarks.figures import Ratio, Report, median, ratio_of_rounds
from tests.benchmarks.stage import Answers, Service, Stage, customers, post
from tests.conftest import Api

_CUSTOMERS = 200
_OPEN_EACH = 30
_AIM = 0.35
_AMOUNT = "1160.00"


async def run(stage: Stage) -> Report:
    """Measure in alternating rounds."""
    report = Report("api", "requests/s of one API process beside a bare FastAPI insert")
    seconds, rounds = (2.0, 2) if stage.quick else (4.0, 3)
    database = await stage.database("bench_api")
    connection = await stage.connect(database)
    await connection.execute(TABLE)
    async with stage.tenant(database) as api:
        debtors = [str(item) for item in await customers(api, _CUSTOMERS)]
        # Payments have customers of their own, so that what is open on them does not grow with the invoices.
        payers = [str(item) for item in await customers(api, _CUSTOMERS)]
        await _open_invoices(api, payers)
        key = api.key
    await connection.execute("VACUUM ANALYZE")
    bare, service = await stage.bare_api(database), await stage.api(database)
    numbers = count(1)

    async def measure(service: Service, kind: str, length: float) -> Answers:
        most = int(length * {"bare": 6000, "invoices": 3000, "payments": 3000}[kind])
        rows = [_request(kind, next(numbers), debtors, payers, key) for _ in range(most)]
        return await stage.load(service, rows, seconds=length)

    found: dict[str, list[Answers]] = {"bare": [], "invoices": [], "payments": []}
    for kind in found:
        await measure(bare if kind == "bare" else service, kind, 1.0)
    for _ in range(rounds):
        for kind, taken in found.items():
            taken.append(await measure(bare if kind == "bare" else service, kind, seconds))
    await connection.close()
    for item in (bare, service):
        item.stop()
    await stage.drop(database)

    paths = {"bare": "bare route", "invoices": "POST /v1/invoices", "payments": "POST /v1/payments"}
    for kind, taken in found.items():
        report.add(paths[kind], median(item.per_second for item in taken), "requests/s")
        report.add(f"{paths[kind]} p50", median(item.p50_ms for item in taken), "ms", "24 connections")
        report.add(f"{paths[kind]} p99", median(item.p99_ms for item in taken), "ms")
    for kind in ("invoices", "payments"):
        value = ratio_of_rounds([item.per_second for item in found[kind]], [item.per_second for item in found["bare"]])
        report.ratios.append(Ratio(f"{paths[kind]} ÷ bare route", value, _AIM))
    return report


def _request(kind: str, number: int, debtors: list[str], payers: list[str], key: str) -> bytes:
    today = system_now().date()
    if kind == "bare":
        return post("/rows", {"number": f"F-{number}", "total": _AMOUNT, "due_on": today.isoformat()})
    if kind == "invoices":
        body = invoice_body(number, debtors[number % len(debtors)])
        return post("/v1/invoices", body, key=key, idempotency_key=str(uuid4()))
    payment = {
        "external_id": f"P-{number}",
        "customer_id": payers[number % len(payers)],
        "currency": "MXN",
        "amount": _AMOUNT,
        "received_on": (today - timedelta(days=1)).isoformat(),
        "reference": f"SPEI {number}",
    }
    return post("/v1/payments", payment, key=key, idempotency_key=str(uuid4()))


def invoice_body(number: int, customer_id: str) -> dict[str, str]:
    """An invoice as an ERP sends it, due in a month."""
    today = system_now().date()
    return {
        "external_id": f"F-{number}",
        "number": f"F-{number}",
        "customer_id": customer_id,
        "currency": "MXN",
        "total": _AMOUNT,
        "issued_on": (today - timedelta(days=1)).isoformat(),
        "due_on": (today + timedelta(days=30)).isoformat(),
    }


async def _open_invoices(api: Api, payers: list[str]) -> None:
    rows = [
        invoice_body(10_000_000 + turn * len(payers) + index, payer)
        for turn in range(_OPEN_EACH)
        for index, payer in enumerate(payers)
    ]
    for start in range(0, len(rows), 1000):
        await api.post("/invoices/batch", {"invoices": rows[start : start + 1000]}, expect=200)
