"""Logs tell what happened and to whom it belongs, and neither who the people are nor how to get in."""

import ast
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import text

from app.core.log import ALLOWED_KEYS, configure_logging, get_logger
from app.core.uow import UnitOfWork
from tests.conftest import ROOT, Api

NAME = "Zutano Inconfundible"
EMAIL = "zutano.inconfundible@example.com"
TAX_ID = "ZUTI800101XX9"
CUSTOMER = {"name": NAME, "tax_id": TAX_ID, "contacts": [{"channels": [{"type": "email", "address": EMAIL}]}]}


@pytest.fixture
async def bare(app: FastAPI, api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """The API with its log on, which answers 500 as a server would instead of raising."""
    old = structlog.get_config()
    configure_logging("debug")
    # Loggers made by modules keep their first configuration; theirs is the tests' quiet one.
    structlog.configure(cache_logger_on_first_use=False)
    for module in ("middleware", "problems", "queue"):
        monkeypatch.setattr(f"app.core.{module}.log", get_logger(f"app.core.{module}"))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Api(client, api.tenant_id, api.key, api.settings)
    structlog.configure(**old)


def lines_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def assert_nothing_personal(output: str, key: str) -> None:
    for planted in (NAME, "Zutano", EMAIL, "inconfundible", TAX_ID, key, key.rpartition("_")[2]):
        assert planted.lower() not in output.lower()


async def test_a_request_is_logged_with_its_route_and_whose_it_was(
    bare: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await bare.post("/customers", CUSTOMER, headers={"X-Request-Id": "erp-1"})
    await bare.get(f"/customers/{made['id']}")
    await bare.get("/customers", q=NAME)
    output = capsys.readouterr().out
    lines = lines_of(output)
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/customers", 201),
        ("GET", "/v1/customers/{customer_id}", 200),
        ("GET", "/v1/customers", 200),
    ]
    assert lines[0]["request_id"] == "erp-1"
    assert {line["tenant_id"] for line in lines} == {str(bare.tenant_id)}
    assert all(isinstance(line["duration_ms"], int) for line in lines)
    assert_nothing_personal(output, bare.key)


async def test_refused_requests_leave_nothing_of_what_they_held(bare: Api, capsys: pytest.CaptureFixture[str]) -> None:
    await bare.post("/customers", {**CUSTOMER, "kind": NAME}, expect=422)
    await bare.post("/customers", {**CUSTOMER, NAME: EMAIL}, expect=422)
    await bare.call("POST", "/customers", content=f'{{"{NAME}": "{EMAIL}"'.encode(), expect=415)
    await bare.get(f"/customers/{EMAIL}", expect=422)
    await bare.get(f"/{EMAIL}", expect=404)
    await bare.call("GET", "/tenant", headers={"Authorization": f"Bearer {bare.key}x"}, expect=401)
    await bare.call("GET", "/tenant", headers={"X-Request-Id": f"{NAME} <{EMAIL}>"}, expect=200)
    output = capsys.readouterr().out
    assert [line["status"] for line in lines_of(output)] == [422, 422, 415, 422, 404, 401, 200]
    assert_nothing_personal(output, bare.key)


async def test_an_error_of_ours_is_logged_with_its_place_and_not_its_words(
    bare: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_uow: UnitOfWork, fields: Any) -> None:
        raise RuntimeError(f"could not handle {fields}")

    monkeypatch.setattr("app.customers.service.create", fail)
    await bare.post("/customers", CUSTOMER, headers={"X-Request-Id": "erp-2"}, expect=500)
    output = capsys.readouterr().out
    failed, request = lines_of(output)
    assert (failed["event"], failed["exc_type"]) == ("request.failed", "builtins.RuntimeError")
    assert failed["where"][-1].endswith(":fail")
    assert (failed["request_id"], failed["tenant_id"]) == ("erp-2", str(bare.tenant_id))
    assert request["status"] == 500
    assert_nothing_personal(output, bare.key)


async def test_a_database_error_does_not_quote_its_row(
    bare: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(uow: UnitOfWork, fields: Any) -> None:
        # PostgreSQL answers with the failing row and the value that it could not read.
        await uow.session.execute(text("SELECT CAST(:value AS integer)"), {"value": f"{fields['name']} {EMAIL}"})

    monkeypatch.setattr("app.customers.service.create", fail)
    answer = await bare.post("/customers", CUSTOMER, expect=500)
    output = capsys.readouterr().out
    assert lines_of(output)[0]["exc_type"].startswith("sqlalchemy.exc.")
    assert_nothing_personal(output, bare.key)
    assert_nothing_personal(json.dumps(answer), bare.key)


async def test_a_careless_line_loses_what_is_not_allowed(bare: Api, capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("tests").info("customer.made", customer=NAME, email=EMAIL, authorization=bare.key, count=3)
    output = capsys.readouterr().out
    assert lines_of(output)[0]["count"] == 3
    assert_nothing_personal(output, bare.key)


def test_no_module_logs_what_would_be_dropped() -> None:
    dropped = [
        f"{path.relative_to(ROOT)}:{call.lineno} {keyword.arg}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "log"
        for keyword in call.keywords
        if keyword.arg not in ALLOWED_KEYS | {"exc_info"}
    ]
    assert dropped == []


def test_what_other_libraries_log_is_bared_too() -> None:
    # In a process of its own, since pytest has handlers on the root logger.
    program = f"""
import logging
from app.core.log import configure_logging
configure_logging("info")
try:
    raise RuntimeError({NAME!r})
except RuntimeError:
    logging.getLogger("asyncio").exception("Task of %s failed", {EMAIL!r})
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert lines_of(ended.stdout) == [{"level": "error", "logger": "asyncio", "exc_type": "builtins.RuntimeError"}]
    assert ended.stderr == ""
